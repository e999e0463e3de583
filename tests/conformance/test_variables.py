"""What a session keeps of its variables, and when that is asked for, whatever implements it."""

import tempfile

import pytest

from assistd.sandbox.base import MIB, HostLostError, Session, Sessions
from assistd.sandbox.snapshot import STATE, SavedSession, Section
from tests.conformance import cells
from tests.conformance.conftest import Implementation, Open

pytestmark = pytest.mark.anyio


async def save(session: Session) -> SavedSession:
    with tempfile.TemporaryFile() as file:
        return await session.save(file, 64 * MIB, 30)


async def test_variables_are_in_a_later_session_and_what_cannot_be_kept_is_named(
    sessions: Sessions,
) -> None:
    first = await sessions.open("variables")
    await first.execute(cells.KEEP)
    with tempfile.TemporaryFile() as file:
        saved = await first.save(file, 64 * MIB, 30)
        assert (list(saved.left), saved.is_whole) == (["gen"], True)
        assert {"x", "long"} <= set(saved.names) <= {"x", "long", STATE}
        assert saved.size > 3_000_000
        await sessions.drop("variables")
        second = await sessions.open("variables")
        assert not await second.restore(file, saved.sections, 30)
    assert (await second.execute(cells.RECALL)).logs == "42\n"
    await sessions.drop("variables")


async def test_a_section_that_does_not_load_is_named_and_costs_no_other(sessions: Sessions) -> None:
    first = await sessions.open("damaged")
    await first.execute(cells.REMEMBER)
    with tempfile.TemporaryFile() as file:
        saved = await first.save(file, MIB, 30)
        file.seek(0, 2)
        bad = Section(("bad", "worse"), file.tell(), 7)
        file.write(b"damaged")
        file.flush()
        await sessions.drop("damaged")
        second = await sessions.open("damaged")
        lost = await second.restore(file, (bad, *saved.sections), 30)
    assert set(lost) == {"bad", "worse"}
    assert all(lost.values())
    assert (await second.execute(cells.RECALL)).logs == "42\n"
    await sessions.drop("damaged")


async def test_a_session_that_ended_keeps_nothing(sessions: Sessions) -> None:
    session = await sessions.open("ended")
    await session.execute(cells.REMEMBER)
    await sessions.drop("ended")
    with tempfile.TemporaryFile() as file:
        with pytest.raises(HostLostError):
            await session.save(file, MIB, 5)
        with pytest.raises(HostLostError):
            await session.restore(file, [Section(("x",), 0, 0)], 5)


async def test_a_planned_end_is_told_while_the_session_lives_and_no_other_end_is(
    open_sessions: Open,
) -> None:
    told: list[tuple[str, str, bool]] = []

    async def note(key: str, session: Session) -> None:
        told.append((key, session.id, "x" in (await save(session)).names))

    async with open_sessions(6) as sessions:
        sessions.on_ending = note
        opened = {key: await sessions.open(key) for key in ("retired", "dropped", "closed")}
        for session in opened.values():
            await session.execute(cells.REMEMBER)
        await sessions.open("fresh")
        await sessions.retire("retired")
        assert not opened["retired"].alive
        assert told == [("retired", opened["retired"].id, True)]
        await sessions.drop("dropped")
        await sessions.retire("fresh")
        await sessions.retire("never opened")
        assert len(told) == 1
        again = await sessions.open("retired")
        assert (again.is_fresh, again.id != opened["retired"].id) == (True, True)
    assert told[1:] == [("closed", opened["closed"].id, True)]


async def test_an_end_comes_also_where_whoever_is_told_of_it_fails(
    implementation: Implementation,
) -> None:
    async def fail(_key: str, _session: Session) -> None:
        raise ValueError("of the listener")

    sessions = implementation.make(2)
    await sessions.start()
    sessions.on_ending = fail
    session = await sessions.open("failing")
    await session.execute(cells.NOTHING)
    await sessions.retire("failing")
    assert not session.alive
    await sessions.close()
