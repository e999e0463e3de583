"""Timelines: what measuring points add, what is kept, and what an observer is told."""

import asyncio
import contextvars
from collections.abc import Generator

import pytest

from assistd.engine import kept_timelines
from assistd.engine.timeline import EndedRun, Timeline, begin_turn, end_turn, spanning
from assistd.models.base import Tokens


def names(timeline: Timeline) -> list[tuple[str, int]]:
    return [(span.name, span.turn) for span in timeline.spans]


async def turn() -> None:
    """One answer, with a call whose code fails, in tasks of their own."""
    begin_turn()
    with spanning("model"):
        await asyncio.sleep(0)

    async def call() -> None:
        with spanning("tool", "code_interpreter"), spanning("exec") as span:
            span.note_outcome("error")

    await asyncio.create_task(call())
    end_turn("tool_calls", Tokens(7, 5, 3, 2))


async def test_measuring_points_add_to_the_timeline_of_their_task_alone() -> None:
    first, second = Timeline(), Timeline()

    async def work(timeline: Timeline, turns: int) -> None:
        timeline.bind()
        for _ in range(turns):
            await turn()

    await asyncio.gather(asyncio.create_task(work(first, 1)), asyncio.create_task(work(second, 2)))
    assert names(first) == [("model", 1), ("tool", 1), ("exec", 1)]
    assert names(second) == [*names(first), ("model", 2), ("tool", 2), ("exec", 2)]
    assert [each.outcome for each in first.spans] == [None, None, "error"]
    assert first.open_span is None


def test_without_a_timeline_nothing_is_measured() -> None:
    contextvars.Context().run(begin_turn)
    with spanning("exec") as span:
        span.note_outcome("ok")


def test_an_exception_is_the_outcome_of_its_span() -> None:
    timeline = Timeline().bind()
    with pytest.raises(ValueError, match="x"), spanning("put"):
        raise ValueError("x")
    assert timeline.spans[0].outcome == "ValueError"


def test_a_span_whose_reader_stops_was_cancelled() -> None:
    timeline = Timeline().bind()

    def answer() -> Generator[str]:
        with spanning("model"):
            yield "Hel"
            yield "lo"

    words = answer()
    next(words)
    words.close()
    assert [span.outcome for span in timeline.spans] == ["CancelledError"]


async def test_a_timeline_that_was_kept_goes_on() -> None:
    began = Timeline().bind()
    began.add_wait("queued")
    await turn()
    later = kept_timelines.go_on(kept_timelines.keep(began), 0, waited=True).bind()
    await turn()
    call = [("model", 1), ("tool", 1), ("exec", 1)]
    again = [("model", 2), ("tool", 2), ("exec", 2)]
    assert names(later) == [("queued", 0), *call, ("client", 1), *again]
    assert later.spans[:4] == began.spans
    waited = later.spans[4]
    assert waited.end
    assert max(span.end or 0 for span in began.spans) == waited.start <= waited.end
    assert [each.turn for each in later.turns] == [1, 2]
    assert kept_timelines.go_on(None, 12.0, waited=False).spans == []


async def test_an_ended_run_sums_up_its_timeline() -> None:
    timeline = Timeline().bind()
    timeline.add_wait("queued")
    await turn()
    await turn()
    with pytest.raises(RuntimeError), spanning("session_claim"):
        raise RuntimeError
    ended = EndedRun(
        kind="run",
        id="run_1",
        thread_id="thread_1",
        project_id="proj_1",
        status="failed",
        code="server_error",
        model="m",
        backend="upstream",
        timeline=timeline,
        calls=2,
        seconds=1.0,
    )
    assert ended.tokens == Tokens(14, 10, 6, 4)
    assert ended.failed_span == "session_claim"
    assert 0 <= ended.wait_seconds < 1
    assert timeline.total("model", "exec") > 0
