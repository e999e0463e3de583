"""Asks models in tests, and reads what they answer."""

from dataclasses import fields
from typing import Any

from assistd.engine.tools.code_outcome import CodeResult
from assistd.engine.tools.code_words import CODE, CODE_WITH_FILES
from assistd.models.base import (
    AnswerOptions,
    Delta,
    FunctionDelta,
    HostedDelta,
    HostedStarted,
    Model,
    ModelRequest,
    TextDelta,
)
from assistd.models.conversation import (
    FunctionTool,
    HostedCall,
    HostedResult,
    Text,
    Turn,
    User,
)

WEATHER = FunctionTool("get_weather", "Weather of a city", {"type": "object", "properties": {}})


def asking(
    *turns: Turn | str, code_tool: bool = False, has_files: bool = False, **options: Any
) -> ModelRequest:
    """A request with these turns; a string is what the user says."""
    if code_tool:
        options["hosted"] = (CODE_WITH_FILES if has_files else CODE,)
    said = [User((Text(turn),)) if isinstance(turn, str) else turn for turn in turns]
    known = {field.name for field in fields(AnswerOptions)} & options.keys()
    how = AnswerOptions(**{name: options.pop(name) for name in known})
    return ModelRequest("gpt-4o", tuple(said or [User((Text("Hi"),))]), options=how, **options)


def code_call(call_id: str, code: str) -> HostedCall:
    """A call of the code interpreter."""
    return HostedCall(call_id, CODE, code)


def code_result(call_id: str, logs: str, *args: Any, **fields: Any) -> HostedResult:
    """What the model is told of a call, as the code interpreter tells it."""
    return CodeResult("", logs, *args, **fields).tell(call_id, CODE)


async def answer(model: Model, request: ModelRequest) -> list[Delta]:
    """All that the model answers."""
    return [delta async for delta in model.stream(request)]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


def codes_of(deltas: list[Delta]) -> list[str]:
    """The code of every call, in order."""
    codes: dict[int, str] = {d.index: "" for d in deltas if isinstance(d, HostedStarted)}
    for delta in deltas:
        if isinstance(delta, HostedDelta):
            codes[delta.index] += delta.arguments
    return list(codes.values())


def arguments_of(deltas: list[Delta], index: int = 0) -> str:
    pieces = [d.arguments for d in deltas if isinstance(d, FunctionDelta) and d.index == index]
    return "".join(pieces)
