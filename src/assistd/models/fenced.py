"""The fenced protocol: calls for models that know no tool calls, as fenced blocks of text."""

import re
from collections.abc import Iterator
from itertools import takewhile

from assistd.models.base import (
    Delta,
    Finished,
    HostedDelta,
    HostedStarted,
    ModelError,
    ModelRequest,
    TextDelta,
    Tokens,
)
from assistd.models.conversation import (
    Assistant,
    FunctionResult,
    HostedCall,
    HostedResult,
    HostedSpec,
    System,
    Text,
    Turn,
    User,
)
from assistd.models.fences import BlockCode, BlockEnded, BlockStarted, FenceParser, Piece, Prose
from assistd.models.messages import Message, append, user_content
from assistd.models.spoken_text import Asides, SpokenText
from assistd.models.tool_calls import finish_reason
from assistd.models.upstream.chunks import Chunk

_TRIES = 2  # of the same code, where it fails
_MOST_OF_A_FAILURE = 1000  # characters
_ERROR = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Exit|Interrupt|Warning)\b", re.MULTILINE)


def fenced_messages(request: ModelRequest, *, vision: bool) -> list[Message]:
    """Return the conversation in plain messages: calls as fenced blocks, results as the user's words.

    Roles alternate, as the templates of small models demand. Where a tool may be used by blocks,
    the system message says how.
    """
    messages: list[Message] = []
    is_first = not _calls_since_user(request.turns)
    tools = request.block_tools
    for tool, words in tools:
        is_demanded = request.tool_choice == f"hosted:{tool.name}"
        must = is_demanded or (request.tool_choice == "required" and tool is tools[-1][0])
        append(messages, "system", f"{words.how} {words.must}" if is_first and must else words.how)
    question = ""
    for turn in _hide_repeated_failure(request.turns):
        question = turn.text if isinstance(turn, User) else question
        _append_turn(messages, turn, question, vision=vision)
    for _, words in tools if is_first else ():
        if words.reminder:
            append(messages, "user", words.reminder)  # last: small models heed the end most
    return messages


def _append_turn(messages: list[Message], turn: Turn, question: str, *, vision: bool) -> None:
    match turn:
        case System():
            _prepend_system(messages, turn.text)
        case User():
            append(messages, "user", user_content(turn.parts, vision=vision))
        case Assistant():
            if text := _write_calls(turn):
                append(messages, "assistant", text)
        case HostedResult():
            append(messages, "user", _write_result(turn, question))
            if vision and turn.images:
                append(messages, "user", user_content(turn.images, vision=True))
        case FunctionResult():
            append(messages, "user", f"[The function answered: {turn.output}]")


def _hide_repeated_failure(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Return the conversation with what was wrong in the place of a block that failed twice in a row.

    Small models copy what they see: shown the code once more, they send it once more.
    """
    calls = _calls_since_user(turns)
    count = len(_last_alike(calls))
    hidden = turns[len(turns) - 2 * count :]
    if count < _TRIES or not calls[-1][1].failed or not all(map(_is_call, hidden[::2])):
        return turns
    last = calls[-1][1]
    assert last.tool.block
    starts = [match.start() for match in _ERROR.finditer(last.output)]
    words = last.output[starts[-1] if starts else 0 :].strip()[-_MOST_OF_A_FAILURE:]
    told = last.tool.block.failed_twice.format(words=_fence(words))
    return (*turns[: -len(hidden)], User((Text(told),)))


def _is_call(turn: Turn) -> bool:
    return isinstance(turn, Assistant) and len(turn.calls) == 1


def check(request: ModelRequest) -> None:
    """Refuse what this protocol cannot do.

    Functions, and hosted tools that are not used by blocks, are not offered to the model and it
    answers without them, unless the request demands that one is called. `response_format` does not
    reach the model where blocks may be used, since it would forbid them.

    Raises:
        ModelError: a tool must be called that cannot be.
    """
    choice = request.tool_choice
    lost = [f"hosted:{spec.name}" for spec in request.hosted if not spec.block]
    if choice.startswith("function:") and request.functions:
        demanded = "a function call"
    elif choice in lost:
        demanded = f"a call of {choice.removeprefix('hosted:')}"
    elif choice == "required" and not request.block_tools and (request.functions or lost):
        demanded = "a function call" if request.functions else "a tool call"
    else:
        return
    raise ModelError(
        "server_error",
        f"The run demands {demanded}, but its model is set up with the 'fenced' protocol, "
        "which has none; use a model with the 'native' protocol, or tool_choice 'auto'.",
        "invalid_prompt",
    )


class FencedReader:
    """Turns chunks of text into deltas; the first block that is whole ends the answer.

    What a model says behind its block it says without knowing the output, so `done` is true then,
    and the request upstream can be closed; the tokens are estimated, at four characters each,
    since the upstream's count comes last. An empty block is passed over. A block that the answer
    leaves unclosed is run as it stands, unless the answer was cut by its length. One that is longer than
    its tool reads is taken as whole. Spaces and line
    breaks around the text of a message are left out.

    Small models like to send the same block again instead of an answer. Code equal to that of the
    call before, within the same turn of the user, is not run again if that call succeeded, or
    if it failed twice. Then the answer is over: its text is what the model said before the block,
    or else what the call printed.

    Args:
        request: what was asked.
        prompt_tokens: an estimate, for answers whose count never comes.
    """

    def __init__(self, request: ModelRequest, prompt_tokens: int) -> None:
        self.done = False
        """Whether nothing that still comes from upstream matters."""
        self._prompt_tokens = prompt_tokens
        self._tokens: Tokens | None = None
        self._tools = request.block_labels
        self._tool: HostedSpec | None = None  # of the block
        self._parser = FenceParser(self._tools) if self._tools else None
        self._repeat = _Repeat(request.turns)
        self._spoken = SpokenText()
        self._asides = Asides()
        self._finish: str | None = None
        self._length = 0
        self._spaces = ""  # held: text ends without them
        self._said = False
        self._held = ""  # code that equals the last call's so far, or is blank
        self._started = False
        self._block_length = 0  # characters
        self._called = False

    @property
    def is_thinking(self) -> bool:
        """Whether what came last is no part of the text."""
        return self._spoken.is_thinking

    def feed(self, chunk: Chunk) -> Iterator[Delta]:
        """Yield what this chunk says."""
        self._finish = chunk.finish or self._finish
        self._tokens = chunk.tokens or self._tokens
        if not self._called:
            yield from self._asides.feed(chunk)
        text = self._spoken.feed(chunk.text)
        self._length += len(text) + len(chunk.refusal)
        if self._parser is None:
            if text:
                yield TextDelta(text)
        else:
            yield from self._read(self._parser.feed(text))

    def finish(self) -> Iterator[Delta]:
        """Yield what the end of the stream says; `Finished` comes last.

        Raises:
            ModelError: the stream ended before the answer did.
        """
        if not self.done:
            reason = finish_reason(self._finish, called=False)
            yield from self._last_pieces(cut=reason != "stop")
            if reason != "stop":
                yield Finished(reason, self._cost())
                return
        yield Finished("tool_calls" if self._called else "stop", self._cost())

    def _last_pieces(self, *, cut: bool) -> Iterator[Delta]:
        last = self._spoken.finish()
        if self._parser is not None:
            pieces = [*self._parser.feed(last), *self._parser.finish()]
            yield from self._read([p for p in pieces if not (cut and isinstance(p, BlockEnded))])
        elif last:
            yield TextDelta(last)

    def _read(self, pieces: list[Piece]) -> Iterator[Delta]:
        for piece in pieces:
            if self.done:
                return
            match piece:
                case Prose():
                    yield from self._text(piece.text)
                case BlockStarted():
                    self._held, self._started = "", False
                    self._block_length = 0
                    self._tool = self._tools[piece.label]
                case BlockCode():
                    self._block_length += len(piece.code)
                    yield from self._code(piece.code)
                    if self._is_long():
                        yield from self._end_block()
                case BlockEnded():
                    yield from self._end_block()

    def _text(self, text: str) -> Iterator[Delta]:
        whole = self._spaces + text
        said = whole.rstrip()
        self._spaces = whole[len(said) :]
        if not self._said:
            said = said.lstrip()
        if said:
            self._said = True
            yield TextDelta(said)

    def _code(self, code: str) -> Iterator[Delta]:
        if not self._started:
            self._held += code
            if not self._held.strip() or self._repeat.may_become(self._tool_name, self._held):
                return
            self._started = True
            yield self._start()
            code = self._held
        yield HostedDelta(0, code)

    def _is_long(self) -> bool:
        """Whether the block has all that is read of a call of its tool."""
        words = self._tool.block if self._tool else None
        return bool(words and words.longest and self._block_length >= words.longest)

    def _end_block(self) -> Iterator[Delta]:
        if not self._started and not self._held.strip():
            return
        self.done = True
        if not self._started and self._repeat.is_repeated(self._tool_name, self._held):
            if not self._said and self._repeat.output:
                yield TextDelta(self._repeat.output)
            return
        self._called = True
        if not self._started:
            yield self._start()
            yield HostedDelta(0, self._held)

    def _start(self) -> HostedStarted:
        return HostedStarted(0, self._tool_name)

    @property
    def _tool_name(self) -> str:
        return self._tool.name if self._tool else ""

    def _cost(self) -> Tokens:
        return self._tokens or Tokens(self._prompt_tokens, max(1, self._length // 4))


class _Repeat:
    """The code that is not to be run once more, if there is such code."""

    def __init__(self, turns: tuple[Turn, ...]) -> None:
        self.output = ""
        """What the last call printed."""
        self._tool = self._code = ""
        calls = _calls_since_user(turns)
        if not calls:
            return
        code, result = calls[-1]
        self._tool = result.tool.name
        self.output = result.output.strip()
        if len(_last_alike(calls)) >= _TRIES or not (result.failed or result.may_differ):
            self._code = code.strip()

    def may_become(self, tool: str, code: str) -> bool:
        return bool(self._code) and tool == self._tool and self._code.startswith(code.strip())

    def is_repeated(self, tool: str, code: str) -> bool:
        return bool(self._code) and tool == self._tool and code.strip() == self._code


def _last_alike(calls: list[tuple[str, HostedResult]]) -> list[tuple[str, HostedResult]]:
    """Return the last calls, as far back as they are of one tool and their code is the same."""

    def is_alike(call: tuple[str, HostedResult]) -> bool:
        code, result = calls[-1]
        return call[0].strip() == code.strip() and call[1].tool.name == result.tool.name

    return list(takewhile(is_alike, reversed(calls)))


def _calls_since_user(turns: tuple[Turn, ...]) -> list[tuple[str, HostedResult]]:
    """Return the blocks that were carried out since the user spoke, with what came of them."""
    codes: dict[str, str] = {}
    done: list[tuple[str, HostedResult]] = []
    for turn in turns:
        if isinstance(turn, User):
            done = []
        elif isinstance(turn, Assistant):
            codes |= {c.id: c.arguments for c in turn.calls if isinstance(c, HostedCall)}
        elif isinstance(turn, HostedResult) and turn.tool.block:
            done.append((codes.get(turn.call_id, ""), turn))
    return done


def _prepend_system(messages: list[Message], text: str) -> None:
    """Put instructions before how to run Python: small models heed the end most."""
    if messages and messages[0]["role"] == "system":
        messages[0]["content"] = f"{text}\n\n{messages[0]['content']}"
    else:
        messages.insert(0, {"role": "system", "content": text})


def _write_calls(turn: Assistant) -> str:
    texts = [turn.text] if turn.text else []
    for call in turn.calls:
        if not isinstance(call, HostedCall):
            texts.append(f"[Called the function {call.name} with {call.arguments}]")
        elif call.tool.block:
            texts.append(_fence(call.arguments, call.tool.block.labels[0]))
        else:
            texts.append(f"[Called the tool {call.tool.name} with {call.arguments}]")
    return "\n\n".join(texts)


def _write_result(result: HostedResult, question: str) -> str:
    """Return what came out, and what follows from it for the user's question."""
    words = result.tool.block
    if words is None:
        return f"[The tool answered: {result.text}]"
    follows = words.failed if result.failed else words.succeeded
    return f"Output:\n{_fence(result.text)}\n{follows.replace('{question}', question)}"


def _fence(text: str, label: str = "") -> str:
    longest = max((len(run) for run in re.findall(r"^ *(`{3,})", text, re.MULTILINE)), default=2)
    marks = "`" * (longest + 1)
    return f"{marks}{label}\n{text}\n{marks}"
