"""The hosts that a process of the API knows, and its connection to each."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from assistd.errors import AssistdError
from assistd.hosting import Host, Seat
from assistd.logs import Logger, failure
from assistd.sandbox.base import OPERATOR, Session, Sessions, Tenant
from assistd.sandbox.remote.fleet.seating import Seating

log = Logger()

_SILENT_SECONDS = 60.0  # then the connection to a host is closed


class HostSession(Session, Protocol):
    """A session of one host."""

    @property
    def is_lost(self) -> bool:
        """Whether it is over because its host cannot be reached any more, or is not believed."""
        ...


class HostSessions(Sessions, Protocol):
    """The sessions of one host."""

    on_breach: Callable[[str], None] | None
    """Told what the host sent that no correct host sends."""

    async def open(
        self, key: str, tenant: Tenant = OPERATOR, *, generation: int = 0
    ) -> HostSession:
        """Return the live session of `key`, or a new one; see `Sessions.open`.

        Args:
            key: whose session.
            tenant: for whom.
            generation: of the key's seat on the host.
        """
        ...

    async def drop(self, key: str, *, generation: int = 0, if_idle: bool = False) -> None:
        """Close the session of `key`, if it has one; see `Sessions.drop`.

        Args:
            key: whose session.
            generation: of the seat that is meant: the session of a later one stays; 0 for any.
            if_idle: only where nobody uses it.

        Raises:
            BusyError: somebody uses it.
        """
        ...

    async def retire(self, key: str, *, generation: int = 0, if_idle: bool = False) -> None:
        """Close the session of `key` as `drop` does, after its planned end was told; see `Sessions.retire`."""
        ...


Connect = Callable[[str, str], AbstractAsyncContextManager[HostSessions]]
"""Connects to a host, by its id and its address, until the context ends."""


@dataclass(frozen=True, slots=True)
class _Link:
    """A connection to a host."""

    sessions: HostSessions
    address: str
    closing: AsyncExitStack


class Links:
    """The connections to all hosts.

    Args:
        seating: knows the hosts.
        connect: connects to one.
        note_ending: awaited with a key and its session when one of any host is about to end by plan.
        note_closed: awaited with a key and its session when a session of any host is over.
    """

    def __init__(
        self,
        seating: Seating,
        connect: Connect,
        note_ending: Callable[[str, Session], Awaitable[None]],
        note_closed: Callable[[str, Session], Awaitable[None]],
    ) -> None:
        self.hosts: dict[str, Host] = {}
        """The hosts as of the last look, by id."""
        self._seating = seating
        self._connect = connect
        self._note_ending = note_ending
        self._note_closed = note_closed
        self._links: dict[str, _Link] = {}
        self._connecting = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def ready(self) -> list[HostSessions]:
        """The sessions of the hosts that open some at once."""
        return self._find_ready(host for host in self.hosts.values() if host.state == "up")

    @property
    def taking(self) -> list[HostSessions]:
        """Those of them that get new seats."""
        return self._find_ready(host for host in self.hosts.values() if host.takes_sessions)

    @property
    def all(self) -> list[HostSessions]:
        """The sessions of every host that there is a connection to."""
        return [link.sessions for link in self._links.values()]

    async def follow(self) -> None:
        """Look which hosts there are; connect to those that are new, and leave those that are gone."""
        self.hosts = {host.id: host for host in await self._seating.list_hosts()}
        for host in self.hosts.values():
            if host.state != "down":
                await self._find(host.id, host.address)
        for host_id in list(self._links):
            host = self.hosts.get(host_id)
            if host is None or host.silent_seconds > _SILENT_SECONDS:
                await self._close(host_id)

    async def get(self, seat: Seat) -> HostSessions:
        """Return the sessions of the host where a seat is."""
        return await self._find(seat.host_id, seat.address)

    async def note_breach(self, host_id: str, reason: str) -> None:
        """Count a claim that a host broke."""
        log.warning("sandbox host broke a claim", host=host_id, reason=reason)
        if await self._seating.note_breach(host_id):
            log.error("sandbox host is on probation", host=host_id, reason=reason)

    async def probe(self) -> None:
        """Try a host that is on probation, if one is to be tried: it gets seats again where that works."""
        host = await self._seating.take_probe()
        if host is None:
            return
        key = f"probe-{host.id}"[:64]
        try:
            sessions = await self._find(host.id, host.address)
            session = await sessions.open(key)
            done = await session.execute("None", seconds=10)
            await sessions.drop(key)
        except (AssistdError, OSError) as error:
            log.warning("probe of a sandbox host failed", host=host.id, **failure(error))
            return
        if done.status == "ok":
            await self._seating.end_probation(host.id)
            log.info("sandbox host is on probation no more", host=host.id)

    async def close(self) -> None:
        """Close every connection."""
        for host_id in list(self._links):
            await self._close(host_id)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _find_ready(self, hosts: Iterable[Host]) -> list[HostSessions]:
        found = [self._links[host.id].sessions for host in hosts if host.id in self._links]
        return [each for each in found if each.is_ready]

    async def _find(self, host_id: str, address: str) -> HostSessions:
        """Return the sessions of a host, connected to where they are not yet."""
        async with self._connecting:
            link = self._links.get(host_id)
            if link is not None and link.address == address:
                return link.sessions
            if link is not None:  # what its sessions know is kept first, which may take long
                del self._links[host_id]
                self._begin(link.closing.aclose(), "host that moved")
            closing = AsyncExitStack()
            sessions = await closing.enter_async_context(self._connect(host_id, address))
            sessions.on_ending = self._note_ending
            sessions.on_closed = self._note_closed
            sessions.on_breach = lambda reason: self._begin(
                self.note_breach(host_id, reason), "host breach"
            )
            self._links[host_id] = _Link(sessions, address, closing)
            sessions.begin()
            return sessions

    def _begin(self, work: Coroutine[Any, Any, object], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self, host_id: str) -> None:
        link = self._links.pop(host_id, None)
        if link is not None:
            await link.closing.aclose()
