"""The live sessions of this host: one per key, some waiting in stock, all counted and aged."""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from assistd import clock
from assistd.errors import AssistdError
from assistd.logs import failure
from assistd.sandbox import jails, memory
from assistd.sandbox.base import (
    OPERATOR,
    Claim,
    JailChoice,
    Limits,
    SandboxError,
    Session,
    Tenant,
)
from assistd.sandbox.places import Places
from assistd.sandbox.session import GuestSession
from assistd.sandbox.zygote import Zygote

log = structlog.get_logger()

_TEND_SECONDS = 1.0
_REFILL_DELAY_SECONDS = 0.05  # the session just claimed runs its first cell first
_RETRY_SECONDS = 5.0
_EVICT_IDLE_SECONDS = 3.0  # the files of a call that just ended are still being read
_LINGER_SECONDS = 30.0
_WATCH_SECONDS = 0.1
_WATCH_REST = 2  # rest this many times as long as a look took


@dataclasses.dataclass(slots=True)
class _Slot:
    """A key's session, for whom it is, and the lock that makes its claims queue."""

    tenant: Tenant
    lock: asyncio.Lock
    session: GuestSession | None = None


class SessionPool:
    """Sessions of one interpreter environment; implements `Sessions`.

    Args:
        python: the interpreter of the interpreter environment.
        limits: of each session.
        jail: what shuts sessions in; `auto` is the strongest that this host gives.
        max_sessions: how many keys may have a live session at once.
        tenant_sessions: how many of them a tenant may have that names no number of its own.
        queue: how many claims may wait while all sessions are in use.
        queue_seconds: how long a claim waits.
        parked: how many forked sessions wait in stock for the next claim.
        lowers: this process's folder for lower folders; None where files are only copied.
        on_closed: awaited with a key and its session when that session is over, for whatever reason.
    """

    def __init__(
        self,
        python: Path,
        *,
        limits: Limits | None = None,
        jail: JailChoice = "auto",
        max_sessions: int = 100,
        tenant_sessions: int | None = None,
        queue: int = 100,
        queue_seconds: float = 60.0,
        parked: int = 1,
        lowers: Path | None = None,
        on_closed: Callable[[str, Session], Awaitable[None]] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._python = python
        self._limits = limits or Limits()
        self._jail: JailChoice = jail
        self._parked_wanted = parked
        self._lowers = lowers
        self._on_closed = on_closed
        self._slots: dict[str, _Slot] = {}
        self._places = Places(
            most=max_sessions,
            most_each=max_sessions if tenant_sessions is None else tenant_sessions,
            most_waiting=queue,
            seconds=queue_seconds,
            vacate=self._close_idlest,
        )
        self._parked: list[GuestSession] = []
        self._zygote: Zygote | None = None
        self._zygote_lock = asyncio.Lock()
        self._refill = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the zygote and fill the stock.

        Raises:
            StartupError: the jail or the interpreter environment does not work; says what to do.
        """
        await self._living_zygote()
        self._refill.set()
        self._tasks = [
            asyncio.create_task(self._keep_parked(), name="sandbox stock"),
            asyncio.create_task(self._places.usher(), name="sandbox queue"),
            asyncio.create_task(self._tend(), name="sandbox expiry"),
            asyncio.create_task(self._watch_memory(), name="sandbox memory"),
        ]

    async def close(self) -> None:
        """Close every session and the zygote; nothing of them is left."""
        self._places.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(self.drop(key) for key in list(self._slots)))
        await asyncio.gather(*(session.close() for session in self._parked))
        self._parked.clear()
        async with self._zygote_lock:
            if self._zygote is not None:
                await self._zygote.close()

    async def claim(self, key: str, tenant: Tenant = OPERATOR) -> Claim:
        """The live session of `key`, or a new one; see `Sessions.claim`."""
        while True:
            slot = self._slots.setdefault(key, _Slot(tenant, asyncio.Lock()))
            async with slot.lock:
                if self._slots.get(key) is slot:
                    return await self._claim(key, slot, tenant)

    def find(self, key: str) -> Session | None:
        """The session `key` has now, alive or dead; opens none."""
        slot = self._slots.get(key)
        return slot.session if slot else None

    async def drop(self, key: str) -> None:
        """Close the session of `key`, if it has one."""
        slot = self._slots.get(key)
        if slot is None:
            return
        async with slot.lock:
            if self._slots.get(key) is slot:
                await self._release(key, slot)
                del self._slots[key]

    async def _claim(self, key: str, slot: _Slot, tenant: Tenant) -> Claim:
        session = slot.session
        if session is not None and session.alive and not self._is_over(session):
            session.used_at = clock.now()
            return Claim(session, fresh=False)
        await self._release(key, slot)
        slot.tenant = tenant
        try:
            await self._places.take(tenant)
            try:
                session = slot.session = await self._take()
            except BaseException:
                self._places.give_back(tenant.id)
                raise
        except BaseException:
            del self._slots[key]
            raise
        session.opened_at = session.used_at = clock.now()
        return Claim(session, fresh=True)

    async def _release(self, key: str, slot: _Slot) -> None:
        session, slot.session = slot.session, None
        if session is not None:
            try:
                await session.close()
            finally:
                self._places.give_back(slot.tenant.id)
            await self._tell_closed(key, session)

    async def _tell_closed(self, key: str, session: Session) -> None:
        if self._on_closed is None:
            return
        try:
            await self._on_closed(key, session)
        except Exception as error:  # noqa: BLE001  the session is closed, whoever fails to note it
            log.error("end of session not noted", session_id=session.id, **failure(error))

    async def _close_idlest(self, tenant_id: str | None) -> bool:
        """Close the session left alone longest, of one tenant or of any; False where none idles.

        A tenant's idle time counts as often as it has sessions: who has many makes room first.
        """
        latest = clock.now() - _EVICT_IDLE_SECONDS
        idle = {
            key: slot
            for key, slot in self._slots.items()
            if slot.session is not None
            and not slot.lock.locked()
            and not slot.session.busy
            and slot.session.used_at <= latest
            and tenant_id in {None, slot.tenant.id}
        }
        if not idle:
            return False
        shares = Counter(slot.tenant.id for slot in self._slots.values())

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

    async def _take(self) -> GuestSession:
        """A session from the stock, else a new one; a zygote that just died is replaced once."""
        while self._parked:
            session = self._parked.pop(0)
            self._refill.set()
            if session.alive:
                return session
            await session.close()
        try:
            return await self._open()
        except SandboxError:
            zygote = self._zygote
            if zygote is None or not zygote.ended.done():
                raise
        return await self._open()

    async def _open(self) -> GuestSession:
        try:
            return await GuestSession.open(await self._living_zygote(), self._limits)
        except OSError as error:
            raise SandboxError(f"this host has no room for another session: {error}") from error

    async def _living_zygote(self) -> Zygote:
        async with self._zygote_lock:
            if self._zygote is None or self._zygote.ended.done():
                self._zygote = await self._start_zygote()
            return self._zygote

    async def _start_zygote(self) -> Zygote:
        """The first one decides on the jail: a later one never makes do with a weaker."""
        jail, zygote = await jails.start(self._jail, self._python, self._limits, self._lowers)
        self._jail = jail.name
        return zygote

    async def _keep_parked(self) -> None:
        """Fill the stock whenever something was taken from it."""
        while True:
            await self._refill.wait()
            self._refill.clear()
            await asyncio.sleep(_REFILL_DELAY_SECONDS)
            while len(self._parked) < self._parked_wanted:
                try:
                    session = await self._open()
                except AssistdError:  # a claim meets the same trouble and reports it
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
                self._parked.append(session)  # first, so that `close` finds it whatever comes
                await session.rehearse()

    async def _tend(self) -> None:
        """Close what is over or dead, once nobody can be reading its files any more."""
        while True:
            await asyncio.sleep(_TEND_SECONDS)
            settled = clock.now() - _LINGER_SECONDS
            for key, slot in list(self._slots.items()):
                session = slot.session
                if session is None or session.busy or session.used_at > settled:
                    continue
                if not session.alive or self._is_over(session):
                    await self._drop_safely(key)

    async def _watch_memory(self) -> None:
        """End every session that holds more memory than it may."""
        limit = self._limits.memory_bytes
        while True:
            sessions = [slot.session for slot in self._slots.values() if slot.session is not None]
            running = {session.pid: session for session in sessions if session.running}
            started = self._loop.time()
            over = await asyncio.to_thread(memory.over_limit, running, limit) if running else ()
            for pid in over:
                running[pid].kill(f"it used more than its memory limit of {limit >> 20} MiB")
            spent = self._loop.time() - started
            await asyncio.sleep(max(_WATCH_SECONDS, spent * _WATCH_REST))

    def _is_over(self, session: GuestSession) -> bool:
        return clock.now() - session.opened_at >= self._limits.session_seconds
