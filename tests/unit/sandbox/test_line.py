"""Who waits for a seat: in turn within a project, and never for longer than it must."""

import asyncio

import pytest

from assistd.sandbox.base import BusyError
from assistd.sandbox.remote.fleet import line as line_module
from assistd.sandbox.remote.fleet.line import Line


async def test_who_is_next_tries_as_soon_as_the_one_before_has_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line_module, "_RETRY_SECONDS", (600, 600))
    line = Line(10, 600)
    waiters = [line.join(key, "proj_1") for key in "abc"]
    trying = [asyncio.create_task(line.wait(waiter)) for waiter in waiters[1:]]
    for before, task in zip("ab", trying, strict=True):
        await asyncio.sleep(0)
        assert not task.done(), "it is not its turn"
        line.leave(before)
        await asyncio.wait_for(task, 60)


async def test_the_first_of_each_project_tries_again_by_itself() -> None:
    line = Line(10, 600)
    waiters = [line.join("a", "proj_1"), line.join("b", "proj_2")]
    await asyncio.gather(*map(line.wait, waiters))
    assert [waiting.key for waiting in line.waiting] == ["a", "b"]


async def test_nobody_waits_for_longer_than_is_allowed() -> None:
    line = Line(10, 0.2)
    waiters = [line.join(key, "proj_1") for key in "ab"]
    with pytest.raises(BusyError, match=r"0\.2 seconds"):
        await line.wait(waiters[1])


def test_only_so_many_wait() -> None:
    line = Line(1, 600)
    first = line.join("a", "proj_1")
    assert line.join("a", "proj_1") is first
    with pytest.raises(BusyError, match="too many"):
        line.join("b", "proj_2")
    assert (line.count_before("a"), line.count_before("b")) == (0, None)
