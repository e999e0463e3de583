"""The reader of one document: shuts itself in, takes the text out of it with kreuzberg, and ends.

It is started by the server's own Python, which may have kreuzberg: `python -I -B <guest>
extraction.reader <descriptor of the reply> <order>`; the document comes on standard input.
"""

import importlib
import os
import re
import secrets
from collections.abc import Callable, Iterable
from typing import Any

from assistd.sandbox.guest.extraction import confinement
from assistd.sandbox.guest.shared.document import (
    MESSAGE_BYTES,
    READY,
    REFUSED,
    Failure,
    Order,
    Page,
    pack_failure,
    pack_text,
)

_PDF, _MAIL, _HTML = "application/pdf", "message/rfc822", "text/html"
# The smallest that is read: it makes the library unpack and load what it reads pdf with.
_EMPTY_PDF = (
    b"%PDF-1.1\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    b"trailer<</Root 1 0 R>>"
)
_BETWEEN_PAGES = "\n\n"
_READ_BYTES = 1 << 20


# What the library puts before each page of a text, with its number; no document can know it.
_MARK = secrets.token_hex(8)

_Read = Callable[[bytes | bytearray], str]


class _UnreadableError(Exception):
    """There is no text to be had; the argument is one of `FAILURES`."""


def main(reply: int, order: str) -> None:
    """Do what `order` says, and write to the descriptor `reply`."""
    told = Order.unpack(order)
    try:
        read = _load(told)
        confinement.shut_in(told)
        os.environ["TMPDIR"] = "."
        if told.mime == _PDF:
            _try_out(read)
        confinement.seal(told)
    except Exception as error:  # noqa: BLE001  the server is told, whatever it is
        message = f"{type(error).__name__}: {error}".encode()[:MESSAGE_BYTES]
        _write(reply, [REFUSED, message])
        os._exit(1)
    _write(reply, [READY])
    _write(reply, _make_reply(told, read))
    os._exit(0)  # without the end of the interpreter, which opens and starts things


def _load(order: Order) -> _Read:
    """Import what reads a document of that type, and return it."""
    if order.mime != _MAIL:
        return _load_library(order.mime, has_pages=order.has_pages)
    html = _load_library(_HTML, has_pages=False)
    mail: Any = importlib.import_module("assistd.sandbox.guest.extraction.mail")
    return lambda content: mail.read_mail(content, html)


def _load_library(mime: str, *, has_pages: bool) -> _Read:
    library: Any = importlib.import_module("kreuzberg")
    marked = library.PageConfig(insert_page_markers=True, marker_format=f"\n{_MARK}{{page_num}}:\n")
    config = library.ExtractionConfig(
        use_cache=False,
        enable_quality_processing=False,
        output_format="plain" if has_pages else "markdown",
        pages=marked if has_pages else None,
        concurrency=library.ConcurrencyConfig(max_threads=1),
        pdf_options=library.PdfConfig(extract_images=False, extract_metadata=False),
    )
    return lambda content: library.extract_bytes_sync(content, mime, config).content


def _try_out(read: _Read) -> None:
    """Have the library load all that it loads when it runs."""
    try:
        read(_EMPTY_PDF)
    except Exception as error:
        if "pdfium" in str(error).lower() and "FormatError" not in str(error):
            raise


def _make_reply(order: Order, read: _Read) -> list[bytes]:
    try:
        return _pack(read(_receive(order.size)), order)
    except _UnreadableError as error:
        return pack_failure(str(error))
    except MemoryError:
        return pack_failure("memory")
    except Exception as error:  # noqa: BLE001  its own, or what a broken document makes it raise
        return pack_failure(_explain(str(error)))


def _receive(size: int) -> bytearray:
    """Read the document; end where the server goes away before it is all there."""
    content = bytearray(size)
    view, there = memoryview(content), 0
    while there < size:
        count = os.readv(0, [view[there : there + _READ_BYTES]])
        if not count:
            os._exit(1)
        there += count
    return content


def _pack(found: str, order: Order) -> list[bytes]:
    pages: list[Page] = []
    text = _split_pages(_clean(found), pages) if order.has_pages else _clean(found)
    if not text.strip():
        raise _UnreadableError("no text")
    encoded = text.encode("utf-8", "replace")
    if len(encoded) > order.text_bytes:
        raise _UnreadableError("too large")
    return pack_text(encoded, pages)


def _split_pages(found: str, pages: list[Page]) -> str:
    """Return the text without the marks of its pages, and add to `pages` where each is."""
    _, *marked = re.split(rf"{_MARK}(\d+):", found)
    parts: list[str] = []
    length = 0
    for number, part in zip(marked[::2], marked[1::2], strict=True):
        parts.append(part.strip())
        pages.append((int(number), length, length + len(parts[-1])))
        length += len(parts[-1]) + len(_BETWEEN_PAGES)
    return _BETWEEN_PAGES.join(parts)


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\0", "")


def _explain(message: str) -> Failure:
    """Return which failure a message of the library means."""
    said = message.lower()
    if "password" in said or "encrypt" in said:
        return "encrypted"
    if "limit exceeded" in said or "exceeds limit" in said or "too large" in said:
        return "too large"
    return "broken"


def _write(reply: int, parts: Iterable[bytes]) -> None:
    for part in parts:
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(reply, rest) :]
