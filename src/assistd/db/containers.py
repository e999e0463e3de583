"""Containers, and the files that stand in them, where a collection cannot say what is wanted."""

from collections.abc import Collection

from sqlalchemy import Connection, and_, bindparam, delete, select, update

from assistd.db import tables
from assistd.db.prepared import prepare, split_names
from assistd.db.transaction import transaction
from assistd.objects.responses.container import StoredContainerFile

_CONTAINERS, _FILES, _WRITTEN = tables.containers.c, tables.files.c, tables.written_files.c
_IS_IN_CONTAINER = and_(_FILES.container_id == bindparam("container"), _FILES.deleted.is_(False))
_MADE = prepare(select(_CONTAINERS.seq).where(_CONTAINERS.id == bindparam("container")))
_GIVEN = prepare(
    select(_FILES.body).where(_IS_IN_CONTAINER, _FILES.purpose == "user_data").order_by(_FILES.seq)
)
_LOCK_BLOBS = prepare(select(_FILES.blob).where(_IS_IN_CONTAINER).with_for_update())
_DELETE_FILES = prepare(
    update(tables.files).where(_IS_IN_CONTAINER).values(deleted=True, body="{}")
)
_FORGET_WRITTEN = prepare(
    delete(tables.written_files).where(_WRITTEN.thread_id == bindparam("container"))
)


def was_made(connection: Connection, container_id: str) -> bool:
    """Tell whether there is, or was, such a container."""
    return connection.execute(_MADE, {"container": container_id}).scalar() is not None


def find_given(connection: Connection, container_id: str) -> list[StoredContainerFile]:
    """Return the files that clients put into a container, oldest first."""
    bodies = connection.execute(_GIVEN, {"container": container_id}).scalars()
    return [StoredContainerFile.model_validate_json(body) for body in bodies]


def remove_files(connection: Connection, container_id: str) -> list[str]:
    """Delete all files of a container; return their blobs, which are to be discarded afterwards."""
    which = {"container": container_id}
    blobs = list(connection.execute(_LOCK_BLOBS, which).scalars())
    connection.execute(_DELETE_FILES, which)
    connection.execute(_FORGET_WRITTEN, which)
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
