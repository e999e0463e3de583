"""The chunks of a streamed chat completion, read from the JSON that upstreams really send."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from assistd.models.base import ModelError, Tokens


@dataclass(frozen=True, slots=True)
class CallPiece:
    """A piece of one tool call; every field but `arguments` may be missing."""

    index: int | None
    id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one chunk says.

    Args:
        text: more of the answer.
        refusal: more of why there is none.
        thought: more of what the model thinks before it answers.
        calls: pieces of tool calls.
        finish: the `finish_reason`, if it is known now.
        tokens: what the answer cost, if it is known now.
    """

    text: str = ""
    refusal: str = ""
    thought: str = ""
    calls: tuple[CallPiece, ...] = ()
    finish: str | None = None
    tokens: Tokens | None = None


def read_chunk(data: object) -> Chunk:
    """Read one JSON value of the stream.

    Fields that are null, absent or unknown are passed over.

    Raises:
        ModelError: this is no chunk of a chat completion.
    """
    if not isinstance(data, dict):
        raise _nonsense()
    chunk = cast("dict[str, Any]", data)
    usage = _mapping(chunk.get("usage"))
    tokens = _tokens(usage) if usage else None
    choices = [_mapping(choice) for choice in _list(chunk.get("choices"))]
    first = next((choice for choice in choices if not choice.get("index")), _mapping(None))
    delta = _mapping(first.get("delta"))
    finish = first.get("finish_reason")
    return Chunk(
        text=_text(delta.get("content")),
        refusal=_text(delta.get("refusal")),
        thought=_text(delta.get("reasoning_content")) or _text(delta.get("reasoning")),
        calls=_calls(delta),
        finish=str(finish) if finish else None,
        tokens=tokens,
    )


def _calls(delta: Mapping[str, Any]) -> tuple[CallPiece, ...]:
    pieces = tuple(_call(_mapping(call)) for call in _list(delta.get("tool_calls")))
    old_style = _mapping(delta.get("function_call"))
    return (*pieces, _call({"index": 0, "function": old_style})) if old_style else pieces


def _call(call: Mapping[str, Any]) -> CallPiece:
    function = _mapping(call.get("function"))
    index, arguments = call.get("index"), function.get("arguments")
    return CallPiece(
        index=index if isinstance(index, int) else None,
        id=_text(call.get("id")) or None,
        name=_text(function.get("name")).removeprefix("functions.") or None,
        # Some upstreams send the arguments as an object rather than as JSON text.
        arguments=json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments),
    )


def _tokens(usage: Mapping[str, Any]) -> Tokens:
    return Tokens(
        prompt=_count(usage.get("prompt_tokens")),
        completion=_count(usage.get("completion_tokens")),
        cached=_count(_mapping(usage.get("prompt_tokens_details")).get("cached_tokens")),
        reasoning=_count(_mapping(usage.get("completion_tokens_details")).get("reasoning_tokens")),
    )


def _list(value: object) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise _nonsense()
    return cast("list[Any]", value or [])


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int:
    return max(0, int(value)) if isinstance(value, (int, float)) else 0


def _nonsense() -> ModelError:
    return ModelError(
        "server_error", "The model's upstream sent a stream that is no chat completion."
    )
