"""Frames between a session and the server, and the marks inside a session's output.

The same code on both ends. `docs/sandbox-protocol.md` describes it; change VERSION with it.
"""

import io
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum, StrEnum
from typing import Any, Literal

VERSION = 4

HEADER = struct.Struct(">BII")  # kind, number, bytes that follow


class Kind(IntEnum):
    """What a frame is; `number` is a call's, or the position's of what is shown.

    REHEARSE is a call that leaves no trace in the history: it touches the pages that calls touch.
    """

    EXECUTE = 1
    REHEARSE = 2
    LINKED = 3
    FLUSH = 4
    SAVE = 5
    RESTORE = 6
    READY = 16
    FAILED = 17
    RESULT = 18
    ERROR = 19
    PICTURE = 20
    DONE = 21
    REPAIRED = 22
    OPEN_FILES = 23
    SECTION = 24
    KEPT = 25
    LEFT = 26
    RESTORED = 27


class Writing(StrEnum):
    """How far a file below /mnt/data is that code still has open for writing.

    FLUSHED: what code wrote is in the file. FAILED: it could not be put there. HELD: only who holds the
    file knows. RAISED: the call that wrote it raised.
    """

    FLUSHED = "f"
    FAILED = "x"
    HELD = "h"
    RAISED = "r"


class WireError(Exception):
    """The other end sent what no correct end sends."""


def pack(kind: Kind, number: int, payload: bytes = b"") -> bytes:
    """Return a frame as bytes."""
    return HEADER.pack(kind, number, len(payload)) + payload


PART_BYTES = 1 << 20
"""What one frame of a snapshot may carry."""
_READ_BYTES = 1 << 16
_MOST_TRUSTED_BYTES = 1 << 30  # the server bounds code by itself
_MOST_PATHS = 512  # as many as a session may have descriptors
_MOST_PATHS_BYTES = 64 << 10


def pack_names(names: Iterable[str]) -> bytes:
    """Return the payload of LINKED."""
    return "\0".join(names).encode()


def unpack_names(payload: bytes) -> list[str]:
    """Return the names in the payload of LINKED."""
    return payload.decode().split("\0")


def pack_size(size: int) -> bytes:
    """Return the payload of SAVE (bytes that may come) or RESTORE (bytes that follow the frame)."""
    return size.to_bytes(8)


def unpack_size(payload: bytes) -> int:
    """Return the number in the payload of SAVE or RESTORE."""
    return int.from_bytes(payload)


def pack_open_files(files: Mapping[str, Writing]) -> bytes:
    """Return the payload of OPEN_FILES; what is beyond its bounds is left out, and what is no UTF-8.

    Args:
        files: path below /mnt/data -> how far it is.
    """
    entries: list[bytes] = []
    room = _MOST_PATHS_BYTES
    for path, writing in files.items():
        try:
            entry = f"{writing}{path}\0".encode()
        except UnicodeEncodeError:
            continue  # the server takes no file of such a name
        room -= len(entry)
        if room < 0 or len(entries) == _MOST_PATHS:
            break
        entries.append(entry)
    return b"".join(entries)


def unpack_open_files(payload: bytes) -> dict[str, Writing]:
    """Return the files in the payload of OPEN_FILES: path below /mnt/data -> how far it is.

    Raises:
        WireError: it is out of bounds, or a path is none below /mnt/data.
    """
    entries = payload.split(b"\0")
    if len(payload) > _MOST_PATHS_BYTES or len(entries) > _MOST_PATHS + 1 or entries.pop():
        raise WireError("open files beyond number or measure")
    files: dict[str, Writing] = {}
    for entry in entries:
        try:
            path = entry[1:].decode()
            writing = Writing(entry[:1].decode())
        except ValueError:
            raise WireError("an open file that is none") from None
        if {"", ".", ".."} & set(path.split("/")):
            raise WireError("an open file outside of /mnt/data")
        files[path] = writing
    return files


def _kind(code: int) -> Kind:
    try:
        return Kind(code)
    except ValueError:
        raise WireError(f"a frame of the unknown kind {code}") from None


class Frames:
    """Cuts a stream of bytes from an untrusted end into frames, none larger than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, int, bytes]]:
        """Yield the frames that `data` completes.

        Raises:
            WireError: the frame is of no known kind or too large.
        """
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            code, number, length = HEADER.unpack_from(self._buffer)
            kind = _kind(code)
            if length > self._limit:
                raise WireError(f"a frame of {length} bytes")
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(memoryview(self._buffer)[HEADER.size : end])
            del self._buffer[:end]
            yield kind, number, payload

    def take(self, most: int) -> bytes:
        """Return bytes that were fed behind the last frame, and are none themselves; at most so many."""
        taken = bytes(self._buffer[:most])
        del self._buffer[:most]
        return taken


class Receiver:
    """Reads the frames that come over a blocking socket from an end that is trusted: the server's."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._frames = Frames(_MOST_TRUSTED_BYTES)
        self._whole: Iterator[tuple[Kind, int, bytes]] = iter(())

    def receive(self) -> tuple[Kind, int, bytes] | None:
        """Return the next frame, waited for; None when the other end is gone."""
        while (frame := next(self._whole, None)) is None:
            data = self._control.recv(_READ_BYTES)  # a short frame in one system call
            if not data:
                return None
            self._whole = self._frames.feed(data)
        return frame

    def open_bytes(self, size: int) -> "Bytes":
        """Return a file of the bytes that follow the last frame, which are no frames themselves."""
        return Bytes(self._control, self._frames.take(size), size)


class Bytes(io.RawIOBase):
    """A file of so many bytes that come over a blocking socket.

    Args:
        control: the socket.
        begun: the first of them, which came already.
        size: how many there are.
    """

    def __init__(self, control: socket.socket, begun: bytes, size: int) -> None:
        self._control = control
        self._begun = begun
        self._left = size

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as it goes; return with how many bytes, 0 at the end."""
        room = memoryview(buffer)[: self._left]
        if self._begun:
            count = min(len(room), len(self._begun))
            room[:count], self._begun = self._begun[:count], self._begun[count:]
        else:
            count = self._control.recv_into(room) if room else 0
        self._left = self._left - count if count else 0
        return count

    def skip(self) -> None:
        """Read what is left."""
        buffer = bytearray(_READ_BYTES)
        while self.readinto(buffer):
            pass


# A mark in the output pipe: the session's own nonce, then what it marks and a number.
NONCE_BYTES = 16
ATOMIC_BYTES = 4096  # what a pipe takes in one piece (PIPE_BUF)
_MARK = struct.Struct(">cI")
_STDERR = b"e"
_POSITION = b"p"

Piece = tuple[Literal["stdout", "stderr"], bytes] | tuple[Literal["position"], int]


def mark_prefix(nonce: str) -> bytes:
    """Return what every mark of a session begins with."""
    return b"\0\x1e" + nonce.encode()


def stderr_chunks(prefix: bytes, data: bytes) -> Iterator[bytes]:
    """Yield `data` as marked pieces, each of which a pipe takes whole."""
    room = ATOMIC_BYTES - len(prefix) - _MARK.size
    for start in range(0, len(data), room):
        chunk = data[start : start + room]
        yield prefix + _MARK.pack(_STDERR, len(chunk)) + chunk


def mark_position(prefix: bytes, number: int) -> bytes:
    """Return the mark of the position of what the frame `number` shows."""
    return prefix + _MARK.pack(_POSITION, number)


class Marks:
    """Takes the output pipe of a session apart: plain output, marked stderr, positions of frames."""

    def __init__(self, nonce: str) -> None:
        self._prefix = mark_prefix(nonce)
        self._size = len(self._prefix) + _MARK.size
        self._buffer = b""
        self._stderr_left = 0

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Yield the pieces that `data` completes; what may be half a mark waits for more."""
        buffer = self._buffer + data if self._buffer else data
        position = 0
        while position < len(buffer):
            if self._stderr_left:
                chunk = buffer[position : position + self._stderr_left]
                self._stderr_left -= len(chunk)
                position += len(chunk)
                yield "stderr", chunk
                continue
            found = buffer.find(self._prefix, position)
            plain_end = found if found >= 0 else self._plain_end(buffer, position)
            if plain_end > position:
                yield "stdout", buffer[position:plain_end]
            position = plain_end
            if found < 0 or len(buffer) - found < self._size:
                break
            position = found + self._size
            what, number = _MARK.unpack_from(buffer, found + len(self._prefix))
            if what == _STDERR:
                self._stderr_left = min(number, ATOMIC_BYTES)
            elif what == _POSITION:
                yield "position", number
        self._buffer = buffer[position:]

    def flush(self) -> Iterator[Piece]:
        """Yield what waited for the rest of a mark that did not come."""
        rest, self._buffer = self._buffer, b""
        if rest:
            yield "stdout", rest

    def _plain_end(self, buffer: bytes, position: int) -> int:
        """Return where the start of a cut-off prefix at the end of `buffer` begins, else its end."""
        start = max(position, len(buffer) - len(self._prefix) + 1)
        while (start := buffer.find(b"\0", start)) >= 0:
            if self._prefix.startswith(buffer[start:]):
                return start
            start += 1
        return len(buffer)
