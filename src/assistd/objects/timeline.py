"""A timeline: where the time of a run or a response went, as it is kept and shown."""

from typing import Literal

from assistd.objects.base import Object, Sparse
from assistd.tracing.names import SpanName


class TimeSpan(Sparse):
    """A part of the time; times are milliseconds since the beginning, `end` is absent while it lasts.

    Args:
        name: what it was spent on, see `SpanName`.
        turn: which question to the model it belongs to, from 1; 0 before the first.
        tool: the name of a hosted tool.
        outcome: how it ended, where that is more than well.
    """

    name: SpanName
    start: float
    end: float | None = None
    turn: int = 0
    tool: str | None = None
    outcome: str | None = None


class TimedTurn(Object):
    """One answer of the model: why it ended, and what it cost in tokens."""

    turn: int
    reason: Literal["stop", "tool_calls", "length", "content_filter"]
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class KeptTimeline(Object):
    """A timeline as it is kept.

    Args:
        began_at: when the run began, in Unix seconds.
        spans: in the order of their beginnings.
        turns: in their order.
    """

    began_at: float
    spans: tuple[TimeSpan, ...] = ()
    turns: tuple[TimedTurn, ...] = ()


class ShownTimeline(KeptTimeline):
    """A timeline as it is shown; not a part of the hosted API.

    Args:
        id: of the run or the response.
        queue_position: how many wait before it for a session; null where it does not wait for one.
    """

    object: Literal["assistd.timeline"] = "assistd.timeline"
    id: str
    queue_position: int | None = None
