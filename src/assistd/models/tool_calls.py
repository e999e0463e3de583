"""Reads native tool calls from a stream: which call a piece belongs to, and what it means."""

import json
from collections.abc import Iterator

from assistd.models.base import (
    Delta,
    Finished,
    FinishReason,
    FunctionDelta,
    FunctionStarted,
    HostedDelta,
    HostedRejected,
    HostedStarted,
    ModelError,
    ModelRequest,
    TextDelta,
    Tokens,
)
from assistd.models.conversation import HostedSpec
from assistd.models.messages import is_json_object
from assistd.models.spoken_text import Asides, SpokenText, SurrogateJoiner
from assistd.models.streamed_argument import ArgumentError, StreamedArgument
from assistd.models.upstream.chunks import CallPiece, Chunk

_CUT_SHORT: dict[str, FinishReason] = {"length": "length", "content_filter": "content_filter"}
_NO_OBJECT = (
    "The arguments are no JSON object. Nothing was run. Call the tool again with one JSON object."
)


def finish_reason(upstream: str | None, *, called: bool) -> FinishReason:
    """Return what the upstream's `finish_reason` means.

    Many upstreams say `stop` behind tool calls, and some `tool_calls` without one: what counts is
    whether there were calls. An unknown reason is `stop`.

    Raises:
        ModelError: there is none, so the answer is not whole.
    """
    if upstream is None:
        raise ModelError(
            "server_error", "The model's upstream broke off in the middle of its answer."
        )
    return _CUT_SHORT.get(upstream) or ("tool_calls" if called else "stop")


class ToolCallReader:
    """Turns chunks into deltas; calls come out one after the other even if they came mixed up.

    A call streams through as it comes. Pieces of a later call are held until the arguments of the
    one before are complete JSON, or the answer ends. Text that follows a call is dropped: an answer
    has its text before its calls (`Model.stream`).

    A call of a tool that was not offered is taken for the hosted tool where only that was offered,
    is rejected with a list of the tools where there is a hosted one among them, and fails the
    answer otherwise.

    Args:
        request: what was asked.
        prompt_tokens: an estimate, for upstreams that do not count.
    """

    def __init__(self, request: ModelRequest, prompt_tokens: int) -> None:
        self.done = False
        """Never true: a native answer ends where its upstream ends it."""
        self._tools = _Tools(request)
        self._calls: list[_Call] = []
        self._current = 0
        self._text = SpokenText()
        self._asides = Asides()
        self._finish: str | None = None
        self._tokens: Tokens | None = None
        self._prompt_tokens = prompt_tokens
        self._length = 0  # characters of the answer

    @property
    def is_thinking(self) -> bool:
        """Whether what came last is no part of the text."""
        return self._text.is_thinking

    def feed(self, chunk: Chunk) -> Iterator[Delta]:
        """Yield what this chunk says.

        Raises:
            ModelError: a tool was called though none was offered.
        """
        self._finish = chunk.finish or self._finish
        self._tokens = chunk.tokens or self._tokens
        self._length += len(chunk.text) + len(chunk.refusal)
        self._length += sum(len(piece.arguments) for piece in chunk.calls)
        if not self._calls:
            yield from self._asides.feed(chunk)
        if not self._calls and (text := self._text.feed(chunk.text)):
            yield TextDelta(text)
        if chunk.calls and not self._calls and (last := self._text.finish()):
            yield TextDelta(last)
        for piece in chunk.calls:
            self._call_of(piece).add(piece)
        yield from self._flow()

    def finish(self) -> Iterator[Delta]:
        """Yield what the end of the stream says; `Finished` comes last.

        Raises:
            ModelError: the stream ended before the answer did.
        """
        reason = finish_reason(self._finish, called=bool(self._calls))
        if not self._calls and (last := self._text.finish()):
            yield TextDelta(last)
        if reason in {"stop", "tool_calls"}:
            for call in self._calls[self._current :]:
                yield from call.close()
        estimate = Tokens(self._prompt_tokens, max(1, self._length // 4))
        yield Finished(reason, self._tokens or estimate)

    def _flow(self) -> Iterator[Delta]:
        while self._current < len(self._calls):
            call = self._calls[self._current]
            yield from call.flow()
            if self._current == len(self._calls) - 1 or not call.complete:
                return
            yield from call.close()
            self._current += 1

    def _call_of(self, piece: CallPiece) -> "_Call":
        """Return the call a piece belongs to.

        By the index. Where an upstream sends none, or 0 for every call, a new id together with a
        name begins a new call, and so does a name behind arguments that are complete.
        """
        known = [call for call in self._calls if piece.index in (None, call.upstream_index)]
        if piece.id and (same := [call for call in known if call.id == piece.id]):
            return same[-1]
        if known and not known[-1].ends_before(piece):
            return known[-1]
        call = _Call(len(self._calls), piece, self._tools)
        self._calls.append(call)
        return call


class _Tools:
    """The tools of one request, by name."""

    def __init__(self, request: ModelRequest) -> None:
        self.hosted = request.hosted
        self.functions = {function.name for function in request.functions}
        self._by_name = {name: spec for spec in request.hosted[::-1] for name in spec.offered_as}
        self._names = {spec.choose_name(self.functions): spec for spec in request.hosted}
        self._by_name |= self._names

    def find_hosted(self, name: str | None) -> HostedSpec | None:
        """Return the hosted tool that a call by this name means, if it means one."""
        if not self.hosted or name in self.functions:
            return None
        if name is None or (len(self.hosted) == 1 and not self.functions):
            return self.hosted[0]
        return self._by_name.get(name)

    def complain(self, name: str) -> str:
        """Return what the model is told of a call by a name that no tool has."""
        names = ", ".join(sorted({*self._names, *self.functions}))
        return f"There is no tool {name!r}. Nothing was run. The tools are: {names}."


class _Call:
    """One tool call on its way."""

    def __init__(self, index: int, piece: CallPiece, tools: _Tools) -> None:
        self.upstream_index = piece.index
        self.id = piece.id
        self._index = index
        self._tools = tools
        self._name: str | None = None
        self._joiner = SurrogateJoiner()
        self._arguments = ""  # all that came
        self._passed = 0  # how much of it was passed on
        self._hosted: HostedSpec | None = None
        self._argument: StreamedArgument | None = None
        self._started = False

    def add(self, piece: CallPiece) -> None:
        self.id = self.id or piece.id
        self._name = self._name or piece.name
        self._arguments += self._joiner.join(piece.arguments)

    def ends_before(self, piece: CallPiece) -> bool:
        """Return whether this piece, of no clear index, begins another call."""
        if not piece.name or not self._name:
            return False
        if not piece.id and not piece.arguments and piece.name == self._name:
            return False  # only repeats whose call it is
        return bool(piece.id and self.id and piece.id != self.id) or self.complete

    @property
    def complete(self) -> bool:
        """Whether the arguments so far are a whole JSON value."""
        if self._argument is not None and self._passed == len(self._arguments):
            return self._argument.complete
        try:
            json.loads(self._arguments)
        except ValueError:
            return False
        return True

    def flow(self) -> Iterator[Delta]:
        """Pass on what came."""
        if self._name is None:
            return
        if not self._started:
            yield self._start()
        more = self._arguments[self._passed :]
        self._passed = len(self._arguments)
        if self._argument is not None:
            if text := self._argument.feed(more):
                yield HostedDelta(self._index, text)
        elif more and self._hosted:
            yield HostedDelta(self._index, more)
        elif more and self._name in self._tools.functions:
            yield FunctionDelta(self._index, more)

    def close(self) -> Iterator[Delta]:
        """Pass on what only the end of the call decides."""
        self._name = self._name or ""
        yield from self.flow()
        if self._argument is not None:
            try:
                if text := self._argument.finish():
                    yield HostedDelta(self._index, text)
            except ArgumentError as error:
                yield HostedRejected(self._index, str(error))
        elif self._hosted and self._arguments and not is_json_object(self._arguments):
            yield HostedRejected(self._index, _NO_OBJECT)
        elif not self._hosted and self._name not in self._tools.functions:
            yield HostedRejected(self._index, self._tools.complain(self._name))
        elif not self._arguments:
            empty = HostedDelta if self._hosted else FunctionDelta
            yield empty(self._index, "{}")

    def _start(self) -> Delta:
        self._started = True
        name = self._name or None
        if name in self._tools.functions:
            return FunctionStarted(self._index, str(name))
        if not self._tools.hosted:
            raise ModelError(
                "server_error",
                "The model called a tool that was not offered to it; try another model.",
            )
        self._hosted = self._tools.find_hosted(name)
        if self._hosted and self._hosted.streamed:
            self._argument = StreamedArgument(self._hosted.streamed)
        # A call of no tool at all is shown as one of the first: somewhere its reader must be told.
        return HostedStarted(self._index, (self._hosted or self._tools.hosted[0]).name)
