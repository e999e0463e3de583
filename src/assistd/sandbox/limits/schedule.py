"""The beat of those that look at sessions again and again: whom they look at when, and how long they rest."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Protocol, TypeVar

_BEAT_SECONDS = 0.1
_REST = 2  # rest this many times as long as a look took
_IDLE_BEATS = 20  # those that run no cell are looked at once in so many looks


class Watched(Protocol):
    """A session, as far as it is watched at all."""

    @property
    def pid(self) -> int | None:
        """Its first process; None where that is another kernel's, which must watch it."""
        ...

    @property
    def running(self) -> bool:
        """Whether a cell runs now."""
        ...


_W = TypeVar("_W", bound=Watched)


async def due(sessions: Callable[[], Iterable[_W]]) -> AsyncGenerator[dict[int, _W]]:
    """Yield the sessions to inspect on this tick, by the pid of their first process, for ever.

    Args:
        sessions: those that live now. One that runs a cell is due each time; of the others, in which
            only what code left behind can grow, a part in turn.
    """
    loop = asyncio.get_running_loop()
    for beat in itertools.count():
        started = loop.time()
        phase = beat % _IDLE_BEATS
        yield {
            pid: one
            for one in sessions()
            if (pid := one.pid) is not None and (pid % _IDLE_BEATS == phase or one.running)
        }
        await asyncio.sleep(max(_BEAT_SECONDS, _REST * (loop.time() - started)))
