"""The file store: rows in the database and their bytes in a blob store, kept and removed together."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from obstore.store import ObjectStore

from assistd import clock, ids, metrics
from assistd.db import Connection, nouns, projects, vector_stores
from assistd.db.database import Database
from assistd.db.files import arriving, blobs
from assistd.db.transaction import transaction
from assistd.errors import NotFoundError, StorageFullError, TooLargeError
from assistd.files import rows
from assistd.files.arriving_blob import Block, gather_blocks
from assistd.files.blobs import blobs_in, hash_of
from assistd.files.rows import Blob, NewFile
from assistd.files.split import split_projects
from assistd.objects.file import File
from assistd.objects.project import ProjectLimits
from assistd.periodic import Duty

_EXPIRY_SECONDS = 1.0
_ORPHAN_SECONDS = 3600.0  # a blob that no row names by then belongs to a process that died


@dataclass(frozen=True, slots=True)
class Room:
    """Where a blob is to count while it comes: `promised` bytes from the start, then those that came."""

    project_id: str
    promised: int = 0


class FileStore:
    """Keeps files. A project's files of one content share a blob; the last to be deleted frees it.

    Args:
        database: where the rows are.
        store: where the bytes are: a local folder, S3, GCS or Azure.
        limits: of projects that have none of their own.
        lease_seconds: how long what is on its way counts after this process died.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        limits: ProjectLimits,
        lease_seconds: float = 15.0,
    ) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._counted: set[str] = set()  # blobs that are on their way
        self.limits = limits
        self._blobs = blobs_in(store)

    async def check(self) -> None:
        """Raise OSError where the bytes of files cannot be had now."""
        await self._blobs.check()

    async def put(
        self,
        chunks: AsyncIterator[bytes],
        max_bytes: int,
        param: str | None = None,
        room: Room | None = None,
    ) -> Blob:
        """Stream bytes into the blob store; a few blocks are in memory at a time.

        Args:
            chunks: the bytes.
            max_bytes: the most there may be.
            param: what a client calls them.
            room: the storage they count for while they come; None: for nobody's yet.

        Raises:
            TooLargeError: more than `max_bytes` came; nothing is kept.
            StorageFullError: the disk is full; nothing is kept.
            StorageQuotaError: the project may not keep that much; nothing is kept.
        """
        id_ = ids.new("blob")
        if room and await self._database.run(arriving.is_counted, room.project_id, self.limits):
            self._counted.add(id_)
        try:
            return await self._put(id_, chunks, max_bytes, param, room)
        except BaseException:
            await self._count_no_more(id_)
            raise

    async def _put(
        self,
        id_: str,
        chunks: AsyncIterator[bytes],
        max_bytes: int,
        param: str | None,
        room: Room | None,
    ) -> Blob:
        size = counted = 0

        async def count(bytes_: int) -> None:
            nonlocal counted
            if room and id_ in self._counted and bytes_ > counted:
                await self._database.run(
                    arriving.count,
                    room.project_id,
                    id_,
                    bytes_,
                    defaults=self.limits,
                    seconds=self._lease_seconds,
                )
                counted = bytes_

        await count(room.promised if room else 0)

        async def blocks() -> AsyncIterator[Block]:
            nonlocal size
            async for block in gather_blocks(chunks):
                size += sum(map(len, block))
                if size > max_bytes:
                    raise TooLargeError(
                        f"The file is larger than the limit of {max_bytes} bytes.", param=param
                    )
                await count(size)
                yield block

        hash_ = await self._blobs.put(id_, blocks(), max_bytes)
        return Blob(id_, size, hash_, id_ in self._counted)

    async def put_all(self, contents: Sequence[bytes]) -> list[Blob]:
        """Write small blobs, all at once.

        Raises:
            StorageFullError: the disk is full; nothing is kept.
        """
        made = [Blob(ids.new("blob"), len(each), "") for each in contents]
        hashes = await asyncio.to_thread(_hashes, contents)
        try:
            by_id = {blob.id: data for blob, data in zip(made, contents, strict=True)}
            with metrics.timing(metrics.BLOB_SECONDS, "write"):
                await self._blobs.put_all(by_id)
        except BaseException:
            await self.discard(*(blob.id for blob in made))
            raise
        return [replace(blob, hash=hash_) for blob, hash_ in zip(made, hashes, strict=True)]

    async def require_room(self, size: int) -> None:
        """See that so many bytes are likely to fit, before they are sent.

        Raises:
            StorageFullError: they are not.
        """
        if not await self._blobs.has_room(size):
            raise StorageFullError

    async def require_storage(self, project_id: str, size: int) -> None:
        """See that a project may keep `size` bytes more, before they are written to the disk.

        Whether it may still when they are is for `insert` to say.

        Raises:
            StorageQuotaError: it may not.
        """
        await self._database.run(_check_storage, project_id, self.limits, size)

    async def add(self, new: NewFile) -> File:
        """Make a file of a blob; the blob is removed where that fails.

        Raises:
            StorageQuotaError: the project may not keep that much.
        """
        (file,) = await self.add_all([new])
        return file

    async def add_all(self, news: Sequence[NewFile]) -> list[File]:
        """Make files of blobs, all or none; blobs whose content their project has already are removed.

        Raises:
            StorageQuotaError: a project may not keep that much.
        """
        made = [new.blob.id for new in news]
        try:
            return await self._database.run(_add_all, news, self.limits)
        finally:
            await self.discard(*made)

    async def source(self, file: File) -> Path | AsyncGenerator[bytes, None]:
        """Return where the bytes of a file are, in a store that is a folder of this host; else the bytes.

        Raises:
            NotFoundError: the file was deleted meanwhile.
        """
        stored = await self.find_stored(file)
        return self._blobs.path(stored.blob) or self.read(file)

    async def find_stored(self, file: File) -> blobs.Stored:
        """Return which blob has the bytes of a file, and what tells its content from others.

        Raises:
            NotFoundError: the file was deleted meanwhile.
        """
        stored = await self._database.run(blobs.of_file, file.id)
        if stored is None:
            raise _no_such_file(file)
        return stored

    def find_path(self, blob_id: str) -> Path | None:
        """Return where a blob is on this host; None where it is elsewhere."""
        return self._blobs.path(blob_id)

    async def sign(self, blob_id: str) -> str | None:
        """Return a URL by which anybody can read a blob for some minutes; None where there can be none."""
        return await self._blobs.sign(blob_id)

    async def open(self, file: File) -> FileIO | AsyncGenerator[bytes, None]:
        """Return the bytes of a file: an open one, in a store that is a folder of this host; else chunks.

        Raises:
            NotFoundError: the file was deleted meanwhile.
        """
        source = await self.source(file)
        if not isinstance(source, Path):
            return source
        try:
            with metrics.timing(metrics.BLOB_SECONDS, "read"):
                return await asyncio.to_thread(FileIO, source)
        except FileNotFoundError as error:
            raise _no_such_file(file) from error

    async def openers(self, files: Sequence[File]) -> dict[str, Callable[[], BinaryIO]]:
        """Return what opens files for reading at any place, by file id; deleted files are left out.

        It blocks and may raise OSError, as every use of the opened file.
        """
        found = await self._database.run(blobs.of_files, [file.id for file in files])
        return {
            file.id: partial(self._blobs.open, found[file.id], file.bytes)
            for file in files
            if file.id in found
        }

    async def read(self, file: File) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a file, in chunks of about a megabyte.

        Raises:
            NotFoundError: the file was deleted meanwhile.
        """
        try:
            async for chunk in self.read_blob((await self.find_stored(file)).blob):
                yield chunk
        except FileNotFoundError as error:
            raise _no_such_file(file) from error

    def read_blob(self, id_: str) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a blob, in chunks of about a megabyte.

        Raises:
            FileNotFoundError: there is no such blob.
        """
        return self._blobs.read(id_)

    async def open_blob(self, id_: str, folder: Path) -> BinaryIO:
        """Return a blob as an open file of this host, for who needs a descriptor.

        Args:
            id_: of the blob.
            folder: where one that is elsewhere is copied to, into a file that has no name.

        Raises:
            FileNotFoundError: there is no such blob.
        """
        if path := self._blobs.path(id_):
            with metrics.timing(metrics.BLOB_SECONDS, "read"):
                return await asyncio.to_thread(path.open, "rb")
        with ExitStack() as opened:
            file = opened.enter_context(tempfile.TemporaryFile(dir=folder))
            async for chunk in self.read_blob(id_):
                file.write(chunk)
            file.flush()
            opened.pop_all()
        return file

    async def delete(self, file: File) -> None:
        """Forget a file and free its bytes; ids that name it dangle (contract section 7)."""
        blob = await self._database.run(_forget, file.id)
        if blob is not None:
            await self.discard(blob)

    async def delete_expired(self) -> None:
        """Remove the files whose `expires_after` is over."""
        for file in await self._database.run(_find_expired):
            await self.delete(file)

    async def discard(self, *blob_ids: str) -> int:
        """Free the bytes of those blobs that no row names; return how many these are."""
        if not blob_ids:
            return 0
        unnamed = await self._database.run(blobs.find_unnamed, blob_ids)
        for id_ in unnamed:
            await self._blobs.delete(id_)
        await self._count_no_more(*blob_ids)
        return len(unnamed)

    async def _count_no_more(self, *blob_ids: str) -> None:
        """Let the room be free that blobs had while they were on their way."""
        if counted := self._counted.intersection(blob_ids):
            self._counted -= counted
            await self._database.run(arriving.forget, counted)

    async def sweep(self) -> None:
        """Free bytes that a killed process had not made a file of, then split what projects share.

        In this order: a blob that the split leaves without a name stays until the next sweep, for
        another server may be about to open it.
        """
        moment = clock.now() - _ORPHAN_SECONDS
        metrics.BLOBS_SWEPT.add(by=await self.discard(*await self._blobs.older_than(moment)))
        await split_projects(self._database, self._blobs)

    def duties(self) -> list[Duty]:
        """Return what a process does for the store as long as it serves."""
        return [
            Duty("sweep of blobs", self.sweep, _ORPHAN_SECONDS),
            Duty("counts of arriving blobs", self._renew_counts, self._lease_seconds / 3),
            Duty("expired files", self.delete_expired, _EXPIRY_SECONDS),
        ]

    async def _renew_counts(self) -> None:
        if self._counted:
            await self._database.run(arriving.renew, set(self._counted), self._lease_seconds)


@transaction(writes=True, short=True)
def _add_all(connection: Connection, news: Sequence[NewFile], limits: ProjectLimits) -> list[File]:
    return rows.insert(connection, news, limits)


@transaction(short=True)
def _check_storage(
    connection: Connection, project_id: str, limits: ProjectLimits, size: int
) -> None:
    own = projects.limits_of(connection, project_id, limits)
    projects.check_storage(connection, project_id, own, size)


@transaction(writes=True, short=True)
def _forget(connection: Connection, file_id: str) -> str | None:
    stored = blobs.of_file(connection, file_id)
    nouns.files.delete(connection, file_id, expires_at=None)  # or `due` would pass it for ever
    # After that: whoever attaches the file meanwhile has its row until it is attached, or finds it gone.
    vector_stores.remove_everywhere(connection, file_id)
    return stored and stored.blob


@transaction(short=True)
def _find_expired(connection: Connection) -> list[File]:
    return nouns.files.due(connection, "expires_at", clock.seconds())


def _no_such_file(file: File) -> NotFoundError:
    return NotFoundError(f"No such File object: {file.id}", param="id")


def _hashes(contents: Collection[bytes]) -> list[str]:
    return [hash_of(each) for each in contents]
