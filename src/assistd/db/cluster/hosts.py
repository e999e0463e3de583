"""The sandbox hosts of an installation: their beats, how they are drained, and which of them break claims."""

from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Update,
    bindparam,
    case,
    delete,
    false,
    insert,
    or_,
    select,
    update,
)

from assistd.db import leases
from assistd.db.cluster import seats, tables
from assistd.db.prepared import prepare
from assistd.db.transaction import transaction
from assistd.errors import NotFoundError
from assistd.hosting import DOWN_SECONDS, FENCE_SECONDS, Beat, Host, Order

_DEAD_SECONDS = FENCE_SECONDS + DOWN_SECONDS
"""After so long without a beat the sessions of a host are dead for sure."""

_FORGOTTEN_SECONDS = 3600.0
_MOST_BREACHES = 3  # in a minute
_BREACHES_SECONDS = 60.0
_PROBE_SECONDS = 10.0

_HOSTS, _SEATS = tables.hosts.c, tables.seats.c
_OF_ID = _HOSTS.id == bindparam("_id")
_LOCK = prepare(
    select(_HOSTS.started_at, _HOSTS.state, _HOSTS.drain_until).where(_OF_ID).with_for_update()
)
_BEAT = prepare(
    update(tables.hosts)
    .where(_OF_ID)
    .values(
        address=bindparam("_address"),
        build=bindparam("_build"),
        tiers=bindparam("_tiers"),
        mib_free=_HOSTS.mib_free + bindparam("_mib") - _HOSTS.mib_total,
        mib_total=bindparam("_mib"),
        most=bindparam("_most"),
        warm=bindparam("_warm"),
        beat_at=bindparam("_now"),
    )
)


@transaction(writes=True, short=True)
def beat(connection: Connection, said: Beat) -> Order:
    """Write down what a host says of itself, and return what it is to do."""
    found = connection.execute(_LOCK, {"_id": said.host_id}).all()
    if not found:
        connection.execute(insert(tables.hosts).values(_begin(said) | {"id": said.host_id}))
        found = connection.execute(_LOCK, {"_id": said.host_id}).all()
    started_at, state, drain_until = found[0]
    if said.started_at < started_at:
        return Order(is_replaced=True)
    if said.started_at > started_at:  # the sessions of the process before it are dead
        seats.leave_all(connection, said.host_id)
        connection.execute(_update(said.host_id).values(_begin(said)))
        state, drain_until = "up", None
    now = leases.now(connection)
    if said.leaves_in is not None and state == "up":
        state, drain_until = "draining", now + said.leaves_in
        leaving = _update(said.host_id).values(state=state, drain_until=drain_until)
        connection.execute(leaving)
    values: dict[str, Any] = {
        "_id": said.host_id,
        "_address": said.address,
        "_build": said.build,
        "_tiers": _join(said.tiers),
        "_mib": said.mib,
        "_most": said.most,
        "_warm": said.warm,
        "_now": now,
    }
    connection.execute(_BEAT, values)
    strays: dict[str, int] = {}
    if said.sessions is not None:
        strays = seats.list_strays(connection, said.host_id, said.sessions)
    return Order(
        is_draining=state == "draining",
        is_over=drain_until is not None and drain_until < now,
        ending=strays,
        closes_in=None if drain_until is None else max(0.0, drain_until - now),
    )


@transaction(writes=True, short=True)
def remove(connection: Connection, host_id: str, started_at: float) -> None:
    """Forget a host that stops, unless a later process has its id by now."""
    found = connection.execute(_LOCK, {"_id": host_id}).all()
    if found and found[0][0] == started_at:
        _forget(connection, host_id)


@transaction()
def list_all(connection: Connection) -> list[Host]:
    """Return every host, by its id."""
    now = leases.now(connection)
    rows = connection.execute(select(tables.hosts).order_by(_HOSTS.id))
    return [_make_host(row, now) for row in rows]


@transaction(writes=True)
def drain(connection: Connection, host_id: str, seconds: float | None) -> None:
    """Have a host get no new seats, and close its last sessions after so many seconds; None: no more of that.

    Raises:
        NotFoundError: there is no such host.
    """
    is_drained = seconds is not None
    values = {
        "state": "draining" if is_drained else "up",
        "drain_until": leases.now(connection) + seconds if is_drained else None,
    }
    changed = _update(host_id).values(values).returning(_HOSTS.id)
    if not connection.execute(changed).all():
        raise NotFoundError(f"No host has the id '{host_id}'; see `assistd hosts list`.")


@transaction(writes=True, short=True)
def note_breach(connection: Connection, host_id: str) -> bool:
    """Count a claim that a host broke; return whether it is on probation now."""
    now = leases.now(connection)
    is_recent = _HOSTS.breached_at > now - _BREACHES_SECONDS
    connection.execute(
        _update(host_id).values(
            refused=_HOSTS.refused + 1,
            breaches=case((is_recent, _HOSTS.breaches + 1), else_=1),
            breached_at=case((is_recent, _HOSTS.breached_at), else_=now),
        )
    )
    connection.execute(
        _update(host_id)
        .where(_HOSTS.breaches >= _MOST_BREACHES)
        .values(on_probation=True, breaches=0, probed_at=now)
    )
    found = select(_HOSTS.on_probation).where(_HOSTS.id == host_id)
    return bool(connection.execute(found).scalar())


@transaction(writes=True, short=True)
def take_probe(connection: Connection) -> Host | None:
    """Return a host on probation that is to be tried by whoever calls this; None where there is none."""
    now = leases.now(connection)
    rows = connection.execute(
        select(tables.hosts)
        .where(
            _HOSTS.on_probation,
            _HOSTS.beat_at > now - DOWN_SECONDS,
            _HOSTS.probed_at < now - _PROBE_SECONDS,
        )
        .limit(1)
        .with_for_update(skip_locked=True)
    ).all()
    if not rows:
        return None
    host = _make_host(rows[0], now)
    connection.execute(_update(host.id).values(probed_at=now))
    return host


@transaction(writes=True, short=True)
def end_probation(connection: Connection, host_id: str) -> None:
    """Give a host new seats again: a claim of it worked."""
    connection.execute(_update(host_id).values(on_probation=False, breaches=0))


@transaction(short=True)
def has_lapsed(connection: Connection) -> bool:
    """Tell whether `reap` has anything to do."""
    now = leases.now(connection)
    dead = select(_HOSTS.id).where(
        or_(
            (_HOSTS.sessions > 0) & (_HOSTS.beat_at < now - _DEAD_SECONDS),
            _HOSTS.beat_at < now - _FORGOTTEN_SECONDS,
        )
    )
    left = select(_SEATS.workspace_id).where(_is_left(now))
    return any(connection.execute(each.limit(1)).all() for each in (dead, left))


@transaction(writes=True)
def reap(connection: Connection) -> None:
    """Give back the seats of hosts that have ended their sessions by now; forget what is long gone."""
    now = leases.now(connection)
    silent = select(_HOSTS.id, _HOSTS.beat_at).where(_HOSTS.beat_at < now - _DEAD_SECONDS)
    for host_id, beat_at in connection.execute(silent).all():
        if beat_at < now - _FORGOTTEN_SECONDS:
            _forget(connection, host_id)
        else:
            seats.leave_all(connection, host_id)
    connection.execute(delete(tables.seats).where(_is_left(now)))


def _update(host_id: str) -> Update:
    """Return a change of a host, to which the values are to be added."""
    return update(tables.hosts).where(_HOSTS.id == host_id)


def _is_left(now: float) -> Any:
    """Return what holds for seats that were left so long ago that no session of theirs can live."""
    return _SEATS.host_id.is_(None) & (_SEATS.until < now - _FORGOTTEN_SECONDS)


def _forget(connection: Connection, host_id: str) -> None:
    seats.leave_all(connection, host_id)
    connection.execute(delete(tables.hosts).where(_HOSTS.id == host_id))


def _begin(said: Beat) -> dict[str, Any]:
    """Return the columns of a host whose process just started, and has no seats."""
    return {
        "started_at": said.started_at,
        "address": said.address,
        "build": said.build,
        "tiers": _join(said.tiers),
        "state": "up",
        "mib_total": said.mib,
        "mib_free": said.mib,
        "most": said.most,
        "sessions": 0,
        "warm": said.warm,
        "beat_at": 0.0,
        "drain_until": None,
        "refused": 0,
        "breaches": 0,
        "breached_at": 0.0,
        "on_probation": false(),
        "probed_at": 0.0,
    }


def _join(tiers: tuple[int, ...]) -> str:
    return f",{','.join(map(str, tiers))},"


def _make_host(row: Row[Any], now: float) -> Host:
    silent = max(0.0, now - row.beat_at)
    return Host(
        id=row.id,
        address=row.address,
        build=row.build,
        tiers=tuple(int(each) for each in row.tiers.split(",") if each),
        state="down" if silent > DOWN_SECONDS else row.state,
        mib_total=row.mib_total,
        mib_free=row.mib_free,
        most=row.most,
        sessions=row.sessions,
        warm=row.warm,
        silent_seconds=silent,
        is_on_probation=row.on_probation,
        refused=row.refused,
    )
