"""Snapshots of workspaces: the variables of a session outlive its planned end, as a blob that counts for its project."""

import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import structlog

from assistd import clock
from assistd.db import Connection, nouns, projects
from assistd.db.database import Database
from assistd.db.transaction import transaction
from assistd.db.workspaces import snapshots
from assistd.engine.policy import Policy
from assistd.errors import RequestError
from assistd.files import rows
from assistd.files.rows import Blob, ContainerPath, NewFile
from assistd.files.store import FileStore, Room
from assistd.objects.own.snapshot import KeptVariables, LeftVariable, Snapshot
from assistd.objects.project import ProjectLimits
from assistd.sandbox.base import Session
from assistd.sandbox.snapshot import STATE, SavedSession, Section, read_sections

log = structlog.get_logger()

_NAMED = 20
_DAY_SECONDS = 86_400


class Snapshots:
    """Keeps the variables of sessions, and gives them to later ones.

    Args:
        database: where rows are.
        files: where the bytes go.
        policy: how much may be kept of one session, in what time, and for how long.
        folder: on a disk, for what is on its way.
    """

    def __init__(self, database: Database, files: FileStore, policy: Policy, folder: Path) -> None:
        self._database = database
        self._files = files
        self._policy = policy
        self._folder = folder

    def are_due(self, seconds: float) -> bool:
        """Tell whether variables are to be kept after a call that took so long, though its session lives on."""
        least = self._policy.snapshot_after_seconds
        return bool(least) and seconds >= least

    async def find(self, key: str) -> Snapshot | None:
        """Return what is kept of a workspace."""
        found = await self._database.run(snapshots.find, key)
        return found[0] if found else None

    async def delete(self, key: str) -> None:
        """Forget what is kept of a workspace."""
        await self._files.discard(*await self._database.run(_remove, key))

    async def save(self, key: str, project_id: str, session: Session) -> None:
        """Keep the variables of a session in place of those that are kept; where they cannot, say so there.

        Nothing is kept for a project that does not want it.

        Raises:
            SandboxError: the session cannot be asked; what is kept stays.
        """
        policy = self._policy
        if not await self._are_wanted(project_id):
            return
        with tempfile.TemporaryFile(dir=self._folder) as file:
            saved = await session.save(file, policy.snapshot_bytes, policy.snapshot_seconds)
            blob = await self._store(project_id, file, saved.sections)
        snapshot = self._describe(key, saved, blob)
        freed = [blob.id] if blob else []
        try:
            freed += await self._database.run(
                _keep, snapshot, project_id, blob, limits=self._files.limits
            )
        except RequestError:
            lost = self._describe(key, saved, None)
            freed += await self._database.run(
                _keep, lost, project_id, None, limits=self._files.limits
            )
        finally:
            await self._files.discard(*freed)

    async def _are_wanted(self, project_id: str) -> bool:
        limits = await self._database.run(
            projects.limits_of, project_id, self._policy.project_limits
        )
        return limits.keep_variables is not False

    async def _store(
        self, project_id: str, file: BinaryIO, sections: Sequence[Section]
    ) -> Blob | None:
        """Write sections one after the other into the blob store; None where there is no room."""
        if all(each.names == (STATE,) for each in sections):
            return None
        try:
            chunks = _stream(read_sections(file, sections))
            return await self._files.put(chunks, self._policy.snapshot_bytes, room=Room(project_id))
        except RequestError:
            return None

    def _describe(self, key: str, saved: SavedSession, blob: Blob | None) -> Snapshot:
        now = clock.seconds()
        kept = saved.sections if blob else ()
        left = dict(saved.left)
        if blob is None:
            no_room = "there was no room left in the project's storage"
            left = {name: no_room for name in saved.names if name != STATE} | left
        return Snapshot(
            workspace_id=key,
            saved_at=now,
            expires_at=now + self._policy.snapshot_days * _DAY_SECONDS,
            bytes=blob.bytes if blob else 0,
            variables=tuple(KeptVariables(names=each.names, bytes=each.size) for each in kept),
            left_out=tuple(LeftVariable(name=name, reason=why) for name, why in left.items()),
            is_whole=saved.is_whole,
        )

    async def restore(self, key: str, project_id: str, session: Session) -> str | None:
        """Give a new session the variables that are kept of its workspace.

        Returns:
            A sentence for the model: what is back, and by name what is not; None where nothing was kept.

        Raises:
            HostLostError: the session did not survive it. What was kept is forgotten.
        """
        found = await self._database.run(snapshots.find, key)
        if found is None:
            return None
        if not await self._are_wanted(project_id):
            await self.delete(key)
            return None
        snapshot, blob = found
        missing = [each.name for each in snapshot.left_out]
        restored: list[str] = []
        if blob is not None:
            try:
                lost = await self._load(snapshot, blob, session)
            except FileNotFoundError:  # deleted this moment
                return None
            names = [name for each in snapshot.variables for name in each.names if name != STATE]
            restored = [name for name in names if name not in lost]
            missing = [name for name in names if name in lost] + missing
        return _tell(restored, missing, clock.seconds() - snapshot.saved_at)

    async def _load(self, snapshot: Snapshot, blob: str, session: Session) -> Mapping[str, str]:
        """Load variables into a session; return which are not back, and why."""
        with await self._files.open_blob(blob, self._folder) as file:
            sections = list(_place(snapshot.variables))
            try:
                return await session.restore(file, sections, self._policy.snapshot_seconds)
            except Exception:  # else it would cost the next call, too
                await self.delete(snapshot.workspace_id)
                raise


def _tell(restored: Sequence[str], missing: Sequence[str], age: int) -> str:
    back = "the files"
    if restored:
        back = f"variables as they were {_round(age)} ago ({_list(restored)}) and the files"
    text = f"This is a new session: {back} in /mnt/data were restored"
    if missing:
        text += f"; not restored: {_list(missing)}"
    return text


def _round(seconds: int) -> str:
    for unit, size in (("days", _DAY_SECONDS), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{max(0, seconds)} seconds"


def _list(names: Sequence[str]) -> str:
    named = ", ".join(names[:_NAMED])
    return f"{named} and {len(names) - _NAMED} more" if len(names) > _NAMED else named


async def _stream(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def _place(variables: Sequence[KeptVariables]) -> Iterator[Section]:
    """Yield the sections as they stand in the blob: one after the other."""
    start = 0
    for each in variables:
        yield Section(each.names, start, each.bytes)
        start += each.bytes


@transaction(writes=True, short=True)
def _keep(
    connection: Connection,
    snapshot: Snapshot,
    project_id: str,
    blob: Blob | None,
    *,
    limits: ProjectLimits,
) -> list[str]:
    """Keep a snapshot in place of the one that is kept, of a workspace that was not deleted; return freed blobs.

    Raises:
        StorageQuotaError: the project may not keep it.
    """
    key = snapshot.workspace_id
    freed = snapshots.remove(connection, key)
    if not any(each.find(connection, key) for each in (nouns.threads, nouns.containers)):
        return freed
    file_id = None
    if blob is not None:
        place = ContainerPath(snapshots.name_place(key), None, "assistant")
        new = NewFile(
            blob,
            project_id=project_id,
            filename="variables",
            purpose="assistants_output",
            created_at=snapshot.saved_at,
            expires_at=snapshot.expires_at,
            container_path=place,
        )
        (file,) = rows.insert(connection, [new], limits)
        file_id = file.id
    if snapshot.variables or snapshot.left_out:
        snapshots.keep(connection, snapshot, file_id)
    return freed


@transaction(writes=True, short=True)
def _remove(connection: Connection, key: str) -> list[str]:
    return snapshots.remove(connection, key)
