"""A blob on its way into a folder of this host: hashed and written while more of it comes."""

import asyncio
import ctypes
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from blake3 import blake3

from assistd.errors import StorageFullError

R = TypeVar("R")
Block = Sequence[bytes]
"""Some MiB of a blob, in the pieces they came in: they are written without being joined."""

_BLOCK_BYTES = 1 << 20
_MOST_WRITING = 2  # blocks: the thread never waits for the next, nor memory for the disk
_MOST_PIECES = 1024  # of one system call (IOV_MAX)
_SEND_OFF_BYTES = 8 << 20
_LEAST_AHEAD_BYTES = 4 << 20
_MOST_AHEAD_BYTES = 64 << 20
_FALLOC_FL_KEEP_SIZE = 1
_SYNC_FILE_RANGE_WRITE = 2
_libc = ctypes.CDLL(None)


class ArrivingBlob:
    """A blob that is hashed and written, in threads, while more of it comes.

    Args:
        path: where to; there is no file yet.
        threads: who does it; none is held while nothing has come.
        fits: whether there is room for so many more bytes.
        most_bytes: how many it may keep room for.
    """

    def __init__(
        self,
        path: Path,
        threads: ThreadPoolExecutor,
        fits: Callable[[int], bool],
        most_bytes: int | None,
    ) -> None:
        self._path = path
        self._threads = threads
        self._fits = fits
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._steps = deque[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]]()
        self._idle = True
        self._target = self._then(create_file, path)
        self._writing = deque[Future[None]]()
        self._undone = False
        self._digest = blake3()
        self._size = 0
        self._allotted = 0  # bytes that have their place on the disk
        self._sent_off = 0  # bytes that are on their way to the disk

    async def take(self, block: Block) -> None:
        """Have the next block written, once few are waiting for it.

        Raises:
            OSError: one before it could not be written.
            StorageFullError: there was no room for that.
        """
        if len(self._writing) == _MOST_WRITING:
            # Shielded, here and below: a step is done, whoever is cancelled.
            await asyncio.shield(asyncio.wrap_future(self._writing.popleft()))
        self._writing.append(self._then(self._write, block))

    async def finish(self) -> str:
        """Return the hash of all that was taken, once that is written; raises as `take` does."""
        return await asyncio.shield(asyncio.wrap_future(self._then(self._finish)))

    async def undo(self) -> None:
        """Leave nothing of it, also where whoever waits for this is cancelled."""
        self._undone = True
        await asyncio.wait([asyncio.wrap_future(self._then(self._undo))])

    def close(self) -> None:
        """Close the file, once all is done."""
        self._then(self._close)

    def _then(self, act: Callable[..., R], *args: Any) -> Future[R]:
        """Do something in a thread, once all is done that was asked for before."""
        done = Future[R]()
        with self._lock:
            self._steps.append((done, act, args))
            idle, self._idle = self._idle, False
        if idle:
            self._threads.submit(self._work)
        return done

    def _work(self) -> None:
        """Do all that is asked for, in a thread, until nothing is."""
        while True:
            with self._lock:
                if not self._steps:
                    self._idle = True
                    return
                done, act, args = self._steps.popleft()
            try:
                done.set_result(act(*args))
            except Exception as error:  # noqa: BLE001  it is raised where the step is waited for
                done.set_exception(error)

    def _write(self, block: Block) -> None:
        if self._undone:
            return
        target, size = self._target.result(), sum(map(len, block))
        if self._size + size > self._allotted:
            if not self._fits(size):
                raise StorageFullError
            self._allot(target, size)
        for piece in block:
            self._digest.update(piece)
        for start in range(0, len(block), _MOST_PIECES):
            write_whole(target, block[start : start + _MOST_PIECES])
        self._size += size
        if self._size - self._sent_off >= _SEND_OFF_BYTES:
            _send_off(target, self._sent_off, self._size - self._sent_off)
            self._sent_off = self._size

    def _allot(self, target: int, size: int) -> None:
        """Have the disk keep place for the next `size` bytes and as many again as came, within bounds.

        Else ext4 finds a place for each page as it is sent off, in the thread that writes: that took
        half of its time. Nobody makes us hold much more than they sent.
        """
        ahead = min(self._size, _MOST_AHEAD_BYTES)
        if self._most_bytes is not None:
            ahead = min(ahead, self._most_bytes - self._size - size)
        if ahead >= _LEAST_AHEAD_BYTES and self._fits(size + ahead):
            self._allotted = _allot(target, self._size, size + ahead)

    def _finish(self) -> str:
        for step in (self._target, *self._writing):
            step.result()
        if self._allotted:
            os.ftruncate(self._target.result(), self._size)  # the place that was not needed
        return self._digest.hexdigest()

    def _undo(self) -> None:
        if not self._target.exception():
            self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if not self._target.exception():
            os.close(self._target.result())


def create_file(path: Path) -> int:
    """Return the descriptor of a new file that only its owner may read."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def write_whole(target: int, pieces: Sequence[bytes]) -> None:
    """Write every piece, also where the disk takes only a part at a time."""
    written = os.writev(target, pieces)
    if written < sum(map(len, pieces)):
        rest = memoryview(b"".join(pieces))[written:]
        while rest:
            rest = rest[os.write(target, rest) :]


def _allot(target: int, offset: int, size: int) -> int:
    """Have the disk keep place for bytes that are to come; up to where they have one.

    Failure means nothing: they find their place when they are written, or do not.
    """
    wanted = ctypes.c_int64(offset), ctypes.c_int64(size)
    failed = _libc.fallocate(target, _FALLOC_FL_KEEP_SIZE, *wanted)
    return offset if failed else offset + size


def _send_off(target: int, offset: int, size: int) -> None:
    """Have the kernel begin to write to the disk what it would collect for half a minute.

    Failure means nothing: it will be written later.
    """
    _libc.sync_file_range(
        target, ctypes.c_int64(offset), ctypes.c_int64(size), _SYNC_FILE_RANGE_WRITE
    )


async def gather_blocks(chunks: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Yield the same bytes in blocks of about a MiB."""
    block: list[bytes] = []
    size = 0
    async for chunk in chunks:
        block.append(chunk)
        size += len(chunk)
        if len(block) > _MOST_PIECES:
            block = [b"".join(block)]  # small pieces take many times their size
        if size >= _BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block
