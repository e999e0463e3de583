"""From the command to its first answer, beside what the same interpreters take to import alone."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

from rich.progress import track

from assistd.sandbox.zygote.launch import PRELOAD
from bench.cells import PRINT
from bench.client import KEY, Client
from bench.figures import Figure
from bench.options import Options, interpreter

_SERVER = "import assistd.cli.main, assistd.cli.serve, assistd.wiring.server"
_ASK_SECONDS = 0.002  # between two tries of a server that does not answer yet
_START_SECONDS = 60.0
_MOST_ROUNDS = 8

Samples = dict[str, list[float]]


def measure(options: Options) -> list[Figure]:
    """Start the server and `assistd exec` in each round, and import the modules of both just before."""
    samples: Samples = defaultdict(list)
    python = interpreter()
    preloaded = [str(python), "-I", "-B", "-c", f"import {', '.join(PRELOAD)}"]
    with tempfile.TemporaryDirectory() as folder:
        _run([sys.executable, "-c", _SERVER], {})  # files are in memory, and compiled, from here on
        _run([sys.executable, "-m", "assistd", "exec", PRINT], _settings(Path(folder) / "exec"))
        for number in track(range(min(options.rounds, _MOST_ROUNDS)), "starts"):
            data_dir = Path(folder) / str(number)
            samples["server"].append(_run([sys.executable, "-c", _SERVER], {}))
            samples["preloaded"].append(_run(preloaded, {}))
            answers, prints = asyncio.run(_serve(data_dir))
            samples["answers"].append(answers)
            samples["prints"].append(prints)
            command = [sys.executable, "-m", "assistd", "exec", PRINT]
            samples["exec"].append(_run(command, _settings(data_dir)))
    return _figures(samples)


def _figures(samples: Samples) -> list[Figure]:
    figures = [
        Figure("import of the server's modules", "ms", tuple(samples["server"])),
        Figure("import of the preloaded modules", "ms", tuple(samples["preloaded"])),
    ]
    for name, key, beside, most in (
        ("`assistd serve` until it answers", "answers", "server", 1.3),
        ("`assistd serve` until the first print(1) of a run", "prints", "preloaded", 1.3),
        ("`assistd exec 'print(1)'`", "exec", "preloaded", 1.2),
    ):
        pairs = zip(samples[key], samples[beside], strict=True)
        shares = tuple(ours / theirs for ours, theirs in pairs)
        figures += [
            Figure(name, "ms", tuple(samples[key])),
            Figure(f"{name}, in imports of the {beside} modules", "x", shares, goal=most),
        ]
    return figures


async def _serve(data_dir: Path) -> tuple[float, float]:
    """Milliseconds from the start of a server to its first answer, and to the first output of a run."""
    with _free_port() as port, _server(data_dir, port) as (process, began):
        url = f"http://127.0.0.1:{port}"
        while not await _answers(url):
            assert process.poll() is None, "the server ended"
            assert time.perf_counter() - began < _START_SECONDS, "the server does not answer"
            await asyncio.sleep(_ASK_SECONDS)
        answered = time.perf_counter()
        async with Client.connect(url) as client:
            printed = await _first_output(client)
        return 1000 * (answered - began), 1000 * (printed - began)


async def _answers(url: str) -> bool:
    """Whether a server answers a request for an object, or a list of them."""
    try:
        async with Client.connect(url) as client:
            await client.call("GET", "/v1/assistants")
    except (OSError, asyncio.IncompleteReadError):
        return False
    return True


async def _first_output(client: Client) -> float:
    """When the first output of a run of the model `direct` is here."""
    tools = [{"type": "code_interpreter"}]
    body = {"model": "direct", "tools": tools}
    assistant = (await client.call("POST", "/v1/assistants", body))["id"]
    question = {"role": "user", "content": f"```python\n{PRINT}\n```"}
    thread = (await client.call("POST", "/v1/threads", {"messages": [question]}))["id"]
    run = {"assistant_id": assistant, "stream": True}
    shown = 0.0
    async for at, data in client.events(f"/v1/threads/{thread}/runs", run):
        if b'"logs":"1\\n"' in data:
            shown = shown or at
        assert b'"status":"failed"' not in data, data
    assert shown, "the run printed nothing"
    return shown


@contextlib.contextmanager
def _server(data_dir: Path, port: int) -> Generator[tuple[subprocess.Popen[bytes], float]]:
    """A server that is starting, and when it began to."""
    command = [sys.executable, "-m", "assistd", "serve", "--port", str(port)]
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=os.environ | _settings(data_dir), stdout=subprocess.DEVNULL
    )
    try:
        yield process, began
    finally:
        process.terminate()
        process.wait(20)


def _settings(data_dir: Path) -> dict[str, str]:
    return {
        "ASSISTD_DATA_DIR": str(data_dir),
        "ASSISTD_API_KEY": KEY,
        "ASSISTD_LOCAL_MODEL": "none",
    }


@contextlib.contextmanager
def _free_port() -> Generator[int]:
    """A port that is free, most likely, for the server."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    yield port


def _run(command: list[str], settings: dict[str, str]) -> float:
    """Milliseconds that a command takes to its end."""
    began = time.perf_counter()
    subprocess.run(
        command, env=os.environ | settings, stdout=subprocess.DEVNULL, timeout=60, check=True
    )
    return 1000 * (time.perf_counter() - began)
