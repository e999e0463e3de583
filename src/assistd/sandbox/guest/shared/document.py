"""What passes between the server and the reader of one document.

The reader first tells whether its walls stand. Only then it gets the document, and is hostile from
there on: it may reply anything. `read_reply` believes nothing, and takes no more than it was told.
"""

import codecs
import json
import struct
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

READY = b"R"
REFUSED = b"W"  # then the reason, to the end
MESSAGE_BYTES = 4096  # of that reason

Failure = str
FAILURES: frozenset[Failure] = frozenset({"broken", "encrypted", "no text", "too large", "memory"})

_HEADER = struct.Struct(">cII")  # kind, pages, bytes of what follows them
_PAGE = struct.Struct(">III")  # number, start and end in code points
_TEXT, _FAILED = b"T", b"F"
_MOST_PAGES = 1_000_000
_PIECE = 1 << 18  # bytes; a long one would hold the interpreter's lock too long

Page = tuple[int, int, int]


class NonsenseError(Exception):
    """The reply is none that our own reader gives."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the reader is told at its start.

    Args:
        mime: the type of the document.
        has_pages: whether its pages have numbers.
        size: bytes of the document.
        folder: an empty one that it may write to before it gets the document; None where it needs none.
        uid: which of the ids that are set aside for readers is its own.
        memory_bytes: of address space.
        seconds: of the processor.
        text_bytes: of text, at most.
        confined: whether walls must stand.
    """

    mime: str
    has_pages: bool
    size: int
    folder: str | None
    uid: int
    memory_bytes: int
    seconds: int
    text_bytes: int
    confined: bool = True

    def pack(self) -> str:
        """Return it as an argument of a program."""
        return json.dumps(asdict(self))

    @classmethod
    def unpack(cls, text: str) -> "Order":
        """Return what `pack` made a text of."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Reply:
    """The text of a document.

    Args:
        text: of all pages.
        pages: number, start and end of each.
    """

    text: str
    pages: tuple[Page, ...]


def pack_text(text: bytes, pages: Iterable[Page]) -> list[bytes]:
    """Return the parts of the message that brings a text, in UTF-8."""
    table = b"".join(_PAGE.pack(*page) for page in pages)
    return [_HEADER.pack(_TEXT, len(table) // _PAGE.size, len(text)), table, text]


def pack_failure(reason: Failure) -> list[bytes]:
    """Return the parts of the message that says why there is no text."""
    return [_HEADER.pack(_FAILED, 0, len(reason)), reason.encode()]


def read_reply(read: Callable[[int], bytes], text_bytes: int) -> Reply | Failure:
    """Return what a reader replies.

    Args:
        read: returns up to so many bytes, and none only at the end.
        text_bytes: how long a text may be.

    Raises:
        EOFError: it ends too early.
        NonsenseError: it is no reply, more than one, or longer than it may be.
    """
    kind, pages, length = _HEADER.unpack(_read_exactly(read, _HEADER.size))
    if pages > _MOST_PAGES or length > text_bytes or kind not in {_TEXT, _FAILED}:
        raise NonsenseError
    table = _read_exactly(read, pages * _PAGE.size)
    text = _read_text(read, length)
    if read(1):
        raise NonsenseError
    if kind == _FAILED:
        return _check_failure(text)
    return Reply(text, _check_pages(tuple(_PAGE.iter_unpack(table)), len(text)))


def _read_exactly(read: Callable[[int], bytes], length: int) -> bytes:
    parts: list[bytes] = []
    while length:
        part = read(min(length, _PIECE))
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _read_text(read: Callable[[int], bytes], length: int) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    parts: list[str] = []
    try:
        while length:
            part = read(min(length, _PIECE))
            if not part:
                raise EOFError
            parts.append(decoder.decode(part))
            length -= len(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise NonsenseError from error
    if any("\0" in part for part in parts):  # which PostgreSQL cannot keep
        raise NonsenseError
    return "".join(parts)


def _check_failure(reason: str) -> Failure:
    if reason not in FAILURES:
        raise NonsenseError
    return reason


def _check_pages(pages: tuple[Page, ...], length: int) -> tuple[Page, ...]:
    before = last = 0
    for number, start, end in pages:
        if not (number > before and last <= start <= end <= length):
            raise NonsenseError
        before, last = number, end
    return pages
