"""The servers that share this database, as each of them reports itself every few seconds."""

from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from assistd.db import leases, tables
from assistd.db.transaction import transaction
from assistd.objects.operator.server import Report, Server

_KEPT_SECONDS = 3600.0
_WATCHED_SECONDS = 30.0

_SERVERS = tables.servers.c
_BEAT = update(tables.servers).where(_SERVERS.id == bindparam("_id"))


@transaction(writes=True, short=True)
def beat(connection: Connection, server: Server, report: Report) -> bool:
    """Write down that a server lives and what it does; return whether an operator looks at it.

    Servers that were silent for an hour are forgotten.
    """
    now = leases.now(connection)
    row: dict[str, Any] = {"jail": server.jail, "seen_at": now, "report": report.sse()}
    if not connection.execute(_BEAT.values(row), {"_id": server.id}).rowcount:
        whole = {**server.model_dump(exclude={"seen_at", "is_silent"}), **row}
        connection.execute(insert(tables.servers).values(whole))
        connection.execute(delete(tables.servers).where(_SERVERS.seen_at < now - _KEPT_SECONDS))
    watched = select(_SERVERS.watched_until).where(_SERVERS.id == server.id)
    return connection.execute(watched).scalar_one() > now


@transaction(writes=True, short=True)
def forget(connection: Connection, server_id: str) -> None:
    """Forget a server that stops."""
    connection.execute(delete(tables.servers).where(_SERVERS.id == server_id))


@transaction(writes=True, short=True)
def watch(connection: Connection) -> None:
    """Have servers measure their sessions for a while, because an operator looks at them."""
    now = leases.now(connection)
    stale = _SERVERS.watched_until < now + _WATCHED_SECONDS / 2
    until = now + _WATCHED_SECONDS
    connection.execute(update(tables.servers).where(stale).values(watched_until=until))


@transaction(short=True)
def read_all(connection: Connection, silent_seconds: float) -> list[tuple[Server, Report]]:
    """Return every server with its last report, the first started first.

    Args:
        connection: a transaction.
        silent_seconds: after so many without a word a server counts as silent.
    """
    now = leases.now(connection)
    rows = connection.execute(
        select(tables.servers).order_by(_SERVERS.started_at, _SERVERS.id)
    ).mappings()
    return [
        (
            Server.model_validate({**row, "is_silent": row["seen_at"] < now - silent_seconds}),
            Report.model_validate_json(row["report"]),
        )
        for row in rows
    ]
