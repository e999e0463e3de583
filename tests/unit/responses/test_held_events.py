"""Events of a response in the background that wait to be written together."""

import asyncio
from collections.abc import Sequence

import pytest

from assistd.db.responses.responses import StoredEvent
from assistd.engine.responses.recording.held_events import HeldEvents

EVENTS = [StoredEvent(number, "response.output_text.delta", "{}") for number in range(4)]


async def test_what_nobody_takes_is_written_once_and_in_order() -> None:
    written: list[list[StoredEvent]] = []
    came, may_end = asyncio.Event(), asyncio.Event()

    async def write(events: Sequence[StoredEvent]) -> None:
        written.append([*events])
        came.set()
        await may_end.wait()

    held = HeldEvents(write)
    held.add(EVENTS[:1], 60)
    assert await held.take() == EVENTS[:1], "by whoever takes it first"
    held.add(EVENTS[1:2], 0)
    held.add(EVENTS[2:3], 60)
    await came.wait()
    held.add(EVENTS[3:], 0)
    await asyncio.sleep(0.01)
    taking = asyncio.create_task(held.take())
    await asyncio.sleep(0)
    assert not taking.done(), "those before are being written"
    may_end.set()
    assert await taking == EVENTS[3:]
    assert written == [EVENTS[1:3]]


async def test_whoever_takes_is_told_what_failed() -> None:
    async def fail(_: Sequence[StoredEvent]) -> None:
        raise OSError("no disk")

    held = HeldEvents(fail)
    held.add(EVENTS, 0)
    await asyncio.sleep(0.01)
    with pytest.raises(OSError, match="no disk"):
        await held.take()
    assert await held.take() == []
