"""The members of a JSON object, found in its bytes: a value that nobody asks for is never read, nor copied."""

import json
import re
from dataclasses import dataclass

_MAX_MEMBERS = 10_000  # no request has so many parameters
_MAX_BRACKETS = 1_000_000  # a third of a second's work
_SPACE = re.compile(rb"[ \t\n\r]*+")
_SCALAR = re.compile(rb"[\w.+-]++")
# In portions, of which none takes some 10 ms: a match holds the interpreter's lock to its end.
_IN_STRING = re.compile(rb'(?:[^"\\]{1,65536}+|\\.){0,32}+', re.DOTALL)
_UNBRACKETED = re.compile(rb'(?:[^"{}\[\]]{1,1024}+|"[^"\\]{0,256}+"){0,2048}+')


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object: its name, and where its value stands in the bytes."""

    name: str
    start: int
    end: int


def find_members(data: bytes) -> list[Member]:
    """Find the members of the object that a JSON text is, in their order, repeated names too.

    Only the outermost object is taken apart: whether its values are JSON is for others to say.

    Raises:
        ValueError: it is no object, broken, or of more than ten thousand members or a million brackets.
    """
    found: list[Member] = []
    at = _skip_mark(data, _skip_space(data, 0), b"{")
    at = _skip_space(data, at)
    while data[at : at + 1] != b"}":
        if len(found) > _MAX_MEMBERS:
            raise ValueError("too many members")
        if found:
            at = _skip_space(data, _skip_mark(data, at, b","))
        end = _find_end_of_string(data, at)
        name: str = json.loads(data[at:end].decode())
        start = _skip_space(data, _skip_mark(data, _skip_space(data, end), b":"))
        end = _find_end_of_value(data, start)
        found.append(Member(name, start, end))
        at = _skip_space(data, end)
    if _skip_space(data, at + 1) != len(data):
        raise ValueError("more than one value")
    return found


def _find_end_of_value(data: bytes, at: int) -> int:
    first = data[at : at + 1]
    if first == b'"':
        return _find_end_of_string(data, at)
    if first not in {b"{", b"["}:
        return _match(_SCALAR, data, at)
    depth = 0
    for _ in range(_MAX_BRACKETS):
        bracket = data[at : at + 1]
        if bracket in {b"{", b"["}:
            depth += 1
        elif bracket in {b"}", b"]"}:
            depth -= 1
        else:
            raise ValueError("an open bracket")
        at += 1
        if depth == 0:
            return at
        at = _find_bracket(data, at)
    raise ValueError("too many brackets")


def _find_bracket(data: bytes, at: int) -> int:
    """Return where the next bracket stands that is in no string."""
    while True:
        end = _match(_UNBRACKETED, data, at)
        if data[end : end + 1] == b'"':  # of a long string, or one with escapes
            end = _find_end_of_string(data, end)
        if end == at:
            return at
        at = end


def _find_end_of_string(data: bytes, at: int) -> int:
    at = _skip_mark(data, at, b'"')
    while (end := _match(_IN_STRING, data, at)) > at:
        at = end
    return _skip_mark(data, at, b'"')


def _skip_space(data: bytes, at: int) -> int:
    return _match(_SPACE, data, at)


def _skip_mark(data: bytes, at: int, mark: bytes) -> int:
    if data[at : at + 1] != mark:
        raise ValueError(f"no {mark.decode()}")
    return at + 1


def _match(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    match = pattern.match(data, at)
    if match is None:
        raise ValueError("a broken value")
    return match.end()
