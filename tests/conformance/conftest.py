"""The implementations of `Sessions` that the suite runs against; a new one is added here."""

import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from assistd.sandbox.base import MIB, Limits, Session, Sessions
from assistd.sandbox.fake import FakeSessions
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from tests.conformance.cells import play
from tests.integration.fake_hosts import LoneFleet
from tests.sandbox.hosted import HostedSessions
from tests.sandbox.rig import anyio_backend, python

__all__ = ["anyio_backend", "python"]

LIMITS = Limits(
    call_seconds=30,
    interrupt_grace_seconds=2,
    memory_bytes=300 * MIB,
    data_bytes=2 * MIB,
)

ENDED: list[tuple[str, str]] = []
"""The keys and ids of sessions that are over, as they were told."""

Open = Callable[[int], AbstractAsyncContextManager[Sessions]]


@dataclass(frozen=True)
class Implementation:
    """One implementation of `Sessions`.

    Args:
        make: makes it, not started, with so many live sessions at most.
        lose_host: takes the host away from under the sessions that live.
    """

    make: Callable[[int], Sessions]
    lose_host: Callable[[Sessions], None]


async def note_end(key: str, session: Session) -> None:
    ENDED.append((key, session.id))


def _lose_fake_host(sessions: Sessions) -> None:
    assert isinstance(sessions, FakeSessions)
    sessions.lose_host()


def _lose_fake_hosts(sessions: Sessions) -> None:
    assert isinstance(sessions, LoneFleet)
    for host in sessions.hosts:
        host.sessions.lose_host()


def _kill_zygote(sessions: Sessions) -> None:
    """All that a host of this machine can lose: the process that every session hangs on."""
    assert isinstance(sessions, SessionPool)
    zygote = sessions._warm_pools.all[0].zygote
    assert zygote
    os.kill(zygote.pid, signal.SIGKILL)


def _kill_host(sessions: Sessions) -> None:
    assert isinstance(sessions, HostedSessions)
    sessions.kill()
    sessions.run()


@pytest.fixture(scope="session", params=["fake", "pool", "remote", "fleet"])
def implementation(request: pytest.FixtureRequest, python: Path) -> Implementation:
    """Each implementation in turn."""

    def make_fake(most: int) -> Sessions:
        return FakeSessions(play, limits=LIMITS, max_sessions=most, on_closed=note_end)

    def make_pool(most: int) -> Sessions:
        settings = PoolSettings(limits=LIMITS, max_sessions=most, queue_seconds=0.2)
        return SessionPool(python, settings, on_closed=note_end)

    def make_fleet(most: int) -> Sessions:
        return LoneFleet(play, LIMITS, most, note_end)

    def make_remote(most: int) -> Sessions:
        return HostedSessions(LIMITS, most, queue_seconds=0.2, on_closed=note_end)

    return {
        "fake": Implementation(make_fake, _lose_fake_host),
        "pool": Implementation(make_pool, _kill_zygote),
        "fleet": Implementation(make_fleet, _lose_fake_hosts),
        "remote": Implementation(make_remote, _kill_host),
    }[request.param]


@pytest.fixture(scope="session")
def open_sessions(implementation: Implementation) -> Open:
    """Opens sessions of one implementation, of which so many may live at once."""

    @asynccontextmanager
    async def open_started(most: int) -> AsyncGenerator[Sessions]:
        made = implementation.make(most)
        await made.start()
        try:
            yield made
        finally:
            await made.close()

    return open_started


@pytest.fixture(scope="session")
async def sessions(open_sessions: Open) -> AsyncGenerator[Sessions]:
    """Sessions that the tests share; each takes a key of its own."""
    async with open_sessions(20) as made:
        yield made


@pytest.fixture
async def session(sessions: Sessions, request: pytest.FixtureRequest) -> AsyncGenerator[Session]:
    """A new session of this test alone."""
    yield await sessions.open(request.node.nodeid)
    await sessions.drop(request.node.nodeid)


async def once(data: bytes) -> AsyncIterator[bytes]:
    """A stream of one chunk."""
    yield data
