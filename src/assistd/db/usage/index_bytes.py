"""What the vector stores of each project took, noted whenever it is another number than before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, select
from sqlalchemy.dialects import postgresql, sqlite

from assistd import clock
from assistd.db import tables
from assistd.db.prepared import prepare
from assistd.db.transaction import transaction

_FILES = tables.vector_store_files.c
_NOTES = tables.index_bytes.c


@dataclass(frozen=True, slots=True)
class Note:
    """From when on the stores of a project took so many bytes."""

    at: int
    project_id: str
    bytes: int


def _write(insert: Any) -> Any:
    wanted = insert(tables.index_bytes)
    keys = tables.index_bytes.primary_key.columns
    newer = {"bytes": wanted.excluded.bytes}
    return prepare(wanted.on_conflict_do_update(index_elements=list(keys), set_=newer))


_WRITE = {"sqlite": _write(sqlite.insert), "postgresql": _write(postgresql.insert)}


@transaction(writes=True)
def note(connection: Connection) -> None:
    """Note what the stores of each project take now, where that has changed."""
    size = func.sum(_FILES.usage_bytes)
    sums = connection.execute(select(_FILES.project_id, size).group_by(_FILES.project_id))
    now = {row[0]: int(row[1]) for row in sums}
    before = {each.project_id: each.bytes for each in _latest(connection, clock.seconds() + 1)}
    for project_id in now.keys() | before.keys():
        if now.get(project_id, 0) != before.get(project_id, 0):
            row = {
                "project_id": project_id,
                "at": clock.seconds(),
                "bytes": now.get(project_id, 0),
            }
            connection.execute(_WRITE[connection.dialect.name], row)


@transaction()
def read(
    connection: Connection, start: int, end: int, project_ids: Sequence[str] | None = None
) -> list[Note]:
    """Return what stores took in a span of Unix seconds, as it stood at its start and as it changed, in order.

    Args:
        connection: a transaction.
        start: inclusive.
        end: exclusive.
        project_ids: of these projects; None for all.
    """
    within = select(_NOTES.at, _NOTES.project_id, _NOTES.bytes).where(
        _NOTES.at >= start, _NOTES.at < end
    )
    changes = [Note(*row) for row in connection.execute(within.order_by(_NOTES.at))]
    found = [*_latest(connection, start), *changes]
    return [each for each in found if project_ids is None or each.project_id in project_ids]


def _latest(connection: Connection, before: int) -> list[Note]:
    """Return the last note of each project before a time."""
    last = (
        select(_NOTES.project_id, func.max(_NOTES.at).label("at"))
        .where(_NOTES.at < before)
        .group_by(_NOTES.project_id)
        .subquery()
    )
    same = and_(last.c.project_id == _NOTES.project_id, last.c.at == _NOTES.at)
    statement = select(_NOTES.at, _NOTES.project_id, _NOTES.bytes).join(last, same)
    return [Note(*row) for row in connection.execute(statement)]
