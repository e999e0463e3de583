"""The sessions of a host by their seats: each seat is one session, and of two seats of a key the later one counts."""

import asyncio
from dataclasses import dataclass
from weakref import WeakValueDictionary

from assistd.sandbox.base import BusyError, SandboxError, Session, Sessions, Tenant

_LOST = "the seat of this claim was given to others, or its session is over"
_KNOWN_SECONDS = (
    600.0  # after a claim: no earlier one is on its way so long; rows of seats stay longer
)


class SeatLostError(SandboxError):
    """The seat of a claim is over: a later one was claimed, or its session has ended. Take another seat."""


@dataclass(slots=True)
class _Taken:
    """The latest seat of a key that was claimed here.

    Args:
        generation: counts the seats of the key.
        session: that was opened for it.
        is_over: whether that session is.
    """

    generation: int
    session: Session | None = None
    is_over: bool = False

    @property
    def is_live(self) -> bool:
        """Whether its session was opened, and did not end."""
        return self.session is not None and not self.is_over


class SeatedSessions:
    """Sessions that are claimed with the generation of a seat, or with 0 where there are no seats.

    What ends a session ends that of its seat alone: messages about a seat may come late, when the key has
    another one.

    Args:
        sessions: the sessions themselves.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._taken: dict[str, _Taken] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def generations(self) -> dict[str, int]:
        """The generation of the seat of each key that has a session here."""
        return {key: seat.generation for key, seat in self._taken.items() if seat.is_live}

    async def open(self, key: str, tenant: Tenant, generation: int) -> Session:
        """Return the session of a seat; the claim of a later seat ends that of an earlier one.

        Raises:
            SeatLostError: a later seat was claimed, or the session of this one is over.
        """
        if not generation:
            return await self._sessions.open(key, tenant)
        async with self._locks.setdefault(key, asyncio.Lock()):
            seat = await self._take(key, generation)
            session = await self._sessions.open(key, tenant)
            if seat.session is None:
                seat.session = session
            elif seat.session is not session:  # it lapsed just now
                await self._sessions.drop(key)
                raise SeatLostError(_LOST)
            return session

    async def drop(
        self,
        key: str,
        generation: int = 0,
        *,
        if_idle: bool = False,
        is_planned: bool = False,
    ) -> None:
        """Close the session of a key, unless that has a later seat than is meant.

        Args:
            key: whose.
            generation: of the seat; 0 for any.
            if_idle: only where nobody uses it.
            is_planned: whether that is told before; see `Sessions.retire`.

        Raises:
            BusyError: somebody uses it.
        """
        async with self._locks.setdefault(key, asyncio.Lock()):
            seat = self._taken.get(key)
            if generation and seat is not None and seat.generation > generation:
                return
            live = self._sessions.describe().live
            if if_idle and any(each.is_busy for each in live if each.key == key):
                raise BusyError("the session is in use")
            await (self._sessions.retire if is_planned else self._sessions.drop)(key)

    def note_end(self, key: str, session: Session) -> None:
        """Take note that a session is over."""
        seat = self._taken.get(key)
        if seat is not None and seat.session is session:
            seat.is_over = True

    async def _take(self, key: str, generation: int) -> _Taken:
        """Return the seat of that generation, the latest of its key from now on.

        Raises:
            SeatLostError: it is not, or its session is over.
        """
        seat = self._taken.get(key)
        if seat is not None and generation == seat.generation:
            if seat.is_over or (seat.session is not None and not seat.session.alive):
                raise SeatLostError(_LOST)
            return seat
        if seat is not None and generation < seat.generation:
            raise SeatLostError(_LOST)
        taken = self._taken[key] = _Taken(generation)
        self._forget_later(key, taken)
        if seat is not None:
            await self._sessions.drop(key)
        return taken

    def _forget_later(self, key: str, seat: _Taken) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(_KNOWN_SECONDS, self._forget, key, seat)

    def _forget(self, key: str, seat: _Taken) -> None:
        """Forget a seat whose session is over; look again later where it is not."""
        if self._taken.get(key) is not seat:
            return
        if seat.is_live:
            self._forget_later(key, seat)
        else:
            del self._taken[key]
