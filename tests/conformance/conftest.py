"""The implementations of `Sessions` that the suite runs against; a new one is added here."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from assistd.sandbox.base import MIB, Limits, Session, Sessions
from assistd.sandbox.fake import FakeSessions
from assistd.sandbox.pool.pool import SessionPool
from tests.conformance.cells import play
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


async def note_end(key: str, session: Session) -> None:
    ENDED.append((key, session.id))


@asynccontextmanager
async def _open_fake(most: int) -> AsyncGenerator[Sessions]:
    made = FakeSessions(play, limits=LIMITS, max_sessions=most, on_closed=note_end)
    yield made
    await made.close()


@pytest.fixture(scope="session", params=["fake", "pool"])
def open_sessions(request: pytest.FixtureRequest, python: Path) -> Open:
    """Opens sessions of one implementation, of which so many may live at once."""

    @asynccontextmanager
    async def open_pool(most: int) -> AsyncGenerator[Sessions]:
        made = SessionPool(
            python, limits=LIMITS, max_sessions=most, queue_seconds=0.2, on_closed=note_end
        )
        await made.start()
        yield made
        await made.close()

    return {"fake": _open_fake, "pool": open_pool}[request.param]


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
