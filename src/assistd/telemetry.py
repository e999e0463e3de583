"""Telemetry: for which request, run and session something is done, how often, and how long it takes.

There is no exporter yet. Whoever wants to measure calls `listening`; until then a measuring point costs some
100 ns. Nothing here ever holds code, prompts, keys or names of files: ids, numbers and our own class names only.
"""

import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Id = Literal[
    "request_id", "project_id", "key_id", "run_id", "response_id", "thread_id", "session_id"
]
Point = Literal[
    "request",
    "model_turn",
    "upstream_request",
    "session_claim",
    "transaction",
]
"""What is measured: a request until its response has left, a turn of a run's loop, a question to an upstream
until the first word of its answer, the claim of a session until it can be used, a database transaction until its commit."""
Count = Literal["calls", "turns"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured once.

    Args:
        point: where.
        seconds: how long it took.
        error: the class of the exception that ended it; None where it went well.
        outcome: how it ended, where there is more than one way.
        ids: for whom it was done.
    """

    point: Point
    seconds: float
    error: str | None
    ids: Mapping[Id, str]
    outcome: str = ""


Listener = Callable[[Measurement], None]
"""Called on the event loop with each measurement; it must be quick and must not raise."""

_NO_IDS: Mapping[Id, str] = MappingProxyType({})
_ids: ContextVar[Mapping[Id, str]] = ContextVar("ids", default=_NO_IDS)
_counts: ContextVar[Counter[Count] | None] = ContextVar("counts", default=None)
_listeners: tuple[Listener, ...] = ()
_nothing = nullcontext()


def bind(**ids: str) -> None:
    """Say for whom the current task works from here on, and the tasks that it starts.

    Args:
        ids: of the kinds of `Id`; every line of the log and every measurement has them.
    """
    _ids.set({**_ids.get(), **ids})  # pyright: ignore[reportArgumentType]


def bind_anew(**ids: str) -> None:
    """Say for whom the current task works, and that it does not work for who started it."""
    _ids.set({**ids})  # pyright: ignore[reportArgumentType]


def bound_ids() -> Mapping[Id, str]:
    """Return for whom the current task works."""
    return _ids.get()


def start_counting() -> Mapping[Count, int]:
    """Count from zero what the current task does from here on, with the tasks that it starts.

    Returns:
        The counts, which go on to grow; what did not happen is 0.
    """
    counts = Counter[Count]()
    _counts.set(counts)
    return counts


def count(what: Count) -> None:
    """Add one to a count of the current task, if it counts."""
    counts = _counts.get()
    if counts is not None:
        counts[what] += 1


def measuring(point: Point) -> "AbstractContextManager[Measuring | None]":
    """Measure how long the block takes, if anybody listens; it may say how it ends by what it gets here."""
    return Measuring(point) if _listeners else _nothing


@contextmanager
def listening(listener: Listener) -> Generator[None]:
    """Call `listener` with every measurement that begins within the block."""
    global _listeners  # noqa: PLW0603  of the process, like the handlers of its log
    _listeners = (*_listeners, listener)
    try:
        yield
    finally:
        _listeners = tuple(each for each in _listeners if each is not listener)


class Measuring:
    """The time between its entry and its exit, told to all who listen."""

    __slots__ = ("_began", "_point", "outcome")

    def __init__(self, point: Point) -> None:
        self._point: Point = point
        self._began = time.perf_counter()
        self.outcome = ""
        """How it ends; see `Measurement`."""

    def __enter__(self) -> "Measuring":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        seconds = time.perf_counter() - self._began
        error = kind and kind.__name__
        measurement = Measurement(self._point, seconds, error, bound_ids(), self.outcome)
        for listener in _listeners:
            listener(measurement)
