"""The built-in model's server starts once, is watched, and never outlives us."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from assistd.errors import StartupError
from assistd.models.local import server as local
from assistd.models.local.server import LocalServer
from tests.live import children

# Stands in for llama.cpp in the child process: the weights' text says how it behaves.
STAND_IN = """
import http.server, pathlib, sys, threading, types

class CommonParams:
    def __init__(self):
        self.model = types.SimpleNamespace()
        self.cpuparams = types.SimpleNamespace()
        self.cpuparams_batch = types.SimpleNamespace()

class Server:
    def __init__(self, params):
        behaviour = pathlib.Path(params.model.path).read_text()
        print("noise on standard output")
        if behaviour == "damaged":
            raise RuntimeError("Failed to init server.")
        if behaviour == "crash":
            sys.exit(7)
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                allowed = self.headers["Authorization"] == "Bearer " + params.api_keys[0]
                self.send_response(200 if allowed else 401)
                self.end_headers()
                self.wfile.write(repr(params.model_alias).encode())
            def log_message(self, *args):
                pass
        server = http.server.HTTPServer((params.hostnames[0], params.port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.listening_address = f"http://127.0.0.1:{server.server_port}"
"""


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "xllamacpp.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    file = tmp_path / "tiny.gguf"
    file.write_text("fine")
    return file


@pytest.fixture
async def server(weights: Path) -> AsyncIterator[LocalServer]:
    one = LocalServer(weights)
    yield one
    await one.close()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_two_who_ask_at_once_get_one_server(server: LocalServer) -> None:
    first, second = await asyncio.gather(server.base_url(), server.base_url())
    assert first == second
    assert first.startswith("http://127.0.0.1:")
    assert first.endswith("/v1")


async def test_only_who_knows_its_key_may_ask(server: LocalServer) -> None:
    async with httpx.AsyncClient(base_url=await server.base_url()) as client:
        assert (await client.get("/models")).status_code == 401
        key = {"Authorization": f"Bearer {server.api_key}"}
        listed = await client.get("/models", headers=key)
        assert (listed.status_code, listed.text) == (200, "{'local'}")


async def test_a_server_that_died_is_started_again(server: LocalServer) -> None:
    before = await server.base_url()
    assert server._process is not None
    server._process.kill()
    await server._process.wait()
    assert await server.base_url() != before


async def test_closing_ends_it_and_is_harmless_before_the_start(server: LocalServer) -> None:
    await server.close()
    await server.base_url()
    assert server._process is not None
    pid = server._process.pid
    await server.close()
    assert not is_alive(pid)


@pytest.mark.parametrize(
    ("behaviour", "reason"), [("damaged", "Failed to init server"), ("crash", "ended with code 7")]
)
async def test_weights_that_cannot_be_loaded_are_said(
    weights: Path, behaviour: str, reason: str
) -> None:
    weights.write_text(behaviour)
    with pytest.raises(StartupError, match=reason):
        await LocalServer(weights).base_url()


async def test_without_llama_cpp_the_message_says_how_to_install_it(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(StartupError, match=r"pip install 'assistd\[local\]'"):
        await LocalServer(weights).base_url()


async def test_a_start_that_is_cancelled_leaves_no_process(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    greet = local._greet

    async def remembering(process: asyncio.subprocess.Process, config: object) -> object:
        started.append(process.pid)
        await asyncio.sleep(30)
        return await greet(process, {})

    monkeypatch.setattr(local, "_greet", remembering)
    task = asyncio.create_task(server.base_url())
    while not started:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_alive(started[0])


def test_it_ends_when_its_parent_is_killed(weights: Path) -> None:
    code = f"""
        import asyncio, pathlib
        from assistd.models.local.server import LocalServer
        async def main():
            server = LocalServer(pathlib.Path({str(weights)!r}))
            await server.base_url()
            print(server._process.pid, flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
    """
    parent = children.start(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent, parent.stdout:
        child = int(parent.stdout.readline())
        assert is_alive(child)
        os.kill(parent.pid, signal.SIGKILL)
    ends = time.monotonic() + 10
    while is_alive(child) and time.monotonic() < ends:
        time.sleep(0.02)
    assert not is_alive(child)
