"""Many sessions on one host."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from assistd.sandbox.base import Logs
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from bench.cells import PRINT
from bench.figures import Figure
from bench.options import Options, interpreter
from bench.rest import await_own_rest

_NEWCOMERS = 50
_NEIGHBOURS = 300  # beside whom opening a session is to cost hardly more than beside nobody
_MOST_MORE = 1.1
_GIB = 1 << 30


def measure(options: Options) -> list[Figure]:
    """Fill a host with sessions that live."""
    print(f"opening {options.sessions} sessions")
    return asyncio.run(_measure(interpreter(), options.sessions))


async def _measure(python: Path, count: int) -> list[Figure]:
    pool = SessionPool(python, PoolSettings(warm=0, max_sessions=count + 1))
    neighbours = min(_NEIGHBOURS, count)
    await pool.start()
    try:
        await await_own_rest()
        await _newcomers(pool)  # warm up
        alone = await _newcomers(pool)
        before = psutil.virtual_memory().available
        await _fill(pool, range(neighbours))
        beside = await _newcomers(pool)
        await _fill(pool, range(neighbours, count))
        held = (before - psutil.virtual_memory().available) / count
        fresh = await _newcomers(pool)
        answers = [
            await _first_output(pool, f"{number}", f"print({number})") for number in range(count)
        ]
    finally:
        await pool.close()
    return [
        Figure(
            "sessions in a GiB, from the host's free memory", "per GiB", (_GIB / held,), goal=150
        ),
        Figure(
            f"new session beside {neighbours} live ones, by beside none",
            "ms",
            beside,
            theirs=alone,
            ratio_goal=1 / _MOST_MORE,
        ),
        Figure(f"new session beside {count} live ones", "ms", fresh, goal=100, goal_is_p99=True),
        Figure(f"call in each of {count} live sessions", "ms", tuple(answers)),
    ]


async def _fill(pool: SessionPool, numbers: Iterable[int]) -> None:
    """Open sessions that stay."""
    for number in numbers:
        await _first_output(pool, f"{number}", PRINT)


async def _newcomers(pool: SessionPool) -> tuple[float, ...]:
    """Milliseconds to the first output of sessions that are opened, used and closed one by one."""
    return tuple([await _first_output(pool, "new", PRINT, drop=True) for _ in range(_NEWCOMERS)])


async def _first_output(pool: SessionPool, key: str, code: str, *, drop: bool = False) -> float:
    """Milliseconds from the claim to the first output."""
    shown: list[float] = []
    began = time.perf_counter()
    session = await pool.open(key)
    execution = await session.execute(code, on_output=lambda _: shown.append(time.perf_counter()))
    assert execution.outputs == (Logs(f"{code[6:-1]}\n"),), execution
    if drop:
        await pool.drop(key)
    return 1000 * (shown[0] - began)
