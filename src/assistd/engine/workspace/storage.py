"""What lasts of a workspace when its session is gone: the files of its /mnt/data, and its bill."""

import time
from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from assistd import clock, metrics
from assistd.db import Connection, projects, sessions
from assistd.db.database import Database
from assistd.db.transaction import transaction
from assistd.db.workspaces import tiers
from assistd.engine.policy import Policy
from assistd.engine.workspace.contents import (
    Contents,
    InputFile,
    Scope,
    read_all_files,
    read_contents,
    read_inputs,
)
from assistd.engine.workspace.kept_files import Kept
from assistd.engine.workspace.selection import Selection, select
from assistd.errors import RequestError, StorageQuotaError
from assistd.files.rows import Blob
from assistd.files.store import FileStore
from assistd.ids import is_content_key
from assistd.objects.file import File
from assistd.objects.metered_session import MeteredSession
from assistd.objects.project import ProjectLimits
from assistd.quoting import quote_path
from assistd.sandbox.base import MIB, DataFile, Execution, Logs, Session, Tenant, UnsafeFileError
from assistd.sandbox.stored_file import Content, StoredFile, StoredObject

_SMALL_BYTES = 1 << 20  # files up to here are read and stored many at a time
_BATCH_BYTES = 16 << 20
_MOST_LOST_NAMED = 10
_REMEMBERED_SECONDS = 5.0  # as what a key opens is


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture that was shown, kept as a file."""

    file_id: str


@dataclass(frozen=True, slots=True)
class Harvest:
    """What became of the files of a /mnt/data in one call.

    Args:
        files: what was written and kept: path -> file id.
        removed: paths that are gone.
        notes: sentences for the model: what is not kept, and why.
    """

    files: dict[str, str]
    removed: tuple[str, ...]
    notes: tuple[str, ...]


class Storage:
    """Keeps what lasts of every workspace.

    Args:
        database: where rows are.
        files: where files are.
        policy: how many files of a call are kept, and how large; what projects may have.
    """

    def __init__(self, database: Database, files: FileStore, policy: Policy) -> None:
        self._database = database
        self._files = files
        self._policy = policy
        self._tenants: dict[str, tuple[Tenant, float]] = {}  # until when each is believed

    async def read_tier(self, scope: Scope) -> int | None:
        """Return the memory that a thread was given, in GiB; None where it has as much as others."""
        return None if scope.life else await self._database.run(tiers.find, scope.key)

    async def read_tenant(self, scope: Scope, tier: int | None = None) -> Tenant:
        """Return whose sessions are opened, and what they may have.

        Every call asks, so it is remembered: a limit that is changed holds some seconds later.

        Args:
            scope: the workspace.
            tier: what `read_tier` returned before its session was opened.

        Raises:
            NotFoundError: there is no such project.
        """
        tenant = await self._read_tenant(scope)
        if scope.life is None and tier is None:
            return tenant
        wanted = scope.life.memory_bytes if scope.life else (tier or 1) * 1024 * MIB
        return replace(tenant, memory_bytes=min(wanted, tenant.memory_bytes or wanted))

    async def _read_tenant(self, scope: Scope) -> Tenant:
        tenant, until = self._tenants.get(scope.project_id, (None, 0.0))
        if tenant is None or until < time.monotonic():
            defaults = self._policy.project_limits
            limits = await self._database.run(projects.limits_of, scope.project_id, defaults)
            memory = limits.memory_gib and limits.memory_gib * 1024 * MIB
            tenant = Tenant(scope.project_id, max_sessions=limits.sessions, memory_bytes=memory)
            self._tenants[scope.project_id] = (tenant, time.monotonic() + _REMEMBERED_SECONDS)
        return tenant

    async def begin(self, scope: Scope) -> bool:
        """Note that a cell begins in a workspace with a life; see `Life.begin`."""
        return await self._database.run(_begin, scope)

    async def end(self, scope: Scope) -> None:
        """Note that a cell ended in a workspace with a life."""
        await self._database.run(_end, scope)

    async def record_session(
        self, scope: Scope, session_id: str, tier: int | None
    ) -> sessions.Opening:
        """Bill a new session of a tier of memory; return what its opening was."""
        row = MeteredSession(
            id=session_id,
            project_id=scope.project_id,
            thread_id=scope.key,
            opened_at=clock.seconds(),
            memory_gib=tier or 1,
        )
        return await self._database.run(_record_opened, row, scope)

    async def record_session_end(self, session_id: str) -> None:
        """Note when a session ended."""
        await self._database.run(sessions.record_closed, session_id)

    async def read_all_files(self, scope: Scope) -> tuple[Sequence[InputFile], dict[str, File]]:
        """Return what a new session is given: inputs, then what code wrote, by path."""
        return await self._database.run(read_all_files, scope)

    async def read_inputs(self, scope: Scope, names: Mapping[str, str]) -> Sequence[InputFile]:
        """Return the files that are given to the code; `names` are those in the live session."""
        return await self._database.run(read_inputs, scope, names)

    async def read_contents(self, scope: Scope, names: Mapping[str, str]) -> Contents:
        """Return what stands in a /mnt/data as the database has it; see `read_inputs`."""
        return await self._database.run(read_contents, scope, names)

    async def open(self, file: File) -> AsyncIterable[bytes]:
        """Return the bytes of a file, for a session to put into its /mnt/data.

        Raises:
            NotFoundError: the file was deleted meanwhile.
        """
        stored = await self._files.find_stored(file)
        content = Content(stored.hash, file.bytes) if is_content_key(stored.hash) else None
        if path := self._files.find_path(stored.blob):
            return StoredFile(path, content)
        if content is None:
            return self._files.read(file)
        return StoredObject(
            content, partial(self._files.sign, stored.blob), partial(self._files.read, file)
        )

    async def forget(self, scope: Scope, paths: Iterable[str], file_ids: Iterable[str]) -> None:
        """Take files out of a /mnt/data for good, whoever put them there.

        Args:
            scope: the workspace.
            paths: those that are gone.
            file_ids: the inputs among them.
        """
        freed = await self._database.run(_remove, scope, paths, file_ids)
        if freed:
            await self._files.discard(*freed)

    async def keep_picture(self, scope: Scope, data: bytes) -> str:
        """Keep a PNG that was shown; return its file id.

        Raises:
            RequestError: the project may not keep it.
            OSError: the blob store fails.
        """
        if len(data) > _SMALL_BYTES:
            await self._files.require_storage(scope.project_id, len(data))
        (blob,) = await self._files.put_all([data])
        try:
            return await self._database.run(_keep_picture, scope, blob, self._files.limits)
        finally:
            await self._files.discard(blob.id)

    async def harvest(self, scope: Scope, session: Session) -> Harvest:
        """Keep what the last call wrote to /mnt/data as it is now."""
        changes = await session.changes()
        notes = list(changes.notes)
        files: dict[str, str] = {}
        limit = self._policy.output_files
        if len(changes.files) > limit:
            notes.append(
                f"{len(changes.files)} files were written; only the first {limit} were kept"
            )
        try:
            if changes.files:
                files = await self._keep(scope, session, changes.files[:limit], notes)
        except RequestError as error:
            notes.append(f"The files could not be kept: {refuse(error)}")
        return Harvest(files, changes.removed, tuple(notes))

    async def _keep(
        self, scope: Scope, session: Session, changed: Sequence[DataFile], notes: list[str]
    ) -> dict[str, str]:
        """Keep files: path -> file id; adds to `notes` which of them are not kept.

        Raises:
            RequestError: none can be kept.
        """
        room = session.limits.data_room
        selected = select(changed, self._policy.output_file_bytes, room)
        if selected.bytes > _SMALL_BYTES:
            await self._files.require_storage(scope.project_id, selected.bytes)
        stored, lost = await self._store(session, selected, room)
        notes += _explain_losses({**selected.lost, **lost})
        freed = [blob.id for blob in stored.values()]
        try:
            kept = await self._database.run(_keep, scope, stored, self._files.limits)
            freed += kept.freed
            return kept.files
        finally:
            await self._files.discard(*freed)

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
            await self._files.discard(*(blob.id for blob in stored.values()))
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
                blobs = await self._files.put_all(list(contents.values()))
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
            most = min(self._policy.output_file_bytes, left)
            try:
                blob = await self._files.put(session.read(each.path), most)
            except (RequestError, UnsafeFileError, OSError) as error:
                lost[each.path] = refuse(error)
            else:
                stored[each.path] = blob
                left -= blob.bytes
        return lost


def refuse(error: Exception) -> str:
    """Count what a project may not keep, and return why something is not kept, in words for the model."""
    if isinstance(error, StorageQuotaError):
        metrics.LIMITS_REFUSED.add("storage")
    return error.message if isinstance(error, RequestError) else str(error)


async def keep_outputs(
    execution: Execution, keep_picture: Callable[[bytes], Awaitable[str]]
) -> tuple[tuple[Logs | StoredPicture, ...], list[str]]:
    """Keep the pictures of a cell; return its outputs, and which of them are missing, and why."""
    outputs: list[Logs | StoredPicture] = []
    lost: list[str] = []
    for output in execution.outputs:
        if isinstance(output, Logs):
            outputs.append(output)
            continue
        try:
            file_id = await keep_picture(output.data)
        except (RequestError, OSError) as error:
            lost.append(f"A picture could not be kept: {refuse(error)}")
        else:
            outputs.append(StoredPicture(file_id))
    return tuple(outputs), lost


@transaction(writes=True, short=True)
def _begin(connection: Connection, scope: Scope) -> bool:
    return scope.life is not None and scope.life.begin(connection)


@transaction(writes=True, short=True)
def _end(connection: Connection, scope: Scope) -> None:
    if scope.life is not None:
        scope.life.end(connection)


@transaction(writes=True, short=True)
def _record_opened(connection: Connection, row: MeteredSession, scope: Scope) -> sessions.Opening:
    """Bill a new session on the API key of its scope."""
    billed_to = row.evolve(api_key_id=scope.find_key_id(connection))
    if scope.life is None:
        return sessions.record_opened(connection, billed_to)
    tier = billed_to.evolve(memory_gib=scope.life.memory_gib)
    return sessions.record_opened(connection, tier, paid_since=scope.life.find_start(connection))


@transaction(writes=True, short=True)
def _keep(
    connection: Connection, scope: Scope, blobs: Mapping[str, Blob], limits: ProjectLimits
) -> Kept:
    return scope.files.keep(connection, scope.key, scope.project_id, blobs, limits)


@transaction(writes=True, short=True)
def _keep_picture(connection: Connection, scope: Scope, blob: Blob, limits: ProjectLimits) -> str:
    return scope.files.keep_picture(connection, scope.key, scope.project_id, blob, limits)


@transaction(writes=True, short=True)
def _remove(
    connection: Connection, scope: Scope, paths: Iterable[str], file_ids: Iterable[str]
) -> Sequence[str]:
    return scope.files.remove(connection, scope.key, paths, file_ids)


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


def _explain_losses(lost: Mapping[str, str]) -> Iterator[str]:
    """Yield sentences for the model: which files are not kept, and why."""
    for path in sorted(lost)[:_MOST_LOST_NAMED]:
        yield f"{quote_path(path)} could not be kept: {lost[path]}"
    if len(lost) > _MOST_LOST_NAMED:
        yield f"{len(lost) - _MOST_LOST_NAMED} more files could not be kept"
