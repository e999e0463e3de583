"""Sessions that were opened: what is metered."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select, update

from assistd import clock
from assistd.db import tables
from assistd.db.prepared import prepare, split_names
from assistd.db.transaction import transaction
from assistd.objects.metered_session import MeteredSession

PAID_SECONDS = 3600
"""One session is billed per thread and hour, however often it was opened (trap 45)."""

_SESSIONS = tables.sessions.c

# Statements are built once: building one costs more than SQLite takes to answer it.
_OF_THREAD = select(_SESSIONS.id).where(_SESSIONS.thread_id == bindparam("thread_id")).limit(1)
_KNOWN = prepare(_OF_THREAD)
_PAID = prepare(
    _OF_THREAD.where(
        _SESSIONS.billed,
        _SESSIONS.opened_at > bindparam("paid_until"),
        _SESSIONS.memory_gib >= bindparam("memory_gib"),
    )
)
_INSERT = prepare(insert(tables.sessions))
_CLOSE = prepare(
    update(tables.sessions)
    .where(_SESSIONS.id == bindparam("_id"), _SESSIONS.closed_at.is_(None))
    .values(closed_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of time, `start` inclusive, `end` exclusive, and whose sessions are wanted of it.

    Args:
        start: Unix seconds.
        end: Unix seconds.
        project_ids: of these projects; None for all.
        api_key_ids: of these keys; None for all.
    """

    start: int
    end: int
    project_ids: Sequence[str] | None = None
    api_key_ids: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many sessions of one tier were billed to a project and a key in one slot of time.

    Args:
        slot: the Unix seconds of the slot, divided by its width.
        project_id: whose.
        api_key_id: the key's, where it is known.
        sessions: how many.
        memory_gib: the tier of their memory, in GiB.
    """

    slot: int
    project_id: str
    api_key_id: str | None
    sessions: int
    memory_gib: int = 1


@dataclass(frozen=True, slots=True)
class Opening:
    """What the opening of a session was.

    Args:
        is_first: whether its workspace had none before.
        is_billed: whether it is put on a bill: not where another one of the hour was.
    """

    is_first: bool
    is_billed: bool


@transaction(writes=True, short=True)
def record_opened(
    connection: Connection, session: MeteredSession, paid_since: int | None = None
) -> Opening:
    """Record a session that was opened; return what its opening was.

    Args:
        connection: a writing transaction.
        session: the session.
        paid_since: it is billed unless one was, of as much memory, that opened since then (Unix
            seconds); by default, an hour ago.
    """
    thread = {"thread_id": session.thread_id}
    until = session.opened_at - PAID_SECONDS if paid_since is None else paid_since - 1
    paid = {**thread, "paid_until": until, "memory_gib": session.memory_gib}
    metered = session.evolve(billed=connection.execute(_PAID, paid).scalar() is None)
    earlier = connection.execute(_KNOWN, thread).scalar()
    connection.execute(_INSERT, metered.model_dump())
    return Opening(earlier is None, metered.billed)


@transaction(writes=True, short=True)
def record_closed(connection: Connection, session_id: str) -> None:
    """Record the end of a session."""
    connection.execute(_CLOSE, {"_id": session_id, "now": clock.seconds()})


@transaction(short=True)
def find_open(connection: Connection, thread_id: str, since: int) -> MeteredSession | None:
    """Return the newest session of a thread or a container that was opened since then and has not ended."""
    row = connection.execute(
        select(tables.sessions)
        .where(
            _SESSIONS.thread_id == thread_id,
            _SESSIONS.opened_at > since,
            _SESSIONS.closed_at.is_(None),
        )
        .order_by(_SESSIONS.opened_at.desc())
        .limit(1)
    ).mappings()
    return next((MeteredSession.model_validate(each) for each in row), None)


@transaction(short=True)
def find_tier(connection: Connection, session_id: str) -> int | None:
    """Return the tier of a session's memory, in GiB; None where it was not recorded."""
    return connection.execute(
        select(_SESSIONS.memory_gib).where(_SESSIONS.id == session_id)
    ).scalar()


@transaction()
def find_closed(connection: Connection, session_ids: Sequence[str]) -> list[str]:
    """Return those of the sessions whose end is recorded."""
    found: list[str] = []
    for some in split_names(session_ids):
        statement = select(_SESSIONS.id).where(
            _SESSIONS.id.in_(some), _SESSIONS.closed_at.is_not(None)
        )
        found.extend(connection.execute(statement).scalars())
    return found


@transaction(writes=True)
def close_lapsed(connection: Connection, session_seconds: int) -> None:
    """Record the end of sessions whose time is over: a server that died did not."""
    connection.execute(
        update(tables.sessions)
        .where(
            _SESSIONS.closed_at.is_(None), _SESSIONS.opened_at < clock.seconds() - session_seconds
        )
        .values(closed_at=_SESSIONS.opened_at + session_seconds)
    )


@transaction()
def of(connection: Connection, span: Span) -> list[MeteredSession]:
    """Return the sessions that were opened in a span, oldest first, whether billed or not."""
    rows = connection.execute(
        select(tables.sessions).where(*_within(span)).order_by(_SESSIONS.opened_at, _SESSIONS.id)
    )
    return [MeteredSession.model_validate(row) for row in rows.mappings()]


@transaction()
def counts(connection: Connection, span: Span, width: int) -> list[Count]:
    """Return the billed sessions of a span, counted by slots of `width` seconds, oldest first."""
    slot = (_SESSIONS.opened_at // width).label("slot")
    whose = (slot, _SESSIONS.project_id, _SESSIONS.api_key_id)
    rows = connection.execute(
        select(*whose, func.count().label("sessions"), _SESSIONS.memory_gib)
        .where(_SESSIONS.billed, *_within(span))
        .group_by(*whose, _SESSIONS.memory_gib)
        .order_by(slot)
    )
    return [Count(*row) for row in rows]


def _within(span: Span) -> list[ColumnElement[bool]]:
    wanted = [_SESSIONS.opened_at >= span.start, _SESSIONS.opened_at < span.end]
    if span.project_ids is not None:
        wanted.append(_SESSIONS.project_id.in_(span.project_ids))
    if span.api_key_ids is not None:
        wanted.append(_SESSIONS.api_key_id.in_(span.api_key_ids))
    return wanted
