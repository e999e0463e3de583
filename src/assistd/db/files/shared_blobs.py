"""Rows of files that older commits wrote: their blobs may have names in several projects.

Their column `hash` holds the hash of the content alone. An older commit gives such a row's blob to
the next file of that content, whosever it is; it finds no row that has a content key (decision 0053).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, update

from assistd import ids
from assistd.db import tables
from assistd.db.files import blobs
from assistd.db.transaction import transaction

_FILE = tables.files.c


@dataclass(frozen=True, slots=True)
class Shared:
    """What one project's files have from another project: the blob, and the hash of its content."""

    project_id: str
    hash: str
    blob: str


@dataclass(frozen=True, slots=True)
class _Row:
    """What is read of one file."""

    id: str
    project_id: str
    hash: str
    blob: str
    deleted: bool


_WRITE = (
    update(tables.files)
    .where(_FILE.id == bindparam("_id"))
    .values(hash=bindparam("key"), blob=bindparam("name"))
)


@transaction()
def hashes_after(connection: Connection, last: str, most: int) -> Sequence[str]:
    """Return the next hashes, in their order, that rows without a content key have.

    Args:
        connection: a transaction.
        last: the hash after which they begin; "" is before all of them.
        most: how many there are at most.
    """
    statement = (
        select(_FILE.hash)
        .where(_FILE.hash > last, _FILE.hash < ids.CONTENT_KEY_PREFIX)
        .distinct()
        .order_by(_FILE.hash)
        .limit(most)
    )
    return connection.execute(statement).scalars().all()


@transaction(writes=True)
def give_keys(connection: Connection, hashes: Sequence[str]) -> list[Shared]:
    """Give the rows of these hashes content keys, as far as their blobs are their project's own.

    A blob belongs to the project of its first file, which its bytes were written for, also when that
    file is deleted. Where another project's files name it and their project has the same content
    in a blob of its own by now, they get that one.

    Returns:
        What needs a copy first, for `move`.
    """
    rows = _lock(connection, _FILE.hash.in_(hashes))
    owners = _owners(connection, {row.blob for row in rows})
    foreign = [row for row in rows if not row.deleted and owners[row.blob] != row.project_id]
    own = set(rows) - set(foreign)
    _write(connection, {row: row.blob for row in own})
    kept = blobs.same_content(connection, {_key(row) for row in foreign})
    _write(connection, {row: kept[_key(row)] for row in foreign if _key(row) in kept})
    left = [row for row in foreign if _key(row) not in kept]
    return list(dict.fromkeys(Shared(row.project_id, row.hash, row.blob) for row in left))


@transaction(writes=True, short=True)
def move(connection: Connection, shared: Shared, copy: str) -> bool:
    """Have a project's files name a copy of their blob; False where no file was left to do so."""
    rows = [
        row
        for row in _lock(connection, _FILE.blob == shared.blob)
        if not row.deleted and (row.project_id, row.hash) == (shared.project_id, shared.hash)
    ]
    _write(connection, dict.fromkeys(rows, copy))
    return bool(rows)


def _lock(connection: Connection, which: ColumnElement[bool]) -> list[_Row]:
    """Return rows that nobody else changes until the transaction ends."""
    columns = (_FILE.id, _FILE.project_id, _FILE.hash, _FILE.blob, _FILE.deleted)
    statement = select(*columns).where(which).with_for_update()
    return [_Row(*row) for row in connection.execute(statement)]


def _owners(connection: Connection, names: set[str]) -> dict[str, str]:
    """Return whose first file each blob was written for: blob -> project."""
    statement = (
        select(_FILE.blob, _FILE.project_id)
        .where(_FILE.blob.in_(names))
        .group_by(_FILE.blob, _FILE.project_id)
        .order_by(func.min(_FILE.seq).desc())  # the first of all comes last and stays
    )
    return {row.blob: row.project_id for row in connection.execute(statement)}


def _write(connection: Connection, named: Mapping[_Row, str]) -> None:
    """Give rows their content keys and these blobs; found by their ids, however many there are."""
    if named:
        values = [{"_id": row.id, "key": _key(row), "name": blob} for row, blob in named.items()]
        connection.execute(_WRITE, values)


def _key(row: _Row) -> str:
    return ids.make_content_key(row.project_id, row.hash)
