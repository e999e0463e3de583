"""Reads native tool calls from a stream: which call a piece belongs to, and what it means."""

import json
from collections.abc import Iterator

from assistd.models.base import (
    CodeDelta,
    CodeRejected,
    CodeStarted,
    Delta,
    Finished,
    FinishReason,
    FunctionDelta,
    FunctionStarted,
    ModelError,
    ModelRequest,
    TextDelta,
    Tokens,
)
from assistd.models.chunks import CallPiece, Chunk
from assistd.models.code_arguments import CodeArguments, CodeArgumentsError
from assistd.models.spoken_text import SpokenText, SurrogateJoiner

_CUT_SHORT: dict[str, FinishReason] = {"length": "length", "content_filter": "content_filter"}
_CODE_NAMES = ("python", "code_interpreter", "run_python")


def code_name(request: ModelRequest) -> str:
    """The name under which the code tool is offered: `python`, unless a function has that name."""
    taken = {function.name for function in request.functions}
    return next((name for name in _CODE_NAMES if name not in taken), "assistd_run_python")


def finish_reason(upstream: str | None, *, called: bool) -> FinishReason:
    """What the upstream's `finish_reason` means.

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

    A call of a tool that was not offered is read as Python if only Python was offered, is rejected
    with a list of the tools if Python and functions were, and fails the answer otherwise.

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
        self._finish: str | None = None
        self._tokens: Tokens | None = None
        self._prompt_tokens = prompt_tokens
        self._length = 0  # characters of the answer

    def feed(self, chunk: Chunk) -> Iterator[Delta]:
        """What this chunk says.

        Raises:
            ModelError: a tool was called though none was offered.
        """
        self._finish = chunk.finish or self._finish
        self._tokens = chunk.tokens or self._tokens
        self._length += len(chunk.text) + sum(len(piece.arguments) for piece in chunk.calls)
        if not self._calls and (text := self._text.feed(chunk.text)):
            yield TextDelta(text)
        if chunk.calls and not self._calls and (last := self._text.finish()):
            yield TextDelta(last)
        for piece in chunk.calls:
            self._call_of(piece).add(piece)
        yield from self._flow()

    def finish(self) -> Iterator[Delta]:
        """What the end of the stream says; `Finished` comes last.

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
        """The call a piece belongs to.

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
        self.code = request.code_tool
        self.functions = {function.name for function in request.functions}
        self._code_name = code_name(request)

    def is_code(self, name: str | None) -> bool:
        if not self.code or name in self.functions:
            return False
        return name is None or name in _CODE_NAMES or name == self._code_name or not self.functions

    def complaint(self, name: str) -> str:
        names = ", ".join(sorted({self._code_name, *self.functions}))
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
        self._code: CodeArguments | None = None
        self._started = False

    def add(self, piece: CallPiece) -> None:
        self.id = self.id or piece.id
        self._name = self._name or piece.name
        self._arguments += self._joiner.join(piece.arguments)

    def ends_before(self, piece: CallPiece) -> bool:
        """Whether this piece, of no clear index, begins another call."""
        if not piece.name or not self._name:
            return False
        if not piece.id and not piece.arguments and piece.name == self._name:
            return False  # only repeats whose call it is
        return bool(piece.id and self.id and piece.id != self.id) or self.complete

    @property
    def complete(self) -> bool:
        """Whether the arguments so far are a whole JSON value."""
        if self._code is not None and self._passed == len(self._arguments):
            return self._code.complete
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
        if self._code is not None:
            if code := self._code.feed(more):
                yield CodeDelta(self._index, code)
        elif more and self._name in self._tools.functions:
            yield FunctionDelta(self._index, more)

    def close(self) -> Iterator[Delta]:
        """Pass on what only the end of the call decides."""
        self._name = self._name or ""
        yield from self.flow()
        if self._code is not None:
            try:
                if code := self._code.finish():
                    yield CodeDelta(self._index, code)
            except CodeArgumentsError as error:
                yield CodeRejected(self._index, str(error))
        elif self._name not in self._tools.functions:
            yield CodeRejected(self._index, self._tools.complaint(self._name))
        elif not self._arguments:
            yield FunctionDelta(self._index, "{}")

    def _start(self) -> Delta:
        self._started = True
        name = self._name or None
        if self._tools.is_code(name):
            self._code = CodeArguments()
        elif name in self._tools.functions:
            return FunctionStarted(self._index, str(name))
        elif not self._tools.code:
            raise ModelError(
                "server_error",
                "The model called a tool that was not offered to it; try another model.",
            )
        return CodeStarted(self._index)
