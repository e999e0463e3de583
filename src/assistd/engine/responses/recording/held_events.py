"""Events that wait a moment to be written together with those that follow."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from assistd.db.responses.responses import StoredEvent

Write = Callable[[Sequence[StoredEvent]], Awaitable[None]]


class HeldEvents:
    """Holds events for a moment, then writes them by itself, unless somebody takes them before.

    Args:
        write: writes events.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._held: list[StoredEvent] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None

    def add(self, events: Sequence[StoredEvent], seconds: float) -> None:
        """Hold more; the first of those that are held waits so long at most."""
        self._held.extend(events)
        if self._held and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._begin, seconds)

    async def take(self) -> list[StoredEvent]:
        """Return what is held, once what was written by itself is there; it is not written any more.

        Raises:
            Exception: what that failed with.
        """
        self.stop()
        writing, self._writing = self._writing, None
        if writing is not None:
            await asyncio.wait([writing])  # which goes on where this is cancelled
            writing.result()
        held, self._held = self._held, []
        return held

    def stop(self) -> None:
        """Write nothing more by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self, seconds: float) -> None:
        self._timer = None
        if self._writing is not None and not self._writing.done():
            self.add((), seconds)  # one after the other
            return
        held, self._held = self._held, []
        self._writing = asyncio.ensure_future(self._write(held))
        self._writing.add_done_callback(_look_at)


def _look_at(writing: asyncio.Future[None]) -> None:
    """Look at what a write failed with, or asyncio complains; whoever takes is told."""
    if not writing.cancelled():
        writing.exception()
