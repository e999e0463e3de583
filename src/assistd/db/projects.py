"""Projects: the tenants, and what each of them may use."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, true, update

from assistd import clock, ids
from assistd.db import leases, tables
from assistd.db.cluster import slots
from assistd.db.prepared import prepare
from assistd.db.transaction import transaction
from assistd.errors import NotFoundError, RateLimitError, StorageQuotaError
from assistd.objects.project import Project, ProjectLimits

_PROJECTS = tables.projects.c
_OF_ID = prepare(select(tables.projects).where(_PROJECTS.id == bindparam("id")))
_COLUMNS = tables.projects.columns.keys()
_BUSY_SECONDS = 5  # when to come back where a run has to end first


@transaction(writes=True, short=True)
def default(connection: Connection) -> Project:
    """Return the oldest project that is not archived; made where there is none."""
    projects = [each for each in all_of(connection) if each.archived_at is None]
    return projects[0] if projects else create(connection, "default")


@transaction(writes=True, short=True)
def create(connection: Connection, name: str) -> Project:
    """Make a project, without limits of its own."""
    project = Project(id=ids.new("proj"), name=name, created_at=clock.seconds())
    row = _row(project) | {"seq": clock.sequence()}
    connection.execute(insert(tables.projects).values(row))
    return project


@transaction()
def all_of(connection: Connection) -> list[Project]:
    """Return every project, oldest first, archived ones too."""
    rows = connection.execute(select(tables.projects).order_by(_PROJECTS.seq))
    return [_project(row) for row in rows.mappings()]


@transaction(short=True)
def get(connection: Connection, id_: str) -> Project:
    """Return the project of an id.

    Raises:
        NotFoundError: there is none.
    """
    rows = connection.execute(_OF_ID, {"id": id_}).all()
    if not rows:
        raise NotFoundError(f"No project has the id '{id_}'; see `assistd projects list`.")
    return _project(dict(zip(_COLUMNS, rows[0], strict=True)))


@transaction(writes=True, short=True)
def replace(connection: Connection, project: Project) -> None:
    """Write the new state of a project."""
    changed = update(tables.projects).where(_PROJECTS.id == project.id)
    connection.execute(changed.values(_row(project)))


@transaction(short=True)
def storage_bytes(connection: Connection, project_id: str) -> int:
    """Return the bytes of all a project keeps: files, parts of files to be, arriving blobs, and the index."""
    files, parts, uploads = tables.files.c, tables.upload_parts.c, tables.uploads.c
    arriving, in_stores = tables.arriving_blobs.c, tables.vector_store_files.c
    whole = select(func.coalesce(func.sum(files.bytes), 0)).where(
        files.project_id == project_id, files.deleted.is_(False)
    )
    coming = select(func.coalesce(func.sum(parts.bytes), 0)).where(
        parts.upload_id == uploads.id,
        uploads.project_id == project_id,
        uploads.expires_at.is_not(None),  # only what is pending has parts, and few are
    )
    under_way = select(func.coalesce(func.sum(arriving.bytes), 0)).where(
        arriving.project_id == project_id, arriving.lease_until >= leases.now(connection)
    )
    index = select(func.coalesce(func.sum(in_stores.usage_bytes), 0)).where(
        in_stores.project_id == project_id
    )
    sums = (whole, coming, under_way, index)
    return sum(int(connection.execute(each).scalar_one()) for each in sums)


@transaction()
def stored_bytes(connection: Connection) -> dict[str, int]:
    """Return the bytes of the files and indexes of each project that has any, by its id."""
    files, in_stores = tables.files.c, tables.vector_store_files.c
    stored: dict[str, int] = {}
    for column, size, is_kept in (
        (files.project_id, files.bytes, files.deleted.is_(False)),
        (in_stores.project_id, in_stores.usage_bytes, true()),
    ):
        sums = select(column, func.sum(size)).where(is_kept).group_by(column)
        for project_id, total in connection.execute(sums):
            stored[project_id] = stored.get(project_id, 0) + int(total or 0)
    return stored


@transaction(short=True)
def limits_of(connection: Connection, project_id: str, defaults: ProjectLimits) -> ProjectLimits:
    """Return the limits that hold for a project: its own, else the defaults."""
    return get(connection, project_id).limits.over(defaults)


def require_storage(
    connection: Connection, project_id: str, limits: ProjectLimits, more: int
) -> None:
    """See that a project may keep `more` bytes, in the transaction that will keep them.

    Raises:
        StorageQuotaError: it may not.
    """
    if limits.storage_bytes is None:
        return
    lock(connection, project_id)
    check_storage(connection, project_id, limits, more)


def check_storage(
    connection: Connection, project_id: str, limits: ProjectLimits, more: int
) -> None:
    """See whether a project may keep `more` bytes as things stand; another may be quicker to take them.

    Raises:
        StorageQuotaError: it may not.
    """
    if limits.storage_bytes is None:
        return
    if storage_bytes(connection, project_id) + more > limits.storage_bytes:
        raise StorageQuotaError(limits.storage_bytes)


def require_run(connection: Connection, project_id: str, limits: ProjectLimits) -> None:
    """See that a project may have one more active run or response, in the transaction that will insert it.

    Args:
        connection: a transaction.
        project_id: the project.
        limits: what it may use.

    Raises:
        RateLimitError: it has as many as it may.
    """
    if limits.runs is None:
        return
    lock(connection, project_id)
    active = slots.count(connection, project_id)
    for jobs, is_active in (
        (tables.runs, tables.ACTIVE_RUN),
        (tables.responses, tables.ACTIVE_RESPONSE),
    ):
        of_project = select(func.count()).where(jobs.c.project_id == project_id, is_active)
        active += connection.execute(of_project).scalar_one()
    if active >= limits.runs:
        raise RateLimitError(_BUSY_SECONDS, "runs")


def lock(connection: Connection, project_id: str) -> None:
    """Let no other transaction count until this one ends: two could each take the last place."""
    connection.execute(
        select(_PROJECTS.id).where(_PROJECTS.id == project_id).with_for_update()
    ).all()


def _row(project: Project) -> dict[str, Any]:
    return project.model_dump(exclude={"limits"}) | {"limits": project.limits.model_dump_json()}


def _project(row: Mapping[Any, Any]) -> Project:
    limits = ProjectLimits.model_validate_json(row["limits"])
    return Project.model_validate({**row, "limits": limits})
