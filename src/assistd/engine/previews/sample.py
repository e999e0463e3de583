"""The part of a stored file that a preview may read."""

import io
import os
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from assistd.errors import AssistdError

HEAD_BYTES = 64 << 10
_MOST_BYTES = 512 << 10  # that are read of one file besides its head
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib: a gzip header, and the largest window


class PreviewError(AssistdError):
    """The file is not what it seems to be, or a preview of it would cost too much."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A file as a preview sees it.

    Args:
        path: where code finds it.
        ending: of its name, in lower case: `.csv`; that of `x.csv.gz`, too.
        head: its first bytes.
        whole: whether they are all there are.
        file: all of it, to be read at any place, within a bound.
    """

    path: str
    ending: str
    head: bytes
    whole: bool
    file: "BoundedFile"


class BoundedFile(io.RawIOBase):
    """A file of which no more than a bound is read, so that one that lies about sizes costs little.

    Args:
        file: the file; whoever opened it closes it.
        most: bytes that may be read.
    """

    def __init__(self, file: BinaryIO, most: int = _MOST_BYTES) -> None:
        super().__init__()
        self._file = file
        self._left = most

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read at any place."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes, fewer at the end; all up to there where `size` is negative.

        Raises:
            PreviewError: that would be more than the bound.
        """
        data = self._file.read(self._left + 1) if size < 0 else b""
        if max(size, len(data)) > self._left:
            raise PreviewError("more would have to be read than a preview may")
        data = data or self._file.read(size)
        self._left -= len(data)
        return data


def take_sample(path: str, size: int, file: BinaryIO) -> Sample:
    """Read the head of a file of `size` bytes; of a compressed one, what its head holds."""
    head, name = file.read(HEAD_BYTES), PurePosixPath(path.lower())
    whole = size <= len(head)
    if head.startswith(_GZIP):
        unpacker = zlib.decompressobj(_GZIP_WINDOW)
        head = unpacker.decompress(head, HEAD_BYTES)
        name, whole = PurePosixPath(name.stem if name.suffix == ".gz" else name), unpacker.eof
    return Sample(path, name.suffix, head, whole, BoundedFile(file))
