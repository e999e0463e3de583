"""Responses in the database: their states, who executes those in the background, and their events."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from assistd import clock
from assistd.db import leases, nouns, tables
from assistd.db.leases import NO_LEASE, Lease, Leases
from assistd.db.prepared import prepare
from assistd.db.responses import progress
from assistd.objects.responses.response import Response, ResponseStatus

_RESPONSES, _EVENTS = tables.responses.c, tables.response_events.c
_ACTIVE: tuple[ResponseStatus, ...] = ("queued", "in_progress")
_AT_ONCE = 500  # events that are read together
_EVENTS_SECONDS = 600
"""How long events are kept after the end (contract, responses, section 3)."""

LEASES = Leases(tables.responses, _RESPONSES.status.in_(_ACTIVE), counts_deaths=True)
"""The leases of responses in the background; others have no row before they end."""

_INSERT_EVENTS = prepare(insert(tables.response_events))
_EVENTS_BEHIND = prepare(
    select(_EVENTS.sequence, _EVENTS.name, _EVENTS.data)
    .where(_EVENTS.response_id == bindparam("response_id"), _EVENTS.sequence > bindparam("after"))
    .order_by(_EVENTS.sequence)
    .limit(_AT_ONCE)
)
_LAST_EVENT = prepare(
    select(func.max(_EVENTS.sequence)).where(_EVENTS.response_id == bindparam("response_id"))
)
_STATE = prepare(
    select(_RESPONSES.status, _RESPONSES.events_until).where(
        _RESPONSES.id == bindparam("response_id")
    )
)


class StoredEvent(NamedTuple):
    """An event of a stream: its number, its name and one line of JSON."""

    sequence: int
    name: str
    data: str


@dataclass(frozen=True, slots=True)
class OwnedResponse:
    """A response that is taken over.

    Args:
        response: the response.
        project_id: whose it is.
        api_key_id: the key that asked for it; None where that is not known.
        include: what of its items the client wants to see besides; None: it is from an older server, and
            cannot go on.
        has_died: whether its last process died.
        takeovers: how many processes have died with it.
    """

    response: Response
    project_id: str
    api_key_id: str | None
    include: frozenset[str] | None
    has_died: bool
    takeovers: int


def insert_response(
    connection: Connection,
    response: Response,
    *,
    project_id: str,
    api_key_id: str | None,
    expires_at: int | None,
    lease: Lease | None = None,
    include: Collection[str] = (),
) -> None:
    """Insert a response without its output, leased where it is to be executed, also by other processes."""
    nouns.responses.insert(
        connection,
        response.evolve(output=()),
        project_id=project_id,
        api_key_id=api_key_id,
        status=response.status,
        previous_response_id=response.previous_response_id,
        conversation_id=response.conversation.id if response.conversation else None,
        expires_at=expires_at,
        include=json.dumps(sorted(include)) if lease else None,
        **(lease.columns(connection) if lease else NO_LEASE),
    )


def replace_response(connection: Connection, response: Response) -> None:
    """Write the new state of a response; one that has ended is leased no longer, and its events go."""
    columns: dict[str, Any] = {"status": response.status}
    if response.status not in _ACTIVE:
        columns |= NO_LEASE
        progress.forget(connection, response.id)
        if find_next_number(connection, response.id):
            columns["events_until"] = clock.seconds() + _EVENTS_SECONDS
    nouns.responses.replace(connection, response.evolve(output=()), **columns)


def append_events(connection: Connection, response_id: str, events: Sequence[StoredEvent]) -> None:
    """Add events to the stream of a response."""
    rows = [
        {
            "response_id": response_id,
            "sequence": each.sequence,
            "name": each.name,
            "data": each.data,
        }
        for each in events
    ]
    if rows:
        connection.execute(_INSERT_EVENTS, rows)


def read_events(
    connection: Connection, response_id: str, after: int
) -> tuple[list[StoredEvent], bool]:
    """Return the next events behind a number, and whether none will follow them."""
    # The state first: of what has ended by then the last event is there, also where a statement sees more
    # than the one before it (PostgreSQL's READ COMMITTED).
    is_over = not any(status in _ACTIVE for status, _ in _read_state(connection, response_id))
    rows = connection.execute(_EVENTS_BEHIND, {"response_id": response_id, "after": after}).all()
    return list(map(StoredEvent._make, rows)), is_over and len(rows) < _AT_ONCE


def _read_state(connection: Connection, response_id: str) -> list[tuple[str, int | None]]:
    """Return the status and the end of the events of a response, if there is such a response."""
    rows = connection.execute(_STATE, {"response_id": response_id})
    return [(status, until) for status, until in rows]


def has_lost_events(connection: Connection, response_id: str) -> bool:
    """Tell whether a response had events, which are not kept any more."""
    return any(until == 0 for _, until in _read_state(connection, response_id))


def find_next_number(connection: Connection, response_id: str) -> int:
    """Return the number of the next event of a response."""
    last = connection.execute(_LAST_EVENT, {"response_id": response_id}).scalar()
    return 0 if last is None else last + 1


def delete_events(connection: Connection, response_id: str) -> None:
    """Delete the events of a response."""
    connection.execute(delete(tables.response_events).where(_EVENTS.response_id == response_id))


def free_events(connection: Connection, now: int) -> None:
    """Delete the events of responses that ended long enough ago, at a time in Unix seconds."""
    progress.forget_left(connection)
    is_due = _RESPONSES.events_until.between(1, now)
    due = list(connection.execute(select(_RESPONSES.id).where(is_due).limit(_AT_ONCE)).scalars())
    connection.execute(delete(tables.response_events).where(_EVENTS.response_id.in_(due)))
    connection.execute(
        update(tables.responses).where(_RESPONSES.id.in_(due)).values(events_until=0)
    )


def renew(
    connection: Connection, lease: Lease, response_ids: Sequence[str]
) -> dict[str, ResponseStatus]:
    """Renew the leases of these responses; return those that were ended or taken over meanwhile.

    Those that are not in the background have no row, and are in neither.
    """
    LEASES.renew(connection, lease, response_ids)
    is_over = or_(LEASES.is_lost(lease.owner), _RESPONSES.deleted.is_(True))
    rows = connection.execute(
        select(_RESPONSES.id, _RESPONSES.status).where(_RESPONSES.id.in_(response_ids), is_over)
    )
    return {response_id: status for response_id, status in rows}  # noqa: C416  a row is no pair to the types


def take_over(connection: Connection, lease: Lease) -> list[OwnedResponse]:
    """Lease every response in the background whose executor is gone."""
    rows = LEASES.take(
        connection,
        lease,
        tables.ACTIVE_RESPONSE,  # the first, as the index has it
        LEASES.has_lapsed(leases.now(connection)),
        reading=(
            _RESPONSES.body,
            _RESPONSES.project_id,
            _RESPONSES.api_key_id,
            _RESPONSES.include,
        ),
    )
    return [
        OwnedResponse(
            Response.model_validate_json(row.body),
            row.project_id,
            row.api_key_id,
            None if row.include is None else frozenset(json.loads(row.include)),
            bool(row.died),
            row.takeovers,
        )
        for row in rows
    ]
