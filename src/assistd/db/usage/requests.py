"""Requests that are metered by the minute: a row for each minute and asker, which is counted up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from assistd import clock
from assistd.db import tables
from assistd.db.prepared import prepare
from assistd.db.sessions import Span
from assistd.db.transaction import transaction

Kind = Literal["file_search", "embeddings"]

_MINUTE = 60
_ROWS = tables.metered_requests.c


def _count_up(insert: Any) -> Any:
    """Return a statement that adds to the row of a minute, or begins it."""
    wanted = insert(tables.metered_requests)
    more = {each.name: each + wanted.excluded[each.name] for each in (_ROWS.requests, _ROWS.tokens)}
    keys = tables.metered_requests.primary_key.columns
    return prepare(wanted.on_conflict_do_update(index_elements=list(keys), set_=more))


_COUNT = {"sqlite": _count_up(sqlite.insert), "postgresql": _count_up(postgresql.insert)}


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests that somebody made.

    Args:
        kind: what for.
        project_id: whose.
        api_key_id: on which key; None where that is not known.
        subject: the vector store that was searched, or the model that was asked.
        requests: how many.
        tokens: how many tokens they had.
    """

    kind: Kind
    project_id: str
    api_key_id: str | None
    subject: str
    requests: int = 1
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class RequestCount:
    """The requests of one slot of time: the Unix seconds of the slot, divided by its width."""

    slot: int
    project_id: str
    api_key_id: str | None
    subject: str
    requests: int
    tokens: int


@transaction(writes=True, short=True)
def record(connection: Connection, made: Requests) -> None:
    """Count requests of this minute."""
    row = {
        "kind": made.kind,
        "minute": clock.seconds() // _MINUTE * _MINUTE,
        "project_id": made.project_id,
        "api_key_id": made.api_key_id or "",
        "subject": made.subject,
        "requests": made.requests,
        "tokens": made.tokens,
    }
    connection.execute(_COUNT[connection.dialect.name], row)


@transaction()
def read(
    connection: Connection,
    kind: Kind,
    span: Span,
    width: int,
    subjects: Sequence[str] | None = None,
) -> list[RequestCount]:
    """Return the requests of a span, counted by slots of `width` seconds, oldest first.

    Args:
        connection: a transaction.
        kind: what for.
        span: when, and whose; its edges count by whole minutes.
        width: a multiple of a minute.
        subjects: the stores or models; None for all.
    """
    slot = (_ROWS.minute // width).label("slot")
    whose = (slot, _ROWS.project_id, _ROWS.api_key_id, _ROWS.subject)
    begins = span.start // _MINUTE * _MINUTE
    wanted = [_ROWS.kind == bindparam("kind"), _ROWS.minute >= begins, _ROWS.minute < span.end]
    for column, names in (
        (_ROWS.project_id, span.project_ids),
        (_ROWS.api_key_id, span.api_key_ids),
        (_ROWS.subject, subjects),
    ):
        if names is not None:
            wanted.append(column.in_(names))
    rows = connection.execute(
        select(*whose, func.sum(_ROWS.requests), func.sum(_ROWS.tokens))
        .where(*wanted)
        .group_by(*whose)
        .order_by(slot),
        {"kind": kind},
    )
    return [
        RequestCount(slot, project, key or None, subject, int(requests), int(tokens))
        for slot, project, key, subject, requests, tokens in rows
    ]
