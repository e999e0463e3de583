"""Sessions in memory that run no code: for tests of what stands on the sandbox.

A function of the test plays the interpreter. Everything else keeps the promises of `base`, as far as
memory can: the conformance suite runs against these sessions and the real ones alike.
"""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from contextlib import suppress

from assistd import clock
from assistd.sandbox.base import (
    OPERATOR,
    BusyError,
    ClosedError,
    Limits,
    Session,
    Tenant,
)
from assistd.sandbox.fake_session import Cell, FakeSession, Play
from assistd.sandbox.measures import Use
from assistd.sandbox.overview import LiveSession, Overview, Wall


async def _ignore(_: Cell) -> None:
    """Run nothing, show nothing."""


class FakeSessions:
    """Sessions in memory; implements `Sessions`.

    Args:
        play: plays the interpreter; the default shows nothing for any code.
        limits: of each session.
        max_sessions: how many keys may have a live session at once.
        added: the packages that it says new sessions import.
        on_closed: awaited with a key and its session when that session is over.
    """

    def __init__(
        self,
        play: Play = _ignore,
        *,
        limits: Limits | None = None,
        max_sessions: int = 100,
        added: tuple[str, ...] = (),
        on_closed: Callable[[str, Session], Awaitable[None]] | None = None,
    ) -> None:
        self.added = added
        self.on_closed = on_closed
        self.on_ending: Callable[[str, Session], Awaitable[None]] | None = None
        self._play = play
        self._limits = limits or Limits()
        self._most = max_sessions
        self._live: dict[str, tuple[Tenant, FakeSession]] = {}
        self._opening = asyncio.Lock()
        self._is_closed = False
        self.is_ready = False
        self.jail = None

    def begin(self) -> None:
        """Begin to start, which takes no time; see `Sessions.begin`."""
        self.is_ready = True

    async def start(self) -> None:
        """Start; see `Sessions.start`."""
        self.begin()

    async def open(self, key: str, tenant: Tenant = OPERATOR) -> "FakeSession":
        """Return the live session of `key`, or open one; see `Sessions.open`."""
        if self._is_closed:
            raise ClosedError
        self.begin()
        async with self._opening:
            if key in self._live and self._live[key][1].alive:
                session = self._live[key][1]
            else:
                await self._close(key)
                await self._make_room(tenant)
                memory = tenant.memory_bytes or self._limits.memory_bytes
                limits = dataclasses.replace(self._limits, memory_bytes=memory)
                session = FakeSession(self._play, limits)
                self._live[key] = (tenant, session)
            session.used_at = clock.now()
            return session

    async def drop(self, key: str) -> None:
        """Close the session of `key`, if it has one."""
        async with self._opening:
            await self._close(key)

    async def retire(self, key: str) -> None:
        """Close the session of `key` after its planned end was told; see `Sessions.retire`."""
        async with self._opening:
            await self._retire(key)

    async def measure(self, key: str) -> Use | None:
        """Return what the live session of `key` takes; see `Sessions.measure`."""
        _, session = self._live.get(key, (None, None))
        if session is None or not session.alive:
            return None
        limits = session.limits
        ends_at = session.used_at + limits.idle_seconds
        return Use(session.opened_at, ends_at, limits.memory_bytes)

    def count_before(self, key: str) -> None:
        """Return that nobody waits; see `Sessions.count_before`."""

    def describe(self) -> Overview:
        """Return who has a session; see `Sessions.describe`."""
        live = [
            LiveSession(
                key,
                session.id,
                tenant.id,
                is_busy=session.busy,
                opened_at=session.opened_at,
                used_at=session.used_at,
                ends_at=session.used_at + session.limits.idle_seconds,
                memory_limit_bytes=session.limits.memory_bytes,
            )
            for key, (tenant, session) in self._live.items()
            if session.alive
        ]
        return Overview(live=tuple(live), most=self._most)

    async def examine(self) -> tuple[Wall, ...]:
        """Return nothing, for there are no walls; see `Sessions.examine`."""
        return ()

    async def close(self) -> None:
        """Close every session; see `Sessions.close`."""
        self._is_closed = True
        for key in list(self._live):
            await self.retire(key)

    def lose_host(self) -> None:
        """Lose every session that is live, as if its host could not be reached any more."""
        for _, session in self._live.values():
            session.lose_host()

    async def _make_room(self, tenant: Tenant) -> None:
        """Close the session that idled longest where there are as many as there may be."""
        own = {key for key, (owner, _) in self._live.items() if owner.id == tenant.id}
        if tenant.max_sessions is not None and len(own) >= tenant.max_sessions:
            keys = own
        elif len(self._live) >= self._most:
            keys = set(self._live)
        else:
            return
        idle = [key for key in keys if not self._live[key][1].busy]
        if not idle:
            raise BusyError("All sessions are in use.")
        await self._retire(min(idle, key=lambda one: self._live[one][1].used_at))

    async def _retire(self, key: str) -> None:
        _, session = self._live.get(key, (None, None))
        if session and session.alive and not session.is_fresh and self.on_ending is not None:
            with suppress(Exception):  # the session ends, whoever fails to keep what it knows
                await self.on_ending(key, session)
        await self._close(key)

    async def _close(self, key: str) -> None:
        if key in self._live:
            _, session = self._live.pop(key)
            await session.close()
            if self.on_closed is not None:
                await self.on_closed(key, session)
