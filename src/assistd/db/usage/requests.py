"""Requests that are metered by the minute: a row for each minute and asker, which is counted up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from assistd import clock
from assistd.db import runs, tables
from assistd.db.prepared import prepare
from assistd.db.sessions import Span
from assistd.db.transaction import transaction

Kind = Literal["file_search", "embeddings", "completions"]

_MINUTE = 60
_ROWS = tables.metered_requests.c
_NUMBERS = (_ROWS.requests, _ROWS.tokens, _ROWS.output_tokens, _ROWS.cached_tokens)


def _count_up(insert: Any) -> Any:
    """Return a statement that adds to the row of a minute, or begins it."""
    wanted = insert(tables.metered_requests)
    more = {each.name: each + wanted.excluded[each.name] for each in _NUMBERS}
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
        output_tokens: how many the model wrote.
        cached_tokens: how many of `tokens` it had read before.
        run_id: of the run they were made for; its key is taken where `api_key_id` is None.
    """

    kind: Kind
    project_id: str
    api_key_id: str | None
    subject: str
    requests: int = 1
    tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class RequestCount:
    """The requests of one slot of time: the Unix seconds of the slot, divided by its width."""

    slot: int
    project_id: str
    api_key_id: str | None
    subject: str
    requests: int
    tokens: int
    output_tokens: int = 0
    cached_tokens: int = 0


@transaction(writes=True, short=True)
def record(connection: Connection, made: Requests) -> None:
    """Count requests of this minute."""
    key_id = made.api_key_id
    if key_id is None and made.run_id is not None:
        key_id = runs.find_key_id(connection, made.run_id)
    row = {
        "kind": made.kind,
        "minute": clock.seconds() // _MINUTE * _MINUTE,
        "project_id": made.project_id,
        "api_key_id": key_id or "",
        "subject": made.subject,
        "requests": made.requests,
        "tokens": made.tokens,
        "output_tokens": made.output_tokens,
        "cached_tokens": made.cached_tokens,
    }
    connection.execute(_COUNT[connection.dialect.name], row)


@transaction(writes=True, short=True)
def record_all(connection: Connection, made: Sequence[Requests]) -> None:
    """Count requests of many askers."""
    for each in made:
        record(connection, each)


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
    requests, tokens, output, cached = (func.sum(each) for each in _NUMBERS)
    rows = connection.execute(
        select(*whose, requests, tokens, output, cached)
        .where(*wanted)
        .group_by(*whose)
        .order_by(slot),
        {"kind": kind},
    )
    return [
        RequestCount(
            slot,
            project,
            key or None,
            subject,
            int(requests),
            int(tokens),
            int(output),
            int(cached),
        )
        for slot, project, key, subject, requests, tokens, output, cached in rows
    ]
