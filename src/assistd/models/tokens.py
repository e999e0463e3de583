"""Estimates of tokens: every model counts in its own way, and none of them tells before it is asked."""

from math import ceil

from assistd.models.conversation import (
    Assistant,
    FunctionResult,
    HostedResult,
    Image,
    System,
    Text,
    Turn,
    User,
)

_PER_TURN = 4  # what stands around a message
_PICTURE = 1105  # a picture of common size in full detail
_SMALL_PICTURE = 85


def count(text: str) -> int:
    """Return the tokens of a text: one for four characters of ASCII, one for every other character.

    That is close for English and code, and more than it costs for most other scripts.
    """
    if text.isascii():
        return ceil(len(text) / 4)
    plain = len(text.encode("ascii", "ignore"))
    return ceil(plain / 4) + len(text) - plain


def of_turn(turn: Turn) -> int:
    """Return the tokens of one turn of a conversation, with its pictures and calls."""
    match turn:
        case User(parts):
            return _PER_TURN + sum(_part(part) for part in parts)
        case Assistant(text, calls, thought):
            called = sum(_PER_TURN + count(each.arguments) for each in calls)
            return _PER_TURN + count(text) + count(thought) + called
        case FunctionResult():
            return _PER_TURN + count(turn.output)
        case HostedResult():
            return _PER_TURN + count(turn.text) + sum(map(_part, turn.images))
        case System():
            return _PER_TURN + count(turn.text)


def _part(part: Text | Image) -> int:
    if isinstance(part, Text):
        return count(part.text)
    return _SMALL_PICTURE if part.detail == "low" else _PICTURE
