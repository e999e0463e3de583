"""Where blobs are: a folder of this host, or an object store. An id is used once and never again."""

import asyncio
import io
import os
import shutil
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

import obstore
from blake3 import blake3
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store

from assistd import logs
from assistd.errors import StorageFullError
from assistd.files.arriving_blob import ArrivingBlob, Block, create_file, write_whole
from assistd.files.remote_file import RemoteFile, failure

log = logs.Logger()

_CHUNK_BYTES = 1 << 20
_PART_BYTES = 64 << 10  # of a blob that is read in parts
_AT_ONCE = 16  # small blobs on their way to an object store
_FOLDER = "files"
_SIGNING = (S3Store, GCSStore, AzureStore)
_SIGNED = timedelta(minutes=2)  # to begin to read; clocks may differ by some of it
_UNSIGNED_SECONDS = 60.0  # until a vendor that refused to sign is asked again
_MOST_RESERVED = 64 << 20  # bytes of the disk that stay free for the database


def hash_of(content: bytes) -> str:
    """Return what tells one content from another, in hexadecimal digits: BLAKE3."""
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
        """Yield the bytes of a blob, in chunks of about a megabyte.

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
        """Return the ids of the blobs that nobody wrote to since `moment` (Unix seconds)."""
        ...

    def path(self, id_: str) -> Path | None:
        """Return where a blob is on this host; None where it is elsewhere."""
        ...

    async def sign(self, id_: str) -> str | None:
        """Return a URL by which anybody can read a blob for some minutes; None where there can be none."""
        ...

    async def has_room(self, size: int) -> bool:
        """Tell whether `size` more bytes are likely to fit."""
        ...

    async def check(self) -> None:
        """Raise OSError where blobs cannot be had now."""
        ...


def blobs_in(store: ObjectStore) -> Blobs:
    """Return the blobs of an object store; those in a folder of this host go past it, for speed and links."""
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
        arriving = ArrivingBlob(self._folder / id_, self._threads, self._fits, most_bytes)
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
            target = create_file(self._folder / id_)
            try:
                write_whole(target, [data])
            finally:
                os.close(target)

    async def read(self, id_: str) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a blob; see `Blobs.read`."""
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
        """Return the blobs that nobody wrote to lately; see `Blobs.older_than`."""
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
        """Return where a blob is; see `Blobs.path`."""
        return self._folder / id_

    async def sign(self, id_: str) -> None:
        """No URL leads to a folder; see `Blobs.sign`."""
        del id_

    async def has_room(self, size: int) -> bool:
        """Tell whether so many bytes fit; see `Blobs.has_room`."""
        return await asyncio.to_thread(self._fits, size)

    async def check(self) -> None:
        """See that the folder can be written to; see `Blobs.check`."""
        if not await asyncio.to_thread(os.access, self._folder, os.W_OK | os.X_OK):
            raise FileNotFoundError(self._folder)


class RemoteBlobs:
    """Blobs as objects of S3, GCS, Azure or memory.

    Args:
        store: where they are.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._unsigned_until = 0.0

    async def put(
        self, id_: str, blocks: AsyncIterator[Block], most_bytes: int | None = None
    ) -> str:
        """Write a blob; see `Blobs.put`."""
        del most_bytes  # an object store keeps no room ahead
        digest = blake3()

        async def join() -> AsyncIterator[bytes]:
            async for block in blocks:
                data = b"".join(block)
                await asyncio.to_thread(digest.update, data)
                yield data

        try:
            await obstore.put_async(self._store, _key(id_), join())
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
        """Yield the bytes of a blob; see `Blobs.read`."""
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
        """Return the blobs that nobody wrote to lately; see `Blobs.older_than`."""
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

    async def sign(self, id_: str) -> str | None:
        """Return a URL of a blob; see `Blobs.sign`. Some vendors are asked for it, and may refuse."""
        if not isinstance(self._store, _SIGNING) or time.monotonic() < self._unsigned_until:
            return None
        try:
            return await obstore.sign_async(self._store, "GET", _key(id_), _SIGNED)
        except BaseError as error:
            log.warning(
                "blob store signs no URLs; hosts get files by this server", **logs.failure(error)
            )
            self._unsigned_until = time.monotonic() + _UNSIGNED_SECONDS
            return None

    async def has_room(self, size: int) -> bool:
        """Return true: an object store has room; see `Blobs.has_room`."""
        del size
        return True

    async def check(self) -> None:
        """Ask for an object that nobody made; see `Blobs.check`."""
        try:
            with suppress(FileNotFoundError):
                await obstore.head_async(self._store, _key("health"))
        except BaseError as error:
            raise failure(error) from error


def _key(id_: str) -> str:
    return f"{_FOLDER}/{id_}"
