"""Estimates of what a model would be asked, in tokens, without asking it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from assistd.db.responses.items import StoredItem
from assistd.models import tokens
from assistd.models.conversation import Image, System, Text, User
from assistd.objects.responses.item import (
    CodeInterpreterCall,
    FileSearchCall,
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputPart,
    Message,
    Part,
    Reasoning,
    Refusal,
)


def count_tokens(
    items: Iterable[StoredItem],
    *,
    instructions: str | None = None,
    tools: Sequence[Mapping[str, Any]] = (),
) -> int:
    """Return about how many tokens a model would be asked.

    Args:
        items: what was said before, and the input.
        instructions: what the model is told besides.
        tools: what it may call, as JSON.
    """
    told = tokens.of_turn(System(instructions)) if instructions else 0
    offered = sum(tokens.of_turn(System(json.dumps(tool))) for tool in tools)
    return told + offered + sum(tokens.of_turn(User(tuple(_list_parts(each)))) for each in items)


def _list_parts(stored: StoredItem) -> Iterable[Text | Image]:
    """Return what a model is told of an item; not what it thought itself."""
    told: Iterable[Text | Image] = ()
    match stored.item:
        case Message(content=parts):
            told = map(_read_part, parts)
        case FunctionCall(name=name, arguments=arguments):
            told = (Text(name), Text(arguments))
        case FunctionCallOutput(output=output):
            told = (Text(output),) if isinstance(output, str) else map(_read_part, output)
        case CodeInterpreterCall(code=code):
            told = (Text(code or ""), *map(_read_output, stored.more.get("outputs") or ()))
        case FileSearchCall():
            told = [Text(each["text"]) for each in stored.more.get("results") or ()]
        case Reasoning():
            pass
    return told


def _read_part(part: Part | InputPart) -> Text | Image:
    match part:
        case InputImage():
            return Image(part.image_url or "", part.detail)
        case InputFile():
            return Text(part.filename or part.file_id or part.file_url or "")
        case Refusal():
            return Text(part.refusal)
        case _:
            return Text(part.text)


def _read_output(output: Mapping[str, Any]) -> Text | Image:
    return Text(output["logs"]) if output["type"] == "logs" else Image(output["url"])
