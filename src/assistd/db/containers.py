"""Containers, and the files that stand in them, where a collection cannot say what is wanted."""

from collections.abc import Collection

from sqlalchemy import Connection, and_, delete, select, update

from assistd.db import tables
from assistd.db.prepared import split_names
from assistd.db.transaction import transaction
from assistd.objects.responses.container import StoredContainerFile

_CONTAINERS, _FILES, _WRITTEN = tables.containers.c, tables.files.c, tables.written_files.c


def was_made(connection: Connection, container_id: str) -> bool:
    """Tell whether there is, or was, such a container."""
    statement = select(_CONTAINERS.seq).where(_CONTAINERS.id == container_id)
    return connection.execute(statement).scalar() is not None


def find_given(connection: Connection, container_id: str) -> list[StoredContainerFile]:
    """Return the files that clients put into a container, oldest first."""
    statement = (
        select(_FILES.body)
        .where(
            _FILES.container_id == container_id,
            _FILES.deleted.is_(False),
            _FILES.purpose == "user_data",
        )
        .order_by(_FILES.seq)
    )
    bodies = connection.execute(statement).scalars()
    return [StoredContainerFile.model_validate_json(body) for body in bodies]


def remove_files(connection: Connection, container_id: str) -> list[str]:
    """Delete all files of a container; return their blobs, which are to be discarded afterwards."""
    which = and_(_FILES.container_id == container_id, _FILES.deleted.is_(False))
    blobs = list(connection.execute(select(_FILES.blob).where(which).with_for_update()).scalars())
    connection.execute(update(tables.files).where(which).values(deleted=True, body="{}"))
    connection.execute(delete(tables.written_files).where(_WRITTEN.thread_id == container_id))
    return blobs


@transaction()
def find_running(connection: Connection, container_ids: Collection[str], now: int) -> set[str]:
    """Return those of the containers that are neither expired nor deleted at a time in Unix seconds."""
    found: set[str] = set()
    for some in split_names(container_ids):
        statement = select(_CONTAINERS.id).where(
            _CONTAINERS.id.in_(some), _CONTAINERS.deleted.is_(False), _CONTAINERS.expires_at > now
        )
        found.update(connection.execute(statement).scalars())
    return found
