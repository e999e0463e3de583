"""What counting costs: processor time of GETs by a server that counts and that does not, in turn.

It is one process that is switched: two processes of the same code differ by more than counting costs.
"""

import asyncio
import os
import signal
import statistics
import tempfile
from pathlib import Path

from bench.client import Client
from bench.figures import Figure
from bench.options import Options
from bench.servers import Serving, server, upstream

_ON, _OFF = signal.SIGUSR1, signal.SIGUSR2
_PAIRS = 20
_ORDER = (_ON, _OFF, _OFF, _ON) * 10  # of each pair, so that what else the machine does meets both
_GETS = 50  # of each of these: 20,000 that are counted and 20,000 that are not
_WARM = 2_000
_SETTLING = 5  # a signal is handled before the next request or the one after


def measure(_: Options) -> list[Figure]:
    """Return the processor time of a GET with metrics, beside that without."""
    with (
        tempfile.TemporaryDirectory() as folder,
        upstream() as url,
        server(Path(folder), url, module="bench.switched") as serving,
    ):
        on, off = asyncio.run(_compare(serving))
    figure = Figure(
        "GET, processor time with metrics",
        "us",
        tuple(on),
        tuple(off),
        ratio_goal=1 / 1.02,
        paired=True,
    )
    return [figure]


async def _compare(serving: Serving) -> tuple[list[float], list[float]]:
    """Return the microseconds of a GET in each pair: counted, and not."""
    on, off = list[float](), list[float]()
    async with Client.connect(serving.url) as client:
        thread = await client.call("POST", "/v1/threads", {})
        path = f"/v1/threads/{thread['id']}"
        await _get(client, path, _WARM)
        for _ in range(_PAIRS):
            costs: dict[signal.Signals, list[float]] = {_ON: [], _OFF: []}
            for each in _ORDER:
                os.kill(serving.pid, each)
                await _get(client, path, _SETTLING)
                costs[each].append(await _measure(serving.pid, client, path))
            on.append(statistics.median(costs[_ON]))
            off.append(statistics.median(costs[_OFF]))
    return on, off


async def _measure(pid: int, client: Client, path: str) -> float:
    """Return the microseconds of processors that a server takes for a GET."""
    before = _nanoseconds(pid)
    await _get(client, path, _GETS)
    return (_nanoseconds(pid) - before) / _GETS / 1000


async def _get(client: Client, path: str, count: int) -> None:
    for _ in range(count):
        await client.call("GET", path)


def _nanoseconds(pid: int) -> int:
    """Return what all threads of a process took of the processors (proc(5), schedstat)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
