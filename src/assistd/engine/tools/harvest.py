"""Keeps what a call brought forth, pictures and written files, as files of the project."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from assistd import clock
from assistd.db import Connection, conversations
from assistd.db.transaction import transaction
from assistd.engine.services import Services
from assistd.engine.tools.selection import Selection, select
from assistd.errors import RequestError
from assistd.files import store
from assistd.files.store import Blob, NewFile
from assistd.objects.file import File
from assistd.objects.project import ProjectLimits
from assistd.quoting import quote_path
from assistd.sandbox.base import DataFile, Session, UnsafeFileError

_SMALL_BYTES = 1 << 20  # files up to here are read and stored many at a time
_BATCH_BYTES = 16 << 20
_MOST_LOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of the files of a thread's /mnt/data in one call.

    Args:
        files: what was written and kept: path -> file id.
        removed: paths that are gone.
    """

    files: dict[str, str]
    removed: tuple[str, ...]


class Harvest:
    """Keeps what the calls of a run bring forth; what cannot be kept is told to the model.

    Args:
        services: the rooms.
        project_id: who owns the files.
        thread_id: whose /mnt/data they were written to.
    """

    def __init__(self, services: Services, project_id: str, thread_id: str) -> None:
        self._services = services
        self._project_id = project_id
        self._thread_id = thread_id

    async def keep_picture(self, data: bytes, notes: list[str]) -> File | None:
        """Keep a PNG that was shown."""
        files = self._services.files
        try:
            if len(data) > _SMALL_BYTES:
                await files.require_storage(self._project_id, len(data))
            (blob,) = await files.put_all([data])
            return await files.add(self._new(blob, None))
        except (RequestError, OSError) as error:
            notes.append(f"A picture could not be kept: {_reason(error)}")
        return None

    async def keep_files(self, session: Session, notes: list[str]) -> Kept:
        """Keep what the call wrote to /mnt/data as it is now, and forget what it removed."""
        changes = await session.changes()
        notes += changes.notes
        files = await self._keep_changed(session, changes.files, notes)
        if changes.removed:
            await self._forget(session, changes.removed)
        return Kept(files, changes.removed)

    async def _forget(self, session: Session, removed: Sequence[str]) -> None:
        """Remember that files are gone, whoever put them there."""
        gone = set(removed)
        given = [file_id for file_id, name in session.attached.items() if name in gone]
        await self._services.database.run(
            conversations.remember_removed, self._thread_id, removed, given
        )
        for file_id in given:
            del session.attached[file_id]

    async def _keep_changed(
        self, session: Session, changed: Sequence[DataFile], notes: list[str]
    ) -> dict[str, str]:
        """Keep these files: path -> file id."""
        if not changed:
            return {}
        limit = self._services.policy.output_files
        if len(changed) > limit:
            notes.append(f"{len(changed)} files were written; only the first {limit} were kept")
        policy, room = self._services.policy, session.limits.data_room
        selected = select(changed[:limit], policy.output_file_bytes, room)
        try:
            if selected.bytes > _SMALL_BYTES:
                await self._services.files.require_storage(self._project_id, selected.bytes)
        except RequestError as error:
            notes.append(_not_kept(error))
            return {}
        stored, lost = await self._store(session, selected, room)
        notes += _say_lost({**selected.lost, **lost})
        return await self._add(stored, notes)

    async def _store(
        self, session: Session, selected: Selection, room: int
    ) -> tuple[dict[str, Blob], dict[str, str]]:
        """Write files to the blob store, each once.

        Args:
            session: whose files.
            selected: which of them.
            room: bytes that all of them may have together, though code may let them grow meanwhile.

        Returns:
            Path -> what is stored of it, and path -> why nothing is.
        """
        stored: dict[str, Blob] = {}
        try:
            await self._store_small(session, selected.files, stored)
            lost = await self._store_large(session, selected.files, stored, room)
        except BaseException:
            await self._services.files.discard(*(blob.id for blob in stored.values()))
            raise
        for path, first in selected.same.items():
            if first in stored:
                stored[path] = stored[first]
            else:
                lost[path] = lost[first]
        return stored, lost

    async def _store_small(
        self, session: Session, files: Sequence[DataFile], stored: dict[str, Blob]
    ) -> None:
        """Write small files to the blob store, many at a time; what fails is left to try again."""
        small = [each for each in files if each.size <= _SMALL_BYTES]
        for batch in _batches(small):
            contents = await session.read_small(batch, _SMALL_BYTES)
            with suppress(RequestError, OSError):
                blobs = await self._services.files.put_all(list(contents.values()))
                stored |= zip(contents, blobs, strict=True)

    async def _store_large(
        self, session: Session, files: Sequence[DataFile], stored: dict[str, Blob], room: int
    ) -> dict[str, str]:
        """Write the files that are not stored yet to the blob store, one by one: path -> why not."""
        lost: dict[str, str] = {}
        left = room - sum(blob.bytes for blob in stored.values())
        for each in files:
            if each.path in stored:
                continue
            most = min(self._services.policy.output_file_bytes, left)
            try:
                blob = await self._services.files.put(session.read(each.path), most)
            except (RequestError, UnsafeFileError, OSError) as error:
                lost[each.path] = _reason(error)
            else:
                stored[each.path] = blob
                left -= blob.bytes
        return lost

    async def _add(self, stored: dict[str, Blob], notes: list[str]) -> dict[str, str]:
        """Make files of what was stored, and remember them as the newest state of their paths."""
        news = [self._new(blob, f"/mnt/data/{path}") for path, blob in stored.items()]
        files = self._services.files
        try:
            return await self._services.database.run(
                _insert, self._thread_id, stored, news, files.limits
            )
        except RequestError as error:
            notes.append(_not_kept(error))
            return {}
        finally:
            await files.discard(*(blob.id for blob in stored.values()))

    def _new(self, blob: Blob, filename: str | None) -> NewFile:
        return NewFile(
            blob,
            project_id=self._project_id,
            filename=filename,
            purpose="assistants_output",
            created_at=clock.seconds(),
        )


@transaction(writes=True, short=True)
def _insert(
    connection: Connection,
    thread_id: str,
    paths: Iterable[str],
    news: Sequence[NewFile],
    limits: ProjectLimits,
) -> dict[str, str]:
    """Make files and remember them as what a thread wrote to `paths`, both or neither."""
    files = store.insert(connection, news, limits)
    kept = {path: file.id for path, file in zip(paths, files, strict=True)}
    conversations.remember_written(connection, thread_id, kept)
    return kept


def _batches(files: Iterable[DataFile]) -> Iterator[list[DataFile]]:
    batch: list[DataFile] = []
    size = 0
    for each in files:
        if batch and size + each.size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += each.size
    if batch:
        yield batch


def _say_lost(lost: Mapping[str, str]) -> Iterator[str]:
    """Sentences for the model: which files are not kept, and why."""
    for path in sorted(lost)[:_MOST_LOST_NAMED]:
        yield f"{quote_path(path)} could not be kept: {lost[path]}"
    if len(lost) > _MOST_LOST_NAMED:
        yield f"{len(lost) - _MOST_LOST_NAMED} more files could not be kept"


def _not_kept(error: RequestError) -> str:
    return f"The files could not be kept: {error.message}"


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, RequestError) else str(error)
