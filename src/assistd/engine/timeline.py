"""Where the time of a run went: its measuring points add spans, and observers are told of all at its end.

Numbers and names of ours only: never code, prompts, or names that a client chose but those of models.
"""

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Self

from assistd import clock, metrics
from assistd.models.base import Backend, FinishReason, Tokens
from assistd.tracing.names import SpanName
from assistd.tracing.spans import note_stage


@dataclass(slots=True)
class Span:
    """A part of a run's time.

    Args:
        name: what it was spent on.
        start: milliseconds since the run began.
        end: likewise; None while it lasts.
        turn: which question to the model it belongs to, from 1; 0 before the first.
        tool: of a `tool`, its name.
        outcome: how it ended, where that is more than well: the status of an `exec` (`Execution.status`),
            the class of the exception that ended anything else.
    """

    name: SpanName
    start: float
    end: float | None = None
    turn: int = 0
    tool: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of the model.

    Args:
        turn: its number, from 1.
        reason: why the model stopped.
        prompt: tokens of the question.
        completion: tokens of the answer.
        cached: those of the question that the model's server had in its cache.
        reasoning: those of the answer that were thoughts.
    """

    turn: int
    reason: FinishReason
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0


class Timeline:
    """The spans of one run, while it is executed and after; times are of one clock that nobody sets.

    Args:
        began_at: when it began (Unix seconds); by default now.
    """

    def __init__(self, began_at: float | None = None) -> None:
        now = clock.now()
        self.began_at = now if began_at is None else began_at
        self.spans: list[Span] = []
        self.turns: list[Turn] = []
        self.turn = 0
        """The number of the turn that is under way."""
        self._zero = time.perf_counter() - (now - self.began_at)

    @property
    def open_span(self) -> Span | None:
        """The newest span that has not ended."""
        return next((span for span in reversed(self.spans) if span.end is None), None)

    def begin(self, name: SpanName, tool: str | None = None) -> Span:
        """Begin a span now, and return it for `end`."""
        span = Span(name, self._now(), turn=self.turn, tool=tool)
        self.spans.append(span)
        return span

    def end(self, span: Span, outcome: str | None = None) -> None:
        """End a span now."""
        span.end = self._now()
        span.outcome = span.outcome or outcome

    def add_wait(self, name: SpanName) -> None:
        """Add a span from the end of the last one until now."""
        start = max((span.end or span.start for span in self.spans), default=0)
        self.spans.append(Span(name, start, max(start, self._now()), self.turn))

    def end_queueing(self) -> None:
        """Note that somebody works on it now, which was only queued until now, and count how long that was."""
        self.add_wait("queued")
        metrics.RUN_WAIT_SECONDS.observe(self.total("queued"))

    def end_turn(self, reason: FinishReason, tokens: Tokens) -> None:
        """Note what an answer cost, and why it ended."""
        found = (tokens.prompt, tokens.completion, tokens.cached, tokens.reasoning)
        self.turns.append(Turn(self.turn, reason, *found))

    def total(self, *names: SpanName) -> float:
        """Return the seconds of all ended spans of these names."""
        ended = (span.end - span.start for span in self.spans if span.name in names and span.end)
        return sum(ended) / 1000

    def _now(self) -> float:
        return round((time.perf_counter() - self._zero) * 1000, 3)

    def bind(self) -> Self:
        """Have the measuring points of the current task, and of tasks that it starts, add to this timeline."""
        _current.set(self)
        return self


_current: ContextVar[Timeline] = ContextVar("timeline")


def begin_turn() -> None:
    """Note that a question to the model begins."""
    if timeline := _current.get(None):
        timeline.turn += 1


def end_turn(reason: FinishReason, tokens: Tokens) -> None:
    """Note what the answer to it cost; see `Timeline.end_turn`."""
    if timeline := _current.get(None):
        timeline.end_turn(reason, tokens)


def spanning(name: SpanName, tool: str | None = None) -> "Spanning":
    """Measure a block as a span of the current task's timeline, if it has one.

    Args:
        name: what the time is spent on.
        tool: see `Span`.
    """
    return Spanning(_current.get(None), name, tool)


class Spanning:
    """A block that is measured; made by `spanning`."""

    __slots__ = ("_name", "_span", "_timeline", "_tool")

    def __init__(self, timeline: Timeline | None, name: SpanName, tool: str | None) -> None:
        self._name: SpanName = name
        self._tool = tool
        self._timeline = timeline
        self._span: Span | None = None

    def __enter__(self) -> Self:
        if self._timeline:
            self._span = self._timeline.begin(self._name, self._tool)
        return self

    def note_outcome(self, outcome: str) -> None:
        """Say how it ends."""
        if self._span:
            self._span.outcome = outcome

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._timeline and self._span:
            # Whoever reads what the block yields has stopped: that cancels it.
            kind = asyncio.CancelledError if kind is GeneratorExit else kind
            error = kind and kind.__name__
            self._timeline.end(self._span, error)
            seconds = ((self._span.end or 0) - self._span.start) / 1000
            note_stage(self._name, seconds, self._span.outcome, error)


@dataclass(frozen=True, slots=True)
class EndedRun:
    """What is known of a run or a response at its end: all that metrics, traces and logs are made of.

    Args:
        kind: which of the two.
        id: its id.
        thread_id: of a run, its thread; of a response, its conversation, if it has one.
        project_id: whose it is.
        status: how it ended: a status of the API, or `given_up` of a response whose client went away.
        code: of its error, if it has one.
        model: the name that was asked for.
        backend: who has the model.
        timeline: where its time went.
        calls: how many calls of hosted tools its model made.
        seconds: how long this process worked on it.
    """

    kind: Literal["run", "response"]
    id: str
    thread_id: str | None
    project_id: str
    status: str
    code: str | None
    model: str
    backend: Backend
    timeline: Timeline
    calls: int
    seconds: float

    @property
    def wait_seconds(self) -> float:
        """How long it waited to begin."""
        return self.timeline.total("queued")

    @property
    def tokens(self) -> Tokens:
        """What all its answers cost together."""
        turns = self.timeline.turns
        return Tokens(
            prompt=sum(each.prompt for each in turns),
            completion=sum(each.completion for each in turns),
            cached=sum(each.cached for each in turns),
            reasoning=sum(each.reasoning for each in turns),
        )

    @property
    def failed_span(self) -> SpanName | None:
        """What it was at when an exception ended it; None where none did."""
        failed = [each for each in self.timeline.spans if each.outcome and each.name != "exec"]
        return failed[-1].name if self.code and failed else None


Observer = Callable[[EndedRun], None]
"""Called on the event loop, once for each run and response that ends in this process, after its end was
written and told. It must be quick and must not raise."""
