"""Seats of sessions on hosts: never more than a project may have, nor than a host has room for.

Of a claim either everything is changed or nothing: the count of the project, the room of the host, and the
seat with its next generation. On PostgreSQL that is one statement, in which each row is locked in this
order and looked at again once it is locked; on SQLite it is one transaction, which locks the whole file.
"""

import secrets
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    and_,
    bindparam,
    or_,
    select,
    text,
    tuple_,
    update,
)

from assistd import clock
from assistd.db import leases
from assistd.db.cluster import tables
from assistd.db.prepared import prepare
from assistd.db.transaction import transaction
from assistd.errors import AssistdError
from assistd.hosting import DOWN_SECONDS, Claim, NoSeatError, Seat, count_reserved_mib

_OPENING_SECONDS = 120.0  # from a claim until the host must show the session
_ANY = 2**31 - 1

_SEATS, _HOSTS, _COUNTS = tables.seats.c, tables.hosts.c, tables.seat_counts.c
_COUNT_DOWN = prepare(
    update(tables.seat_counts)
    .where(_COUNTS.project_id == bindparam("_project_id"))
    .values(seats=_COUNTS.seats - bindparam("_seats"))
)
_FREE = prepare(
    update(tables.hosts)
    .where(_HOSTS.id == bindparam("_host_id"))
    .values(mib_free=_HOSTS.mib_free + bindparam("_mib"), sessions=_HOSTS.sessions - 1)
)
_LEAVE = prepare(
    update(tables.seats)
    .where(
        _SEATS.workspace_id == bindparam("_workspace_id"),
        _SEATS.host_id == bindparam("_host_id"),
        _SEATS.generation == bindparam("_generation"),
    )
    .values(host_id=None, until=bindparam("_now"))
)


class _Found(NamedTuple):
    """A row of a seat, with what its host says."""

    project_id: str
    host_id: str | None
    generation: int
    mib: int
    address: str | None
    state: str | None
    is_up: bool | None


class SeatChangedError(AssistdError):
    """Another transaction was quicker to change a row that this one is about: it is to be begun again."""


def _compose_find(now: str) -> str:
    """Return the statement that finds a seat; `now` is the time, as an expression."""
    return f"""
        SELECT s.project_id, s.host_id, s.generation, s.mib, h.address, h.state,
            h.beat_at > {now} - {DOWN_SECONDS} AS is_up
        FROM seats AS s LEFT JOIN hosts AS h ON h.id = s.host_id WHERE s.workspace_id = :workspace_id
    """  # noqa: S608  nothing of it comes from outside


@dataclass(frozen=True, slots=True)
class _Terms:
    """What differs between the parts of a claim as single statements and as one.

    Args:
        now: the time, as an expression.
        chance: brings hosts into an order by chance, likewise.
        host: the id of the host that was chosen, likewise.
        generation: of the seat before, likewise.
        wanted: where no row is if no seat is wanted.
        taken: where no row is if no host was.
    """

    now: str
    chance: str
    host: str
    generation: str
    wanted: str
    taken: str


def _compose(terms: _Terms) -> dict[str, str]:
    """Return the parts of a claim."""
    is_open = f"""
        state = 'up' AND NOT on_probation AND beat_at > {terms.now} - {DOWN_SECONDS}
        AND tiers LIKE :tiers AND mib_free >= :mib AND sessions < most
        AND :avoiding NOT LIKE '%,' || id || ',%'
    """
    # Of two hosts the emptier: of all the emptiest would be chosen by everybody at once.
    chosen = f"""
        SELECT id FROM (
            SELECT id, mib_free, warm FROM hosts WHERE {is_open} ORDER BY {terms.chance} LIMIT 2
        ) AS two ORDER BY warm > 0 DESC, mib_free DESC LIMIT 1
    """  # noqa: S608
    count = f"""
        INSERT INTO seat_counts (project_id, seats) SELECT :project_id, 1 FROM {terms.wanted} WHERE :most > 0
        ON CONFLICT (project_id) DO UPDATE SET seats = seat_counts.seats + 1
        WHERE seat_counts.seats < :most RETURNING seats
    """  # noqa: S608
    take = f"""
        UPDATE hosts SET mib_free = mib_free - :mib, sessions = sessions + 1
        WHERE id = ({chosen}) AND {is_open} AND EXISTS (SELECT 1 FROM {terms.wanted}) RETURNING id, address
    """  # noqa: S608
    sit = f"""
        INSERT INTO seats (workspace_id, project_id, host_id, generation, tier, mib, until)
        SELECT :workspace_id, :project_id, {terms.host}, 1, :tier, :mib, {terms.now} + {_OPENING_SECONDS}
        FROM {terms.taken} WHERE true
        ON CONFLICT (workspace_id) DO UPDATE SET
            project_id = excluded.project_id, host_id = excluded.host_id,
            generation = seats.generation + 1, tier = excluded.tier, mib = excluded.mib,
            until = excluded.until
        WHERE seats.generation = {terms.generation} AND seats.host_id IS NULL RETURNING generation
    """  # noqa: S608
    places = f"SELECT count(*) FROM hosts WHERE {is_open}"  # noqa: S608
    return {"count": count, "take": take, "sit": sit, "places": places}


def _compose_at_once(find: str, parts: dict[str, str]) -> str:
    """Return a claim as one statement; a crash may take the seat, which costs a session."""
    return f"""
        WITH found AS ({find}), wanted AS (
            SELECT coalesce((SELECT generation FROM found), 0) AS generation
            WHERE NOT EXISTS (SELECT 1 FROM found WHERE host_id IS NOT NULL)
        ), counted AS ({parts["count"]}), taken AS ({parts["take"]}), sitting AS ({parts["sit"]})
        SELECT found.*, (SELECT count(*) FROM counted), (SELECT id FROM taken), (SELECT address FROM taken),
            (SELECT generation FROM sitting), ({parts["places"]}),
            set_config('synchronous_commit', 'off', true)
        FROM (SELECT 1) AS always LEFT JOIN found ON true
    """  # noqa: S608


_CLOCK = "CAST(extract(epoch FROM clock_timestamp()) AS double precision) + :now"
"""PostgreSQL's own time; of ours it is told how far tests have shifted it."""

# PostgreSQL chooses again where the chosen row was changed meanwhile: that must come to the same.
_CHANCE = "md5(id || :seed)"
_IN_STEPS = _Terms(
    ":now", "random()", ":host_id", ":generation", "(SELECT 1) AS w", "(SELECT 1) AS t"
)
_IN_ONE = _Terms(_CLOCK, _CHANCE, "taken.id", "(SELECT generation FROM wanted)", "wanted", "taken")
_FINDS = {
    "sqlite": prepare(text(_compose_find(":now"))),
    "postgresql": prepare(text(_compose_find(_CLOCK))),
}
_STEPS = {name: text(sql) for name, sql in _compose(_IN_STEPS).items()}
_AT_ONCE = text(_compose_at_once(_compose_find(_CLOCK), _compose(_IN_ONE)))


@transaction(short=True)
def find(connection: Connection, workspace_id: str) -> Seat | None:
    """Return the seat of a workspace; None where it has none, or one on a host that is down."""
    found = _read(connection, workspace_id)
    return _make_seat(workspace_id, found) if found and found.is_up else None


@transaction(writes=True, short=True)
def take(connection: Connection, claim: Claim) -> Seat:
    """Return the seat of a workspace, a new one where it has none or leaves it, or its host is down.

    Raises:
        NoSeatError: there is none.
        SeatChangedError: to be tried again.
    """
    values: dict[str, Any] = {
        "workspace_id": claim.workspace_id,
        "project_id": claim.project_id,
        "tier": claim.tier,
        "tiers": f"%,{claim.tier},%",
        "mib": count_reserved_mib(claim.tier),
        "most": _ANY if claim.limit is None else claim.limit,
        "avoiding": f",{','.join(claim.avoiding)},",
    }
    is_sqlite = connection.dialect.name == "sqlite"
    find_or_take = _take_by_steps if is_sqlite else _take_at_once
    found = find_or_take(connection, values)
    if isinstance(found, Seat):
        return found
    seat = _make_seat(claim.workspace_id, found)
    is_left = claim.leaving is not None and claim.leaving.generation == seat.generation
    if found.is_up and not is_left:
        return seat
    _leave(connection, seat)
    taken = find_or_take(connection, values)
    assert isinstance(taken, Seat)  # nobody else sits there: the row is locked
    return taken


@transaction(writes=True, short=True)
def leave(connection: Connection, seat: Seat) -> None:
    """Give a seat back; harmless where the workspace has it no longer."""
    found = _read(connection, seat.workspace_id)
    if found and (found.host_id, found.generation) == (seat.host_id, seat.generation):
        _leave(connection, seat)


def leave_all(connection: Connection, host_id: str, *which: ColumnElement[bool]) -> None:
    """Give back the seats of a host, all or those for which conditions hold."""
    left = connection.execute(
        update(tables.seats)
        .where(_SEATS.host_id == host_id, *which)
        .values(host_id=None, until=leases.now(connection))
        .returning(_SEATS.project_id, _SEATS.mib)
    ).all()
    for project_id, number in sorted(Counter(row[0] for row in left).items()):
        connection.execute(_COUNT_DOWN, {"_project_id": project_id, "_seats": number})
    if left:
        connection.execute(
            update(tables.hosts)
            .where(_HOSTS.id == host_id)
            .values(
                mib_free=_HOSTS.mib_free + sum(row[1] for row in left),
                sessions=_HOSTS.sessions - len(left),
            )
        )


def list_strays(connection: Connection, host_id: str, sessions: dict[str, int]) -> dict[str, int]:
    """Return those of a host's sessions (workspace -> generation) that have no seat there.

    Seats there that no session fills are given back, once one did or the time for it is over.
    """
    rows = connection.execute(
        select(_SEATS.workspace_id, _SEATS.generation, _SEATS.until).where(
            _SEATS.host_id == host_id
        )
    ).all()
    seated = {workspace_id: generation for workspace_id, generation, _ in rows}
    now = leases.now(connection)
    shown = [
        (workspace_id, generation)
        for workspace_id, generation, until in rows
        if until > now and sessions.get(workspace_id) == generation
    ]
    if shown:  # from now on a list without it says that the session is over
        these = tuple_(_SEATS.workspace_id, _SEATS.generation).in_(shown)
        connection.execute(update(tables.seats).where(these).values(until=now))
    empty = [
        (workspace_id, generation)
        for workspace_id, generation, until in rows
        if until < now and sessions.get(workspace_id) != generation
    ]
    if empty:
        these = (
            and_(_SEATS.workspace_id == workspace_id, _SEATS.generation == generation)
            for workspace_id, generation in empty
        )
        leave_all(connection, host_id, or_(*these))
    return {
        workspace_id: generation
        for workspace_id, generation in sessions.items()
        if seated.get(workspace_id) != generation
    }


def _read(connection: Connection, workspace_id: str) -> _Found | None:
    now = {"workspace_id": workspace_id} | _tell_time(connection)
    rows = connection.execute(_FINDS[connection.dialect.name], now).all()
    return _Found(*rows[0]) if rows else None


def _make_seat(workspace_id: str, found: _Found) -> Seat:
    return Seat(
        workspace_id,
        found.project_id,
        found.host_id or "",
        found.address or "",
        found.generation,
        found.mib,
        is_draining=found.state == "draining",
    )


def _tell_time(connection: Connection) -> dict[str, float]:
    """Return what the statements take as `now`; see `_CLOCK`."""
    return {"now": clock.now() if connection.dialect.name == "sqlite" else clock.shift(0.0)}


def _leave(connection: Connection, seat: Seat) -> None:
    """Give a seat back, in the order in which claims lock rows.

    Raises:
        SeatChangedError: the workspace has it no longer.
    """
    connection.execute(_COUNT_DOWN, {"_project_id": seat.project_id, "_seats": 1})
    connection.execute(_FREE, {"_host_id": seat.host_id, "_mib": seat.mib})
    left = connection.execute(
        _LEAVE.returning(_SEATS.workspace_id),
        {
            "_workspace_id": seat.workspace_id,
            "_host_id": seat.host_id,
            "_generation": seat.generation,
            "_now": leases.now(connection),
        },
    ).all()
    if not left:
        raise SeatChangedError(f"the seat of {seat.workspace_id} was left already")


@cache
def _compile_at_once(dialect: Dialect) -> str:
    """Return a claim as the driver takes it: SQLAlchemy's part of it would take a fifth of the time."""
    return str(_AT_ONCE.compile(dialect=dialect))


def _take_at_once(connection: Connection, values: dict[str, Any]) -> Seat | _Found:
    """Return the new seat of a workspace, or who sits there."""
    values = values | _tell_time(connection) | {"seed": secrets.token_hex(4)}
    row = connection.exec_driver_sql(_compile_at_once(connection.dialect), values).one()
    found = _Found(*row[:7])
    if found.host_id is not None:
        return found
    counted, host_id, address, generation, places, _ = row[7:]
    if not counted:
        raise NoSeatError(is_of_project=True)
    return _require(values, host_id, address, generation, places)


def _take_by_steps(connection: Connection, values: dict[str, Any]) -> Seat | _Found:
    """Return the new seat of a workspace, or who sits there."""
    found = _read(connection, values["workspace_id"])
    if found and found.host_id is not None:
        return found
    before = {"host_id": None, "generation": found.generation if found else 0}
    values = values | _tell_time(connection) | before
    if not connection.execute(_STEPS["count"], values).all():
        raise NoSeatError(is_of_project=True)
    taken = connection.execute(_STEPS["take"], values).all()
    if not taken:
        raise NoSeatError(is_of_project=False)
    host_id, address = taken[0]
    sitting = connection.execute(_STEPS["sit"], values | {"host_id": host_id}).all()
    return _require(values, host_id, address, sitting[0][0] if sitting else None, 1)


def _require(
    values: dict[str, Any],
    host_id: str | None,
    address: str,
    generation: int | None,
    places: int,
) -> Seat:
    """Return what was taken; raise, which undoes it, where it was not all."""
    if host_id is None and not places:
        raise NoSeatError(is_of_project=False)
    if host_id is None or generation is None:
        raise SeatChangedError("another claim was quicker")
    workspace_id, project_id = values["workspace_id"], values["project_id"]
    return Seat(workspace_id, project_id, host_id, address, generation, values["mib"], is_new=True)
