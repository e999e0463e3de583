"""The jail `gvisor`, where runsc is installed: one sandbox, then sessions in it."""

import asyncio
import shutil
import time
from collections import defaultdict
from pathlib import Path

import psutil
from rich.progress import track

from assistd.sandbox.base import OPERATOR, Tenant
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from bench.cells import PLOT, PRINT
from bench.figures import Figure
from bench.options import Options, interpreter
from bench.rest import await_own_rest
from bench.sandbox import execute

_MOST_SANDBOXES = 4  # each takes seconds to start
_WARM_CALLS = 20
_IDLE = 8  # sessions whose memory is measured together


def measure(options: Options) -> list[Figure]:
    """Start a sandbox for a new tenant in each round, and sessions in it; nothing where there is no runsc."""
    if shutil.which("runsc") is None:
        return []
    return asyncio.run(_measure(interpreter(), min(options.rounds, _MOST_SANDBOXES)))


async def _measure(python: Path, rounds: int) -> list[Figure]:
    samples: dict[str, list[float]] = defaultdict(list)
    pool = SessionPool(python, PoolSettings(jail="gvisor", warm=0))
    await pool.start()
    try:
        await await_own_rest()
        for number in track(range(rounds), "sandboxes of gVisor"):
            tenant = Tenant(f"tenant {number}")
            samples["sandbox"].append(await _first_output(pool, "first", tenant, PRINT))
            await pool.drop("first")
            samples["print"].append(await _first_output(pool, "session", OPERATOR, PRINT))
            session = await pool.open("session")
            for _ in range(_WARM_CALLS):
                sent = time.perf_counter()
                await execute(session, PRINT)
                samples["warm"].append(1000 * (time.perf_counter() - sent))
            await pool.drop("session")
            samples["plot"].append(await _first_output(pool, "plot", OPERATOR, PLOT))
            await pool.drop("plot")
        before = _shared_memory()
        for number in range(_IDLE):
            await _first_output(pool, f"idle {number}", OPERATOR, PRINT)
        samples["memory"].append((_shared_memory() - before) / _IDLE)
    finally:
        await pool.close()
    return [
        Figure(
            "gVisor: a project's first session, sandbox and all", "ms", tuple(samples["sandbox"])
        ),
        Figure("gVisor: new session to the output of print(1)", "ms", tuple(samples["print"])),
        Figure("gVisor: new session to the first PNG of a plot", "ms", tuple(samples["plot"])),
        Figure("gVisor: warm call, to its end", "ms", tuple(samples["warm"])),
        Figure("gVisor: idle session, memory of the sandbox", "MB", tuple(samples["memory"])),
    ]


async def _first_output(pool: SessionPool, key: str, tenant: Tenant, code: str) -> float:
    """Milliseconds from the claim of a new session to the first output."""
    began = time.perf_counter()
    session = await pool.open(key, tenant)
    first, _ = await execute(session, code)
    return 1000 * (first - began)


def _shared_memory() -> float:
    """What this process's sandboxes hold, in MB: gVisor keeps the memory of its programs in one file."""
    below = psutil.Process().children(recursive=True)
    sentries = [one for one in below if "runsc-sandbox" in one.cmdline()[:1]]
    return sum(one.memory_full_info().pss for one in sentries) / 1e6
