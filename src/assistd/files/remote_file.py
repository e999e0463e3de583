"""A blob of an object store as a file that is read in parts."""

import errno
import io
import os
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from assistd.errors import BlobStoreError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class RemoteFile(io.RawIOBase):
    """A blob of an object store that is read in parts, wherever they are wanted.

    Args:
        store: the store.
        key: what the store calls it.
        size: its bytes.
    """

    def __init__(self, store: ObjectStore, key: str, size: int) -> None:
        super().__init__()
        self._store = store
        self._key = key
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read at any position."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position; the next part is read from there."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, "no such position in the blob")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill `buffer` with the next part, and return its bytes.

        Raises:
            FileNotFoundError: there is no such blob any more.
            OSError: the store failed.
        """
        wanted = memoryview(buffer)
        length = min(len(wanted), self._size - self._position)
        if length <= 0:
            return 0
        try:
            part = obstore.get_range(self._store, self._key, start=self._position, length=length)
        except BaseError as error:
            raise failure(error) from error
        wanted[: len(part)] = part
        self._position += len(part)
        return len(part)


def failure(error: BaseException) -> BlobStoreError:
    """Return what is raised for an error of an object store."""
    return BlobStoreError(f"the blob store failed: {type(error).__name__}")
