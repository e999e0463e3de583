"""Zygotes with the sessions forked from them in advance: one for all tenants, or one for each.

Each tenant has its own where the jail gives zygotes kernels of their own.
"""

import asyncio
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from pathlib import Path

from assistd import clock, metrics
from assistd.errors import AssistdError
from assistd.logs import Logger, failure
from assistd.sandbox.base import OPERATOR, Limits, SandboxError, Tenant
from assistd.sandbox.jails import doctor, registry
from assistd.sandbox.jails.registry import Jail
from assistd.sandbox.overview import Wall
from assistd.sandbox.session.session import GuestSession
from assistd.sandbox.zygote.client import Zygote

log = Logger()

_REFILL_DELAY_SECONDS = 0.05  # at most: the session just taken runs its first cell first
_RETRY_SECONDS = 5.0
_DYING_SECONDS = 3.0  # a session may be heard to end before the zygote that took it along
_UNUSED_SECONDS = 300.0  # a tenant that comes back sooner finds its kernel running


class WarmPool:
    """Opens sessions, `warm` of them before anybody asks.

    Args:
        python: the interpreter of the interpreter environment.
        limits: of warm sessions, and of every other that asks for nothing else.
        jails: what may shut sessions in, the best first.
        lowers: this process's folder for overlay lowerdirs; None where files are only copied.
        warm: how many forked sessions wait to be taken.
    """

    def __init__(
        self,
        python: Path,
        *,
        limits: Limits,
        jails: Sequence[Jail],
        lowers: Path | None,
        warm: int,
    ) -> None:
        self._python = python
        self._limits = limits
        self._jails = jails
        self._lowers = lowers
        self._wanted = warm
        self._zygote_lock = asyncio.Lock()
        self._refill = asyncio.Event()
        self._taken: GuestSession | None = None
        self._opening: asyncio.Task[GuestSession] | None = None
        self._is_awaited = False
        self._retiring: dict[asyncio.Task[None], Zygote] = {}
        self.zygote: Zygote | None = None
        self.warm: list[GuestSession] = []
        self.is_failing = False
        """Whether the last session that was to wait could not be opened; it is tried again."""
        self._refilling = asyncio.create_task(self._keep_warm(), name="sandbox warm pool")

    async def start(self) -> None:
        """Start the zygote.

        Raises:
            StartupError: the jail or the interpreter environment does not work; says what to do.
        """
        await self._living_zygote()

    @property
    def jail(self) -> Jail:
        """The jail in which sessions are opened; before the first start the best that is tried."""
        return self._jails[0]

    async def examine(self) -> tuple[Wall, ...]:
        """Look at a session of its own through the kernel's eyes.

        Raises:
            SandboxError: no session can be had; the message says why.
        """
        zygote = await self._living_zygote()
        found = await doctor.look_over(zygote, self._limits, self._jails[0], self._python)
        return tuple(Wall(one.name, one.stands, one.required, one.meaning) for one in found)

    async def take(self, limits: Limits) -> GuestSession:
        """Return a warm session with these limits, else a new one; a zygote that just died is replaced.

        Raises:
            SandboxError: no session can be had now; the message says why.
        """
        if limits == self._limits and not self.warm:
            await self._await_opening()
        while self.warm and limits == self._limits:
            session = self.warm.pop(0)
            self._refill.set()
            if session.alive:
                self._taken = session
                return session
            await session.close()
        return await self._open(limits)

    async def _await_opening(self) -> None:
        """Wait until the session that is being opened is warm, unless somebody else waits for it."""
        if self._opening and not self._is_awaited:
            self._is_awaited = True
            try:
                await asyncio.wait([self._opening])
            finally:
                self._is_awaited = False

    async def _keep_warm(self) -> None:
        """Refill whenever something was taken, for ever; after trouble, try again."""
        while True:
            await self._refill.wait()
            self._refill.clear()
            try:
                await self._fill()
                self.is_failing = False
            except Exception as error:  # noqa: BLE001  without this task nothing stays warm
                if not isinstance(error, AssistdError):  # a claim meets that, too, and reports it
                    log.error("no session parked, it is tried again", **failure(error))
                metrics.SANDBOX_FAILURES.add(self.jail.name, "task")
                self.is_failing = True
                await asyncio.sleep(_RETRY_SECONDS)
                self._refill.set()

    async def _let_begin(self) -> None:
        """Let the session that was taken last run its first cell, if that takes no time."""
        if taken := self._taken:
            with suppress(TimeoutError):
                async with asyncio.timeout(_REFILL_DELAY_SECONDS):
                    await taken.has_run.wait()

    async def _fill(self) -> None:
        """Fork as many sessions as are to wait, and let go of those that died."""
        dead = [session for session in self.warm if not session.alive]
        self.warm = [session for session in self.warm if session.alive]
        await asyncio.gather(*(session.close() for session in dead))
        while len(self.warm) < self._wanted:
            await self._let_begin()
            python = self._python
            zygote = await self._living_zygote()
            await asyncio.shield(zygote.warm)  # what waits is to be as fast as can be
            session = await self._open_ahead()
            if self._python != python:  # it may be of the interpreter that was in use before
                await session.close()
                continue
            session.was_parked = True
            self.warm.append(session)  # first, so that `close` finds it whatever comes
            await session.rehearse()

    async def _open_ahead(self) -> GuestSession:
        self._opening = asyncio.create_task(self._open(self._limits), name="sandbox opening")
        try:
            return await self._opening
        finally:
            self._opening = None

    async def use(self, python: Path) -> None:
        """Open sessions with another interpreter from now on; those that live keep theirs.

        Raises:
            StartupError: no zygote starts with it; the old one stays.
        """
        async with self._zygote_lock:
            before, self._python = self._python, python
            try:
                fresh = await self._start_zygote()
            except BaseException:
                self._python = before
                raise
            old, self.zygote = self.zygote, fresh
            stale, self.warm = self.warm, []
        if old is not None:
            task = asyncio.create_task(old.retire(), name="sandbox retirement")
            self._retiring[task] = old
            task.add_done_callback(self._retiring.pop)
        await asyncio.gather(*(session.close() for session in stale))
        self._refill.set()

    async def close(self) -> None:
        """Close what is warm, and every zygote with every session it ever forked."""
        self._refilling.cancel()
        await asyncio.gather(self._refilling, return_exceptions=True)
        await asyncio.gather(*(session.close() for session in self.warm))
        self.warm.clear()
        await asyncio.gather(*(zygote.close() for zygote in self._retiring.values()))
        async with self._zygote_lock:
            if self.zygote is not None:
                await self.zygote.close()

    async def _open(self, limits: Limits) -> GuestSession:
        """Return a new session; what fails is counted."""
        try:
            return await self._fork(limits)
        except (AssistdError, OSError):
            metrics.SANDBOX_FAILURES.add(self.jail.name, "open")
            raise

    async def _fork(self, limits: Limits) -> GuestSession:
        """Return a new session; where its zygote dies meanwhile, one of the next zygote."""
        try:
            zygote = await self._living_zygote()
            groups = self._jails[0].session_groups
            try:
                return await GuestSession.open(zygote, limits, groups)
            except SandboxError:
                await asyncio.wait([zygote.ended], timeout=_DYING_SECONDS)
                if not zygote.ended.done():
                    raise
            return await GuestSession.open(await self._living_zygote(), limits, groups)
        except OSError as error:
            raise SandboxError(f"this host has no room for another session: {error}") from error

    async def _living_zygote(self) -> Zygote:
        async with self._zygote_lock:
            if self.zygote is None or self.zygote.ended.done():
                if self.zygote is not None:
                    metrics.ZYGOTE_RESTARTS.add(self.jail.name)
                self.zygote = await self._start_zygote()
                self._refill.set()
            return self.zygote

    async def _start_zygote(self) -> Zygote:
        """Start a zygote; the first one decides on the jail, so that no later one has weaker walls."""
        try:
            jail, zygote = await registry.start(
                self._jails, self._python, self._limits, self._lowers
            )
        except AssistdError:
            metrics.SANDBOX_FAILURES.add(self.jail.name, "start")
            raise
        self._jails = (jail,)
        zygote.ended.add_done_callback(lambda _: self._refill.set())
        return zygote


class WarmPools:
    """Opens sessions for tenants.

    Args:
        make: makes a warm pool for an interpreter.
        python: the interpreter of the interpreter environment.
        apart: whether each tenant has one of its own.
    """

    def __init__(self, make: Callable[[Path], WarmPool], python: Path, *, apart: bool) -> None:
        self._make = make
        self._python = python
        self._apart = apart
        self._warm_pools: dict[str, WarmPool] = {}
        self._used_at: dict[str, float] = {}

    @property
    def all(self) -> list[WarmPool]:
        """Those that stand now."""
        return list(self._warm_pools.values())

    @property
    def jail(self) -> Jail | None:
        """The jail in which sessions are opened; None before the first start."""
        return next((one.jail for one in self.all), None)

    @property
    def is_failing(self) -> bool:
        """Whether none of them can open sessions now."""
        return bool(self._warm_pools) and all(each.is_failing for each in self.all)

    async def start(self) -> None:
        """Start the first, which shows whether the jail works here.

        Raises:
            StartupError: it does not; says what to do.
        """
        await self._of(OPERATOR).start()

    async def take(self, tenant: Tenant, limits: Limits) -> GuestSession:
        """Return a session for a tenant; see `WarmPool.take`."""
        return await self._of(tenant).take(limits)

    async def use(self, python: Path) -> None:
        """Open sessions with another interpreter from now on; see `WarmPool.use`."""
        for warm_pool in self.all:
            await warm_pool.use(python)
        self._python = python

    async def close_unused(self, tenant_ids: Set[str]) -> None:
        """Close the warm pools of all tenants but these that have not been among them for a while."""
        now = clock.now()
        for name in list(self._warm_pools) if self._apart else ():
            if name in tenant_ids:
                self._used_at[name] = now
            elif now - self._used_at[name] > _UNUSED_SECONDS:
                await self._warm_pools.pop(name).close()

    async def close(self) -> None:
        """Close every warm pool, with every session it ever opened."""
        await asyncio.gather(*(warm_pool.close() for warm_pool in self.all))
        self._warm_pools.clear()

    def _of(self, tenant: Tenant) -> WarmPool:
        name = tenant.id if self._apart else OPERATOR.id
        if name not in self._warm_pools:
            self._warm_pools[name] = self._make(self._python)
        self._used_at[name] = clock.now()
        return self._warm_pools[name]
