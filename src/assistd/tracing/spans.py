"""Spans, where somebody collects them, and the trace of the client, which is passed to upstreams in any case.

Nothing is imported for spans until the operator wants them (`export.py`); until then a span costs a test for None.
Spans never hold what was said, code, keys, or names of files: ids, numbers and names of our own only. What a client
may call an assistant is left out unless the operator asks for it.
"""

import re
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol

from assistd.tracing import names

Value = str | int | float | bool | tuple[str, ...]
Kind = Literal["server", "client", "internal"]

_TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_MOST_STATE = (
    512  # characters of tracestate that are to be passed on at least (W3C Trace Context, 3.3.1.5)
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who called, as a client's headers say (W3C Trace Context).

    Args:
        traceparent: its span.
        tracestate: what else its tracers want to be passed on; it is no part of any span.
    """

    traceparent: str
    tracestate: str = ""


class Span(Protocol):
    """A span that has begun."""

    @property
    def traceparent(self) -> str:
        """Its id, as others are told who called them."""
        ...

    def set(self, attributes: Mapping[str, Value]) -> None:
        """Say more of it."""
        ...

    def rename(self, name: str) -> None:
        """Give it another name."""
        ...

    def fail(self, kind: str) -> None:
        """Say what kind of error it ends with: a class or a code, never a message."""
        ...

    def end(self) -> None:
        """End it."""
        ...


class Tracer(Protocol):
    """Makes spans."""

    shows_names: bool
    """Whether spans may hold what clients call their assistants."""

    def start(
        self,
        name: str,
        kind: Kind,
        attributes: Mapping[str, Value],
        parent: Span | Caller | None,
        seconds_ago: float = 0,
    ) -> Span:
        """Begin a span."""
        ...


tracer: Tracer | None = None
"""Makes the spans of this process; None: nobody collects them."""

_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)
_current: ContextVar[Span | None] = ContextVar("span", default=None)
_agent_name: ContextVar[str | None] = ContextVar("agent name", default=None)
_nothing = nullcontext()


def bind_caller(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Say whose trace the current task belongs to, as the headers of its request do."""
    found = {name: value for name, value in headers if name in {b"traceparent", b"tracestate"}}
    parent = found.get(b"traceparent", b"")
    if not _TRACEPARENT.fullmatch(parent):  # of another version, or none
        _caller.set(None)
        return
    state = found.get(b"tracestate", b"").decode("latin-1")
    _caller.set(Caller(parent.decode(), state if len(state) <= _MOST_STATE else ""))


def make_headers() -> dict[str, str]:
    """Return the headers that tell an upstream who called it; none where nobody traces."""
    span, caller = _current.get(), _caller.get()
    if span is None and caller is None:
        return {}
    headers = {"traceparent": span.traceparent if span else caller.traceparent if caller else ""}
    if caller and caller.tracestate:
        headers["tracestate"] = caller.tracestate
    return headers


def find_current() -> Span | None:
    """Return the span that the current task works in."""
    return _current.get()


def start(
    name: str, kind: Kind, attributes: Mapping[str, Value], seconds_ago: float = 0
) -> Span | None:
    """Begin a span below the current one, to be ended by who asked for it; None where nobody collects any."""
    if tracer is None:
        return None
    return tracer.start(name, kind, attributes, _current.get() or _caller.get(), seconds_ago)


def working_in(span: Span | None) -> AbstractContextManager[None]:
    """Have the block work in a span, without ending it."""
    return _nothing if span is None else _working_in(span)


@contextmanager
def _working_in(span: Span) -> Generator[None]:
    before = _current.set(span)
    try:
        yield
    finally:
        _current.reset(before)


def spanning(
    name: str, kind: Kind, attributes: Mapping[str, Value]
) -> AbstractContextManager[Span | None]:
    """Have the block be a span below the current one, and be what others are below."""
    return _nothing if tracer is None else _spanning(name, kind, attributes)


@contextmanager
def _spanning(name: str, kind: Kind, attributes: Mapping[str, Value]) -> Generator[Span | None]:
    span = start(name, kind, attributes)
    assert span
    try:
        with _working_in(span):
            yield span
    except BaseException as error:
        span.fail(type(error).__name__)
        raise
    finally:
        span.end()


def serving(method: str, route: str) -> AbstractContextManager[Span | None]:
    """Have the block be the span of a request: the first of ours, below the client's.

    Args:
        method: of the request.
        route: the template of its path.
    """
    if tracer is None:
        return _nothing
    _current.set(None)  # a request that was pipelined is no part of the one before
    attributes = {names.HTTP_METHOD: method, names.HTTP_ROUTE: route}
    return _spanning(f"{method} {route}", "server", attributes)


def name_agent(name: str | None) -> None:
    """Say what a client calls the agent that the current task is about to start."""
    if tracer is not None and tracer.shows_names:
        _agent_name.set(name)


def invoking() -> AbstractContextManager[Span | None]:
    """Have the block be the span of an agent that works on a run or a response."""
    if tracer is None:
        return _nothing
    known: dict[str, Value] = {
        names.OPERATION: names.INVOKE_AGENT,
        names.PROVIDER: names.OUR_PROVIDER,
    }
    name = _agent_name.get()
    if name is None:
        return _spanning(names.INVOKE_AGENT, "internal", known)
    known[names.AGENT_NAME] = name
    return _spanning(f"{names.INVOKE_AGENT} {name}", "internal", known)


def executing(tool: str) -> AbstractContextManager[Span | None]:
    """Have the block be the span of a call of a hosted tool."""
    if tracer is None:
        return _nothing
    attributes: dict[str, Value] = {
        names.OPERATION: names.EXECUTE_TOOL,
        names.TOOL_NAME: tool,
        names.TOOL_TYPE: names.TOOL_TYPES[tool],
    }
    return _spanning(f"{names.EXECUTE_TOOL} {tool}", "internal", attributes)


def note_stage(name: str, seconds: float, outcome: str | None, error: str | None) -> None:
    """Make a span of a stage that ended just now, within a call of a tool; all other names are passed over.

    Args:
        name: see `names.STAGES`.
        seconds: how long it took.
        outcome: how it ended, where there is more than one way.
        error: the class of the exception that ended it.
    """
    if tracer is None or name not in names.STAGES or _current.get() is None:
        return
    attributes = {names.OUTCOME: outcome} if outcome else {}
    span = start(names.STAGES[name], "internal", attributes, seconds)
    assert span
    if error:
        span.fail(error)
    span.end()


def set_usage(span: Span, model: str, tokens_in: int, tokens_out: int) -> None:
    """Say in a span which model answered, and what that cost; the name of one that did is no secret."""
    span.set(
        {
            names.REQUEST_MODEL: model,
            names.INPUT_TOKENS: tokens_in,
            names.OUTPUT_TOKENS: tokens_out,
        }
    )


class _Question:
    """The span of one question to an upstream, from its first try to the end of its answer.

    Args:
        span: the span.
        model: the name that the upstream is asked for.
    """

    def __init__(self, span: Span, model: str) -> None:
        self.span = span
        self._model = model
        self._began = time.perf_counter()
        self._answered_by = ""

    def __enter__(self) -> "_Question":
        return self

    def take(self, model: str, finish: str | None) -> None:
        """Take what a chunk of the answer says: who answers, and why it ends."""
        if not self._answered_by:
            self._answered_by = model or self._model
            self.span.set({names.FIRST_CHUNK: time.perf_counter() - self._began})
        if finish:
            known = finish if finish in names.KNOWN_FINISH_REASONS else "other"
            self.span.set({names.FINISH_REASONS: (known,)})

    def count(self, tokens_in: int, tokens_out: int) -> None:
        """Say what the answer cost."""
        self.span.set({names.INPUT_TOKENS: tokens_in, names.OUTPUT_TOKENS: tokens_out})

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind and kind is not GeneratorExit:  # who reads may have had enough
            self.span.fail(kind.__name__)
        elif self._answered_by:  # whatever name a client makes up is told only where a model has it
            self.span.rename(f"{names.CHAT} {self._model}")
            self.span.set(
                {names.REQUEST_MODEL: self._model, names.RESPONSE_MODEL: self._answered_by}
            )
        self.span.end()


def asking(model: str, address: str, port: int) -> AbstractContextManager[_Question | None]:
    """Have the block be the span of a question to an upstream; it does not become the current one."""
    span = start(
        names.CHAT,
        "client",
        {
            names.OPERATION: names.CHAT,
            names.PROVIDER: names.UPSTREAM_PROVIDER,
            names.REQUEST_STREAM: True,
            names.SERVER_ADDRESS: address,
            names.SERVER_PORT: port,
        },
    )
    return _Question(span, model) if span else _nothing


def find_ids() -> dict[str, str]:
    """Return the ids of the current span, for lines of the log."""
    span = _current.get()
    if span is None:
        return {}
    _, trace_id, span_id, _ = span.traceparent.split("-")
    return {"trace_id": trace_id, "span_id": span_id}
