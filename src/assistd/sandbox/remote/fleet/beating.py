"""A host says every second that it lives, does what it is told, and ends its sessions where nobody answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from assistd import clock
from assistd.errors import AssistdError
from assistd.hosting import FENCE_SECONDS, Beat, Order
from assistd.logs import Logger, failure
from assistd.periodic import Duty
from assistd.sandbox.base import BusyError, Sessions
from assistd.sandbox.remote.seats import SeatedSessions

log = Logger()

BEAT_SECONDS = 1.0
REPLY_SECONDS = 3.0
_LISTED_EVERY = 5  # beats
_LOOK_SECONDS = 0.1
_IDLE_SECONDS = 30.0  # between two cells of one run, at the most
_ENDED_AT_ONCE = (
    8  # by plan: each has its variables kept, which takes the processor of host and API
)


class ReplacedError(AssistdError):
    """A later process has the id of this host: this one must end."""


class Beating:
    """Sends the beats of a host, and obeys the answers.

    A host that is cut off cannot know whether its seats were given to others. It ends its sessions
    before anybody may count on that (`hosting.FENCE_SECONDS`).

    Args:
        sessions: the sessions of this host.
        seated: the same by their seats.
        make_beat: makes a beat that lists these sessions (key -> generation); None: it lists none.
        send: sends it, and returns the answer; raises OSError where there is none.
        api: where it is sent, for the log.
    """

    def __init__(
        self,
        sessions: Sessions,
        seated: SeatedSessions,
        make_beat: Callable[[dict[str, int] | None], Beat],
        send: Callable[[Beat], Awaitable[Order]],
        api: str,
    ) -> None:
        self.replaced = asyncio.Event()
        """Set once a later process has the id of this host, and its sessions were ended."""
        self._sessions = sessions
        self._seated = seated
        self._make_beat = make_beat
        self._send = send
        self._api = api
        self._number = 0
        self._answered_at = time.monotonic()
        self._has_joined = False
        self._is_heard = True
        self._leaves_at: float | None = None
        self._order = Order()
        self._retiring: set[str] = set()
        self._ending = asyncio.Semaphore(_ENDED_AT_ONCE)

    def list_duties(self) -> list[Duty]:
        """Return what beats, and what empties this host meanwhile: no beat waits for a session that ends by plan."""
        return [
            Duty("beat", self.beat, BEAT_SECONDS),
            Duty("retire", self.retire_drained, BEAT_SECONDS),
        ]

    async def beat(self) -> None:
        """Beat once."""
        is_listed = self._number % _LISTED_EVERY == 0 or not self._is_heard
        self._number += 1
        said = self._make_beat(dict(self._seated.generations) if is_listed else None)
        if self._leaves_at is not None:
            said = replace(said, leaves_in=max(0.0, self._leaves_at - time.monotonic()))
        began = time.monotonic()
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                order = await self._send(said)
        except (OSError, TimeoutError) as error:
            await self._note_silence(error)
            return
        self._answered_at = began  # as late as the API may have written it down
        if not self._has_joined:
            log.info("sandbox host joined", api=self._api)
        elif not self._is_heard:
            log.info("sandbox host is heard again", api=self._api)
        self._has_joined = self._is_heard = True
        await self._obey(order)

    async def drain(self, seconds: float) -> None:
        """Say that this host stops, and wait until nobody uses its sessions, or for so many seconds."""
        self._leaves_at = time.monotonic() + seconds
        await self.beat()
        while time.monotonic() < self._leaves_at:
            if not any(each.is_busy for each in self._sessions.describe().live):
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _note_silence(self, error: Exception) -> None:
        """End every session once the API was silent for so long that it gives their seats to others."""
        silent = time.monotonic() - self._answered_at
        if self._is_heard:
            reason = str(error) or f"no answer in {REPLY_SECONDS:g} seconds"
            log.warning("nobody answers the sandbox host", api=self._api, reason=reason)
            self._is_heard = False
        if silent >= FENCE_SECONDS and self._seated.generations:
            log.error("sandbox host ends its sessions, for nobody answered", seconds=round(silent))
            await self._end(self._seated.generations)

    async def retire_drained(self) -> None:
        """End by plan the sessions that a host which is drained has no longer: idle ones, at last all."""
        now, order = self._seated.generations, self._order
        if order.is_over:
            await self._retire(now, if_idle=False)
        elif order.is_draining:
            latest = clock.now() - _IDLE_SECONDS
            live = self._sessions.describe().live
            idle = {each.key for each in live if not each.is_busy and each.used_at < latest}
            await self._retire({key: now[key] for key in idle & set(now)}, if_idle=True)

    async def _obey(self, order: Order) -> None:
        before, self._order = self._order, order
        now = self._seated.generations
        if order.is_replaced:
            log.error("another process has the id of this sandbox host")
            await self._end(now)
            self.replaced.set()
            return
        _note_draining(before, order)
        strays = {
            key: seat
            for key, seat in order.ending.items()
            if now.get(key) == seat and key not in self._retiring
        }
        if strays:
            log.warning("sandbox host ends sessions that have no seat", count=len(strays))
        await self._end(strays)

    async def _end(self, seats: dict[str, int]) -> None:
        """End the sessions of seats (key -> generation) now, but none of later seats of the same keys."""
        await _gather(self._seated.drop(key, generation) for key, generation in seats.items())

    async def _retire(self, seats: dict[str, int], *, if_idle: bool) -> None:
        """End the sessions of seats (key -> generation) by plan, some at a time."""

        async def retire(key: str, generation: int) -> None:
            async with self._ending:
                self._retiring.add(key)
                try:
                    await self._seated.drop(key, generation, if_idle=if_idle, is_planned=True)
                finally:
                    self._retiring.discard(key)

        await _gather(retire(key, generation) for key, generation in seats.items())


def _note_draining(before: Order, order: Order) -> None:
    """Log that a host is drained from now on, or no longer."""
    if order.is_draining and not before.is_draining:
        seconds = None if order.closes_in is None else round(order.closes_in, 1)
        log.info("sandbox host is draining", closes_in_seconds=seconds)
    elif before.is_draining and not order.is_draining:
        log.info("sandbox host is draining no more")


async def _gather(ends: Iterable[Awaitable[None]]) -> None:
    """Wait for all of these ends, and say which failed; one that is used stays."""
    for done in await asyncio.gather(*ends, return_exceptions=True):
        if isinstance(done, Exception) and not isinstance(done, BusyError):
            log.error("session not ended", **failure(done))
