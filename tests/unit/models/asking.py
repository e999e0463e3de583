"""Asks models in tests, and reads what they answer."""

from typing import Any

from assistd.models.base import (
    CodeDelta,
    CodeStarted,
    Delta,
    FunctionDelta,
    FunctionTool,
    Model,
    ModelRequest,
    Text,
    TextDelta,
    Turn,
    User,
)

WEATHER = FunctionTool("get_weather", "Weather of a city", {"type": "object", "properties": {}})


def asking(*turns: Turn | str, **options: Any) -> ModelRequest:
    """A request with these turns; a string is what the user says."""
    said = [User((Text(turn),)) if isinstance(turn, str) else turn for turn in turns]
    return ModelRequest("gpt-4o", tuple(said or [User((Text("Hi"),))]), **options)


async def answer(model: Model, request: ModelRequest) -> list[Delta]:
    """All that the model answers."""
    return [delta async for delta in model.stream(request)]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


def codes_of(deltas: list[Delta]) -> list[str]:
    """The code of every call, in order."""
    codes: dict[int, str] = {d.index: "" for d in deltas if isinstance(d, CodeStarted)}
    for delta in deltas:
        if isinstance(delta, CodeDelta):
            codes[delta.index] += delta.code
    return list(codes.values())


def arguments_of(deltas: list[Delta], index: int = 0) -> str:
    pieces = [d.arguments for d in deltas if isinstance(d, FunctionDelta) and d.index == index]
    return "".join(pieces)
