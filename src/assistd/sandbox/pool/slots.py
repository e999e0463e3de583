"""Slots for live sessions: so many on the host and for each tenant, and a fair line for one more."""

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable

from assistd import metrics
from assistd.sandbox.base import BusyError, ClosedError, SandboxError, Tenant
from assistd.sandbox.overview import Waiting

_BEAT_SECONDS = 0.05


class Slots:
    """Hands out slots: tenants in turn; within one, first come, first served.

    Args:
        most: slots on this host.
        most_each: slots of a tenant that names no number of its own.
        most_waiting: how many may wait in line.
        seconds: how long one waits.
        vacate: closes the session that idled longest, of the tenant named or of any (None), which
            gives its slot back; False where none is idle.
    """

    def __init__(
        self,
        *,
        most: int,
        most_each: int,
        most_waiting: int,
        seconds: float,
        vacate: Callable[[str | None], Awaitable[bool]],
    ) -> None:
        self.most = most
        """Slots on this host."""
        self._most_each = most_each
        self._most_waiting = most_waiting
        self._seconds = seconds
        self._vacate = vacate
        self._held: Counter[str] = Counter()
        self._lines: OrderedDict[str, deque[_Waiter]] = OrderedDict()  # the next tenant first
        self._someone_waits = asyncio.Event()
        self._closed = False

    async def take(self, tenant: Tenant, key: str = "") -> None:
        """Take a slot; `give_back` must follow.

        Args:
            tenant: for whom.
            key: by which `count_before` knows who waits.

        Raises:
            BusyError: the line is full, or no slot came free in time.
            ClosedError: the sandbox is shutting down.
        """
        if self._closed:
            raise ClosedError
        if not self._lines and self._is_free(tenant):
            self._held[tenant.id] += 1
            return
        waiter = self._join(tenant, key)
        try:
            async with asyncio.timeout(self._seconds):
                await asyncio.shield(waiter.granted)
        except BaseException as error:
            self._leave(waiter)
            if isinstance(error, (TimeoutError, BusyError)):
                self._count_refusal(tenant)
            if isinstance(error, TimeoutError):
                raise BusyError(self._explain(tenant)) from None
            raise
        metrics.QUEUE_WAIT_SECONDS.observe(time.monotonic() - waiter.since)

    def count_before(self, key: str) -> int | None:
        """Return how many get a slot before who waits with this key; None where nobody does."""
        lines = [[waiter.key for waiter in line] for line in self._lines.values()]
        own = next((at for at, line in enumerate(lines) if key in line), None)
        if own is None:
            return None
        ahead = lines[own].index(key)  # and as many of each other tenant: they get one in turn
        others = [line for line in lines if key not in line]
        return ahead + sum(min(len(line), ahead + (at < own)) for at, line in enumerate(others))

    def list_waiting(self) -> tuple[Waiting, ...]:
        """Return who waits, the first to come first."""
        now = time.monotonic()
        waiters = [waiter for line in self._lines.values() for waiter in line]
        waiters.sort(key=lambda waiter: waiter.since)
        return tuple(Waiting(each.key, each.tenant.id, now - each.since) for each in waiters)

    def give_back(self, tenant_id: str) -> None:
        """Return a slot that was taken."""
        self._held[tenant_id] -= 1
        if not self._held[tenant_id]:
            del self._held[tenant_id]

    def close(self) -> None:
        """Send everyone away who waits, and whoever still comes."""
        self._closed = True
        for waiter in [waiter for line in self._lines.values() for waiter in line]:
            self._send_away(waiter, ClosedError())

    async def admit_waiters(self) -> None:
        """Give slots to those who wait, for ever."""
        while True:
            await self._someone_waits.wait()
            self._admit()
            if self._lines and not await self._make_room():
                await asyncio.sleep(_BEAT_SECONDS)

    def _admit(self) -> None:
        """Give out what is free: of the tenants that may have one more, each gets one in turn."""
        while line := next(
            (one for one in self._lines.values() if self._is_free(one[0].tenant)), None
        ):
            waiter = line[0]
            self._held[waiter.tenant.id] += 1
            waiter.granted.set_result(None)
            self._remove(waiter)
            if line:
                self._lines.move_to_end(waiter.tenant.id)

    async def _make_room(self) -> bool:
        """Close an idle session for the first tenant in line for which there is one."""
        for line in list(self._lines.values()):
            if line:
                tenant = line[0].tenant
                full = self._held[tenant.id] >= self._limit(tenant)
                if await self._vacate(tenant.id if full else None):
                    return True
        return False

    def _is_free(self, tenant: Tenant) -> bool:
        return self._held[tenant.id] < self._limit(tenant) and self._held.total() < self.most

    def _limit(self, tenant: Tenant) -> int:
        return self._most_each if tenant.max_sessions is None else tenant.max_sessions

    def _join(self, tenant: Tenant, key: str) -> "_Waiter":
        """Stand in line; where it is full, the last of the longest line gives way to a shorter one."""
        if sum(map(len, self._lines.values())) >= self._most_waiting:
            longest = max(self._lines.values(), key=len, default=deque[_Waiter]())
            if len(longest) <= len(self._lines.get(tenant.id, ())) + 1:
                self._count_refusal(tenant)
                raise BusyError(f"{self._explain(tenant)}, and the line for one is full")
            self._send_away(longest[-1], BusyError(self._explain(longest[-1].tenant)))
        waiter = _Waiter(tenant, key)
        self._lines.setdefault(tenant.id, deque()).append(waiter)
        self._someone_waits.set()
        return waiter

    def _leave(self, waiter: "_Waiter") -> None:
        """Remove a waiter that no longer waits."""
        if not waiter.granted.done():
            self._remove(waiter)
            waiter.granted.cancel()
        elif waiter.granted.exception() is None:
            self.give_back(waiter.tenant.id)

    def _send_away(self, waiter: "_Waiter", error: SandboxError) -> None:
        self._remove(waiter)
        waiter.granted.set_exception(error)

    def _remove(self, waiter: "_Waiter") -> None:
        line = self._lines[waiter.tenant.id]
        line.remove(waiter)
        if not line:
            del self._lines[waiter.tenant.id]
        if not self._lines:
            self._someone_waits.clear()

    def _count_refusal(self, tenant: Tenant) -> None:
        metrics.QUEUE_REFUSED.add()
        if self._is_at_own_limit(tenant):
            metrics.LIMITS_REFUSED.add("sessions")

    def _is_at_own_limit(self, tenant: Tenant) -> bool:
        limit = self._limit(tenant)
        return limit < self.most and self._held[tenant.id] >= limit

    def _explain(self, tenant: Tenant) -> str:
        limit = self._limit(tenant)
        if self._is_at_own_limit(tenant):
            return f"all {limit} sessions of this project are in use; try again later"
        return f"all {self.most} sessions of this host are in use; try again later"


class _Waiter:
    """A stand in line; `granted` is done with the slot, or with the reason there is none."""

    def __init__(self, tenant: Tenant, key: str) -> None:
        self.tenant = tenant
        self.key = key
        self.since = time.monotonic()
        self.granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
