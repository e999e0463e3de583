"""Rows of files that older commits wrote: their blobs may have names in several projects.

Their column `hash` holds the hash of the content alone. An older commit gives such a row's blob to
the next file of that content, whosever it is; it finds no row that has a content key (decision 0053).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, select, update

from assistd.db import blobs, tables

_FILE = tables.files.c


@dataclass(frozen=True, slots=True)
class Shared:
    """What one project's files have from another project: the blob, and the hash of its content."""

    project_id: str
    hash: str
    blob: str


def hashes_after(connection: Connection, last: str, most: int) -> Sequence[str]:
    """Return the next hashes, in their order, that rows without a content key have.

    Args:
        connection: a transaction.
        last: the hash after which they begin; "" is before all of them.
        most: how many there are at most.
    """
    statement = (
        select(_FILE.hash)
        .where(_FILE.hash > last, _FILE.hash < blobs.KEYED)
        .distinct()
        .order_by(_FILE.hash)
        .limit(most)
    )
    return connection.execute(statement).scalars().all()


def give_keys(connection: Connection, hashes: Sequence[str]) -> list[Shared]:
    """Give the rows of these hashes content keys, as far as their blobs are their project's own.

    A blob belongs to the project of its first file, which its bytes were written for, also when that
    file is deleted. Where another project's files name it and their project has the same content
    in a blob of its own by now, they get that one.

    Returns:
        What needs a copy first, for `move`.
    """
    is_live = case((_FILE.deleted, 0), else_=1)
    statement = (
        select(_FILE.project_id, _FILE.hash, _FILE.blob, func.max(is_live))
        .where(_FILE.hash.in_(hashes))
        .group_by(_FILE.project_id, _FILE.hash, _FILE.blob)
    )
    found = [(Shared(*row), bool(live)) for *row, live in connection.execute(statement)]
    owners = _owners(connection, {shared.blob for shared, _ in found})
    foreign: list[Shared] = []
    for shared, live in found:
        if owners[shared.blob] == shared.project_id or not live:
            _replace(connection, shared)
        else:
            foreign.append(shared)
    kept = blobs.same_content(connection, {_key(shared) for shared in foreign})
    for shared in foreign:
        if blob := kept.get(_key(shared)):
            _replace(connection, shared, blob=blob)
    return [shared for shared in foreign if _key(shared) not in kept]


def move(connection: Connection, shared: Shared, copy: str) -> bool:
    """Have a project's files name a copy of their blob; False where no file was left to do so."""
    moved = _replace(connection, shared, _FILE.deleted.is_(False), blob=copy)
    _replace(connection, shared)  # what was deleted meanwhile
    return moved > 0


def _owners(connection: Connection, names: set[str]) -> dict[str, str]:
    """Return whose first file each blob was written for: blob -> project."""
    first = func.min(_FILE.seq)
    statement = (
        select(_FILE.blob, _FILE.project_id)
        .where(_FILE.blob.in_(names))
        .group_by(_FILE.blob, _FILE.project_id)
        .order_by(first.desc())  # the first of all comes last and stays
    )
    rows = connection.execute(statement)
    return {row.blob: row.project_id for row in rows}


def _replace(
    connection: Connection, shared: Shared, *which: ColumnElement[bool], **columns: Any
) -> int:
    """Write the content key and these columns into a project's rows; how many there were."""
    statement = update(tables.files).where(
        _FILE.hash == shared.hash,
        _FILE.project_id == shared.project_id,
        _FILE.blob == shared.blob,
        *which,
    )
    return connection.execute(statement.values(hash=_key(shared), **columns)).rowcount


def _key(shared: Shared) -> str:
    return blobs.content_key(shared.project_id, shared.hash)
