"""How sessions start, close, and lose their host, whatever implements them."""

import asyncio

import pytest

from assistd.sandbox.base import HostLostError, SandboxError
from tests.conformance import cells
from tests.conformance.conftest import ENDED, Implementation, once


async def test_it_starts_once_however_often_it_is_asked(implementation: Implementation) -> None:
    sessions = implementation.make(2)
    assert not sessions.is_ready
    sessions.begin()
    sessions.begin()
    await asyncio.gather(sessions.start(), sessions.start())
    assert sessions.is_ready
    sessions.begin()
    assert sessions.is_ready
    await sessions.close()


async def test_a_session_is_waited_for_while_it_starts(implementation: Implementation) -> None:
    sessions = implementation.make(2)
    sessions.begin()
    session = await sessions.open("early")
    assert (await session.execute(cells.NOTHING)).status == "ok"
    await sessions.close()


async def test_it_closes_before_it_was_started_or_while_it_starts(
    implementation: Implementation,
) -> None:
    await implementation.make(2).close()
    sessions = implementation.make(2)
    sessions.begin()
    await sessions.close()
    with pytest.raises(SandboxError):
        await sessions.open("late")


async def test_all_sessions_end_when_it_closes_and_each_end_is_told_once(
    implementation: Implementation,
) -> None:
    sessions = implementation.make(3)
    await sessions.start()
    opened = [await sessions.open(key) for key in ("closing 1", "closing 2")]
    await sessions.close()
    await sessions.close()
    assert not any(session.alive for session in opened)
    assert sorted(
        told for told in ENDED if told[1] in {session.id for session in opened}
    ) == sorted(zip(("closing 1", "closing 2"), (one.id for one in opened), strict=True))
    with pytest.raises(SandboxError):
        await sessions.open("closing 1")


async def test_a_session_that_lost_its_host_is_dead_and_another_can_be_had(
    implementation: Implementation,
) -> None:
    sessions = implementation.make(2)
    await sessions.start()
    lost = await sessions.open("lost")
    await lost.execute(cells.WRITE)
    implementation.lose_host(sessions)
    execution = await lost.execute(cells.SLEEP)  # shorter code may end before it is killed
    assert (execution.status, lost.alive) == ("dead", False)
    assert execution.notes
    try:  # what is left of it is read, or it is said that nothing is
        assert [one.path for one in (await lost.changes()).files] == ["a.txt"]
        assert [one.path for one in await lost.files()] == ["a.txt"]
    except HostLostError:
        for act in (lost.files(), lost.changes(), lost.put("b.txt", once(b"b"))):
            with pytest.raises(HostLostError):
                await act
    again = await sessions.open("lost")
    assert (again.id != lost.id, again.is_fresh) == (True, True)
    assert (await again.execute(cells.NOTHING)).status == "ok"
    assert ("lost", lost.id) in ENDED
    await lost.close()
    await sessions.close()
