"""The live sessions of this host: one per key, some waiting warm, all counted and aged."""

import asyncio
import dataclasses
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from assistd import clock, metrics, telemetry
from assistd.errors import AssistdError
from assistd.logs import Logger, failure
from assistd.sandbox.base import OPERATOR, JailName, Limits, Session, Tenant
from assistd.sandbox.jails import registry
from assistd.sandbox.limits import disk_watch, memory_watch, procfs
from assistd.sandbox.limits.cgroups import ControlGroups
from assistd.sandbox.measures import Use
from assistd.sandbox.overview import Overview, Wall
from assistd.sandbox.pool.background import allow_descriptors, start_for_ever
from assistd.sandbox.pool.endings import Endings
from assistd.sandbox.pool.options import Interpreter, PoolSettings
from assistd.sandbox.pool.overview import describe_pool, describe_session
from assistd.sandbox.pool.slots import Slots
from assistd.sandbox.pool.warm_pool import WarmPool, WarmPools
from assistd.sandbox.session.session import GuestSession

log = Logger()

_TEND_SECONDS = 1.0
_EVICT_IDLE_SECONDS = 3.0  # the files of a call that just ended are still being read
_LINGER_SECONDS = 30.0
_FOLLOW_SECONDS = 2.0
_PLANNED = {"age", "idle", "evicted", "retired", "closing"}
_COUNTED_AS = {"retired": "closed", "closing": "closed"}  # in metrics, whose labels are few


@dataclasses.dataclass(slots=True)
class _Entry:
    """A key's session, for whom it is, and the lock that makes its claims queue."""

    tenant: Tenant
    lock: asyncio.Lock
    session: GuestSession | None = None


class SessionPool:
    """Sessions of processes on this host; implements `Sessions`.

    Args:
        python: the interpreter of the interpreter environment.
        settings: how many sessions, and what each may have.
        added: the packages in the environment that an operator added.
        find_newest: returns the interpreter that new sessions are to have by now; None where that is
            not known. It is called in a thread, every two seconds.
        on_closed: awaited with a key and its session when that session is over, for whatever reason.
    """

    def __init__(
        self,
        python: Path,
        settings: PoolSettings | None = None,
        *,
        added: tuple[str, ...] = (),
        find_newest: Callable[[], Interpreter | None] | None = None,
        on_closed: Callable[[str, Session], Awaitable[None]] | None = None,
    ) -> None:
        settings = settings or PoolSettings()
        self.added = added
        self.on_closed = on_closed
        self.on_ending: Callable[[str, Session], Awaitable[None]] | None = None
        self._endings = Endings(settings.closing_seconds)
        self._python = python
        self._find_newest = find_newest
        self._limits = settings.limits
        self._entries: dict[str, _Entry] = {}
        most, most_each = settings.max_sessions, settings.tenant_sessions
        self._slots = Slots(
            most=most,
            most_each=most if most_each is None else most_each,
            most_waiting=settings.queue,
            seconds=settings.queue_seconds,
            vacate=self._close_idlest,
        )
        self._groups = ControlGroups(settings.cores, use=settings.control_groups)
        jails = registry.choose(settings.jail, settings.runsc, self._groups)
        make = partial(
            WarmPool,
            limits=settings.limits,
            jails=jails,
            lowers=settings.lowers,
            warm=settings.warm,
        )
        self._warm_pools = WarmPools(make, python, apart=jails[0].own_kernel)
        self._starting: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._releases: set[asyncio.Task[None]] = set()

    @property
    def is_ready(self) -> bool:
        """Whether sessions can be opened at once; until then, `open` waits."""
        start = self._starting
        if start is None or not start.done() or start.cancelled() or start.exception():
            return False
        return not self._warm_pools.is_failing

    @property
    def jail(self) -> JailName | None:
        """What isolates sessions; see `Sessions.jail`."""
        return self._warm_pools.jail.name if self.is_ready and self._warm_pools.jail else None

    def begin(self) -> None:
        """Begin to start; see `Sessions.begin`."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._start(), name="sandbox start")

    async def start(self) -> None:
        """Wait until the zygote runs; see `Sessions.start`."""
        self.begin()
        assert self._starting is not None
        await asyncio.shield(self._starting)

    async def _start(self) -> None:
        allow_descriptors()
        self._groups.open()
        try:
            await self._warm_pools.start()
        except BaseException:
            await self._warm_pools.close()
            self._groups.close()
            raise
        self._tasks = [
            start_for_ever("sandbox queue", self._slots.admit_waiters),
            start_for_ever("sandbox expiry", self._tend),
            start_for_ever("sandbox quota", partial(disk_watch.watch, self._live)),
        ]
        if self._find_newest is not None:
            follow = partial(self._follow_interpreter, self._find_newest)
            self._tasks.append(start_for_ever("sandbox interpreter", follow))
        if "memory" not in self._groups.controllers:
            watch = partial(memory_watch.watch, self._live)
            self._tasks.append(start_for_ever("sandbox memory", watch))

    async def close(self) -> None:
        """Close every session and the zygote; see `Sessions.close`."""
        self._slots.close()
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._endings.limit()
        await asyncio.gather(*(self._drop_safely(key, "closing") for key in list(self._entries)))
        self._endings.log_unheard()
        await asyncio.gather(*self._releases, return_exceptions=True)  # whose callers are gone
        await self._warm_pools.close()
        await asyncio.to_thread(self._groups.close)

    async def open(self, key: str, tenant: Tenant = OPERATOR) -> Session:
        """Return the live session of `key`, or a new one; see `Sessions.open`."""
        began, outcome = time.perf_counter(), "failed"
        try:
            with telemetry.measuring("session_claim") as measured:
                session, outcome = await self._claim(key, tenant)
                if measured:
                    measured.outcome = outcome
            return session
        finally:
            metrics.SESSION_CLAIM_SECONDS.observe(time.perf_counter() - began, outcome)

    async def _claim(self, key: str, tenant: Tenant) -> tuple[GuestSession, str]:
        """Return the session of `key`, and where it came from: `live`, `parked` or `new`."""
        while True:
            entry = self._entries.setdefault(key, _Entry(tenant, asyncio.Lock()))
            async with entry.lock:
                if self._entries.get(key) is entry:
                    return await self._open(key, entry, tenant)

    async def use(self, python: Path, added: tuple[str, ...] = ()) -> None:
        """Open sessions with another interpreter from now on; those that live keep theirs.

        Raises:
            StartupError: no zygote starts with it; the old one stays.
        """
        await self._warm_pools.use(python)
        self.added = added

    async def drop(self, key: str) -> None:
        """Close the session of `key`, if it has one."""
        await self._drop(key, "closed")

    async def retire(self, key: str) -> None:
        """Close the session of `key` as if its hour were over; see `Sessions.retire`."""
        await self._drop(key, "retired")

    async def _drop(self, key: str, why: str) -> None:
        """Close the session of `key`, if it has one; see `_release`."""
        entry = self._entries.get(key)
        if entry is None:
            return
        async with entry.lock:
            if self._entries.get(key) is entry:
                try:
                    await self._release(key, entry, why)
                finally:
                    del self._entries[key]

    async def measure(self, key: str) -> Use | None:
        """Return what the live session of `key` takes now; see `Sessions.measure`."""
        entry = self._entries.get(key)
        session = entry and entry.session
        if session is None or not session.alive:
            return None
        ends_at, bound = self._ends_at(session), session.memory_bound
        if session.pid is None:
            return Use(session.opened_at, ends_at, bound.total)
        memory = await asyncio.to_thread(memory_watch.measure, session.pid, bound)
        cpu = sum(map(procfs.cpu_seconds, procfs.tree(session.pid)))
        return Use(session.opened_at, ends_at, bound.total, memory, cpu)

    def count_before(self, key: str) -> int | None:
        """Return how many wait for a session before `key` does; see `Sessions.count_before`."""
        return self._slots.count_before(key)

    def describe(self) -> Overview:
        """Return who has a session, and who waits for one; see `Sessions.describe`."""
        live = [
            describe_session(key, session, entry.tenant.id, self._ends_at(session))
            for key, entry in self._entries.items()
            if (session := entry.session) is not None and session.alive
        ]
        return describe_pool(live, self._slots, self._warm_pools.all if self.is_ready else ())

    async def examine(self) -> tuple[Wall, ...]:
        """Look at a session of its own through the kernel's eyes; see `Sessions.examine`."""
        pools = self._warm_pools.all
        return await pools[0].examine() if pools else ()

    async def _open(self, key: str, entry: _Entry, tenant: Tenant) -> tuple[GuestSession, str]:
        session = entry.session
        if session is not None and session.alive and not self._is_over(session):
            session.used_at = clock.now()
            return session, "live"
        try:
            await self._release(key, entry)
            entry.tenant = tenant
            await self._slots.take(tenant, key)
            try:
                session = entry.session = await self._warm_pools.take(
                    tenant, self._limits_of(tenant)
                )
            except BaseException:
                self._slots.give_back(tenant.id)
                raise
        except BaseException:
            del self._entries[key]
            raise
        session.opened_at = session.used_at = clock.now()
        how = "parked" if session.was_parked else "new"
        metrics.SESSIONS_OPENED.add(how)
        metrics.count_for_project(metrics.PROJECT_SESSIONS, tenant.id)
        return session, how

    async def _release(self, key: str, entry: _Entry, why: str = "closed") -> None:
        """Close the session of an entry; goes on to its end when the caller is cancelled.

        Args:
            key: whose it is.
            entry: with the session, if it has one.
            why: as metrics count it, where the session is neither dead nor over.
        """
        session, entry.session = entry.session, None
        if session is not None:
            end = self._find_end(session) or why
            metrics.SESSIONS_ENDED.add(_COUNTED_AS.get(end, end))
            work = self._close_session(key, session, entry.tenant, is_planned=end in _PLANNED)
            task = asyncio.create_task(work, name="sandbox release")
            self._releases.add(task)
            task.add_done_callback(self._releases.discard)
            await asyncio.shield(task)

    async def _close_session(
        self, key: str, session: GuestSession, tenant: Tenant, *, is_planned: bool
    ) -> None:
        try:
            if is_planned and session.alive and not session.is_fresh:
                await self._endings.tell_ending(self.on_ending, key, session)
            await session.close()
        finally:
            self._slots.give_back(tenant.id)
        await self._endings.tell_closed(self.on_closed, key, session)

    async def _close_idlest(self, tenant_id: str | None) -> bool:
        """Close the session left alone longest, of one tenant or of any; False where none idles.

        A tenant's idle time counts as often as it has sessions: who has many makes room first.
        """
        latest = clock.now() - _EVICT_IDLE_SECONDS
        idle = {
            key: entry
            for key, entry in self._entries.items()
            if entry.session is not None
            and not entry.lock.locked()
            and not entry.session.busy
            and entry.session.used_at <= latest
            and tenant_id in {None, entry.tenant.id}
        }
        if not idle:
            return False
        shares = Counter(entry.tenant.id for entry in self._entries.values())

        def weight(key: str) -> float:
            session = idle[key].session
            assert session is not None
            return (clock.now() - session.used_at) * shares[idle[key].tenant.id]

        await self._drop_safely(max(idle, key=weight), "evicted")
        return True

    async def _drop_safely(self, key: str, why: str = "closed") -> None:
        """Close the session of `key`; trouble with it is no trouble of whoever tends the others."""
        try:
            await self._drop(key, why)
        except Exception as error:  # noqa: BLE001  the others must be tended all the same
            log.error("session not closed", **failure(error))

    async def _tend(self) -> None:
        """Close what is over or dead, once nobody can be reading its files any more."""
        while True:
            await asyncio.sleep(_TEND_SECONDS)
            settled = clock.now() - _LINGER_SECONDS
            for key, entry in list(self._entries.items()):
                session = entry.session
                if session is None or session.busy or session.used_at > settled:
                    continue
                if not session.alive or self._is_over(session):
                    await self._drop_safely(key)
            await self._warm_pools.close_unused(
                {entry.tenant.id for entry in self._entries.values()}
            )

    async def _follow_interpreter(self, find_newest: Callable[[], Interpreter | None]) -> None:
        """Open sessions with what the operator builds meanwhile (`assistd env add`); old ones keep theirs."""
        while True:
            await asyncio.sleep(_FOLLOW_SECONDS)
            try:
                found = await asyncio.to_thread(find_newest)
                if found is None or found.python == self._python:
                    continue
                self._python = found.python  # also if it does not start: it is not tried again
                await self.use(found.python, found.added)
            except AssistdError as error:
                log.error("new interpreter environment not used", **failure(error))
            else:
                log.info(
                    "new interpreter environment in use", environment=found.python.parents[1].name
                )

    def _live(self) -> list[GuestSession]:
        return [entry.session for entry in self._entries.values() if entry.session is not None]

    def _limits_of(self, tenant: Tenant) -> Limits:
        if tenant.memory_bytes is None:
            return self._limits
        return dataclasses.replace(self._limits, memory_bytes=tenant.memory_bytes)

    def _ends_at(self, session: GuestSession) -> float:
        """Return when a session is over if nobody uses it until then."""
        limits = self._limits
        return min(
            session.opened_at + limits.session_seconds, session.used_at + limits.idle_seconds
        )

    def _is_over(self, session: GuestSession) -> bool:
        return self._find_lapse(session) is not None

    def _find_lapse(self, session: GuestSession) -> str | None:
        """Return what of its time is over: its `age`, or what it may be `idle`; None where nothing is."""
        now, limits = clock.now(), self._limits
        if now - session.opened_at >= limits.session_seconds:
            return "age"
        is_idle = now - session.used_at >= limits.idle_seconds and not session.busy
        return "idle" if is_idle else None

    def _find_end(self, session: GuestSession) -> str | None:
        """Return why a session that is closed has ended already, or must; None where it need not."""
        if session.ran_out_of_memory:
            return "memory"
        return self._find_lapse(session) if session.alive else "died"
