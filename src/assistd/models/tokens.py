"""Estimates of tokens: every model counts in its own way, and none of them tells before it is asked."""

from math import ceil

from assistd.models.base import Assistant, CodeCall, FunctionResult, Image, Text, Turn, User

_PER_TURN = 4  # what stands around a message
_PICTURE = 1105  # a picture of common size in full detail
_SMALL_PICTURE = 85


def count(text: str) -> int:
    """The tokens of a text: one for four characters of ASCII, one for every other character.

    That is close for English and code, and more than it costs for most other scripts.
    """
    if text.isascii():
        return ceil(len(text) / 4)
    plain = len(text.encode("ascii", "ignore"))
    return ceil(plain / 4) + len(text) - plain


def of_turn(turn: Turn) -> int:
    """The tokens of one turn of a conversation, with its pictures and calls."""
    match turn:
        case User(parts):
            return _PER_TURN + sum(_part(part) for part in parts)
        case Assistant(text, calls):
            said = [call.code if isinstance(call, CodeCall) else call.arguments for call in calls]
            return _PER_TURN + count(text) + sum(_PER_TURN + count(each) for each in said)
        case FunctionResult():
            return _PER_TURN + count(turn.output)
        case _:
            pictures = getattr(turn, "images", ())
            return _PER_TURN + count(turn.text) + sum(_part(image) for image in pictures)


def _part(part: Text | Image) -> int:
    if isinstance(part, Text):
        return count(part.text)
    return _SMALL_PICTURE if part.detail == "low" else _PICTURE
