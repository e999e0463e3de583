"""Bodies of JSON; large ones are read beside the event loop, in steps between which others have their turn."""

import asyncio
import json
from collections.abc import Callable
from json.scanner import py_make_scanner  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
from typing import Any, TypeVar, cast

from assistd.errors import RequestError

R = TypeVar("R")

MAX_BYTES = 32 << 20
"""What a body may have: 32 messages, as many as the hosted service took at once, of 256,000 characters of 4 bytes."""

_LARGE = 16 << 10  # bytes; less is read within a millisecond or two
MAX_VALUES = 20_000
"""What a body may have by default; of wrong ones few are told (`bodies.Many`)."""

_Scan = Callable[[str, int], tuple[Any, int]]


async def handle_body(data: bytes, handle: Callable[..., R], *args: object) -> R:
    """Return the result of `handle(data, ...)`, called in a thread of its own where there is much of it."""
    if len(data) <= _LARGE:
        return handle(data, *args)
    return await asyncio.to_thread(handle, data, *args)


def loads(data: bytes, most: int = MAX_VALUES) -> Any:
    """Return the value that a body is, of at most `most` values.

    Raises:
        ValueError: it is no JSON, no Unicode, or has endless digits.
        RecursionError: it is nested too deep.
        RequestError: it is of more values than a body may have.
    """
    if len(data) <= _LARGE:
        return json.loads(data)
    text = data.decode(json.detect_encoding(data), "surrogatepass")
    return _Reader(most).decode(text)


class Members(list[tuple[str, Any]]):
    """All members of an object in their order, repeated names too."""


def read_members(data: bytes, most: int) -> Any:
    """Return the value that a text of JSON is, with `Members` for objects; it takes a while, in a thread.

    Raises:
        ValueError: as `loads`.
        RecursionError: likewise.
        RequestError: it is of more than `most` values.
    """
    text = data.decode(json.detect_encoding(data), "surrogatepass")
    return _Reader(most, Members).decode(text)


class _Reader(json.JSONDecoder):
    """The standard library's reader in its form of Python, which counts, and lets other threads run.

    The form in C holds the interpreter's lock to the end: a tenth of a second where there is much.
    """

    def __init__(
        self,
        most: int,
        make_object: Callable[[list[tuple[str, Any]]], Any] | None = None,
    ) -> None:
        super().__init__(object_pairs_hook=make_object)
        self._most = self._left = most
        self._read_object: Callable[..., Any] = self.parse_object
        self._read_array: Callable[..., Any] = self.parse_array
        self.parse_object = self._object
        self.parse_array = self._array
        self.scan_once = cast("_Scan", py_make_scanner(self))

    def _object(self, at: tuple[str, int], *settings: Any) -> Any:
        strict, scan, *rest = settings
        return self._read_object(at, strict, self._count(scan), *rest)

    def _array(self, at: tuple[str, int], scan: _Scan) -> Any:
        return self._read_array(at, self._count(scan))

    def _count(self, scan: _Scan) -> _Scan:
        def scan_one(text: str, at: int) -> tuple[Any, int]:
            self._left -= 1
            if self._left < 0:
                raise RequestError(
                    f"The request body has more than {self._most} values. Please send less at once."
                )
            return scan(text, at)

        return scan_one
