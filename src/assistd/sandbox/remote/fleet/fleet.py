"""The sessions of many hosts: each has a seat on one of them, which every process of the API finds."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter
from weakref import WeakValueDictionary

from assistd import clock
from assistd.errors import AssistdError
from assistd.hosting import Claim, NoSeatError, Seat, count_free_seats, find_tier
from assistd.logs import Logger, failure
from assistd.periodic import Duty, repeating
from assistd.sandbox.base import (
    OPERATOR,
    BusyError,
    ClosedError,
    HostLostError,
    JailName,
    SandboxError,
    Session,
    Tenant,
)
from assistd.sandbox.measures import Use
from assistd.sandbox.overview import Overview, Wall
from assistd.sandbox.remote.fleet.line import Line
from assistd.sandbox.remote.fleet.links import Connect, HostSession, HostSessions, Links
from assistd.sandbox.remote.fleet.search import Search
from assistd.sandbox.remote.fleet.seating import Seating
from assistd.sandbox.remote.seats import SeatLostError
from assistd.units import MIB

log = Logger()

_FOLLOW_SECONDS = 1.0
_PROBE_SECONDS = 5.0
_LOOK_SECONDS = 0.05
_RUN_SECONDS = 30.0  # between two cells of one run, at the most: it is not moved off a drained host
_IDLE_SECONDS = 5.0  # what a host says of a session is a second old
_MOST_TRIED = 16  # sessions, to close one of them: a host may tell of any number that are not there
_NONE_REACHED = "No sandbox host can be reached; `assistd hosts list` shows them."


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """What sessions of many hosts are opened with.

    Args:
        memory_mib: of a session whose tenant names no number of its own.
        tenant_sessions: live sessions of such a tenant, over all hosts; None for any number.
        queue: how many callers of `open` may wait while all sessions are in use.
        queue_seconds: how long one of them waits.
    """

    memory_mib: int = 1024
    tenant_sessions: int | None = None
    queue: int = 100
    queue_seconds: float = 60.0


@dataclass(slots=True)
class _Held:
    """A session that was opened here, and the seat it has."""

    session: HostSession
    seat: Seat
    used_at: float = field(default_factory=time.monotonic)


class Fleet:
    """Sessions of many hosts; implements `Sessions`.

    Args:
        seating: knows hosts and seats.
        connect: connects to a host.
        settings: how many sessions, and with what.
        on_closed: awaited with a key and its session when that session is over.
    """

    def __init__(
        self,
        seating: Seating,
        connect: Connect,
        settings: FleetSettings | None = None,
        *,
        on_closed: Callable[[str, Session], Awaitable[None]] | None = None,
    ) -> None:
        self.on_closed = on_closed
        self.on_ending: Callable[[str, Session], Awaitable[None]] | None = None
        self._settings = settings or FleetSettings()
        self._seating = seating
        self._links = Links(seating, connect, self._note_ending, self._note_closed)
        self._line = Line(self._settings.queue, self._settings.queue_seconds)
        self._held: dict[str, _Held] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self._following: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def added(self) -> tuple[str, ...]:
        """The packages that new sessions import, on whichever host; see `Sessions.added`.

        Every model is told of them: what a single host says is not for the sessions of the others.
        """
        first, *others = [each.added for each in self._links.ready] or [()]
        return tuple(name for name in first if all(name in added for added in others))

    @property
    def jail(self) -> JailName | None:
        """What isolates sessions; see `Sessions.jail`."""
        return next((each.jail for each in self._links.ready), None)

    @property
    def is_ready(self) -> bool:
        """Whether a host opens sessions at once; see `Sessions.is_ready`."""
        return bool(self._links.ready)

    def describe(self) -> Overview:
        """Return the sessions of all hosts, and who waits here; see `Sessions.describe`."""
        found = [each.describe() for each in self._links.ready]
        return Overview(
            live=tuple(live for each in found for live in each.live),
            waiting=self._line.waiting,
            warm=sum(each.warm for each in found),
            most=sum(each.most for each in found),
            limitations=tuple(dict.fromkeys(name for each in found for name in each.limitations)),
            is_shared=True,
        )

    async def examine(self) -> tuple[Wall, ...]:
        """Look which walls stand around a session of one host; see `Sessions.examine`."""
        ready = self._links.ready
        return await ready[0].examine() if ready else ()

    def begin(self) -> None:
        """Begin to follow the hosts; see `Sessions.begin`."""
        if self._following is None and not self._is_closed:
            self._following = asyncio.create_task(self._follow(), name="sandbox hosts")

    async def start(self) -> None:
        """Wait until a host opens sessions; see `Sessions.start`."""
        self.begin()
        while not self.is_ready:  # noqa: ASYNC110  hosts tell no event
            await asyncio.sleep(_LOOK_SECONDS)

    async def close(self) -> None:
        """Let go of the hosts, whose sessions live on; see `Sessions.close`."""
        self._is_closed = True
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self._links.close()
        await asyncio.gather(*self._tasks)

    async def open(self, key: str, tenant: Tenant = OPERATOR) -> Session:
        """Return the live session of `key`, or a new one, on whichever host; see `Sessions.open`."""
        self.begin()
        search = Search(key, tenant)
        async with self._locks.setdefault(key, asyncio.Lock()):
            try:
                return await self._open(search)
            except BaseException:
                if search.leaving is not None:
                    await self._seating.leave(search.leaving)
                raise
            finally:
                self._line.leave(key)

    async def drop(self, key: str, *, if_idle: bool = False) -> None:
        """Close the session of `key`, if it has one, and give its seat back; see `HostSessions.drop`."""
        await self._drop(key, is_planned=False, if_idle=if_idle)

    async def retire(self, key: str, *, if_idle: bool = False) -> None:
        """Close the session of `key` as `drop` does, after its planned end was told; see `Sessions.retire`."""
        await self._drop(key, is_planned=True, if_idle=if_idle)

    async def _drop(self, key: str, *, is_planned: bool, if_idle: bool) -> None:
        async with self._locks.setdefault(key, asyncio.Lock()):
            held = self._held.get(key)
            seat = await self._seating.find(key) or (held and held.seat)
            if seat is not None:
                with suppress(HostLostError):
                    sessions = await self._links.get(seat)
                    close = sessions.retire if is_planned else sessions.drop
                    await close(key, generation=seat.generation, if_idle=if_idle)
                self._held.pop(key, None)
                await self._seating.leave(seat)

    async def measure(self, key: str) -> Use | None:
        """Return what the live session of `key` takes now; see `Sessions.measure`."""
        seat = held.seat if (held := self._held.get(key)) else await self._seating.find(key)
        return None if seat is None else await (await self._links.get(seat)).measure(key)

    def count_before(self, key: str) -> int | None:
        """Return how many wait for a session before `key` does; see `Sessions.count_before`."""
        return self._line.count_before(key)

    async def _open(self, search: Search) -> HostSession:
        """Return a session, after so many hosts as it takes."""
        while not self._is_closed:
            try:
                seat = await self._find_seat(search)
            except NoSeatError as error:
                await self._make_room(search, error)
                continue
            try:
                session = await self._open_at(seat, search)
            except SeatLostError as error:
                if not search.leave_lost(seat, error):
                    await self._links.note_breach(seat.host_id, str(error))
            except BusyError:
                log.info("sandbox host refused a claim", host=seat.host_id)
                search.avoid(seat)
            except SandboxError as error:
                if search.blame(seat, error):
                    await self._links.note_breach(seat.host_id, str(error))
            else:
                if session is not None:
                    return session
        raise ClosedError

    async def _find_seat(self, search: Search) -> Seat:
        """Return the seat that a key has, else a new one.

        Raises:
            NoSeatError: there is none.
        """
        is_held = search.leaving is None and search.key in self._held  # then a read may do
        seat = await self._seating.find(search.key) if is_held else None
        seat = seat or await self._seating.claim(self._make_claim(search, search.leaving))
        if not seat.is_draining or self._is_in_use(search.key):
            return seat
        claim = self._make_claim(search, seat)
        if not count_free_seats(self._links.hosts.values(), claim.tier):
            return seat  # there is no other host: better this one than none
        if not await self._close_at(seat, search.key, is_planned=True):
            return seat  # who uses it in another process would find its files elsewhere, without those of its cell
        return await self._seating.claim(claim)

    def _make_claim(self, search: Search, leaving: Seat | None) -> Claim:
        tenant, settings = search.tenant, self._settings
        mib, limit = (tenant.memory_bytes or 0) // MIB, tenant.max_sessions
        return Claim(
            search.key,
            tenant.id,
            find_tier(mib or settings.memory_mib),
            settings.tenant_sessions if limit is None else limit,
            leaving=leaving,
            avoiding=tuple(search.avoiding),
        )

    async def _open_at(self, seat: Seat, search: Search) -> HostSession | None:
        """Return the session that has a seat; None where seat or connection was given up."""
        key = search.key
        sessions = await self._links.get(seat)
        try:
            session = await sessions.open(key, search.tenant, generation=seat.generation)
        except ClosedError:  # the host came back elsewhere meanwhile, or all of this ends
            return None
        # Whoever else claimed the seat may have given it back meanwhile.
        if session.is_fresh and not seat.is_new:
            found = await self._seating.find(key)
            if found is None or found.generation != seat.generation:
                await sessions.drop(key, generation=seat.generation)
                return None
        before = self._held.get(key)
        self._held[key] = _Held(session, seat)
        search.leaving = None
        if before is not None and before.seat.host_id != seat.host_id:
            self._begin(self._close_at(before.seat, key, is_planned=False))
        return session

    async def _close_at(self, seat: Seat, key: str, *, is_planned: bool) -> bool:
        """Close the session of a seat that is given up; by plan where its variables are to move, and none is used.

        Returns:
            Whether nobody uses it.
        """
        try:
            sessions = await self._links.get(seat)
            close = sessions.retire if is_planned else sessions.drop
            await close(key, generation=seat.generation, if_idle=is_planned)
        except BusyError:
            return False
        except AssistdError as error:
            log.info("session not closed where it was", host=seat.host_id, **failure(error))
        return True

    async def _make_room(self, search: Search, error: NoSeatError) -> None:
        """Close a session that nobody uses, or wait for one to be closed, or for a host that starts again.

        Raises:
            SandboxError: what the hosts failed with that could be asked, there is no other; or none came up in time.
            BusyError: nothing came free in time.
        """
        up = [host.id for host in self._links.hosts.values() if host.takes_sessions]
        failure = search.give_up(None if error.is_of_project else up)
        is_lost = isinstance(failure, HostLostError)
        if failure is not None and not is_lost:
            raise failure
        whose = search.tenant.id if error.is_of_project else None
        if not is_lost and await self._close_idlest(whose):
            return
        try:
            await self._line.wait(self._line.join(search.key, search.tenant.id))
        except BusyError:
            hosts = () if error.is_of_project else await self._seating.list_hosts()
            if error.is_of_project or (not is_lost and any(host.takes_sessions for host in hosts)):
                raise
            raise SandboxError(_NONE_REACHED) from None

    async def _close_idlest(self, tenant_id: str | None) -> bool:
        """Close the session left alone longest, of one tenant or of any; False where none idles."""
        latest = clock.now() - _IDLE_SECONDS
        idle = sorted(
            (
                (live.used_at, live.key, sessions)
                for sessions in self._links.taking
                for live in sessions.describe().live
                if not live.is_busy
                and live.used_at <= latest
                and tenant_id in {None, live.tenant_id}
                and not self._is_locked(live.key)
            ),
            key=itemgetter(0, 1),
        )
        for _, key, sessions in idle[:_MOST_TRIED]:
            if await self._close_idle(key, sessions, tenant_id):
                return True
        return False

    async def _close_idle(self, key: str, sessions: HostSessions, tenant_id: str | None) -> bool:
        """Close a session that a host says idles there; return whether that made room.

        What the host says is old, or a lie: the seat tells where the session is, and whose.
        """
        seat = await self._seating.find(key)
        if seat is None or tenant_id not in {None, seat.project_id}:
            return False
        if await self._links.get(seat) is not sessions:
            return False
        try:
            await self.retire(key, if_idle=True)
        except BusyError:  # somebody began to use it just now
            return False
        except (AssistdError, OSError) as error:
            await self._links.note_breach(seat.host_id, str(error))
            return False
        return True

    def _is_locked(self, key: str) -> bool:
        """Tell whether somebody opens or closes the session of a key."""
        lock = self._locks.get(key)
        return lock is not None and lock.locked()

    def _is_in_use(self, key: str) -> bool:
        held = self._held.get(key)
        if held is None or not held.session.alive:
            return False
        return time.monotonic() - held.used_at < _RUN_SECONDS

    async def _note_ending(self, key: str, session: Session) -> None:
        if self.on_ending is not None:
            await self.on_ending(key, session)

    async def _note_closed(self, key: str, session: Session) -> None:
        """Tell the end of a session, and give its seat back, once nobody opens another one there."""
        held = self._held.get(key)
        if held is not None and held.session is session:
            self._begin(self._give_up(key, held))
        if self.on_closed is not None:
            await self.on_closed(key, session)

    async def _give_up(self, key: str, held: _Held) -> None:
        async with self._locks.setdefault(key, asyncio.Lock()):
            if self._held.get(key) is held:
                del self._held[key]
                # Of a host that cannot be reached from here, another process may still reach it.
                if not held.session.is_lost:
                    await self._seating.leave(held.seat)

    def _begin(self, work: Awaitable[object]) -> None:
        async def do() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001  the host notices by itself a little later
                log.error("seat not given back", **failure(error))

        task = asyncio.create_task(do(), name="sandbox seat")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self) -> None:
        following = Duty("sandbox hosts", self._links.follow, _FOLLOW_SECONDS)
        async with repeating(following, Duty("probation", self._links.probe, _PROBE_SECONDS)):
            await asyncio.Event().wait()
