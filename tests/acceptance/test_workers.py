"""`assistd serve --workers N`: several processes that clients and operators take for one server."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from assistd.engine.embeddings import BUILTIN
from tests.acceptance.conftest import Ask
from tests.live.fixtures import StartServer
from tests.live.scrape import free_address, scrape
from tests.live.server import API_KEY, Server, assert_gone, wait_until
from tests.upstream import Upstream

HEADERS = {"authorization": f"Bearer {API_KEY}"}
EVENT = '"event": "request"'


def find_processes(server: Server, *words: str) -> list[psutil.Process]:
    """The processes of a server in whose command these words stand, the first started first."""
    found: list[psutil.Process] = []
    for each in server.family():
        with suppress(psutil.NoSuchProcess):
            found += [each] if {*words} <= {*each.cmdline()} else []
    return sorted(found, key=lambda each: each.pid)


def forks(server: Server) -> list[psutil.Process]:
    """The forks of the supervisor: the workers, in their order, and the process of the models."""
    return find_processes(server, "serve")


def ask_often(server: Server, count: int) -> Counter[int]:
    """Get the models with a connection for each request; how often each status came."""
    got = Counter[int]()
    for _ in range(count):
        got[httpx.get(f"{server.url}/models", headers=HEADERS, timeout=20).status_code] += 1
    return got


@contextmanager
def asking(server: Server) -> Iterator[Counter[str]]:
    """Ask without a pause while the block runs, each time on a connection of its own."""
    seen = Counter[str]()
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            try:
                response = httpx.get(f"{server.url}/models", headers=HEADERS, timeout=20)
                seen[str(response.status_code)] += 1
            except httpx.HTTPError as error:
                seen[type(error).__name__] += 1

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


@pytest.fixture
def server(start_server: StartServer) -> Server:
    return start_server(workers=2, metrics_listen=free_address(), log_level="debug")


def test_both_workers_get_requests_and_one_scrape_counts_those_of_all(server: Server) -> None:
    assert ask_often(server, 60) == {200: 60}
    wait_until(lambda: server.log.count('"route": "/v1/models"') == 60, "a line of each")
    answered = [line for line in server.log.splitlines() if "/v1/models" in line]
    for number in (0, 1):
        assert sum(f'"worker": {number}' in line for line in answered) > 5
    for _ in range(4):
        seen = scrape(server)
        assert seen.sum("http_requests_total", route="/v1/models") == 60
        assert seen["ready"] == 1
        assert seen.sum("http_request_seconds_count", route="/v1/models") == 60


def test_a_worker_that_dies_starts_again_and_no_client_is_refused(server: Server) -> None:
    before = [each.pid for each in forks(server)]
    with asking(server) as seen:
        for _ in range(2):
            wait_until(lambda: seen["200"] > 20, "answers come")
            victim = forks(server)[0]
            victim.kill()
            victim.wait()
            wait_until(lambda: len(forks(server)) == 3, "it starts again")
            seen_then = seen["200"]
            wait_until(lambda since=seen_then: seen["200"] > since + 30, "answers come")
    broken = seen.total() - seen["200"]
    assert seen.keys() <= {"200", "RemoteProtocolError", "ReadError"}, seen
    assert broken <= 6, seen  # those that the dead worker had in hand
    assert len({*before} & {each.pid for each in forks(server)}) == 1
    assert server.log.count("process ended, starts again") == 2


def test_what_a_dead_worker_counted_still_counts(server: Server) -> None:
    assert ask_often(server, 40) == {200: 40}
    before = scrape(server)
    victim = forks(server)[0]
    victim.kill()
    victim.wait()
    wait_until(lambda: "process ended" in server.log, "it is buried")
    after = scrape(server)
    assert after.sum("http_requests_total", route="/v1/models") == 40
    assert (
        after.series["process_cpu_seconds_total", frozenset()]
        >= before.series["process_cpu_seconds_total", frozenset()] - 0.05
    )


def test_the_sandbox_host_is_given_its_settings_and_no_key(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"assistd_upstream_api_key", "AZURE_STORAGE_SAS_KEY", "PGPASSWORD", "OUR_OWN_TOKEN"}
    for name in names:
        monkeypatch.setenv(name, "key=secret")
    server = start_server(workers=2, memory_mib=900, call_seconds=30)
    (supervisor,) = {each.parent() for each in forks(server)}
    assert supervisor
    assert names <= supervisor.environ().keys()
    (host,) = find_processes(server, "host")
    given = host.environ()
    assert "key=secret" not in given.values()
    assert API_KEY not in given.values()
    assert (given["ASSISTD_MEMORY_MIB"], given["ASSISTD_CALL_SECONDS"]) == ("900", "30")
    assert given["PATH"] == supervisor.environ()["PATH"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_whatever_ends_the_supervisor(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setenv("TMPDIR", folder)
        server = start_server(workers=3)
        wait_until(lambda: len(forks(server)) == 4, "the process that greeted is gone")
        assert len(find_processes(server, "host")) == 1
        family = server.family()
        server._signal(number)
        assert_gone(family)
        if number == signal.SIGKILL:  # the next one removes what it left
            server.start()
            server.stop()
        assert os.listdir(folder) == []


def test_the_run_of_one_worker_is_polled_and_cancelled_by_the_other(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(workers=2)
    talk = ask_at(server)
    gate = upstream.hold("Hel", "lo")
    run = talk.start()
    gate.wait_reached()
    with httpx.Client(base_url=server.url, headers=HEADERS) as client:
        for _ in range(20):  # each on a connection of its own
            url = f"{server.url}/threads/{talk.thread_id}/runs/{run.id}"
            headers = HEADERS | {"openai-beta": "assistants=v2"}
            began = time.monotonic()
            assert httpx.get(url, headers=headers).json()["status"] == "in_progress"
            assert time.monotonic() - began < 2
        answer = client.post(
            f"/threads/{talk.thread_id}/runs/{run.id}/cancel",
            headers={"openai-beta": "assistants=v2"},
        )
    assert answer.json()["status"] in {"cancelling", "cancelled"}
    wait_until(lambda: talk.get(run.id).status == "cancelled", "it is cancelled", 10)
    gate.release()


def test_a_thread_keeps_its_variables_when_the_worker_dies_that_served_it(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(workers=2)
    talk = ask_at(server)
    for code in ("x = 41", "print(x + 1)"):
        upstream.code(code)
        upstream.say("Done.")
        talk.say("Go.")
        run = talk.run()
        assert run.status == "completed"
        for each in forks(server)[:2]:
            each.kill()
            each.wait()
        wait_until(lambda: len(forks(server)) == 3, "they start again")
    assert talk.logs(run.id) == ["42\n"]


def test_it_greets_once_with_one_first_key(tmp_path: Path) -> None:
    server = Server(tmp_path, None, workers=3, api_key="", local_model="none").start()
    key = server.read_line().removeprefix("Your API key, shown this once: ")
    assert httpx.get(f"{server.url}/models", headers={"authorization": f"Bearer {key}"}).is_success
    assert server.read_line().startswith("Point a program at it:")
    assert server.read_line().startswith("Playground:")
    assert server.command("keys", "list").count("key_") == 1
    assert len({line for line in server.log.splitlines() if "error" in line}) == 0
    server.stop()


def refused(folder: Path, *arguments: str, **settings: str) -> str:
    """What `assistd serve` says that does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "assistd", "serve", *arguments],
        cwd=folder,
        env=os.environ
        | {"ASSISTD_DATA_DIR": str(folder / "data"), "ASSISTD_LOCAL_MODEL": "none"}
        | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_sandbox_that_cannot_start_ends_the_server(tmp_path: Path) -> None:
    broken = {"ASSISTD_JAIL": "gvisor", "ASSISTD_RUNSC": "/nowhere/runsc"}
    text = refused(tmp_path, "--port=0", "--workers=2", **broken)
    assert text.count("/nowhere/runsc") == 1


def test_sqlite_takes_no_more_than_four_workers(tmp_path: Path) -> None:
    assert "Set ASSISTD_DATABASE_URL to a PostgreSQL" in refused(tmp_path, "--workers", "5")


def test_an_address_that_another_server_has_is_not_shared_with_it(
    start_server: StartServer, tmp_path: Path
) -> None:
    port = start_server(workers=2).url.rpartition(":")[2].removesuffix("/v1")
    for options in ([], ["--workers", "2"]):
        assert "Cannot listen on" in refused(tmp_path, "--port", port, *options)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        text = refused(tmp_path, "--port=0", "--workers=2", ASSISTD_METRICS_LISTEN=address)
    assert text.count("cannot listen on") == 1


def test_the_embedding_model_is_there_once(
    start_server: StartServer, connect: Callable[[Server], object]
) -> None:
    server = start_server(workers=2)
    body = {"model": BUILTIN, "input": ["one", "two"]}
    found = {
        httpx.post(f"{server.url}/embeddings", json=body, headers=HEADERS, timeout=60).text
        for _ in range(12)
    }
    assert len(found) == 1
    (child,) = find_processes(server, "assistd.search.embedding.child")
    assert child.parent() == forks(server)[-1]
    forks(server)[-1].kill()
    response = httpx.post(f"{server.url}/embeddings", json=body, headers=HEADERS, timeout=60)
    assert {response.text} == found
