"""Who waits for a seat in this process: within a project, first come, first served."""

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field

from assistd import metrics
from assistd.sandbox.base import BusyError
from assistd.sandbox.overview import Waiting

_RETRY_SECONDS = (0.1, 0.4)


@dataclass(frozen=True, slots=True)
class Waiter:
    """Somebody who waits for a seat.

    Args:
        key: whose session it is to be.
        tenant_id: for whom.
        since: by the monotonic clock.
        called: set when the one before it has left.
    """

    key: str
    tenant_id: str
    since: float
    called: asyncio.Event = field(default_factory=asyncio.Event, compare=False)


class Line:
    """Those who wait; the first of each project tries again now and then, and the next as soon as that one is gone.

    Args:
        most: how many may wait.
        seconds: how long one waits.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._waiters: dict[str, Waiter] = {}  # in the order they came

    def join(self, key: str, tenant_id: str) -> Waiter:
        """Return who waits from now on; the same one where that was so already.

        Raises:
            BusyError: too many wait.
        """
        waiter = self._waiters.get(key)
        if waiter is None:
            if len(self._waiters) >= self._most:
                raise BusyError("Every session is in use, and too many wait for one.")
            waiter = self._waiters[key] = Waiter(key, tenant_id, time.monotonic())
        return waiter

    async def wait(self, waiter: Waiter) -> None:
        """Wait until it is this one's turn to try again.

        Raises:
            BusyError: it has waited long enough.
        """
        while True:
            left = waiter.since + self._seconds - time.monotonic()
            if left <= 0:
                raise BusyError(f"Every session was in use for {self._seconds:g} seconds.")
            pause = random.uniform(*_RETRY_SECONDS)  # noqa: S311  no secret
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(pause, left)):
                    await waiter.called.wait()
            waiter.called.clear()
            if self._find_first(waiter.tenant_id) in (None, waiter):
                return

    def leave(self, key: str) -> None:
        """Wait no more; harmless for who does not."""
        waiter = self._waiters.pop(key, None)
        if waiter is not None:
            if follower := self._find_first(waiter.tenant_id):
                follower.called.set()
            metrics.QUEUE_WAIT_SECONDS.observe(time.monotonic() - waiter.since)

    def count_before(self, key: str) -> int | None:
        """Return how many of the same project come first; None where nobody waits with this key."""
        waiter = self._waiters.get(key)
        if waiter is None:
            return None
        return [e.key for e in self._waiters.values() if e.tenant_id == waiter.tenant_id].index(key)

    def _find_first(self, tenant_id: str) -> Waiter | None:
        return next((e for e in self._waiters.values() if e.tenant_id == tenant_id), None)

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """Who waits, the first to come first."""
        now = time.monotonic()
        return tuple(Waiting(e.key, e.tenant_id, now - e.since) for e in self._waiters.values())
