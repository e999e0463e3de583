"""Where blobs are: a folder of this host, or an object store. An id is used once and never again."""

import asyncio
import ctypes
import io
import os
import shutil
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

import obstore
from blake3 import blake3
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from assistd.errors import StorageFullError
from assistd.files.remote_file import RemoteFile, failure

R = TypeVar("R")
Block = Sequence[bytes]
"""Some MiB of a blob, in the pieces they came in: they are written without being joined."""

_CHUNK_BYTES = 1 << 20
_PART_BYTES = 64 << 10  # of a blob that is read in parts
_AT_ONCE = 16  # small blobs on their way to an object store
_FOLDER = "files"
_MOST_RESERVED = 64 << 20  # bytes of the disk that stay free for the database


def hash_of(content: bytes) -> str:
    """What tells one content from another, in hexadecimal digits: BLAKE3."""
    return blake3(content).hexdigest()


class Blobs(Protocol):
    """What the file store needs of a place for bytes. Every method may raise OSError."""

    async def put(
        self, id_: str, blocks: AsyncIterator[Block], most_bytes: int | None = None
    ) -> str:
        """Write a blob while its bytes come; nothing stays of one that breaks off.

        Args:
            id_: of the blob.
            blocks: its bytes.
            most_bytes: no more room is kept for it ahead, where its end can be known; no limit.

        Returns:
            The hash of its content, as `hash_of` has it.

        Raises:
            StorageFullError: there is no room.
        """
        ...

    async def put_all(self, contents: Mapping[str, bytes]) -> None:
        """Write small blobs, by id; what breaks off may leave some of them."""
        ...

    def read(self, id_: str) -> AsyncGenerator[bytes, None]:
        """The bytes of a blob, in chunks of about a megabyte.

        Raises:
            FileNotFoundError: there is no such blob.
        """
        ...

    def open(self, id_: str, size: int) -> BinaryIO:
        """Open a blob of `size` bytes for reading at any place; this and every use of it block.

        Raises:
            FileNotFoundError: there is no such blob; perhaps only when it is read.
        """
        ...

    async def delete(self, id_: str) -> None:
        """Free a blob's bytes; harmless where they are gone already."""
        ...

    async def older_than(self, moment: float) -> list[str]:
        """The ids of the blobs that nobody wrote to since `moment` (Unix seconds)."""
        ...

    def path(self, id_: str) -> Path | None:
        """Where a blob is on this host; None where it is elsewhere."""
        ...

    async def has_room(self, size: int) -> bool:
        """Whether `size` more bytes are likely to fit."""
        ...


def blobs_in(store: ObjectStore) -> Blobs:
    """The blobs of an object store; those in a folder of this host go past it, for speed and links."""
    if isinstance(store, LocalStore) and store.prefix is not None:
        return LocalBlobs(Path(store.prefix) / _FOLDER)
    return RemoteBlobs(store)


class LocalBlobs:
    """Blobs as files of a folder, which is made and closed to other users.

    Args:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._folder = folder
        self._threads = ThreadPoolExecutor(thread_name_prefix="blob")

    async def put(
        self, id_: str, blocks: AsyncIterator[Block], most_bytes: int | None = None
    ) -> str:
        """Write a blob; see `Blobs.put`."""
        arriving = _Arriving(self._folder / id_, self._threads, self._fits, most_bytes)
        try:
            async for block in blocks:
                await arriving.take(block)
            return await arriving.finish()
        except BaseException:
            await arriving.undo()
            raise
        finally:
            arriving.close()

    def _fits(self, size: int) -> bool:
        usage = shutil.disk_usage(self._folder)
        return usage.free - size >= min(_MOST_RESERVED, usage.total // 16)

    async def put_all(self, contents: Mapping[str, bytes]) -> None:
        """Write small blobs; see `Blobs.put_all`."""
        await asyncio.to_thread(self._write_all, contents)

    def _write_all(self, contents: Mapping[str, bytes]) -> None:
        if not self._fits(sum(map(len, contents.values()))):
            raise StorageFullError
        for id_, data in contents.items():
            target = _create(self._folder / id_)
            try:
                _write_whole(target, [data])
            finally:
                os.close(target)

    async def read(self, id_: str) -> AsyncGenerator[bytes, None]:
        """The bytes of a blob; see `Blobs.read`."""
        file = await asyncio.to_thread(open, self._folder / id_, "rb", 0)
        run = asyncio.get_running_loop().run_in_executor
        reading = run(None, file.read, _CHUNK_BYTES)
        try:
            while chunk := await asyncio.shield(reading):
                reading = run(None, file.read, _CHUNK_BYTES)
                yield chunk  # while the next one is read
        finally:  # no thread may use it then, however often who waits for the thread is cancelled
            done = asyncio.gather(reading, return_exceptions=True)
            done.add_done_callback(lambda _: file.close())

    def open(self, id_: str, size: int) -> BinaryIO:
        """Open a blob; see `Blobs.open`."""
        del size
        return (self._folder / id_).open("rb")

    async def delete(self, id_: str) -> None:
        """Free a blob's bytes; see `Blobs.delete`."""
        await asyncio.to_thread((self._folder / id_).unlink, missing_ok=True)

    async def older_than(self, moment: float) -> list[str]:
        """Blobs nobody wrote to lately; see `Blobs.older_than`."""
        return await asyncio.to_thread(self._older_than, moment)

    def _older_than(self, moment: float) -> list[str]:
        found: list[str] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # it was freed meanwhile
                    if entry.stat(follow_symlinks=False).st_mtime <= moment:
                        found.append(entry.name)
        return found

    def path(self, id_: str) -> Path | None:
        """Where a blob is; see `Blobs.path`."""
        return self._folder / id_

    async def has_room(self, size: int) -> bool:
        """Whether so many bytes fit; see `Blobs.has_room`."""
        return await asyncio.to_thread(self._fits, size)


class _Arriving:
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
        self._target = self._then(_create, path)
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
        """The hash of all that was taken, once that is written; raises as `take` does."""
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
        """What a thread does: all that is asked for, until nothing is."""
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
            _write_whole(target, block[start : start + _MOST_PIECES])
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


class RemoteBlobs:
    """Blobs as objects of S3, GCS, Azure or memory.

    Args:
        store: where they are.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(
        self, id_: str, blocks: AsyncIterator[Block], most_bytes: int | None = None
    ) -> str:
        """Write a blob; see `Blobs.put`."""
        del most_bytes  # an object store keeps no room ahead
        digest = blake3()

        async def joined() -> AsyncIterator[bytes]:
            async for block in blocks:
                data = b"".join(block)
                await asyncio.to_thread(digest.update, data)
                yield data

        try:
            await obstore.put_async(self._store, _key(id_), joined())
        except BaseError as error:
            raise failure(error) from error
        return digest.hexdigest()

    async def put_all(self, contents: Mapping[str, bytes]) -> None:
        """Write small blobs; see `Blobs.put_all`."""
        room = asyncio.Semaphore(_AT_ONCE)

        async def put(id_: str, data: bytes) -> None:
            async with room:
                await obstore.put_async(self._store, _key(id_), data)

        try:
            async with asyncio.TaskGroup() as group:
                for id_, data in contents.items():
                    group.create_task(put(id_, data), name="put a blob")
        except* BaseError as errors:
            raise failure(errors.exceptions[0]) from errors

    async def read(self, id_: str) -> AsyncGenerator[bytes, None]:
        """The bytes of a blob; see `Blobs.read`."""
        found = await obstore.get_async(self._store, _key(id_))
        async for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
            yield bytes(chunk)

    def open(self, id_: str, size: int) -> BinaryIO:
        """Open a blob; see `Blobs.open`."""
        return io.BufferedReader(RemoteFile(self._store, _key(id_), size), _PART_BYTES)

    async def delete(self, id_: str) -> None:
        """Free a blob's bytes; see `Blobs.delete`."""
        with suppress(FileNotFoundError):
            await obstore.delete_async(self._store, _key(id_))

    async def older_than(self, moment: float) -> list[str]:
        """Blobs nobody wrote to lately; see `Blobs.older_than`."""
        found: list[str] = []
        pages = self._store.list(f"{_FOLDER}/")  # pyright: ignore[reportUnknownMemberType]  Arrow's
        async for page in pages:
            found += [
                one["path"].removeprefix(f"{_FOLDER}/")
                for one in page
                if one["last_modified"].timestamp() <= moment
            ]
        return found

    def path(self, id_: str) -> Path | None:
        """Nowhere on this host; see `Blobs.path`."""
        del id_
        return None

    async def has_room(self, size: int) -> bool:
        """An object store has room; see `Blobs.has_room`."""
        del size
        return True


_MOST_WRITING = 2  # blocks: the thread never waits for the next, nor memory for the disk
_MOST_PIECES = 1024  # of one system call (IOV_MAX)
_SEND_OFF_BYTES = 8 << 20
_LEAST_AHEAD_BYTES = 4 << 20
_MOST_AHEAD_BYTES = 64 << 20
_FALLOC_FL_KEEP_SIZE = 1
_SYNC_FILE_RANGE_WRITE = 2
_libc = ctypes.CDLL(None)


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _write_whole(target: int, pieces: Sequence[bytes]) -> None:
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


def _key(id_: str) -> str:
    return f"{_FOLDER}/{id_}"
