"""Attaching files to vector stores, one or many: their rows are made here, and indexed later."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from assistd import clock
from assistd.db import Connection, projects, vector_stores
from assistd.engine.policy import Policy
from assistd.errors import NotFoundError, RequestError
from assistd.objects.vector_store import (
    AUTO,
    Attributes,
    ChunkingStrategy,
    FileError,
    VectorStoreFile,
)

_UNKNOWN = FileError(code="invalid_file", message="The file does not exist.")


@dataclass(frozen=True, slots=True)
class NewStoreFile:
    """A file that is to be attached to a store.

    Args:
        file_id: the file.
        attributes: what searches can filter by; None leaves what it has in the store.
        chunking: how it is cut.
    """

    file_id: str
    attributes: Attributes | None = None
    chunking: ChunkingStrategy = AUTO


def add_all(
    connection: Connection,
    project_id: str,
    store_id: str,
    news: Sequence[NewStoreFile],
    *,
    policy: Policy,
    batch_id: str | None = None,
) -> None:
    """Attach files to a store that the transaction has read; of one given twice the last counts.

    A file that is there stays as it is, but for its attributes and its batch, where they are given. It
    is indexed anew where it is to be cut otherwise, or failed or was cancelled before. One that the
    project does not have is a failed file of a batch.

    Args:
        connection: a writing transaction.
        project_id: who owns the store.
        store_id: the store, whose row is locked.
        news: the files.
        policy: how many a store may have.
        batch_id: the batch they are part of.

    Raises:
        NotFoundError: a file is unknown, and there is no batch to tell of it.
        RequestError: there are more files than a store may have.
        StorageQuotaError: the project has no room for more.
    """
    limits = projects.limits_of(connection, project_id, policy.project_limits)
    projects.check_storage(connection, project_id, limits, 1)
    wanted = {new.file_id: new for new in news}
    there = vector_stores.find_files(connection, store_id, wanted)
    _require_room(connection, store_id, len(wanted.keys() - there.keys()), policy)
    known = vector_stores.find_known(connection, project_id, wanted)
    if batch_id is None:
        _require_known(wanted, known)
    added: list[VectorStoreFile] = []
    for file_id, new in wanted.items():
        old = there.get(file_id)
        if old is None or _is_begun_anew(old, new):
            added.append(_make(store_id, new, old, is_known=file_id in known))
        elif new.attributes is not None and new.attributes != old.attributes:
            vector_stores.set_attributes(connection, store_id, file_id, new.attributes)
    begun = {file.id for file in added}
    vector_stores.remove_files(connection, store_id, begun & there.keys())
    vector_stores.add_files(connection, project_id, added, batch_id)
    if batch_id is not None:
        vector_stores.set_batch(connection, store_id, there.keys() - begun, batch_id)


def _require_known(wanted: Collection[str], known: Collection[str]) -> None:
    for file_id in wanted:
        if file_id not in known:
            raise NotFoundError(f"No such File object: {file_id}", param="id")


def _require_room(connection: Connection, store_id: str, more: int, policy: Policy) -> None:
    most = policy.store_files
    if more > most or (more and vector_stores.has_files(connection, store_id, most - more + 1)):
        raise RequestError(
            f"Vector store {store_id} cannot have more than {most} files. Please detach some, or "
            "create another one.",
            param="file_ids",
        )


def _is_begun_anew(old: VectorStoreFile, new: NewStoreFile) -> bool:
    return old.status in {"failed", "cancelled"} or old.chunking_strategy != new.chunking


def _make(
    store_id: str, new: NewStoreFile, old: VectorStoreFile | None, *, is_known: bool
) -> VectorStoreFile:
    kept = old.attributes if old else {}
    return VectorStoreFile(
        id=new.file_id,
        created_at=clock.seconds(),
        vector_store_id=store_id,
        status="in_progress" if is_known else "failed",
        last_error=None if is_known else _UNKNOWN,
        chunking_strategy=new.chunking,
        attributes=kept if new.attributes is None else new.attributes,
    )
