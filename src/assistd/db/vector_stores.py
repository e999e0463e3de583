"""The files that stand in vector stores: rows of their own, counted whenever somebody asks.

Which id a row has is known to the database alone: it names one attachment, so what was begun for a
file that was detached, or attached anew meanwhile, finds no row (decision 0073).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from assistd import clock, ids
from assistd.db import tables
from assistd.db.collection import Listing, Page
from assistd.db.leases import NO_LEASE
from assistd.db.prepared import prepare, split_names
from assistd.errors import NotFoundError, RequestError
from assistd.objects.vector_store import (
    Attributes,
    ChunkingStrategy,
    FileCounts,
    FileError,
    FileStatus,
    VectorStoreFile,
)

_FILES = tables.vector_store_files.c
_PLACES = tables.vector_store_places.c

_SHOWN = (
    _FILES.file_id,
    _FILES.usage_bytes,
    _FILES.created_at,
    _FILES.store_id,
    _FILES.status,
    _FILES.last_error,
    _FILES.chunking,
    _FILES.attributes,
)
_ONE: ColumnElement[bool] = and_(
    _FILES.store_id == bindparam("store_id"), _FILES.file_id == bindparam("file_id")
)
_FIND = prepare(select(*_SHOWN).where(_ONE))
_NTH = prepare(
    select(_FILES.seq)
    .where(_FILES.store_id == bindparam("store_id"))
    .limit(1)
    .offset(bindparam("skipped"))
)
_INSERT = prepare(insert(tables.vector_store_files))


@dataclass(frozen=True, slots=True)
class FileList:
    """Whose files are wanted: those of a store, of one batch of it, or of one status.

    Args:
        store_id: the store.
        batch_id: the batch in which they were added; None for all.
        status: their status; None for any.
    """

    store_id: str
    batch_id: str | None = None
    status: FileStatus | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what holds for the rows of these files."""
        found = [_FILES.store_id == self.store_id]
        if self.batch_id is not None:
            found.append(_FILES.batch_id == self.batch_id)
        if self.status is not None:
            found.append(_FILES.status == self.status)
        return found


@dataclass(frozen=True, slots=True)
class StoreUsage:
    """What is in a store: its files by their status, and the bytes that they take in the index."""

    counts: FileCounts
    bytes: int


def add_files(
    connection: Connection,
    project_id: str,
    files: Sequence[VectorStoreFile],
    batch_id: str | None = None,
) -> None:
    """Insert the rows of files that are new to their stores; each is an attachment of its own."""
    rows = [_make_row(file, project_id, batch_id) for file in files]
    if rows:
        connection.execute(_INSERT, rows if len(rows) > 1 else rows[0])


def find_file(connection: Connection, store_id: str, file_id: str) -> VectorStoreFile | None:
    """Return a file of a store; None where it has no such file."""
    rows = connection.execute(_FIND, {"store_id": store_id, "file_id": file_id}).all()
    return _read_file(rows[0]) if rows else None


def get_file(connection: Connection, store_id: str, file_id: str) -> VectorStoreFile:
    """Return a file of a store.

    Raises:
        NotFoundError: the store has no such file.
    """
    file = find_file(connection, store_id, file_id)
    if file is None:
        raise NotFoundError(f"No file found with id '{file_id}' in vector store '{store_id}'.")
    return file


def find_files(
    connection: Connection, store_id: str, file_ids: Collection[str]
) -> dict[str, VectorStoreFile]:
    """Return those of the files that are in a store, by their ids."""
    found: dict[str, VectorStoreFile] = {}
    for some in split_names(file_ids):
        statement = select(*_SHOWN).where(_FILES.store_id == store_id, _FILES.file_id.in_(some))
        found.update((row.file_id, _read_file(row)) for row in connection.execute(statement))
    return found


def page_files(connection: Connection, which: FileList, page: Page) -> Listing[VectorStoreFile]:
    """Return one page of files; its cursors are ids of files (contract, file search, trap 1).

    A cursor keeps its place after its file is detached.

    Raises:
        RequestError: a cursor names nothing that is or was in the store.
    """
    newest_first = page.order == "desc"
    conditions = which.conditions()
    for param, cursor in (("after", page.after), ("before", page.before)):
        if cursor is not None:
            place = _find_place(connection, which.store_id, param, cursor)
            is_below = newest_first == (param == "after")
            conditions.append(_FILES.seq < place if is_below else _FILES.seq > place)
    # `before` alone wants the items nearest to the cursor: walk away from it, then turn round.
    turned = page.before is not None and page.after is None
    order = _FILES.seq.desc() if newest_first != turned else _FILES.seq.asc()
    statement = select(*_SHOWN).where(*conditions).order_by(order).limit(page.limit + 1)
    rows = connection.execute(statement).all()
    items = [_read_file(row) for row in rows[: page.limit]]
    return Listing(items[::-1] if turned else items, has_more=len(rows) > page.limit)


def has_files(connection: Connection, store_id: str, count: int) -> bool:
    """Whether a store has at least so many files."""
    nth = {"store_id": store_id, "skipped": count - 1}
    return count <= 0 or connection.execute(_NTH, nth).scalar() is not None


def read_usages(connection: Connection, store_ids: Collection[str]) -> dict[str, StoreUsage]:
    """Return what is in each of these stores, by one statement."""
    total = func.coalesce(func.sum(_FILES.usage_bytes), 0)
    statement = (
        select(_FILES.store_id, _FILES.status, func.count(), total)
        .where(_FILES.store_id.in_(store_ids))
        .group_by(_FILES.store_id, _FILES.status)
    )
    numbers: dict[str, dict[str, int]] = {store_id: {} for store_id in store_ids}
    sizes = dict.fromkeys(store_ids, 0)
    for store_id, status, count, size in connection.execute(statement):
        numbers[store_id][status] = count
        sizes[store_id] += int(size)
    return {each: StoreUsage(_sum_up(numbers[each]), sizes[each]) for each in store_ids}


def count_batch(connection: Connection, batch_id: str) -> FileCounts:
    """Return how many files of a batch are in which state."""
    statement = (
        select(_FILES.status, func.count())
        .where(_FILES.batch_id == batch_id)
        .group_by(_FILES.status)
    )
    return _sum_up({status: count for status, count in connection.execute(statement)})  # noqa: C416


def set_attributes(
    connection: Connection, store_id: str, file_id: str, attributes: Attributes
) -> None:
    """Give a file of a store other attributes; the next search goes by them."""
    _change(connection, store_id, file_id, {"attributes": json.dumps(attributes)})


def set_batch(connection: Connection, store_id: str, file_ids: Collection[str], batch: str) -> None:
    """Count files that were in the store before as files of a batch."""
    for some in split_names(file_ids):
        which = and_(_FILES.store_id == store_id, _FILES.file_id.in_(some))
        connection.execute(update(tables.vector_store_files).where(which).values(batch_id=batch))


def cancel_batch(connection: Connection, batch_id: str) -> None:
    """Let nobody index the files of a batch that are not indexed yet."""
    waiting = and_(_FILES.batch_id == batch_id, _FILES.status == "in_progress")
    changed = update(tables.vector_store_files).where(waiting)
    connection.execute(changed.values(status="cancelled", **NO_LEASE))


def remove_files(connection: Connection, store_id: str, file_ids: Collection[str]) -> None:
    """Take files out of a store; no search finds them from this transaction on."""
    for some in split_names(file_ids):
        _remove(connection, and_(_FILES.store_id == store_id, _FILES.file_id.in_(some)))


def remove_everywhere(connection: Connection, file_id: str) -> None:
    """Take a file out of all stores of its project; others may have a failed file under its id."""
    file = tables.files.c
    owner = select(file.project_id).where(file.id == file_id).scalar_subquery()
    _remove(connection, and_(_FILES.file_id == file_id, _FILES.project_id == owner))


def remove_store(connection: Connection, store_id: str) -> None:
    """Take all files out of a store that is deleted, and forget what was in it."""
    connection.execute(delete(tables.vector_store_files).where(_FILES.store_id == store_id))
    connection.execute(delete(tables.vector_store_places).where(_PLACES.store_id == store_id))
    batches = tables.vector_store_batches
    gone = update(batches).where(batches.c.store_id == store_id)
    connection.execute(gone.values(deleted=True, body="{}"))


def free_expired(connection: Connection, now: int) -> None:
    """Let files of expired stores take no room and wait for nothing; they stay listed."""
    store = tables.vector_stores.c
    expired = select(store.id).where(store.expires_at <= now)
    in_expired = update(tables.vector_store_files).where(_FILES.store_id.in_(expired))
    waiting = in_expired.where(_FILES.status == "in_progress")
    connection.execute(waiting.values(status="cancelled", **NO_LEASE))
    connection.execute(in_expired.where(_FILES.usage_bytes > 0).values(usage_bytes=0))


def find_known(connection: Connection, project_id: str, file_ids: Collection[str]) -> set[str]:
    """Return those of the ids that files of a project have; none is deleted before the transaction ends."""
    file = tables.files.c
    found: set[str] = set()
    for some in split_names(file_ids):
        statement = (
            select(file.id)
            .where(
                file.id.in_(some),
                file.project_id == project_id,
                file.container_id == "",
                file.deleted.is_(False),
            )
            .with_for_update(read=True)
        )
        found.update(connection.execute(statement).scalars())
    return found


def _make_row(file: VectorStoreFile, project_id: str, batch_id: str | None) -> dict[str, Any]:
    return {
        "id": ids.new("vsf"),
        "seq": clock.sequence(),
        "project_id": project_id,
        "store_id": file.vector_store_id,
        "file_id": file.id,
        "batch_id": batch_id,
        "created_at": file.created_at,
        "status": file.status,
        "last_error": file.last_error and file.last_error.model_dump_json(),
        "attributes": json.dumps(file.attributes),
        "chunking": file.chunking_strategy.model_dump_json(),
        "usage_bytes": file.usage_bytes,
        "attempts": 0,
    }


def _read_file(row: Any) -> VectorStoreFile:
    id_, usage_bytes, created_at, store_id, status, error, chunking, attributes = row
    return VectorStoreFile(
        id=id_,
        usage_bytes=usage_bytes,
        created_at=created_at,
        vector_store_id=store_id,
        status=status,
        last_error=error and FileError.model_validate_json(error),
        chunking_strategy=ChunkingStrategy.model_validate_json(chunking),
        attributes=json.loads(attributes),
    )


def _sum_up(numbers: Mapping[str, int]) -> FileCounts:
    return FileCounts.model_validate({**numbers, "total": sum(numbers.values())})


def _change(connection: Connection, store_id: str, file_id: str, values: dict[str, Any]) -> None:
    which = and_(_FILES.store_id == store_id, _FILES.file_id == file_id)
    connection.execute(update(tables.vector_store_files).where(which).values(values))


def _remove(connection: Connection, which: ColumnElement[bool]) -> None:
    """Delete rows, and remember where they stood in the lists of their stores."""
    places, files = tables.vector_store_places, tables.vector_store_files
    rows = connection.execute(
        select(_FILES.store_id, _FILES.file_id, _FILES.seq).where(which).with_for_update()
    ).all()
    if not rows:
        return
    older = and_(_PLACES.store_id == bindparam("_store"), _PLACES.file_id == bindparam("_file"))
    keys = [{"_store": store_id, "_file": file_id} for store_id, file_id, _ in rows]
    connection.execute(delete(places).where(older), keys)
    connection.execute(
        insert(places),
        [{"store_id": row.store_id, "file_id": row.file_id, "seq": row.seq} for row in rows],
    )
    connection.execute(delete(files).where(which))


def _find_place(connection: Connection, store_id: str, param: str, cursor: str) -> int:
    """Return where a file stands, or stood, in the lists of a store."""
    for column in (_FILES, _PLACES):
        statement: Select[Any] = select(column.seq).where(
            column.store_id == store_id, column.file_id == cursor
        )
        seq = connection.execute(statement).scalar()
        if seq is not None:
            return seq
    raise RequestError(
        f"Invalid '{param}': no object with id '{cursor}' is in this list.", param=param
    )
