"""The workspace of a container: its life, and how what code makes becomes files of the container."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from assistd import clock
from assistd.db import Connection, containers, conversations, nouns
from assistd.engine.policy import Policy
from assistd.engine.responses import container_files, container_life
from assistd.engine.workspace.contents import Scope
from assistd.engine.workspace.kept_files import Kept, make_new_file
from assistd.errors import RequestError
from assistd.files import rows
from assistd.files.rows import Blob, ContainerPath, NewFile
from assistd.objects.project import ProjectLimits
from assistd.objects.responses.container import FOLDER, StoredContainer
from assistd.sandbox.base import SandboxError
from assistd.units import MIB


@dataclass(frozen=True, slots=True)
class ContainerRef:
    """The container that a response would use; nothing is opened, written or billed until a cell runs.

    Args:
        project_id: who owns it.
        container: the container; one that is not stored yet is made by the first cell.
        file_ids: files of the project that the first cell is to find there.
        policy: the numbers of the engine.
        is_new: whether the first cell is to make it.
    """

    project_id: str
    container: StoredContainer
    file_ids: tuple[str, ...]
    policy: Policy
    is_new: bool = False

    @property
    def id(self) -> str:
        """The id of the container."""
        return self.container.id

    def make_scope(self, find_key_id: Callable[[Connection], str | None]) -> Scope:
        """Return its workspace; `find_key_id` reads on which API key a session is billed."""
        return Scope(
            self.id,
            self.project_id,
            find_key_id=find_key_id,
            read_file_ids=self._read_file_ids,
            find_aliases=self._find_aliases,
            files=_FILES,
            life=_ContainerLife(self),
        )

    def _read_file_ids(self, connection: Connection) -> list[str]:
        return [file.id for file in containers.find_given(connection, self.id)]

    def _find_aliases(self, connection: Connection, file_id: str) -> Sequence[str]:
        """Return the name that clients see of a file, and the file of the project that it came from.

        A file that the next cell puts into the container has neither yet.
        """
        file = nouns.container_files.find(connection, file_id, container_id=self.id)
        if file is None:
            return ()
        name = PurePosixPath(file.path).name
        return (name,) if file.origin_id is None else (name, file.origin_id)


class _ContainerLife:
    """The `Life` of a container: it is made by its first cell, and lives on from each."""

    def __init__(self, ref: ContainerRef) -> None:
        self._ref = ref
        self._measure(ref.container)

    def begin(self, connection: Connection) -> bool:
        """Make the container, or have it live on, with its files; see `Life.begin`."""
        ref, now = self._ref, clock.seconds()
        known = nouns.containers.find(connection, ref.id, project_id=ref.project_id)
        if known is None:
            if not ref.is_new or containers.was_made(connection, ref.id):
                raise SandboxError(f"The container {ref.id} was deleted meanwhile.")
            known = ref.container.evolve(created_at=now, last_active_at=now, lives_since=now)
            container_life.insert(connection, ref.project_id, known)
            lives_anew = False
        else:
            lives_anew = known.is_expired(now)
            self._measure(known)
            container_life.use(connection, known)
        if ref.file_ids:
            _put_files(connection, ref)
        return lives_anew

    def _measure(self, container: StoredContainer) -> None:
        self.memory_gib = container.memory_gib
        most = self._ref.policy.container_memory_mib
        self.memory_bytes = min(self.memory_gib * 1024, most) * MIB

    def end(self, connection: Connection) -> None:
        """Have the container live on; see `Life.end`."""
        container_life.prolong(connection, self._ref.id)

    def find_start(self, connection: Connection) -> int:
        """Return since when it lives; see `Life.find_start`."""
        known = nouns.containers.find(connection, self._ref.id)
        return known.lives_since if known is not None else clock.seconds()


def _put_files(connection: Connection, ref: ContainerRef) -> None:
    """Put the files into a container that it should have; not what was removed there, or deleted."""
    wanted = container_files.find_missing(connection, ref.project_id, ref.id, ref.file_ids)
    limits = ref.policy.project_limits
    try:
        container_files.add_copies(connection, ref.project_id, ref.id, wanted, limits)
    except RequestError as error:  # there is no request any more that it could answer
        raise SandboxError(error.message) from error


class _ContainerFiles:
    """The `KeptFiles` of containers: a path that is written again keeps its id."""

    def keep(
        self,
        connection: Connection,
        key: str,
        project_id: str,
        blobs: Mapping[str, Blob],
        limits: ProjectLimits,
    ) -> Kept:
        """Make files of what code wrote, or give them other bytes; see `KeptFiles.keep`."""
        _require_container(connection, key)
        written = conversations.find_written(connection, key)
        kept = dict.fromkeys(blobs, "")
        news: dict[str, NewFile] = {}
        freed: list[str] = []
        for path, blob in blobs.items():
            new = _new_file(key, project_id, blob, path)
            file_id = written.get(path)
            known = file_id and nouns.container_files.find(connection, file_id, container_id=key)
            if known:
                freed.append(rows.overwrite(connection, known, new, limits))
                kept[path] = known.id
            else:
                news[path] = new
        made = rows.insert(connection, list(news.values()), limits)
        kept |= {path: file.id for path, file in zip(news, made, strict=True)}
        conversations.remember_written(connection, key, kept)
        return Kept(kept, freed)

    def keep_picture(
        self,
        connection: Connection,
        key: str,
        project_id: str,
        blob: Blob,
        limits: ProjectLimits,
    ) -> str:
        """Make a file `<id>.png` of a picture; see `KeptFiles.keep_picture`."""
        _require_container(connection, key)
        (file,) = rows.insert(connection, [_new_file(key, project_id, blob, None)], limits)
        return file.id

    def remove(
        self, connection: Connection, key: str, paths: Iterable[str], file_ids: Iterable[str]
    ) -> Sequence[str]:
        """Delete files: a container has what is in its /mnt/data. See `KeptFiles.remove`."""
        written, gone = conversations.find_written(connection, key), list(paths)
        wanted = [*(written[path] for path in gone if path in written), *file_ids]
        return container_files.remove(connection, key, gone, wanted)


_FILES = _ContainerFiles()


def _require_container(connection: Connection, container_id: str) -> None:
    if nouns.containers.find(connection, container_id) is None:
        raise RequestError("The container was deleted meanwhile.")


def _new_file(container_id: str, project_id: str, blob: Blob, path: str | None) -> NewFile:
    name = None if path is None else FOLDER + path
    where = ContainerPath(container_id, name, "assistant")
    return make_new_file(project_id, blob, name, where)
