"""Snapshots of variables: one for each workspace, whose bytes are a file that no list of files shows.

So they count for the storage of the project, expire, and name their blob as other files do, also for a server of
an older commit. What is in them stands beside them.
"""

from sqlalchemy import Connection, bindparam, delete, insert, select

from assistd.db import containers, tables
from assistd.db.prepared import prepare
from assistd.db.transaction import transaction
from assistd.db.workspaces.tables import snapshots
from assistd.objects.own.snapshot import Snapshot

_SNAPSHOTS, _FILES = snapshots.c, tables.files.c
_FIND = prepare(
    select(_SNAPSHOTS.body, _FILES.blob)
    .select_from(
        snapshots.outerjoin(
            tables.files,
            (_FILES.id == _SNAPSHOTS.file_id) & _FILES.deleted.is_(False),
        )
    )
    .where(_SNAPSHOTS.workspace_id == bindparam("workspace_id"))
)
_DELETE = prepare(delete(snapshots).where(_SNAPSHOTS.workspace_id == bindparam("_workspace_id")))
_INSERT = prepare(insert(snapshots))


def name_place(workspace_id: str) -> str:
    """Return what stands in the column `container_id` of the file: no container has such an id."""
    return f"vars:{workspace_id}"


@transaction(short=True)
def find(connection: Connection, workspace_id: str) -> tuple[Snapshot, str | None] | None:
    """Return the snapshot of a workspace and its blob; None where there is none, or no more.

    The blob is None where nothing could be kept.
    """
    row = next(iter(connection.execute(_FIND, {"workspace_id": workspace_id})), None)
    if row is None:
        return None
    body, blob = row
    snapshot = Snapshot.model_validate_json(body)
    return None if snapshot.variables and blob is None else (snapshot, blob)


def keep(connection: Connection, snapshot: Snapshot, file_id: str | None) -> None:
    """Write what the snapshot of a workspace has; `remove` comes first.

    Args:
        connection: a writing transaction.
        snapshot: the snapshot.
        file_id: of the file with its bytes, whose place is `name_place`; None where it has none.
    """
    row = {"workspace_id": snapshot.workspace_id, "file_id": file_id}
    connection.execute(_INSERT, row | {"body": snapshot.model_dump_json()})


def remove(connection: Connection, workspace_id: str) -> list[str]:
    """Delete the snapshot of a workspace, if it has one; return its blobs, to be discarded afterwards."""
    connection.execute(_DELETE, {"_workspace_id": workspace_id})
    return containers.remove_files(connection, name_place(workspace_id))
