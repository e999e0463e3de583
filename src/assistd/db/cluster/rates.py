"""Requests per minute of projects: a bucket of tokens for each, of which server processes take portions."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from assistd.db import leases
from assistd.db import tables as all_tables
from assistd.db.cluster import tables
from assistd.db.prepared import prepare
from assistd.db.transaction import transaction

_MINUTE = 60.0
_SILENT_SECONDS = 15.0  # three reports that a server did not make
_DUST = 1e-6  # of a token: two clocks lose some

_RATES, _SERVERS = tables.rates.c, all_tables.servers.c
_OF_PROJECT = _RATES.project_id == bindparam("_project_id")
_FIND = prepare(select(_RATES.tokens, _RATES.at).where(_OF_PROJECT).with_for_update())
_SET = prepare(
    update(tables.rates).where(_OF_PROJECT).values(tokens=bindparam("_tokens"), at=bindparam("_at"))
)
_ADD = prepare(
    update(tables.rates).where(_OF_PROJECT).values(tokens=_RATES.tokens + bindparam("_tokens"))
)
_COUNT_SERVERS = prepare(
    select(func.count())
    .select_from(all_tables.servers)
    .where(_SERVERS.seen_at > bindparam("since"))
)
_BEGIN: dict[str, Any] = {
    "sqlite": prepare(sqlite.insert(tables.rates).on_conflict_do_nothing()),
    "postgresql": prepare(postgresql.insert(tables.rates).on_conflict_do_nothing()),
}


@dataclass(frozen=True, slots=True)
class Portion:
    """What a process got of a project's requests.

    Args:
        tokens: so many requests it may let in; fewer than it wanted where there were no more.
        left: what is in the bucket after that.
    """

    tokens: int
    left: float


def refill(tokens: float, seconds: float, limit: int) -> float:
    """Return what a bucket has that had so many tokens some seconds ago.

    Args:
        tokens: what it had.
        seconds: how long ago.
        limit: the project's requests per minute, and the most that the bucket holds.
    """
    return min(float(limit), tokens + max(0.0, seconds) * limit / _MINUTE)


@transaction(writes=True, short=True)
def take(connection: Connection, project_id: str, limit: int, wanted: int) -> Portion:
    """Take a portion of a project's requests.

    A process takes its share of what a second brings, or what it wants at once. So what lies with
    processes is never more than 1/60 of the limit, or one request for each of them.

    Args:
        connection: a writing transaction.
        project_id: the project.
        limit: its requests per minute.
        wanted: how many the process would let in at once.
    """
    bucket = connection.execute(_FIND, {"_project_id": project_id}).all()
    if not bucket:
        row = {"project_id": project_id, "tokens": float(limit), "at": leases.now(connection)}
        connection.execute(_BEGIN[connection.dialect.name], row)
        bucket = connection.execute(_FIND, {"_project_id": project_id}).all()
    tokens, at = bucket[0]
    now = leases.now(connection)  # asked while nobody else changes the row
    tokens = refill(tokens, now - at, limit)
    servers = connection.execute(_COUNT_SERVERS, {"since": now - _SILENT_SECONDS}).scalar() or 1
    taken = int(min(tokens + _DUST, max(wanted, limit / _MINUTE / servers)))
    left = max(0.0, tokens - taken)
    connection.execute(_SET, {"_project_id": project_id, "_tokens": left, "_at": now})
    return Portion(taken, left)


@transaction(writes=True, short=True)
def give_back(connection: Connection, project_id: str, tokens: int) -> None:
    """Put back what a process took of a project's requests and did not use."""
    connection.execute(_ADD, {"_project_id": project_id, "_tokens": float(tokens)})


@transaction()
def read_left(connection: Connection) -> dict[str, tuple[float, float]]:
    """Return the bucket of each project that was limited: its tokens, and for how long they were left (seconds)."""
    now = leases.now(connection)
    found = connection.execute(select(_RATES.project_id, _RATES.tokens, _RATES.at))
    return {id_: (tokens, max(0.0, now - at)) for id_, tokens, at in found}
