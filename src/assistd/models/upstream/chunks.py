"""The chunks of a streamed chat completion, read from the JSON that upstreams really send."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, cast

from assistd.models.base import ModelError, Tokens

_THOUGHTS = ("reasoning_content", "reasoning")  # where upstreams give thoughts, one or the other


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
        thoughts: the member that this stands in.
        summary: more of what the upstream tells in short of that: each piece with the index of its part.
        calls: pieces of tool calls.
        finish: the `finish_reason`, if it is known now.
        tokens: what the answer cost, if it is known now.
        logprobs: of the tokens of the text.
        model: the name of who answers, as it says itself.
    """

    text: str = ""
    refusal: str = ""
    thought: str = ""
    thoughts: str = ""
    summary: tuple[tuple[int, str], ...] = ()
    calls: tuple[CallPiece, ...] = ()
    finish: str | None = None
    tokens: Tokens | None = None
    logprobs: tuple[Mapping[str, Any], ...] = ()
    model: str = ""


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
    tokens = read_tokens(usage) if usage else None
    choices = [_mapping(choice) for choice in _list(chunk.get("choices"))]
    first = next((choice for choice in choices if not choice.get("index")), _mapping(None))
    delta = _mapping(first.get("delta"))
    finish, logprobs = first.get("finish_reason"), first.get("logprobs")
    thoughts, thought, summary = _read_thought(delta)
    return Chunk(
        text=_text(delta.get("content")),
        refusal=_text(delta.get("refusal")),
        thought=thought,
        thoughts=thoughts,
        summary=summary,
        calls=_calls(delta),
        finish=str(finish) if finish else None,
        tokens=tokens,
        logprobs=_read_logprobs(_mapping(logprobs).get("content")) if logprobs else (),
        model=_text(chunk.get("model")),
    )


def _read_thought(delta: Mapping[str, Any]) -> tuple[str, str, tuple[tuple[int, str], ...]]:
    """Return the member with a thought, the thought, and the pieces of its summary.

    OpenRouter sends `reasoning_details`, and says the same in `reasoning` once more: where the details
    are a summary, that is one, too.
    """
    found = [(name, text) for name in _THOUGHTS if (text := _text(delta.get(name)))]
    told = delta.get("reasoning_details")
    details = cast("list[object]", told) if isinstance(told, list) else []
    summary = tuple(
        (_count(each.get("index")), text)
        for each in map(_mapping, details)
        if each.get("type") == "reasoning.summary" and (text := _text(each.get("summary")))
    )
    member, thought = found[0] if found else ("", "")
    if summary and thought == "".join(text for _, text in summary):
        return "", "", summary
    return member, thought, summary


def _read_logprobs(value: object) -> tuple[Mapping[str, Any], ...]:
    """Return the tokens with their probabilities, with all members that the API has."""
    found: list[Mapping[str, Any]] = []
    for each in map(_mapping, cast("list[object]", value) if isinstance(value, list) else ()):
        token, logprob, sent = _text(each.get("token")), each.get("logprob"), each.get("bytes")
        if isinstance(logprob, (int, float)) and isfinite(logprob):
            encoded = token.encode(errors="replace")
            alternatives = _read_logprobs(each.get("top_logprobs"))
            found.append(
                {
                    "token": encoded.decode(),
                    "bytes": sent if isinstance(sent, list) else list(encoded),
                    "logprob": logprob,
                    "top_logprobs": [_leave_out(other, "top_logprobs") for other in alternatives],
                }
            )
    return tuple(found)


def _leave_out(members: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}


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


def read_tokens(usage: Mapping[str, Any]) -> Tokens:
    """Return what a completion's `usage` says."""
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
