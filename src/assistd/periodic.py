"""Duties: what a process does again and again beside its other work."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from assistd.logs import Logger, failure

log = Logger()


@dataclass(frozen=True, slots=True)
class Duty:
    """One thing to do again and again.

    Args:
        name: as the log names it where it fails.
        act: does it once. What it raises is logged, and it is tried again.
        seconds: how long to wait between the end of one time and the beginning of the next.
    """

    name: str
    act: Callable[[], Awaitable[None]]
    seconds: float


@asynccontextmanager
async def repeating(*duties: Duty) -> AsyncGenerator[None]:
    """Do each of these duties now and then every so often, none waiting for another, until the block ends."""
    tasks = [asyncio.create_task(_repeat(duty), name=duty.name) for duty in duties]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(duty: Duty) -> None:
    while True:
        try:
            await duty.act()
        except Exception as error:  # noqa: BLE001  a full disk must not end it for ever
            log.error("duty failed", duty=duty.name, **failure(error))
        await asyncio.sleep(duty.seconds)
