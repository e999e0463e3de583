"""Full turns over HTTP: a live server, an instant scripted upstream, and a light client."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from bench.figures import Figure

_KEY = "sk-bench"
_ROOT = Path(__file__).parent.parent


class Client:
    """One kept-alive connection that speaks just enough HTTP/1.1 to load a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(cls, url: str) -> AsyncGenerator[Self]:
        """A connection to the server of `url`, closed at the end."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """Send a request and return the JSON of its answer."""
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {_KEY}\r\n"
            f"OpenAI-Beta: assistants=v2\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        self._writer.write(head.encode() + data)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        content = await self._reader.readexactly(length)
        assert answer.startswith(b"http/1.1 200"), content
        return json.loads(content)


async def measure(data_dir: Path, *, seconds: float) -> list[Figure]:
    """Turns of one client, of eight, and what the client itself costs.

    Args:
        data_dir: an empty folder for the server.
        seconds: how long each load lasts.
    """
    with _idle_server() as idle, _upstream() as upstream, _server(data_dir, upstream) as url:
        async with Client.connect(url) as client:
            assistant = await client.call("POST", "/v1/assistants", {"model": "bench"})
        await _load(url, assistant["id"], clients=1, seconds=1)  # warm up
        one = await _load(url, assistant["id"], clients=1, seconds=seconds)
        eight = await _load(url, assistant["id"], clients=8, seconds=seconds)
        bare = await _bare(idle, seconds=1)
    return [
        Figure("full turn, 1 client", "ms", tuple(one), goal=30),
        Figure("full turns, 8 clients", "per second", (len(eight) / seconds,)),
        Figure("full turn, 8 clients", "ms", tuple(eight)),
        Figure("one request of this client to a server that does nothing", "ms", tuple(bare)),
    ]


async def _load(url: str, assistant_id: str, *, clients: int, seconds: float) -> list[float]:
    ends = time.perf_counter() + seconds
    found = await asyncio.gather(*(_turns(url, assistant_id, ends) for _ in range(clients)))
    return [sample for samples in found for sample in samples]


async def _turns(url: str, assistant_id: str, ends: float) -> list[float]:
    """Turns until the time is over; each takes so many milliseconds."""
    samples: list[float] = []
    async with Client.connect(url) as client:
        while (began := time.perf_counter()) < ends:
            await _turn(client, assistant_id)
            samples.append(1000 * (time.perf_counter() - began))
    return samples


async def _turn(client: Client, assistant_id: str) -> None:
    """Thread, message, run, poll to the end, list."""
    thread = (await client.call("POST", "/v1/threads", {}))["id"]
    message = {"role": "user", "content": "Hello"}
    await client.call("POST", f"/v1/threads/{thread}/messages", message)
    run = await client.call("POST", f"/v1/threads/{thread}/runs", {"assistant_id": assistant_id})
    while run["status"] in {"queued", "in_progress"}:
        run = await client.call("GET", f"/v1/threads/{thread}/runs/{run['id']}")
    assert run["status"] == "completed", run
    assert len((await client.call("GET", f"/v1/threads/{thread}/messages"))["data"]) == 2


async def _bare(url: str, *, seconds: float) -> list[float]:
    samples: list[float] = []
    ends = time.perf_counter() + seconds
    async with Client.connect(url) as client:
        while (began := time.perf_counter()) < ends:
            await client.call("GET", "/")
            samples.append(1000 * (time.perf_counter() - began))
    return samples


@contextlib.contextmanager
def _server(data_dir: Path, upstream: str) -> Generator[str]:
    environment = os.environ | {
        "ASSISTD_DATA_DIR": str(data_dir),
        "ASSISTD_API_KEY": _KEY,
        "ASSISTD_UPSTREAM_BASE_URL": upstream,
    }
    command = [sys.executable, "-m", "assistd", "serve", "--port", "0"]
    with _child(command, environment) as line:
        yield line.removeprefix("assistd listens on ")


@contextlib.contextmanager
def _upstream() -> Generator[str]:
    with _child([sys.executable, "-m", "tests.upstream", "--port", "0"]) as url:
        yield url


@contextlib.contextmanager
def _idle_server() -> Generator[str]:
    with _child([sys.executable, "-m", "bench.idle"]) as url:
        yield url


@contextlib.contextmanager
def _child(command: list[str], environment: dict[str, str] | None = None) -> Generator[str]:
    """A process of ours, and the first line it prints."""
    process = subprocess.Popen(
        command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(20)
