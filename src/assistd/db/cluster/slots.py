"""Slots: responses without a row of their own that are made now, as a project's limit counts them (decision 0080)."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, insert, select, update

from assistd.db import leases
from assistd.db.cluster import tables
from assistd.db.leases import Lease

_SLOTS = tables.response_slots.c


def count(connection: Connection, project_id: str) -> int:
    """Return how many responses of a project have a slot, whichever process makes them."""
    is_held = _SLOTS.lease_until > leases.now(connection)
    found = select(func.count()).where(_SLOTS.project_id == project_id, is_held)
    return connection.execute(found).scalar_one()


def take(connection: Connection, project_id: str, response_id: str, lease: Lease) -> None:
    """Give a response a slot until it is freed, or nobody renews it any more; free those that lapsed."""
    now = leases.now(connection)
    has_lapsed = _SLOTS.lease_until <= now
    connection.execute(
        delete(tables.response_slots).where(_SLOTS.project_id == project_id, has_lapsed)
    )
    row = {"id": response_id, "project_id": project_id, "lease_until": now + lease.seconds}
    connection.execute(insert(tables.response_slots).values(row))


def renew(connection: Connection, lease: Lease, response_ids: Sequence[str]) -> None:
    """Let the slots of these responses, which this process makes, last from now on."""
    if not response_ids:
        return
    until = leases.now(connection) + lease.seconds
    slots = update(tables.response_slots).where(_SLOTS.id.in_(response_ids))
    connection.execute(slots.values(lease_until=until))


def free(connection: Connection, response_id: str) -> None:
    """Free the slot of a response."""
    connection.execute(delete(tables.response_slots).where(_SLOTS.id == response_id))
