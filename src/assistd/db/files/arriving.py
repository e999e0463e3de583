"""Blobs that are on their way: they count for the storage of their project until something names them.

The server that takes one has a lease on its count, so that the room is free again where it dies.
"""

from collections.abc import Collection

from sqlalchemy import Connection, delete, insert, select, update

from assistd.db import leases, projects, tables
from assistd.db.transaction import transaction
from assistd.objects.project import ProjectLimits

_ARRIVING = tables.arriving_blobs.c


@transaction(short=True)
def is_counted(connection: Connection, project_id: str, defaults: ProjectLimits) -> bool:
    """Tell whether a project has a limit on its storage."""
    return projects.limits_of(connection, project_id, defaults).storage_bytes is not None


@transaction(writes=True, short=True)
def count(
    connection: Connection,
    project_id: str,
    blob: str,
    size: int,
    *,
    defaults: ProjectLimits,
    seconds: float,
) -> None:
    """Count `size` bytes for a blob that is on its way, in place of what was counted for it before.

    Args:
        connection: a writing transaction.
        project_id: whose storage they are.
        blob: the blob.
        size: its bytes.
        defaults: the limits that hold where the project has none of its own.
        seconds: how long they count without being renewed.

    Raises:
        StorageQuotaError: the project may not keep that much; what was counted before stays counted.
    """
    projects.lock(connection, project_id)
    now = leases.now(connection)
    connection.execute(delete(tables.arriving_blobs).where(_ARRIVING.lease_until < now))
    counted = select(_ARRIVING.bytes).where(_ARRIVING.blob == blob)
    before: int | None = connection.execute(counted).scalar()
    limits = projects.limits_of(connection, project_id, defaults)
    projects.require_storage(connection, project_id, limits, size - (before or 0))
    values = {"bytes": size, "lease_until": now + seconds}
    if before is None:
        row = {"blob": blob, "project_id": project_id, **values}
        connection.execute(insert(tables.arriving_blobs).values(row))
    else:
        known = update(tables.arriving_blobs).where(_ARRIVING.blob == blob)
        connection.execute(known.values(values))


@transaction(writes=True, short=True)
def renew(connection: Connection, blobs: Collection[str], seconds: float) -> None:
    """Have these blobs count for `seconds` from now."""
    known = update(tables.arriving_blobs).where(_ARRIVING.blob.in_(blobs))
    connection.execute(known.values(lease_until=leases.now(connection) + seconds))


@transaction(writes=True, short=True)
def forget(connection: Connection, blobs: Collection[str]) -> None:
    """Count these blobs no more: something names them, or they are gone."""
    connection.execute(delete(tables.arriving_blobs).where(_ARRIVING.blob.in_(blobs)))
