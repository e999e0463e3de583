"""The file store: a row in the database and the bytes in a blob store, kept and removed together."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from assistd import clock, ids
from assistd.db import Connection, nouns, projects
from assistd.db.database import Database
from assistd.errors import NotFoundError, StorageFullError, TooLargeError
from assistd.objects.file import File, Purpose
from assistd.objects.project import ProjectLimits

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes in the blob store that no row names yet; `id` is the id of the file they become."""

    id: str
    bytes: int
    sha256: str


class FileStore:
    """Keeps files.

    Args:
        database: where the rows are.
        blobs: where the bytes are: a local folder, S3, GCS or Azure.
        limits: of projects that have none of their own.
    """

    def __init__(self, database: Database, blobs: ObjectStore, limits: ProjectLimits) -> None:
        self._database = database
        self._blobs = blobs
        self.limits = limits

    async def put(self, chunks: AsyncIterator[bytes], max_bytes: int) -> Blob:
        """Stream bytes into the blob store; at most a few chunks are in memory at a time.

        Raises:
            TooLargeError: more than `max_bytes` came; nothing is kept.
            StorageFullError: the disk is full; nothing is kept.
        """
        id_ = ids.new("file")
        digest = hashlib.sha256()
        size = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            async for chunk in chunks:
                size += len(chunk)
                if size > max_bytes:
                    raise TooLargeError(
                        f"The file is larger than the limit of {max_bytes} bytes.", param="file"
                    )
                digest.update(chunk)
                yield chunk

        try:
            await obstore.put_async(self._blobs, _key(id_), counted())
        except (BaseError, OSError) as error:
            raise _storage_error(error) from error
        return Blob(id_, size, digest.hexdigest())

    async def add(
        self,
        blob: Blob,
        *,
        project_id: str,
        filename: str,
        purpose: Purpose,
        expires_at: int | None = None,
    ) -> File:
        """Make a file of a blob; the blob is removed where that fails.

        Raises:
            StorageQuotaError: the project may not keep that much.
        """
        try:
            return await self._database.write(
                insert,
                blob,
                project_id=project_id,
                filename=filename,
                purpose=purpose,
                created_at=clock.seconds(),
                expires_at=expires_at,
                limits=self.limits,
            )
        except BaseException:
            await self.discard(blob.id)
            raise

    def source(self, file: File) -> Path | AsyncGenerator[bytes, None]:
        """Where the bytes of a file are, in a store that is a folder of this host; else the bytes."""
        if isinstance(self._blobs, LocalStore) and self._blobs.prefix is not None:
            return Path(self._blobs.prefix) / _key(file.id)
        return self.read(file)

    async def read(self, file: File) -> AsyncGenerator[bytes, None]:
        """The bytes of a file, in chunks of about a megabyte.

        Raises:
            NotFoundError: the file was deleted meanwhile.
        """
        try:
            async for chunk in self.read_blob(file.id):
                yield chunk
        except FileNotFoundError as error:
            raise NotFoundError(f"No such File object: {file.id}", param="id") from error

    async def read_blob(self, id_: str) -> AsyncGenerator[bytes, None]:
        """The bytes of a blob, in chunks of about a megabyte.

        Raises:
            FileNotFoundError: there is no such blob.
        """
        found = await obstore.get_async(self._blobs, _key(id_))
        async for chunk in found.stream(min_chunk_size=_CHUNK):
            yield bytes(chunk)

    async def delete(self, file: File) -> None:
        """Forget a file and free its bytes; ids that name it dangle (contract section 7)."""
        await self._database.write(nouns.files.delete, file.id)
        await self.discard(file.id)

    async def delete_expired(self) -> None:
        """Remove the files whose `expires_after` is over."""
        for file in await self._database.read(_expired):
            await self.delete(file)

    async def discard(self, id_: str) -> None:
        """Free the bytes of a blob; harmless where they are gone already."""
        with suppress(FileNotFoundError):
            await obstore.delete_async(self._blobs, _key(id_))


def insert(
    connection: Connection,
    blob: Blob,
    *,
    project_id: str,
    filename: str,
    purpose: Purpose,
    created_at: int,
    expires_at: int | None,
    limits: ProjectLimits,
) -> File:
    """Insert the row that makes a file of a blob, as part of a transaction; times in Unix seconds.

    Raises:
        StorageQuotaError: the project may not keep that much; `limits` hold where it has no own.
    """
    projects.require_storage(
        connection, project_id, projects.limits_of(connection, project_id, limits), blob.bytes
    )
    file = File(
        id=blob.id,
        purpose=purpose,
        filename=filename,
        bytes=blob.bytes,
        created_at=created_at,
        expires_at=expires_at,
    )
    nouns.files.insert(
        connection,
        file,
        project_id=project_id,
        purpose=purpose,
        sha256=blob.sha256,
        bytes=blob.bytes,
        expires_at=expires_at,
    )
    return file


def _expired(connection: Connection) -> list[File]:
    return nouns.files.due(connection, "expires_at", clock.seconds())


def _key(id_: str) -> str:
    return f"files/{id_}"


def _storage_error(error: BaseException) -> Exception:
    full = any(sign in str(error) for sign in ("No space left", "os error 28", "Disk quota"))
    if not full:
        return OSError(f"the blob store failed: {type(error).__name__}")
    return StorageFullError()
