"""Hosts in memory: each has fake sessions, beats, and can be reached by several processes at once."""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistd.db.database import Database
from assistd.engine.seating import SharedSeating
from assistd.hosting import Beat, Order
from assistd.periodic import repeating
from assistd.sandbox.base import OPERATOR, ClosedError, HostLostError, Limits, Session, Tenant
from assistd.sandbox.fake import FakeSessions
from assistd.sandbox.fake_session import Play
from assistd.sandbox.remote.fleet.beating import Beating
from assistd.sandbox.remote.fleet.fleet import Fleet, FleetSettings
from assistd.sandbox.remote.fleet.seating import Seating
from assistd.sandbox.remote.seats import SeatedSessions, SeatLostError


@dataclass(slots=True)
class Answer:
    """The answer to claims, held until a test gives it."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    given: asyncio.Event = field(default_factory=asyncio.Event)


class FakeHost:
    """A host whose sessions are in memory.

    Args:
        name: its id.
        seating: hears its beats.
        play: plays the interpreter.
        most: how many sessions it has.
        limits: of each.
    """

    def __init__(
        self,
        name: str,
        seating: Seating,
        play: Play,
        *,
        most: int = 50,
        limits: Limits | None = None,
    ) -> None:
        self.id = name
        self.address = f"{name}:7000"
        self.answer: Answer | None = None
        self.sessions = FakeSessions(
            play, limits=limits, max_sessions=most, on_closed=self._tell_closed
        )
        self.sessions.on_ending = self._tell_ending
        self.seated = SeatedSessions(self.sessions)
        self.links: list[FakeLink] = []
        self.is_cut = False
        """Whether nobody reaches it, nor it anybody."""
        self.is_full = False
        self.is_broken = False
        self.is_over = False
        """Whether it says of every seat that it is over."""
        self.sends = 0
        self.claims = 0
        self._seating = seating
        self._most = most
        self._started_at = time.time()
        self.beating = Beating(self.sessions, self.seated, self._make_beat, self._send, "api:8485")

    async def open(self, key: str, tenant: Tenant, generation: int) -> Session:
        self.claims += 1
        if self.is_cut or self.is_broken:
            raise HostLostError("the host cannot be reached")
        if self.is_over:
            raise SeatLostError("the seat is over")
        if self.answer is not None:
            self.answer.asked.set()
            await self.answer.given.wait()
        return await self.seated.open(key, tenant, generation)

    @asynccontextmanager
    async def linking(self) -> AsyncGenerator["FakeLink"]:
        """Let a process reach it."""
        link = FakeLink(self)
        self.links.append(link)
        try:
            yield link
        finally:
            self.links.remove(link)

    def cut(self) -> None:
        """Let nobody reach it; its sessions live on."""
        self.is_cut = True

    async def _tell_ending(self, key: str, session: Session) -> None:
        for link in list(self.links):
            if link.on_ending is not None and not self.is_cut:
                await link.on_ending(key, session)
                return

    async def _tell_closed(self, key: str, session: Session) -> None:
        self.seated.note_end(key, session)
        for link in list(self.links):
            if link.on_closed is not None and not self.is_cut:
                await link.on_closed(key, session)

    def _make_beat(self, sessions: dict[str, int] | None) -> Beat:
        return Beat(
            self.id,
            self._started_at,
            self.address,
            "1.0",
            (1, 4, 16, 64),
            1 << 20,
            self._most,
            sessions=sessions,
        )

    async def _send(self, beat: Beat) -> Order:
        if self.is_cut:
            raise OSError("no route to the API")
        self.sends += 1
        return await self._seating.beat(beat)


class FakeLink:
    """The sessions of a fake host, as one process reaches them; implements `HostSessions`."""

    def __init__(self, host: FakeHost) -> None:
        self._host = host
        self.on_closed = None
        self.on_ending: Callable[[str, Session], Awaitable[None]] | None = None
        self.on_breach: Callable[[str], None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host.sessions, name)

    @property
    def is_ready(self) -> bool:
        return not self._host.is_cut

    def begin(self) -> None:
        self._host.sessions.begin()

    async def open(self, key: str, tenant: Tenant = OPERATOR, *, generation: int = 0) -> Session:
        session = await self._host.open(key, tenant, generation)
        if self not in self._host.links:
            raise ClosedError
        return session

    async def drop(self, key: str, **which: Any) -> None:
        if self._host.is_cut:
            raise HostLostError("the host cannot be reached")
        await self._host.seated.drop(key, **which)

    async def retire(self, key: str, **which: Any) -> None:
        await self.drop(key, **which, is_planned=True)


def open_fleet(
    seating: Seating,
    hosts: Sequence[FakeHost],
    settings: FleetSettings | None = None,
    **more: Any,
) -> Fleet:
    """What one process has of these hosts."""
    known = {host.id: host for host in hosts}
    return Fleet(seating, lambda host_id, _: known[host_id].linking(), settings, **more)


class LoneFleet(Fleet):
    """A fleet with hosts and a database of its own, which begin and close with it.

    Args:
        play: plays the interpreter.
        limits: of each session.
        most: how many sessions the hosts have together.
        on_closed: as of `Fleet`.
    """

    def __init__(self, play: Play, limits: Limits, most: int, on_closed: Any) -> None:
        self._database = Database(f"sqlite:///{Path(tempfile.mkdtemp()) / 'test.sqlite3'}")
        self._database.open()
        seating = SharedSeating(self._database)
        self.hosts = [
            FakeHost(f"host-{number}", seating, play, most=part, limits=limits)
            for number, part in enumerate((most - most // 2, most // 2))
            if part
        ]
        known = {host.id: host for host in self.hosts}
        settings = FleetSettings(queue_seconds=0.2)
        super().__init__(
            seating,
            lambda host_id, _: known[host_id].linking(),
            settings,
            on_closed=on_closed,
        )
        self._beating: asyncio.Task[None] | None = None

    def begin(self) -> None:
        super().begin()
        if self._beating is None and not self._is_closed:
            self._beating = asyncio.create_task(self._beat())

    async def close(self) -> None:
        for host in self.hosts:
            await host.sessions.close()
        await super().close()
        if self._beating:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        self._database.close()

    async def _beat(self) -> None:
        async with repeating(*(duty for host in self.hosts for duty in host.beating.list_duties())):
            await asyncio.Event().wait()
