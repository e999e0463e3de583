"""`direct`: stands in for a language model by running the Python the user wrote."""

from collections.abc import AsyncGenerator, Iterator
from math import ceil

from assistd.models.base import (
    Backend,
    Delta,
    Finished,
    HostedDelta,
    HostedStarted,
    ModelRequest,
    TextDelta,
    Tokens,
)
from assistd.models.conversation import (
    Assistant,
    FunctionResult,
    HostedResult,
    System,
    Turn,
    User,
)
from assistd.models.fences import find_blocks

_PIECES = 4
_SHORTEST_PIECE = 8  # characters


class Direct:
    """Runs the fenced blocks of the last user message, Python or another tool's, and answers with what came.

    Each block is one call, made verbatim in a turn of its own, in order: how many calls are done
    is the number of `HostedResult`s behind the last `User` turn. When all are done the answer is the
    logs of the last block, followed by one line `[name](sandbox:/mnt/data/name)` for every file the
    blocks wrote, each once, in the order in which they first appeared. Before the links the logs
    end with exactly one line break; without links they stand as they are. No logs and no files:
    the answer is empty, so there is no text delta at all. Without a block, or where the request
    offers no such tool (or none any more), nothing is run; without a result the answer is the user's
    text.

    Functions, the response format and limits of tokens are ignored. Tokens are estimated at four
    characters each.
    """

    vision = False
    backend: Backend = "direct"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta, None]:
        """Answer as the class says; never fails (see `Model.stream`)."""
        question, results = _last_exchange(request.turns)
        tools = request.block_labels
        blocks = find_blocks(question, tools)
        prompt = sum(_tokens(_text(turn)) for turn in request.turns)
        if len(results) < len(blocks):
            label, code = blocks[len(results)]
            yield HostedStarted(0, tools[label].name)
            for piece in _pieces(code):
                yield HostedDelta(0, piece)
            yield Finished("tool_calls", Tokens(prompt, max(1, _tokens(code))))
            return
        answer = _answer(results) if results else question
        for piece in _pieces(answer):
            yield TextDelta(piece)
        yield Finished("stop", Tokens(prompt, _tokens(answer)))


def _last_exchange(turns: tuple[Turn, ...]) -> tuple[str, list[HostedResult]]:
    """Return the text of the last user turn, and the results of blocks behind it."""
    question, results = "", list[HostedResult]()
    for turn in turns:
        if isinstance(turn, User):
            question, results = turn.text, []
        elif isinstance(turn, HostedResult) and turn.tool.block:
            results.append(turn)
    return question, results


def _answer(results: list[HostedResult]) -> str:
    logs = results[-1].output
    names = dict.fromkeys(name for result in results for name in result.files)
    links = "\n".join(f"[{name}](sandbox:/mnt/data/{name})" for name in names)
    if not links or not logs:
        return logs or links
    return f"{logs.rstrip(chr(10))}\n{links}"


def _pieces(text: str) -> Iterator[str]:
    size = max(_SHORTEST_PIECE, ceil(len(text) / _PIECES))
    return (text[start : start + size] for start in range(0, len(text), size))


def _tokens(text: str) -> int:
    return ceil(len(text) / 4)


def _text(turn: Turn) -> str:
    match turn:
        case System() | User() | HostedResult():
            return turn.text
        case Assistant():
            return turn.text + "".join(call.arguments for call in turn.calls)
        case FunctionResult():
            return turn.output
