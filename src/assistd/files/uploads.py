"""Uploads: a file that comes in parts, and is put together in the order the client names."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

from assistd import clock, ids
from assistd.db import Connection, nouns, projects
from assistd.db.database import Database
from assistd.db.files import arriving, uploads
from assistd.db.files.uploads import StoredPart
from assistd.db.transaction import transaction
from assistd.errors import RequestError
from assistd.files import rows
from assistd.files.rows import Blob, NewFile
from assistd.files.store import FileStore
from assistd.objects.project import ProjectLimits
from assistd.objects.upload import Upload, UploadPart
from assistd.periodic import Duty

PART_BYTES = 64 << 20
"""The most a part may have (contract section 3)."""

_SECONDS = 3600
_EXPIRY_SECONDS = 1.0
_MAX_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class UploadKey:
    """What names an upload: both must fit, or it is unknown."""

    project_id: str
    upload_id: str


class Uploads:
    """Keeps parts until they are a file, or their hour is over.

    Args:
        database: where the rows are.
        files: where the bytes are, and where the file goes.
        max_bytes: the most an upload may have.
    """

    def __init__(self, database: Database, files: FileStore, max_bytes: int) -> None:
        self._database = database
        self._files = files
        self._max_bytes = max_bytes
        self._completing = WeakValueDictionary[str, asyncio.Lock]()

    async def create(self, project_id: str, upload: Upload) -> Upload:
        """Begin a pending upload; its hour starts at its `created_at`.

        Raises:
            RequestError: the file would be too large.
        """
        if upload.bytes > self._max_bytes:
            raise RequestError(
                f"Invalid 'bytes': integer above maximum value. Expected a value <= "
                f"{self._max_bytes}, but got {upload.bytes} instead.",
                param="bytes",
                code="integer_above_max_value",
            )
        await self._database.run(
            nouns.uploads.insert, upload, project_id=project_id, expires_at=upload.expires_at
        )
        return upload

    async def require_pending(self, key: UploadKey) -> None:
        """See that an upload still takes parts, before their bytes are read.

        Raises:
            NotFoundError: the upload is unknown.
            RequestError: it is over.
        """
        await self._database.run(_pending, key)

    async def add_part(self, key: UploadKey, blob: Blob) -> UploadPart:
        """Make a part of a blob; the blob is removed where that fails.

        Raises:
            NotFoundError: the upload is unknown.
            RequestError: it is over, or has more parts than any file needs.
            StorageQuotaError: the project may not keep that much.
        """
        part = UploadPart(id=ids.new("part"), created_at=clock.seconds(), upload_id=key.upload_id)
        try:
            await self._database.run(_add_part, key, part, blob, self._files.limits)
        finally:
            await self._files.discard(blob.id)  # unless the part has it now
        return part

    async def complete(self, key: UploadKey, part_ids: Sequence[str], md5: str | None) -> Upload:
        """Put the parts together; a chunk of them is in memory at a time.

        Who asks again, because the answer got lost, gets the upload as it was completed.

        Raises:
            NotFoundError: the upload is unknown.
            RequestError: it is over, a part is unknown or named twice, or the bytes are not those
                that were promised; the upload stays as it was.
            StorageQuotaError: the project may not keep that much.
            StorageFullError: the disk is full.
        """
        try:
            return await self._complete(key, part_ids, md5)
        except RequestError:
            completed = await self._database.run(_find_completed, key, part_ids)
            if completed is None:
                raise
            return completed

    async def _complete(self, key: UploadKey, part_ids: Sequence[str], md5: str | None) -> Upload:
        lock = self._completing.setdefault(key.upload_id, asyncio.Lock())
        async with lock:  # or every request would write a copy of all bytes
            return await self._put_together(key, part_ids, md5)

    async def _put_together(
        self, key: UploadKey, part_ids: Sequence[str], md5: str | None
    ) -> Upload:
        upload, parts = await self._database.run(_choose_parts, key, part_ids)
        digest = hashlib.md5(usedforsecurity=False) if md5 else None

        async def chunks() -> AsyncIterator[bytes]:
            for part in parts:
                try:
                    async for chunk in self._files.read_blob(part.blob):
                        if digest:
                            await asyncio.to_thread(digest.update, chunk)
                        yield chunk
                except FileNotFoundError as error:  # cancelled, completed or expired meanwhile
                    raise RequestError(
                        f"Upload {upload.id} is over; its parts are gone."
                    ) from error

        blob = await self._files.put(chunks(), upload.bytes)
        spent: Sequence[str] = ()
        try:
            if digest and md5:
                _require_md5(digest.hexdigest(), md5)
            completed, spent = await self._database.run(
                _complete, key, _hash(part_ids), blob, self._files.limits
            )
        finally:
            await self._files.discard(blob.id, *spent)
        return completed

    async def cancel(self, key: UploadKey) -> Upload:
        """Give an upload up and free its parts.

        Raises:
            NotFoundError: the upload is unknown.
            RequestError: it is over.
        """
        cancelled, spent = await self._database.run(_cancel, key)
        await self._files.discard(*spent)
        return cancelled

    def duties(self) -> list[Duty]:
        """Return what a process does for uploads as long as it serves."""
        return [Duty("expired uploads", self.delete_expired, _EXPIRY_SECONDS)]

    async def delete_expired(self) -> None:
        """Free the parts of uploads whose hour is over."""
        for upload in await self._database.run(_overdue):
            await self._files.discard(*await self._database.run(_expire, upload.id))


def new_upload(*, filename: str, purpose: str, size: int, file_seconds: int | None) -> Upload:
    """Return a pending upload of `size` bytes whose file, once whole, lives for `file_seconds` (None: on)."""
    now = clock.seconds()
    return Upload.model_validate(
        {
            "id": ids.new("upload"),
            "bytes": size,
            "created_at": now,
            "filename": filename,
            "purpose": purpose,
            "expires_at": now + _SECONDS,
            "file_seconds": file_seconds,
        }
    )


@transaction(short=True)
def _pending(connection: Connection, key: UploadKey) -> Upload:
    upload = nouns.uploads.get(connection, key.upload_id, project_id=key.project_id)
    overdue = upload.status == "pending" and upload.expires_at <= clock.seconds()
    status = "expired" if overdue else upload.status
    if status != "pending":
        raise RequestError(f"Upload {upload.id} has status '{status}'; it must be 'pending'.")
    return upload


@transaction(writes=True, short=True)
def _add_part(
    connection: Connection, key: UploadKey, part: UploadPart, blob: Blob, limits: ProjectLimits
) -> None:
    upload = _pending(connection, key)
    count, size = uploads.count_parts(connection, upload.id)
    # Twice the bytes: a client may send a part again whose answer it did not get.
    if count >= _MAX_PARTS or size + blob.bytes > 2 * upload.bytes:
        raise RequestError(
            f"Upload {upload.id} is for {upload.bytes} bytes and has {count} parts of {size} bytes "
            "already.",
            param="data",
        )
    limits = projects.limits_of(connection, key.project_id, limits)
    if blob.is_counted:
        arriving.forget(connection, [blob.id])
    projects.require_storage(connection, key.project_id, limits, blob.bytes)
    uploads.add_part(connection, part, blob.id, blob.bytes)


@transaction(short=True)
def _choose_parts(
    connection: Connection, key: UploadKey, part_ids: Sequence[str]
) -> tuple[Upload, list[StoredPart]]:
    upload = _pending(connection, key)
    left = uploads.parts(connection, upload.id)
    chosen: list[StoredPart] = []
    for index, part_id in enumerate(part_ids):
        part = left.pop(part_id, None)
        if part is None:
            what = "named twice" if part_id in part_ids[:index] else f"not a part of {upload.id}"
            raise RequestError(
                f"Invalid 'part_ids[{index}]': '{part_id}' is {what}.", param=f"part_ids[{index}]"
            )
        chosen.append(part)
    size = sum(part.bytes for part in chosen)
    if size != upload.bytes:
        raise RequestError(
            f"Expected the parts to have {upload.bytes} bytes together, got {size}.",
            param="part_ids",
        )
    return upload, chosen


def _require_md5(found: str, promised: str) -> None:
    if found != promised.strip().lower():
        raise RequestError(f"The MD5 of the parts is {found}, not {promised}.", param="md5")


def _hash(part_ids: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(part_ids).encode()).hexdigest()


@transaction(short=True)
def _find_completed(
    connection: Connection, key: UploadKey, part_ids: Sequence[str]
) -> Upload | None:
    """Return the upload, where it was completed with just these parts."""
    upload = nouns.uploads.get(connection, key.upload_id, project_id=key.project_id)
    return upload if upload.completed_with == _hash(part_ids) else None


@transaction(writes=True, short=True)
def _complete(
    connection: Connection, key: UploadKey, parts: str, blob: Blob, limits: ProjectLimits
) -> tuple[Upload, Sequence[str]]:
    upload = _pending(connection, key)
    lifetime = upload.file_seconds
    spent = uploads.forget_parts(connection, upload.id)  # the file counts in their place
    new = NewFile(
        blob,
        project_id=key.project_id,
        filename=upload.filename,
        purpose=upload.purpose,
        created_at=upload.created_at,  # as recorded (contract section 14)
        expires_at=None if lifetime is None else upload.created_at + lifetime,
    )
    (file,) = rows.insert(connection, [new], limits)
    completed = upload.evolve(status="completed", file=file, completed_with=parts)
    nouns.uploads.replace(connection, completed, expires_at=None)
    return completed, spent


@transaction(writes=True, short=True)
def _cancel(connection: Connection, key: UploadKey) -> tuple[Upload, Sequence[str]]:
    cancelled = _pending(connection, key).evolve(status="cancelled")
    return cancelled, _end(connection, cancelled)


@transaction(writes=True, short=True)
def _expire(connection: Connection, upload_id: str) -> Sequence[str]:
    upload = nouns.uploads.get(connection, upload_id)
    completed_meanwhile = upload.status != "pending"
    return () if completed_meanwhile else _end(connection, upload.evolve(status="expired"))


def _end(connection: Connection, upload: Upload) -> Sequence[str]:
    """Write the final state of an upload that became no file; the blobs to free."""
    nouns.uploads.replace(connection, upload, expires_at=None)
    return uploads.forget_parts(connection, upload.id)


@transaction(short=True)
def _overdue(connection: Connection) -> list[Upload]:
    return nouns.uploads.due(connection, "expires_at", clock.seconds())
