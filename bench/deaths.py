"""Death and restart of the server during many runs with code: how many complete, and what is lost."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.client import Client
from bench.figures import Figure
from bench.options import Options
from bench.servers import server, upstream
from bench.turns import make_assistant

_CODE = "import random, time\ntime.sleep(random.uniform(1, 9))\nprint(6 * 7)"
_RUNS = 100
_ENDED_BEFORE = 20  # runs, when the server is killed
_ENDINGS = {"completed", "failed", "incomplete", "expired", "cancelled"}
_LEASE_SECONDS = 5
_AT_ONCE = 8  # questions after the restart


@dataclass(frozen=True, slots=True)
class _Begun:
    """A run that was acknowledged, and the message before it."""

    path: str
    message_path: str
    message: dict[str, Any]


def measure(options: Options) -> list[Figure]:
    """Kill the server during runs with code, start it again, and ask for all that it had acknowledged."""
    del options
    print(f"death of the server during {_RUNS} runs with code")
    with tempfile.TemporaryDirectory() as folder, upstream("--code", _CODE) as model:
        data = Path(folder)
        begun, ended = _die(data, model)
        began = time.perf_counter()
        with _serve(data, model) as serving:
            runs, lost = asyncio.run(_look(serving.url, begun))
        seconds = time.perf_counter() - began
    statuses = [run["status"] for run in runs]
    for status in sorted(set(statuses)):
        print(f"  {status}: {statuses.count(status)}")
    print(f"  of them at the last look before the death: {ended}")
    unfinished = 100 * (1 - statuses.count("completed") / len(begun))
    return [
        Figure("runs that kill -9 and a restart leave unfinished", "%", (unfinished,), goal=5),
        Figure("acknowledged objects that such a death loses", "objects", (float(lost),), goal=0),
        Figure("from the restart to the end of the last run", "s", (seconds,)),
    ]


def _serve(data: Path, model: str) -> Any:
    return server(data, model, ASSISTD_LEASE_SECONDS=str(_LEASE_SECONDS))


def _die(data: Path, model: str) -> tuple[list[_Begun], int]:
    """Begin the runs, kill the server when some have ended; the runs that it acknowledged, and how many those were."""
    with _serve(data, model) as serving:
        family = psutil.Process(serving.pid).children(recursive=True)
        begun, ended = asyncio.run(_begin_all(serving.url))
        os.kill(serving.pid, signal.SIGKILL)
    psutil.wait_procs(family, timeout=20)
    return begun, ended


async def _begin_all(url: str) -> tuple[list[_Begun], int]:
    async with Client.connect(url) as client:
        assistant = await make_assistant(client)
        begun = await asyncio.gather(*(_begin(url, assistant) for _ in range(_RUNS)))
        ended = 0
        while ended < _ENDED_BEFORE:
            await asyncio.sleep(0.1)
            looks = [_read(url, each.path) for each in begun]
            ended = sum(run["status"] in _ENDINGS for run in await asyncio.gather(*looks))
    return begun, ended


async def _read(url: str, path: str) -> dict[str, Any]:
    async with Client.connect(url) as client:
        return await client.call("GET", path)


async def _begin(url: str, assistant: str) -> _Begun:
    async with Client.connect(url) as client:
        thread = (await client.call("POST", "/v1/threads", {}))["id"]
        said = {"role": "user", "content": "Hello"}
        message = await client.call("POST", f"/v1/threads/{thread}/messages", said)
        body = {"assistant_id": assistant, "metadata": {"thread": thread}}
        run = await client.call("POST", f"/v1/threads/{thread}/runs", body)
    threads = f"/v1/threads/{thread}"
    return _Begun(f"{threads}/runs/{run['id']}", f"{threads}/messages/{message['id']}", message)


async def _look(url: str, begun: Sequence[_Begun]) -> tuple[list[dict[str, Any]], int]:
    """Each run at its end, and how many acknowledged objects are gone or changed."""
    turn = asyncio.Semaphore(_AT_ONCE)
    found = await asyncio.gather(*(_wait(url, each, turn) for each in begun))
    return [run for run, _ in found], sum(lost for _, lost in found)


async def _wait(url: str, begun: _Begun, turn: asyncio.Semaphore) -> tuple[dict[str, Any], int]:
    run: dict[str, Any] = {"status": ""}
    while run["status"] not in _ENDINGS:
        await asyncio.sleep(0.2)
        async with turn:
            try:
                run = await _read(url, begun.path)
                message = await _read(url, begun.message_path)
            except AssertionError:  # it is not there
                return {"status": "lost"}, 1
    changed = run["metadata"] != {"thread": run["thread_id"]}
    return run, int(changed) + int(message != begun.message)
