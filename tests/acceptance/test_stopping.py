"""A server that is asked to stop: it is not ready from then on, and what is active comes to its end."""

import os
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import Ask, Listener
from tests.live.fixtures import StartServer
from tests.live.server import Server, wait_until
from tests.upstream import Upstream


def health(server: Server, path: str) -> httpx.Response:
    return httpx.get(f"{server.url.removesuffix('/v1')}/health/{path}")


def wait_ready(server: Server) -> None:
    """Wait until it is ready; it listens before its sandbox is."""
    wait_until(lambda: health(server, "ready").status_code == 200, "it is ready")


def test_a_server_that_drains_is_not_ready_and_ends_its_streams_before_it_exits(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(drain_seconds=30)
    wait_ready(server)
    assert health(server, "ready").json()["failing"] == []
    gate = upstream.hold("Hel", "lo")
    talk = ask_at(server)
    listener = Listener(talk)
    gate.wait_reached()
    process = server.process
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: health(server, "ready").status_code == 503, "it is not ready")
    assert health(server, "ready").json()["failing"] == ["draining"]
    assert health(server, "live").json() == {"status": "live"}
    assert talk.get(listener.wait_for("thread.run.created").id).status == "in_progress"
    gate.release()
    events = listener.end()
    assert [each.name for each in events[-2:]] == ["thread.run.completed", "done"]
    assert server.wait() == 0


@pytest.mark.parametrize("settings", [{"drain_seconds": 0.2}, {"drain_seconds": 60}])
def test_what_is_active_is_given_back_after_the_wait_or_at_a_second_signal(
    start_server: StartServer, ask_at: Ask, upstream: Upstream, settings: dict[str, Any]
) -> None:
    server = start_server(**settings)
    gate = upstream.hold("Hel", "lo")
    listener = Listener(ask_at(server))
    gate.wait_reached()
    process = server.process
    process.send_signal(signal.SIGTERM)
    if settings["drain_seconds"] == 60:
        wait_until(lambda: health(server, "ready").status_code == 503, "it drains")
        process.send_signal(signal.SIGTERM)
    events = listener.end("The run goes on")
    gate.release()
    assert [each.name for each in events[-3:]] == [
        "thread.message.incomplete",
        "thread.run.step.failed",
        "error",  # behind which the SDK does not read
    ]
    assert server.wait() == 0


def test_ready_names_the_blobs_that_cannot_be_had_and_shows_the_upstream(
    start_server: StartServer, tmp_path: Path, upstream: Upstream
) -> None:
    server = start_server()
    wait_until(
        lambda: health(server, "ready").json()["upstream"] == "reachable", "the upstream answers"
    )
    wait_ready(server)
    folder = server.folder / "data/blobs/files"
    os.rename(folder, tmp_path / "away")
    wait_until(lambda: health(server, "ready").json()["failing"] == ["blobs"], "it is not ready")
    os.rename(tmp_path / "away", folder)
    wait_ready(server)


def test_an_upstream_that_is_away_leaves_the_server_ready(start_server: StartServer) -> None:
    server = start_server("http://127.0.0.1:9/v1")
    wait_until(lambda: health(server, "ready").json()["upstream"] == "unreachable", "it was asked")
    wait_ready(server)
    assert health(server, "ready").json()["upstream"] == "unreachable"


def test_a_request_that_is_on_its_way_when_the_server_stops_is_answered(
    start_server: StartServer,
) -> None:
    server = start_server()
    wait_ready(server)
    port = int(server.url.rpartition(":")[2].removesuffix("/v1"))
    with socket.create_connection(("127.0.0.1", port)) as client:
        assert health(server, "live").is_success  # by then the connection is accepted
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not is_open(port), "it takes no more connections")
        client.sendall(b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer
    assert server.wait() == 0


def is_open(port: int) -> bool:
    """Whether somebody takes connections at a port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
