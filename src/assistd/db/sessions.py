"""Sessions that were opened: what is metered."""

from sqlalchemy import Connection, insert, select, update

from assistd import clock
from assistd.db import tables
from assistd.objects.session import Session


def opened(connection: Connection, session: Session) -> bool:
    """Record a session; True where its thread had one before."""
    earlier = connection.execute(
        select(tables.sessions.c.id)
        .where(tables.sessions.c.thread_id == session.thread_id)
        .limit(1)
    ).scalar()
    connection.execute(insert(tables.sessions).values(session.model_dump()))
    return earlier is not None


def closed(connection: Connection, session_id: str) -> None:
    """Record the end of a session."""
    connection.execute(
        update(tables.sessions)
        .where(tables.sessions.c.id == session_id, tables.sessions.c.closed_at.is_(None))
        .values(closed_at=clock.seconds())
    )


def close_lapsed(connection: Connection, session_seconds: int) -> None:
    """Record the end of sessions whose time is over: a server that died did not."""
    opened = tables.sessions.c.opened_at
    connection.execute(
        update(tables.sessions)
        .where(tables.sessions.c.closed_at.is_(None), opened < clock.seconds() - session_seconds)
        .values(closed_at=opened + session_seconds)
    )


def all_of(connection: Connection) -> list[Session]:
    """Every session that was ever opened, oldest first."""
    rows = connection.execute(
        select(tables.sessions).order_by(tables.sessions.c.opened_at)
    ).mappings()
    return [Session.model_validate(row) for row in rows]
