"""Seats of a host's sessions: messages about them come in any order, and the later seat counts."""

import asyncio

import pytest

from assistd.sandbox.base import OPERATOR, BusyError
from assistd.sandbox.fake import FakeSessions
from assistd.sandbox.fake_session import FakeSession
from assistd.sandbox.remote import seats
from assistd.sandbox.remote.seats import SeatedSessions, SeatLostError


@pytest.fixture
def sessions() -> FakeSessions:
    return FakeSessions()


@pytest.fixture
def seated(sessions: FakeSessions) -> SeatedSessions:
    made = SeatedSessions(sessions)

    async def note_end(key: str, session: object) -> None:
        made.note_end(key, session)  # pyright: ignore[reportArgumentType]

    sessions.on_closed = note_end
    return made


async def test_an_earlier_claim_that_comes_while_the_later_one_ends_its_session_is_refused(
    seated: SeatedSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await seated.open("a", OPERATOR, 1)
    closing, may_close = asyncio.Event(), asyncio.Event()
    close = FakeSession.close

    async def close_later(session: FakeSession) -> None:
        closing.set()
        await may_close.wait()
        await close(session)

    monkeypatch.setattr(FakeSession, "close", close_later)
    later = asyncio.create_task(seated.open("a", OPERATOR, 2))
    await closing.wait()
    earlier = asyncio.create_task(seated.open("a", OPERATOR, 1))
    dropping = asyncio.create_task(seated.drop("a", 1))
    await asyncio.sleep(0)
    may_close.set()
    new = await later
    with pytest.raises(SeatLostError):
        await earlier
    await dropping
    assert (old.alive, new.alive) == (False, True)
    assert seated.generations == {"a": 2}


async def test_the_end_of_the_session_before_is_no_end_of_this_one(seated: SeatedSessions) -> None:
    old = await seated.open("a", OPERATOR, 1)
    await seated.open("a", OPERATOR, 2)
    seated.note_end("a", old)
    assert seated.generations == {"a": 2}


async def test_a_seat_is_one_session(seated: SeatedSessions, sessions: FakeSessions) -> None:
    session = await seated.open("a", OPERATOR, 1)
    assert await seated.open("a", OPERATOR, 1) is session
    await session.close()
    with pytest.raises(SeatLostError):
        await seated.open("a", OPERATOR, 1)
    await sessions.drop("a")
    with pytest.raises(SeatLostError):
        await seated.open("a", OPERATOR, 1)
    assert await seated.open("a", OPERATOR, 2) is not session
    assert seated.generations == {"a": 2}


async def test_a_session_that_lapses_as_it_is_asked_for_is_over(
    seated: SeatedSessions, sessions: FakeSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    await seated.open("a", OPERATOR, 1)
    open_session = sessions.open

    async def open_another(*claim: object) -> FakeSession:
        await sessions.drop("a")
        return await open_session(*claim)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(sessions, "open", open_another)
    with pytest.raises(SeatLostError):
        await seated.open("a", OPERATOR, 1)
    assert not sessions.describe().live


async def test_a_session_that_is_used_is_not_dropped_as_idle(seated: SeatedSessions) -> None:
    session = await seated.open("a", OPERATOR, 1)
    async with session.reserving():
        with pytest.raises(BusyError):
            await seated.drop("a", 1, if_idle=True)
    await seated.drop("a", 1, if_idle=True)
    assert not session.alive


async def test_seats_are_forgotten_some_time_after_their_session(
    seated: SeatedSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seats, "_KNOWN_SECONDS", 0)
    await seated.open("a", OPERATOR, 2)
    await asyncio.sleep(0.01)
    assert seated.generations == {"a": 2}, "it lives"
    await seated.drop("a")
    await asyncio.sleep(0.01)
    assert await seated.open("a", OPERATOR, 1), "rows of seats begin again, too"
