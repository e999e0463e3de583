"""Sessions beside Jupyter kernels, in turn, in one run."""

import asyncio
import os
import time
from collections import defaultdict
from pathlib import Path

import psutil
from rich.progress import track

from assistd.sandbox.base import Output, Session
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from assistd.settings import Settings
from bench import jupyter
from bench.cells import PLOT, PRINT
from bench.figures import Figure
from bench.jupyter import Kernel
from bench.options import Options, interpreter
from bench.rest import await_own_rest

Samples = dict[str, list[float]]
_WARM_CALLS = 20
_PAUSE_SECONDS = 0.4  # between two threads: the stock is full again


def measure(options: Options) -> list[Figure]:
    """Measure both kinds of session, alternating."""
    kernel = jupyter.build(Settings().cache_dir, print) if options.kernel else None
    return asyncio.run(_measure(interpreter(), kernel, options.rounds))


async def _measure(python: Path, kernel: Path | None, rounds: int) -> list[Figure]:
    ours: Samples = defaultdict(list)
    theirs: Samples = defaultdict(list)
    cold = SessionPool(python, PoolSettings(warm=0))
    parked = SessionPool(python, PoolSettings(warm=1))
    await cold.start()
    await parked.start()
    try:
        await await_own_rest()
        for number in track(range(rounds), "sessions, and Jupyter kernels in turn"):
            for again in range(4):  # ours are short: more samples cost little
                await _cold_session(cold, f"{number}-{again}", ours)
                await _parked_session(parked, f"{number}-{again}", ours)
            if kernel:
                await asyncio.to_thread(_kernel, kernel, theirs)
        await _burst(cold, ours)
    finally:
        await cold.close()
        await parked.close()
    return _figures(ours, theirs)


async def _cold_session(pool: SessionPool, key: str, samples: Samples) -> None:
    others = _processes()
    began = time.perf_counter()
    session = await pool.open(key)
    first, _ = await execute(session, PRINT)
    samples["print"].append(1000 * (first - began))
    samples["uss"].append(_uss(_processes() - others))
    for _ in range(_WARM_CALLS):
        sent = time.perf_counter()
        first, done = await execute(session, PRINT)
        samples["warm"].append(1000 * (done - sent))
        samples["warm first"].append(1000 * (first - sent))
    await pool.drop(key)
    began = time.perf_counter()
    session = await pool.open(key)
    first, _ = await execute(session, PLOT)
    samples["plot"].append(1000 * (first - began))
    await pool.drop(key)


async def _parked_session(pool: SessionPool, key: str, samples: Samples) -> None:
    await asyncio.sleep(_PAUSE_SECONDS)
    began = time.perf_counter()
    session = await pool.open(key)
    first, _ = await execute(session, PRINT)
    samples["parked"].append(1000 * (first - began))
    await pool.drop(key)


async def _burst(pool: SessionPool, samples: Samples) -> None:
    """One client that opens sessions one after the other, and closes them afterwards."""
    count = 40
    began = time.perf_counter()
    for number in range(count):
        session = await pool.open(f"burst-{number}")
        await execute(session, PRINT)
    samples["per second"].append(count / (time.perf_counter() - began))
    await asyncio.gather(*(pool.drop(f"burst-{number}") for number in range(count)))


async def execute(session: Session, code: str) -> tuple[float, float]:
    """Run a cell; when its first output came, and when it ended."""
    first = 0.0

    def shown(_: Output) -> None:
        nonlocal first
        first = first or time.perf_counter()

    execution = await session.execute(code, on_output=shown)
    assert execution.status == "ok", execution
    return first, time.perf_counter()


def _processes() -> set[psutil.Process]:
    return set(psutil.Process(os.getpid()).children(recursive=True))


def _uss(processes: set[psutil.Process]) -> float:
    """Memory that only these processes use, in MB."""
    return sum(process.memory_full_info().uss for process in processes) / 1e6


def _kernel(python: Path, samples: Samples) -> None:
    kernel = Kernel(python)
    try:
        first, _ = kernel.execute(PRINT)
        samples["print"].append(1000 * (first - kernel.began))
        samples["uss"].append(kernel.uss())
        for _ in range(_WARM_CALLS):
            sent = time.perf_counter()
            first, done = kernel.execute(PRINT)
            samples["warm"].append(1000 * (done - sent))
            samples["warm first"].append(1000 * (first - sent))
    finally:
        kernel.close()
    kernel = Kernel(python)
    try:
        first, _ = kernel.execute(PLOT)
        samples["plot"].append(1000 * (first - kernel.began))
    finally:
        kernel.close()


def _figures(ours: Samples, theirs: Samples) -> list[Figure]:
    def figure(name: str, key: str, **goals: float) -> Figure:
        beside = theirs["print" if key == "parked" else key]
        return Figure(name, "ms", tuple(ours[key]), tuple(beside), **goals)

    return [
        figure("new session to the output of print(1)", "print", goal=15, ratio_goal=45),
        figure("the same, a parked session", "parked", goal=5, ratio_goal=150),
        figure("new session to the first PNG of a plot", "plot", goal=200, ratio_goal=10),
        figure("warm call, to its end", "warm", goal=1, ratio_goal=8),
        figure("warm call, to its first output", "warm first"),
        Figure("idle session, USS", "MB", tuple(ours["uss"]), tuple(theirs["uss"]), goal=6),
        Figure("new sessions, one client", "per second", tuple(ours["per second"]), goal=60),
    ]
