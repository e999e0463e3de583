"""The live sessions of this host: one per key, some waiting warm, all counted and aged."""

import asyncio
import dataclasses
import resource
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from assistd import clock, telemetry
from assistd.errors import AssistdError
from assistd.logs import Logger, failure
from assistd.sandbox.base import OPERATOR, JailChoice, Limits, Runsc, Session, Tenant
from assistd.sandbox.jails import registry
from assistd.sandbox.limits import disk_watch, memory_watch
from assistd.sandbox.limits.cgroups import ControlGroups
from assistd.sandbox.pool.slots import Slots
from assistd.sandbox.pool.warm_pool import WarmPool, WarmPools
from assistd.sandbox.session.session import GuestSession

log = Logger()

_TEND_SECONDS = 1.0
_EVICT_IDLE_SECONDS = 3.0  # the files of a call that just ended are still being read
_LINGER_SECONDS = 30.0
_AGAIN_SECONDS = 1.0
_FOLLOW_SECONDS = 2.0


@dataclasses.dataclass(slots=True)
class _Entry:
    """A key's session, for whom it is, and the lock that makes its claims queue."""

    tenant: Tenant
    lock: asyncio.Lock
    session: GuestSession | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class PoolSettings:
    """How many sessions a pool opens, and what each may have.

    Args:
        limits: of each session.
        jail: what isolates sessions; `auto` is the strongest that this host gives.
        runsc: which gVisor, where that is the jail.
        max_sessions: how many keys may have a live session at once.
        tenant_sessions: how many of them a tenant may have that names no number of its own; None for
            all of them.
        queue: how many callers of `open` may wait while all sessions are in use.
        queue_seconds: how long one of them waits.
        warm: how many forked sessions wait for the next that is opened.
        lowers: this process's folder for overlay lowerdirs; None where files are only copied.
        cores: how many processors' time a session may take, where control groups can tell.
        control_groups: whether to use those of the host.
    """

    limits: Limits = dataclasses.field(default_factory=Limits)
    jail: JailChoice = "auto"
    runsc: Runsc = dataclasses.field(default_factory=Runsc)
    max_sessions: int = 100
    tenant_sessions: int | None = None
    queue: int = 100
    queue_seconds: float = 60.0
    warm: int = 1
    lowers: Path | None = None
    cores: float | None = None
    control_groups: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Interpreter:
    """What runs the code of new sessions.

    Args:
        python: the interpreter of an interpreter environment.
        added: the packages in it that an operator added.
    """

    python: Path
    added: tuple[str, ...] = ()


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
        return (
            start is not None and start.done() and not start.cancelled() and not start.exception()
        )

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
        _allow_descriptors()
        self._groups.open()
        try:
            await self._warm_pools.start()
        except BaseException:
            await self._warm_pools.close()
            self._groups.close()
            raise
        self._tasks = [
            _start_for_ever("sandbox queue", self._slots.admit_waiters),
            _start_for_ever("sandbox expiry", self._tend),
            _start_for_ever("sandbox quota", partial(disk_watch.watch, self._live)),
        ]
        if self._find_newest is not None:
            follow = partial(self._follow_interpreter, self._find_newest)
            self._tasks.append(_start_for_ever("sandbox interpreter", follow))
        if "memory" not in self._groups.controllers:
            watch = partial(memory_watch.watch, self._live)
            self._tasks.append(_start_for_ever("sandbox memory", watch))

    async def close(self) -> None:
        """Close every session and the zygote; see `Sessions.close`."""
        self._slots.close()
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(self._drop_safely(key) for key in list(self._entries)))
        await asyncio.gather(*self._releases, return_exceptions=True)  # whose callers are gone
        await self._warm_pools.close()
        await asyncio.to_thread(self._groups.close)

    async def open(self, key: str, tenant: Tenant = OPERATOR) -> Session:
        """Return the live session of `key`, or a new one; see `Sessions.open`."""
        with telemetry.measuring("session_claim"):
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
        entry = self._entries.get(key)
        if entry is None:
            return
        async with entry.lock:
            if self._entries.get(key) is entry:
                try:
                    await self._release(key, entry)
                finally:
                    del self._entries[key]

    async def _open(self, key: str, entry: _Entry, tenant: Tenant) -> GuestSession:
        session = entry.session
        if session is not None and session.alive and not self._is_over(session):
            session.used_at = clock.now()
            return session
        try:
            await self._release(key, entry)
            entry.tenant = tenant
            await self._slots.take(tenant)
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
        return session

    async def _release(self, key: str, entry: _Entry) -> None:
        """Close the session of an entry; goes on to its end when the caller is cancelled."""
        session, entry.session = entry.session, None
        if session is not None:
            work = self._close_session(key, session, entry.tenant)
            task = asyncio.create_task(work, name="sandbox release")
            self._releases.add(task)
            task.add_done_callback(self._releases.discard)
            await asyncio.shield(task)

    async def _close_session(self, key: str, session: GuestSession, tenant: Tenant) -> None:
        try:
            await session.close()
        finally:
            self._slots.give_back(tenant.id)
        await self._tell_closed(key, session)

    async def _tell_closed(self, key: str, session: Session) -> None:
        if self.on_closed is None:
            return
        try:
            await self.on_closed(key, session)
        except Exception as error:  # noqa: BLE001  the session is closed, whoever fails to note it
            log.error("end of session not noted", session_id=session.id, **failure(error))

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

        await self._drop_safely(max(idle, key=weight))
        return True

    async def _drop_safely(self, key: str) -> None:
        """Close the session of `key`; trouble with it is no trouble of whoever tends the others."""
        try:
            await self.drop(key)
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

    def _is_over(self, session: GuestSession) -> bool:
        now, limits = clock.now(), self._limits
        old = now - session.opened_at >= limits.session_seconds
        return old or (now - session.used_at >= limits.idle_seconds and not session.busy)


def _start_for_ever(name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
    """Start a task that no trouble ends: without it nobody would be held to a limit any more."""

    async def go_on() -> None:
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001  a host without descriptors, for one
                log.error("sandbox task failed, it starts again", task=name, **failure(error))
            await asyncio.sleep(_AGAIN_SECONDS)

    return asyncio.create_task(go_on(), name=name)


def _allow_descriptors() -> None:
    """Take as many open files as the host allows at all: a session needs six, some hosts start at 1024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
