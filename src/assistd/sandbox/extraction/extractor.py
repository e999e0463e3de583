"""Takes the text out of documents: text by its encoding, here; all else in a process that can do nothing else."""

import asyncio
import importlib.metadata
import itertools
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import NoReturn

from assistd import encoding
from assistd.errors import ExtractionError
from assistd.extracted_text import ExtractedText, TextPage
from assistd.logs import Logger
from assistd.sandbox.extraction import formats, reader
from assistd.sandbox.extraction.formats import Format
from assistd.sandbox.guest.shared.document import Failure, Order
from assistd.units import MIB

log = Logger()

_LIBRARY = "kreuzberg"
_VERSION = "1"  # grows with any change that makes another text of the same document
_HEAD_BYTES = 64 << 10
_WIDEST = 2  # bytes of UTF-16 for one of UTF-8
_TOKEN_BYTES = 4  # of English, on average, where nobody can count
_COUNT_CHARACTERS = 1 << 18
_UNSUPPORTED = "The file type is not supported."
_NO_LIBRARY = (
    "The file type is not supported by this server, which has no reader for documents: "
    "its operator can install it with the extra `search` (`pip install 'assistd[search]'`)."
)
_UNPARSED = "The file could not be parsed"
_REASONS: dict[Failure, str] = {
    "broken": ".",
    "empty": " because it is empty.",
    "encrypted": " because it is encrypted. Remove its password and upload it again.",
    "no text": " because it has no text. Scanned pages need text recognition (OCR) first.",
    "too large": " because it is too large.",
    "memory": " because reading it takes too much memory. Split it into smaller files.",
    "time": " because reading it takes too long.",
}
_INTERNAL = "An internal error occurred."


@dataclass(frozen=True, slots=True)
class ExtractionLimits:
    """What the text of one document may take.

    Args:
        file_bytes: of a document.
        tokens: of its text.
        text_bytes: of its text, in UTF-8.
        memory_bytes: of address space of its reader.
        processor_seconds: of its reader.
        wall_seconds: of its reader, from its start.
        readers: documents that are read at once; further ones wait, which does not count as their time.
    """

    file_bytes: int = 512 * MIB
    tokens: int = 5_000_000
    text_bytes: int = 64 * MIB
    memory_bytes: int = 1024 * MIB
    processor_seconds: int = 120
    wall_seconds: float = 125.0
    readers: int = 2


def find_library() -> str | None:
    """Return the version of the library that reads documents; None where it is not installed."""
    try:
        return importlib.metadata.version(_LIBRARY)
    except importlib.metadata.PackageNotFoundError:
        return None


class JailedExtractor:
    """An `Extractor` for documents from anybody.

    Args:
        limits: of one document.
        count_tokens: returns how many tokens a text has; without it they are estimated.
        confined: whether walls must stand around a reader; False only where sessions have none.
        library: the version of the library that reads documents; None without one.
    """

    def __init__(
        self,
        limits: ExtractionLimits | None = None,
        *,
        count_tokens: Callable[[str], int] | None = None,
        confined: bool = True,
        library: str | None = None,
    ) -> None:
        self._limits = limits or ExtractionLimits()
        self._count_tokens = count_tokens or _estimate_tokens
        self._confined = confined
        self._library = library
        self._readers = asyncio.Semaphore(self._limits.readers)
        self._numbers = itertools.count()

    @property
    def version(self) -> str:
        """Names what it does; texts of another version are extracted anew."""
        return f"{_VERSION}-{self._library or 'text'}"

    async def extract(
        self, filename: str, content: bytes, *, seconds: float | None = None
    ) -> ExtractedText:
        """Return the text of a document; see `Extractor.extract`.

        Raises:
            ExtractionError: there is no text to be had; says why.
            TimeoutError: it took longer.
        """
        async with self._readers, asyncio.timeout(seconds):
            return await self._extract(filename, content)

    async def _extract(self, filename: str, content: bytes) -> ExtractedText:
        if not content:
            _refuse("empty")
        if len(content) > self._limits.file_bytes:
            _refuse("too large")
        found = await asyncio.to_thread(formats.find_format, filename, content)
        if found is None or (found.is_text and self._library is None):
            text = ExtractedText(await asyncio.to_thread(self._decode, filename, content))
        else:
            text = await self._read(found, filename, content)
        await asyncio.to_thread(self._check, text.text)
        return text

    def _decode(self, filename: str, content: bytes) -> str:
        """Return a file of text as text."""
        head = content[:_HEAD_BYTES]
        is_text = encoding.decode(head, whole=len(head) == len(content)) is not None
        if is_text and len(content) > _WIDEST * self._limits.text_bytes:
            _refuse("too large")
        decoded = encoding.decode(content, whole=True) if is_text else None
        if decoded is not None:
            return decoded.text.replace("\r\n", "\n").replace("\0", "")
        if formats.is_document(filename):
            _refuse("broken")
        raise ExtractionError("unsupported_file", _UNSUPPORTED)

    async def _read(self, found: Format, filename: str, content: bytes) -> ExtractedText:
        """Have a document read by a process of its own."""
        if found == formats.ENCRYPTED:
            _refuse("encrypted")
        if self._library is None:
            raise ExtractionError("unsupported_file", _NO_LIBRARY)
        if found.is_text:
            content = (await asyncio.to_thread(self._decode, filename, content)).encode()
        order = Order(
            mime=found.mime,
            has_pages=found.has_pages,
            size=len(content),
            folder=None,
            uid=next(self._numbers),
            memory_bytes=self._limits.memory_bytes,
            seconds=self._limits.processor_seconds,
            text_bytes=self._limits.text_bytes,
            confined=self._confined,
        )
        reply = await self._ask(order, content)
        if isinstance(reply, str):
            _refuse(reply)
        return ExtractedText(reply.text, tuple(TextPage(*page) for page in reply.pages))

    async def _ask(self, order: Order, content: bytes) -> reader.Reply | Failure:
        with ExitStack() as stack:
            if order.mime == formats.PDF.mime:
                folder = tempfile.TemporaryDirectory(prefix="assistd-reader-")
                order = replace(order, folder=stack.enter_context(folder))
            try:
                return await reader.read(order, content, self._limits.wall_seconds)
            except reader.DeadlineError:
                return "time"
            except reader.ReaderError as error:
                log.error("the reader of documents failed", reason=str(error))
                raise ExtractionError("server_error", _INTERNAL) from error

    def _check(self, text: str) -> None:
        """Refuse a text that says nothing, or too much."""
        if not text.strip():
            _refuse("no text")
        size = len(text.encode())
        if size > self._limits.text_bytes:
            _refuse("too large")
        if size <= self._limits.tokens:  # a token has a byte or more
            return
        pieces = range(0, len(text), _COUNT_CHARACTERS)
        counts = (self._count_tokens(text[start : start + _COUNT_CHARACTERS]) for start in pieces)
        if any(total > self._limits.tokens for total in itertools.accumulate(counts)):
            _refuse("too large")


def _refuse(reason: Failure) -> NoReturn:
    raise ExtractionError("invalid_file", _UNPARSED + _REASONS[reason])


def _estimate_tokens(text: str) -> int:
    return len(text.encode()) // _TOKEN_BYTES
