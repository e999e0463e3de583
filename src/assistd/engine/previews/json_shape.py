"""The preview of JSON: its keys, as far down as they help."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from assistd.engine.previews.encoding import DecodedHead
from assistd.engine.previews.sample import PreviewError
from assistd.engine.previews.wording import MOST_CHARACTERS, call, literal

Shape: TypeAlias = "dict[str, Shape] | list[Shape] | None"
"""An object's keys with the shapes of their values; a list's first element; None for the rest."""

_TOKEN = re.compile(
    r"""\s*("[^"\\]*(?:\\.[^"\\]*)*"|[][{}:,]|-?[\d.eE+-]+|true|false|null|NaN|-?Infinity)""",
    re.DOTALL,
)
_MOST_DEPTH = 6
_BRACKETS = {"{": "}", "[": "]"}


def describe(path: str, head: DecodedHead, *, lines: bool) -> str:
    """Return the preview of JSON; empty where the text is none, or only one value.

    Args:
        path: where code finds it.
        head: the text at its head, which may break off anywhere.
        lines: whether its name says that each line is a value.
    """
    found: list[Shape] = []
    tokens = _tokens(head.text)
    with suppress(StopIteration):  # the text, or what is known of it, is over
        _read(next(tokens), tokens, found.append, 0)
        next(tokens)
        lines = True  # another value follows
    shape = found[0] if found else None
    if not shape:
        return ""
    encoding = [] if head.encoding == "utf-8" else [("encoding", head.encoding)]
    if lines:
        options = [("lines", True), *encoding]
        return f"JSON lines, read with {call('pd.read_json', path, options)}: {_write(shape)}"
    told = f"; open with {call('open', path, encoding)}" if encoding else ""
    return f"JSON: {_write(shape)}{told}"


def _tokens(text: str) -> Iterator[str]:
    place = 0
    while match := _TOKEN.match(text, place):
        yield match[1]
        place = match.end()


def _read(token: str, tokens: Iterator[str], attach: Callable[[Shape], None], depth: int) -> None:
    """Read the value that begins with `token`, and attach its shape before that of what is in it.

    Raises:
        PreviewError: the text is no JSON.
        StopIteration: it breaks off in the value.
    """
    if token not in _BRACKETS or depth == _MOST_DEPTH:
        attach(None)
        if token in _BRACKETS:
            _skip(tokens)
    elif token == "{":  # noqa: S105  no password
        keys: dict[str, Shape] = {}
        attach(keys)
        _read_object(tokens, keys, depth)
    else:
        elements: list[Shape] = []
        attach(elements)
        token = next(tokens)
        if token != "]":  # noqa: S105
            _read(token, tokens, elements.append, depth + 1)
            _skip(tokens)


def _read_object(tokens: Iterator[str], keys: dict[str, Shape], depth: int) -> None:
    while (token := next(tokens)) != "}":
        if token == ",":  # noqa: S105
            continue
        if not token.startswith('"') or next(tokens) != ":":
            raise PreviewError("the text is no JSON")
        key: str = json.loads(token, strict=False)
        _read(next(tokens), tokens, partial(keys.__setitem__, key), depth + 1)


def _skip(tokens: Iterator[str]) -> None:
    """Pass over the rest of the object or list that `tokens` are in."""
    depth = 1
    while depth:
        token = next(tokens)
        depth += (token in _BRACKETS) - (token in _BRACKETS.values())


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
