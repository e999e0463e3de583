"""The rows that make files of blobs, written as parts of transactions."""

from collections.abc import Sequence
from dataclasses import dataclass

from assistd import clock, ids
from assistd.db import Connection, nouns, projects
from assistd.db.files import arriving, blobs
from assistd.objects.file import File, Purpose
from assistd.objects.project import ProjectLimits
from assistd.objects.responses.container import FOLDER, Source, StoredContainerFile


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes in the blob store that no row names yet."""

    id: str
    bytes: int
    hash: str
    is_counted: bool = False
    """Whether it counts for the storage of a project by itself, until a row names it."""


@dataclass(frozen=True, slots=True)
class ContainerPath:
    """Where a file of a container stands; see `StoredContainerFile`. `path` None is its id and `.png`."""

    container_id: str
    path: str | None
    source: Source
    origin_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewFile:
    """What is said of a file besides its bytes.

    Args:
        blob: the bytes.
        project_id: whose file it is.
        filename: its name; None is its id and `.png`.
        purpose: what it is for.
        created_at: in Unix seconds.
        expires_at: when it is deleted, in Unix seconds; None: never by itself.
        container_path: where it stands, if it is the file of a container.
    """

    blob: Blob
    project_id: str
    filename: str | None
    purpose: Purpose
    created_at: int
    expires_at: int | None = None
    container_path: ContainerPath | None = None


def insert(connection: Connection, news: Sequence[NewFile], limits: ProjectLimits) -> list[File]:
    """Insert the rows that make files of blobs, as part of a transaction.

    A blob whose content another file of its project has is left unnamed: `discard` it after the
    transaction.

    Raises:
        StorageQuotaError: a project may not keep that much; `limits` hold where it has no own.
    """
    _count_no_more(connection, news)
    for project_id in {new.project_id for new in news}:
        size = sum(new.blob.bytes for new in news if new.project_id == project_id)
        require_storage(connection, project_id, size, limits)
    keys = [ids.make_content_key(new.project_id, new.blob.hash) for new in news]
    kept = blobs.same_content(connection, set(keys))
    rows: list[tuple[File, dict[str, object]]] = []
    for new, key in zip(news, keys, strict=True):
        columns: dict[str, object] = {
            "project_id": new.project_id,
            "purpose": new.purpose,
            "hash": key,
            "bytes": new.blob.bytes,
            "blob": kept.setdefault(key, new.blob.id),
            "expires_at": new.expires_at,
            "container_id": new.container_path.container_id if new.container_path else "",
        }
        rows.append((_make(new), columns))
    nouns.files.insert_all(connection, rows)
    return [file for file, _ in rows]


def copy(
    connection: Connection, file: File, project_id: str, at: ContainerPath, limits: ProjectLimits
) -> StoredContainerFile:
    """Insert a file of a container with the bytes of another file of the project.

    Raises:
        StorageQuotaError: the project may not keep that much.
    """
    require_storage(connection, project_id, file.bytes, limits)
    stored = blobs.lock_stored(connection, file.id)
    new = NewFile(
        Blob(stored.blob, file.bytes, ""),
        project_id=project_id,
        filename=file.filename,
        purpose="user_data",
        created_at=clock.seconds(),
        container_path=at,
    )
    made = _make_in_container(new, at)
    nouns.container_files.insert(
        connection,
        made,
        project_id=project_id,
        purpose=made.purpose,
        hash=stored.hash,
        bytes=made.bytes,
        blob=stored.blob,
        expires_at=None,
        container_id=at.container_id,
    )
    return made


def overwrite(
    connection: Connection, file: StoredContainerFile, new: NewFile, limits: ProjectLimits
) -> str:
    """Give a file of a container other bytes; it keeps its id and its at.

    Returns:
        The blob that it had: `discard` it after the transaction, and that of `new`.

    Raises:
        StorageQuotaError: the project may not keep that much.
    """
    _count_no_more(connection, [new])
    require_storage(connection, new.project_id, new.blob.bytes - file.bytes, limits)
    former = blobs.lock_stored(connection, file.id).blob
    key = ids.make_content_key(new.project_id, new.blob.hash)
    blob = blobs.same_content(connection, [key]).get(key, new.blob.id)
    changed = file.evolve(bytes=new.blob.bytes)
    nouns.container_files.replace(connection, changed, hash=key, bytes=new.blob.bytes, blob=blob)
    return former


def require_storage(
    connection: Connection, project_id: str, size: int, limits: ProjectLimits
) -> None:
    """See that a project may keep `size` bytes more, in the transaction that will keep them.

    Raises:
        StorageQuotaError: it may not; `limits` hold where it has no own.
    """
    if size > 0:
        own = projects.limits_of(connection, project_id, limits)
        projects.require_storage(connection, project_id, own, size)


def _count_no_more(connection: Connection, news: Sequence[NewFile]) -> None:
    if counted := [new.blob.id for new in news if new.blob.is_counted]:
        arriving.forget(connection, counted)


def _make(new: NewFile) -> File:
    if new.container_path is not None:
        return _make_in_container(new, new.container_path)
    id_ = ids.new("file")
    return File(
        id=id_,
        purpose=new.purpose,
        filename=f"{id_}.png" if new.filename is None else new.filename,
        bytes=new.blob.bytes,
        created_at=new.created_at,
        expires_at=new.expires_at,
    )


def _make_in_container(new: NewFile, at: ContainerPath) -> StoredContainerFile:
    id_ = ids.new_hex("cfile", 32)
    name = f"{id_}.png" if new.filename is None else new.filename
    return StoredContainerFile(
        id=id_,
        purpose=new.purpose,
        filename=name,
        bytes=new.blob.bytes,
        created_at=new.created_at,
        container_id=at.container_id,
        path=f"{FOLDER}{id_}.png" if at.path is None else at.path,
        source=at.source,
        origin_id=at.origin_id,
    )
