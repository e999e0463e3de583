"""Reads a multipart body as it arrives: fields are small and kept, the file is passed on in chunks."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from assistd import metrics
from assistd.errors import RequestError, TooLargeError
from assistd.files.rows import Blob
from assistd.files.store import FileStore, Room

R = TypeVar("R")
_MAX_FIELD = 64 * 1024
_MAX_PARTS = 17  # the file and sixteen fields
_MAX_FORM = _MAX_PARTS * _MAX_FIELD  # bytes of a form besides its file
_LIKELY_FORM = 2 << 10  # the same as clients send it
_MAX_HEADERS = 16 << 10  # bytes of the headers of all parts
_MAX_BOUNDARY = 70  # characters (RFC 2046, section 5.1.1)


@dataclass(slots=True)
class _Part:
    name: str = ""
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Form(Generic[R]):
    """What a body held: its plain fields, the file's name, and what became of the file's bytes."""

    fields: dict[str, str]
    filename: str
    file: R


class MissingFileError(RequestError):
    """A form has no file; `fields` are what it has."""

    def __init__(self, name: str, fields: dict[str, str]) -> None:
        super().__init__(
            f"Missing required parameter: '{name}'.",
            param=name,
            code="missing_required_parameter",
        )
        self.fields = fields


_Event = _Part | bytes | None
"""A part begins, more of it comes, or (None) it ends."""


@dataclass(slots=True)
class _Events:
    """Turns the parser's callbacks into a list of events."""

    found: list[_Event] = field(default_factory=list[_Event])
    _parts: int = 0
    _headers: int = 0  # their bytes, of all parts
    _part: _Part = field(default_factory=_Part)
    _header: bytes = b""
    _value: bytes = b""

    def parser(self, boundary: bytes) -> MultipartParser:
        """Return a parser that reports here."""
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_field,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header,
                "on_headers_finished": lambda: self.found.append(self._part),
                "on_part_data": lambda data, start, end: self.found.append(data[start:end]),
                "on_part_end": lambda: self.found.append(None),
            },
        )

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise RequestError(f"The form has more than {_MAX_PARTS} parts.")
        self._part, self._header, self._value = _Part(), b"", b""

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._value += data[start:end]

    def _count(self, size: int) -> None:
        self._headers += size
        if self._headers > _MAX_HEADERS:
            raise RequestError(f"The headers in the form have more than {_MAX_HEADERS} bytes.")

    def _on_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            self._part.name = options.get(b"name", b"").decode(errors="replace")
            filename = options.get(b"filename")
            self._part.filename = None if filename is None else _unescape(filename)
        self._header, self._value = b"", b""


def _unescape(filename: bytes) -> str:
    """Return a file name without the three escapes that clients use in a header (WHATWG HTML, form data)."""
    for escaped, plain in ((b"%22", b'"'), (b"%0D", b"\r"), (b"%0A", b"\n")):
        filename = filename.replace(escaped, plain)
    return filename.decode(errors="replace")


@asynccontextmanager
async def receiving(
    request: Request, file_field: str, files: FileStore, max_bytes: int, project_id: str
) -> AsyncGenerator[Form[Blob]]:
    """Receive a request's form, its file already in the store; freed again where what follows fails.

    The file counts for the storage of the project from the start, with the bytes that are to come.

    Raises:
        RequestError: it is no such form, or broken.
        MissingFileError: there is no file in it.
        TooLargeError: the file has more than `max_bytes`, or the form much more.
        StorageFullError: there is no room for it.
        StorageQuotaError: the project may not keep that much.
    """
    size = await _foresee(request.headers.get("content-length", ""), file_field, files, max_bytes)
    room = Room(project_id, max(0, min(size, max_bytes) - _LIKELY_FORM))
    kept: list[Blob] = []

    async def keep(chunks: AsyncIterator[bytes]) -> Blob:
        kept.append(await files.put(chunks, max_bytes, file_field, room))
        metrics.FILES_BYTES_IN.add(by=kept[0].bytes)
        return kept[0]

    try:
        content_type = request.headers.get("content-type", "")
        body = _bound_size(request.stream(), max_bytes + _MAX_FORM, file_field)
        yield await read_form(content_type, body, file_field, keep)
    except BaseException:
        for blob in kept:  # the request broke behind its file: nothing will ever name the bytes
            await files.discard(blob.id)
        raise


async def _foresee(length: str, file_field: str, files: FileStore, max_bytes: int) -> int:
    """Refuse a body that cannot be kept before any of it is read.

    Args:
        length: its bytes as the client says.
        file_field: what the client calls the file.
        files: where the file goes.
        max_bytes: the most that it may have.

    Returns:
        The body's bytes; 0 where the client does not say.
    """
    size = int(length) if length.isdecimal() and len(length) < 20 else 0
    if size > max_bytes + _MAX_FORM:
        raise TooLargeError(
            f"The file is larger than the limit of {max_bytes} bytes.", param=file_field
        )
    await files.require_room(size)
    return size


async def _bound_size(
    body: AsyncIterator[bytes], most: int, file_field: str
) -> AsyncGenerator[bytes]:
    """Yield the bytes of a body, of which nobody said how many there are."""
    size = 0
    async for chunk in body:
        size += len(chunk)
        if size > most:
            raise TooLargeError("The form is larger than any with a file may be.", param=file_field)
        yield chunk


async def read_form(
    content_type: str,
    body: AsyncIterator[bytes],
    file_field: str,
    keep: Callable[[AsyncIterator[bytes]], Awaitable[R]],
) -> Form[R]:
    """Read a form with one file.

    Args:
        content_type: the request's header, with the boundary.
        body: the request's bytes, as they come.
        file_field: the name of the field that holds the file.
        keep: takes the file's bytes while they arrive; its result is handed back.

    Raises:
        RequestError: it is no such form, or broken.
        MissingFileError: there is no file in it.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise RequestError(f"The request body must be multipart/form-data with a '{file_field}'.")
    if len(boundary) > _MAX_BOUNDARY:
        raise RequestError(
            f"The multipart body is broken: its boundary has more than {_MAX_BOUNDARY} characters."
        )
    fields: dict[str, str] = {}
    kept: tuple[str, R] | None = None
    events = _read(body, boundary)
    async for event in events:
        assert isinstance(event, _Part)
        if event.name != file_field:
            fields[event.name] = await _field(events, event.name)
        elif kept:
            raise RequestError(f"Only one '{file_field}' can be sent at a time.", param=file_field)
        else:
            kept = (event.filename or "upload", await keep(_data(events)))
    if kept is None:
        raise MissingFileError(file_field, fields)
    return Form(fields, *kept)


async def _read(body: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[_Event]:
    events = _Events()
    ended = False
    try:
        parser = events.parser(boundary)
        async for chunk in body:
            parser.write(chunk)
            found, events.found = events.found, []
            for event in found:
                ended = event is None
                yield event
        parser.finalize()
    except FormParserError as error:
        raise RequestError(f"The multipart body is broken: {error}") from error
    if not ended:
        raise RequestError("The multipart body ends before its last part does.")


async def _data(events: AsyncIterator[_Event]) -> AsyncIterator[bytes]:
    async for event in events:
        if not isinstance(event, bytes):
            return
        yield event


async def _field(events: AsyncIterator[_Event], name: str) -> str:
    value = b""
    async for chunk in _data(events):
        value += chunk
        if len(value) > _MAX_FIELD:
            raise RequestError(f"The value of '{name}' is too long.", param=name)
    return value.decode(errors="replace")
