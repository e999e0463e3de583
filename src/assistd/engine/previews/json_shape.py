"""The preview of JSON: its keys, as far down as they help."""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

from assistd.encoding import DecodedHead
from assistd.engine.previews.sample import PreviewError
from assistd.engine.previews.wording import MOST_CHARACTERS, call, literal, shorten

Shape: TypeAlias = "dict[str, Shape] | list[Shape] | None"
"""An object's keys with the shapes of their values; a list's first element; None for the rest."""

_TOKEN = re.compile(
    r"""\s*("[^"\\]*(?:\\.[^"\\]*)*+"|[][{}:,]|-?[\d.eE+-]+|true|false|null|NaN|-?Infinity)""",
    re.DOTALL,
)
_BRACKET = re.compile(r"""(?:[^][{}"]|"[^"\\]*(?:\\.[^"\\]*)*+")*+([][{}])""", re.DOTALL)
_MOST_DEPTH = 6
_MOST_OF_A_LINE = 150
_OPENING = {"{", "["}


class _BrokenOffError(Exception):
    """The text is over in the middle of a value."""


class _Tokens:
    """The tokens of a text, one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def take(self, pattern: re.Pattern[str] = _TOKEN) -> str:
        """Return the next token.

        Raises:
            _BrokenOffError: there is none, or what follows is no JSON.
        """
        match = pattern.match(self._text, self._place)
        if match is None:
            raise _BrokenOffError
        self._place = match.end()
        return match[1]

    def skip(self) -> None:
        """Pass over the rest of the object or list that the next token is in."""
        depth = 1
        while depth:
            depth += 1 if self.take(_BRACKET) in _OPENING else -1


def describe(path: str, head: DecodedHead, *, lines: bool) -> str:
    """Return the preview of JSON; empty where the text is none, or only one value.

    Args:
        path: where code finds it.
        head: the text at its head, which may break off anywhere.
        lines: whether its name says that each line is a value.
    """
    shape, more = _read_head(head.text)
    if not shape:
        return ""
    encoding = [] if head.encoding == "utf-8" else [("encoding", head.encoding)]
    if lines or more:
        options = [("lines", True), *encoding]
        first = shorten(head.text.lstrip().partition("\n")[0], _MOST_OF_A_LINE)
        reading = call("pd.read_json", path, options)
        return f"JSON lines, read with {reading}: {_write(shape)}; first line: {first}"
    told = f"; open with {call('open', path, encoding)}" if encoding else ""
    return f"JSON: {_write(shape)}{told}"


def _read_head(text: str) -> tuple[Shape, bool]:
    """The shape of the first value in a text, and whether another follows it."""
    found: list[Shape] = []
    tokens = _Tokens(text)
    try:
        _read(tokens.take(), tokens, found.append, 0)
        tokens.take()
    except _BrokenOffError:
        return (found[0] if found else None), False
    return found[0], True


def _read(token: str, tokens: _Tokens, attach: Callable[[Shape], None], depth: int) -> None:
    """Read the value that begins with `token`, and attach its shape before that of what is in it."""
    if token not in _OPENING or depth == _MOST_DEPTH:
        attach(None)
        if token in _OPENING:
            tokens.skip()
    elif token == "{":  # noqa: S105  no password
        keys: dict[str, Shape] = {}
        attach(keys)
        _read_object(tokens, keys, depth)
    else:
        elements: list[Shape] = []
        attach(elements)
        if (token := tokens.take()) != "]":
            _read(token, tokens, elements.append, depth + 1)
            tokens.skip()


def _read_object(tokens: _Tokens, keys: dict[str, Shape], depth: int) -> None:
    while (token := tokens.take()) != "}":
        if token == ",":  # noqa: S105
            continue
        if not token.startswith('"') or tokens.take() != ":":
            raise PreviewError("the text is no JSON")
        key: str = json.loads(token, strict=False)
        _read(tokens.take(), tokens, partial(keys.__setitem__, key), depth + 1)


def _write(shape: Shape) -> str:
    """Write a shape as Python writes a value, without the values; cut where it gets long."""
    written = "".join(_parts(shape))
    return written if len(written) <= MOST_CHARACTERS else f"{written[:MOST_CHARACTERS]}..."


def _parts(shape: Shape) -> Iterator[str]:
    if isinstance(shape, list):
        yield "["
        if shape and shape[0]:
            yield from _parts(shape[0])
            yield ", "
        yield "...]"
    elif shape is not None:
        yield "{"
        for place, (key, value) in enumerate(shape.items()):
            yield (", " if place else "") + literal(key) + (": " if value else "")
            yield from _parts(value or None)
        yield "}"
