"""What was acknowledged survives `kill -9` at any moment."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.live.fixtures import StartServer
from tests.live.server import API_KEY, Server, wait_until

pytestmark = [pytest.mark.every_backend, pytest.mark.cluster]

HEADERS = {"authorization": f"Bearer {API_KEY}", "openai-beta": "assistants=v2"}
WORKERS = 4
KILLS, LONG_KILLS = 2, 10


def connected(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, headers=HEADERS, timeout=30, trust_env=False)


def write(server: Server, worker: int, acknowledged: dict[str, Any], gone: threading.Event) -> None:
    """Create and change objects until the server dies; `acknowledged` is path -> what GET must say."""
    with connected(server) as client:
        for number in range(10_000):
            if gone.is_set():
                return
            try:
                _write_some(client, f"{worker}-{number}", acknowledged)
            except httpx.TransportError:
                return


def _write_some(client: httpx.Client, mark: str, acknowledged: dict[str, Any]) -> None:
    def sent(path: str, **body: Any) -> dict[str, Any]:
        answer = client.post(path, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    assistant = sent("assistants", json={"model": "m", "name": mark})
    path = f"assistants/{assistant['id']}"
    acknowledged[path] = assistant
    data = mark.encode() * random.randint(1, 50_000)
    file = sent("files", files={"file": (mark, data)}, data={"purpose": "vision"})
    acknowledged[f"files/{file['id']}/content"] = data
    thread = sent("threads", json={})
    said = sent(f"threads/{thread['id']}/messages", json={"role": "user", "content": mark})
    acknowledged[f"threads/{thread['id']}/messages/{said['id']}"] = said
    del acknowledged[path]  # while it is changed, either state may be the last one
    acknowledged[path] = sent(path, json={"name": f"changed {mark}"})


def test_what_was_acknowledged_is_there_after_kill_9_at_any_moment(
    start_server: StartServer, *, long: bool
) -> None:
    server = start_server()
    acknowledged: dict[str, Any] = {}
    for _ in range(LONG_KILLS if long else KILLS):
        before, gone = len(acknowledged), threading.Event()
        with ThreadPoolExecutor(WORKERS) as pool:
            works = [
                pool.submit(write, server, worker, acknowledged, gone) for worker in range(WORKERS)
            ]
            enough = before + random.randint(20, 60)
            wait_until(lambda: len(acknowledged) >= enough, "the writes", 60)  # noqa: B023
            server.kill()
            gone.set()
        for work in works:
            work.result()
        server.start()
        with connected(server) as client:
            for path, written in acknowledged.items():
                answer = client.get(path)
                found = answer.content if path.endswith("/content") else answer.json()
                assert found == written, path
