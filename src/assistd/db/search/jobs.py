"""The jobs of indexing: files of vector stores whose text or vectors are not in the index.

A file becomes a job when it is attached, when its text was lost with the index, and when the model of the
vectors changed. The last two stay `completed` meanwhile. A job is leased by the id of its attachment, so what a
process does for a file that was detached, or attached anew, is never written.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, TextClause, and_, case, or_, select, update

from assistd.db import leases, projects, tables
from assistd.db.leases import NO_LEASE, Lease, LeaseLostError, Leases
from assistd.db.transaction import transaction
from assistd.objects.file import File
from assistd.objects.project import ProjectLimits
from assistd.objects.vector_store import ChunkingStrategy, FileError, FileStatus, StaticChunking

Stage = Literal["text", "vectors"]
"""What a file lacks: its text in the index, or then the vectors of that text."""

MOST_ATTEMPTS = 4
"""How often a stage of a file is begun by processes that do not finish it."""

_TABLE = tables.vector_store_files
_FILES = _TABLE.c
_LACKING: dict[Stage, TextClause] = {"text": tables.WITHOUT_TEXT, "vectors": tables.WITHOUT_VECTORS}
_IS_OPEN = and_(_FILES.model.is_(None), _FILES.status.in_(("in_progress", "completed")))
LEASES = Leases(_TABLE, _IS_OPEN)
"""The leases of the jobs."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The jobs of one store in one stage.

    Args:
        project_id: whose.
        store_id: the store.
        status: `in_progress` for files that wait for their first time, `completed` for those that are
            indexed anew.
    """

    project_id: str
    store_id: str
    status: FileStatus


@dataclass(frozen=True, slots=True)
class Job:
    """A file in a store, as it is indexed.

    Args:
        id: of the attachment.
        queue: where it waited.
        file_id: the file.
        text_key: of its text in the index; None until it is there.
        chunking: how it is cut.
        attempts: how often this stage was begun, this time included.
    """

    id: str
    queue: Queue
    file_id: str
    text_key: str | None
    chunking: StaticChunking
    attempts: int


@dataclass(frozen=True, slots=True)
class Source:
    """Where the text of a file comes from.

    Args:
        file: the file.
        content_key: the same for every file of the project with this content.
    """

    file: File
    content_key: str


@transaction()
def find_queues(connection: Connection) -> dict[Stage, set[Queue]]:
    """Return the queues in which there are jobs, some perhaps leased by now."""
    found: dict[Stage, set[Queue]] = {}
    for stage, is_lacking in _LACKING.items():
        rows = connection.execute(
            select(_FILES.project_id, _FILES.store_id, _FILES.status)
            .where(is_lacking, _is_worth_an_attempt())
            .distinct()
        )
        found[stage] = {Queue(*row) for row in rows}
    return found


@transaction(writes=True, short=True)
def claim(connection: Connection, lease: Lease, stage: Stage, queue: Queue) -> Job | None:
    """Lease the next job of a queue, and count the attempt: first those that were begun least often.

    Returns:
        The job; None where there is none, or another process is about to take it.
    """
    is_free = or_(_FILES.lease_until.is_(None), _FILES.lease_until < leases.now(connection))
    is_due = (_LACKING[stage], is_free, _is_worth_an_attempt())
    first = (
        select(_FILES.id)
        .where(
            _FILES.project_id == queue.project_id,
            _FILES.store_id == queue.store_id,
            _FILES.status == queue.status,
            *is_due,
        )
        .order_by(_FILES.attempts, _FILES.seq)
        .limit(1)
    )
    columns = (_FILES.file_id, _FILES.text_key, _FILES.chunking, _FILES.attempts)
    rows = LEASES.take(
        connection, lease, _FILES.id == first.scalar_subquery(), *is_due, reading=columns
    )
    if not rows:
        return None
    (row,) = rows
    connection.execute(
        update(_TABLE).where(_FILES.id == row.id).values(attempts=_FILES.attempts + 1)
    )
    return _job(row, queue)


@transaction(short=True)
def read_source(connection: Connection, file_id: str) -> Source | None:
    """Return the file that a job is about; None where it was deleted."""
    file = tables.files.c
    row = connection.execute(
        select(file.body, file.hash).where(file.id == file_id, file.deleted.is_(False))
    ).one_or_none()
    return Source(File.model_validate_json(row.body), row.hash) if row else None


@transaction(writes=True, short=True)
def renew(connection: Connection, lease: Lease, job_ids: Collection[str]) -> set[str]:
    """Renew the leases of these jobs.

    Returns:
        The jobs that must not go on: cancelled, detached, or taken over by another process.
    """
    LEASES.renew(connection, lease, list(job_ids))
    kept = connection.execute(
        select(_FILES.id).where(_FILES.id.in_(job_ids), _FILES.lease_owner == lease.owner, _IS_OPEN)
    )
    return set(job_ids).difference(kept.scalars())


@transaction(writes=True, short=True)
def release(connection: Connection, lease: Lease) -> None:
    """Let others have all jobs of the lease's owner at once; what was begun of them does not count."""
    connection.execute(
        update(_TABLE)
        .where(_FILES.lease_owner == lease.owner, _IS_OPEN)
        .values(attempts=case((_FILES.attempts > 0, _FILES.attempts - 1), else_=0), **NO_LEASE)
    )


@transaction(writes=True, short=True)
def postpone(connection: Connection, lease: Lease, job: Job, seconds: float) -> None:
    """Let anybody try the job again after so many seconds; the attempt counts.

    Raises:
        LeaseLostError: the job is not the owner's any more.
    """
    until = leases.now(connection) + seconds
    _change(connection, lease, job, lease_owner=None, lease_until=until)


@transaction(writes=True, short=True)
def note_text(connection: Connection, lease: Lease, job: Job, text_key: str) -> None:
    """Note that the text of a job is in the index: it can be searched by keywords, and waits for its vectors.

    Raises:
        LeaseLostError: the job is not the owner's any more.
    """
    _change(connection, lease, job, text_key=text_key, attempts=0, **NO_LEASE)


@transaction(writes=True, short=True)
def complete(
    connection: Connection,
    lease: Lease,
    job: Job,
    *,
    model: str,
    usage_bytes: int,
    limits: ProjectLimits,
) -> None:
    """Note that a file is indexed.

    Args:
        connection: a writing transaction.
        lease: the job's.
        job: of the stage `vectors`.
        model: whose vectors it has.
        usage_bytes: what it counts for the store and for the project's storage.
        limits: of projects that have none of their own.

    Raises:
        StorageQuotaError: the project may not keep that much.
        LeaseLostError: the job is not the owner's any more.
    """
    if job.queue.status == "in_progress":
        project_id = job.queue.project_id
        own = projects.limits_of(connection, project_id, limits)
        projects.require_storage(connection, project_id, own, usage_bytes)
    _change(
        connection,
        lease,
        job,
        status="completed",
        model=model,
        usage_bytes=usage_bytes,
        attempts=0,
        **NO_LEASE,
    )


@transaction(writes=True, short=True)
def give_up(connection: Connection, lease: Lease, job: Job, error: FileError) -> None:
    """Note that a file cannot be indexed: it failed, or if it was `completed` before, it stays so.

    Raises:
        LeaseLostError: the job is not the owner's any more.
    """
    if job.queue.status == "completed":
        _change(connection, lease, job, attempts=MOST_ATTEMPTS, **NO_LEASE)
    else:
        said = error.model_dump_json()
        _change(connection, lease, job, status="failed", last_error=said, **NO_LEASE)


@transaction(writes=True, short=True)
def start_over(connection: Connection, lease: Lease, job: Job) -> None:
    """Note that the text of a job is not in the index.

    Raises:
        LeaseLostError: the job is not the owner's any more.
    """
    _change(connection, lease, job, text_key=None, **NO_LEASE)


def _is_worth_an_attempt() -> Any:
    # One that waits for its first time is taken once more: whoever does so gives it up.
    return or_(_FILES.status == "in_progress", _FILES.attempts < MOST_ATTEMPTS)


def _job(row: Row[Any], queue: Queue) -> Job:
    chunking = ChunkingStrategy.model_validate_json(row.chunking).static
    return Job(row.id, queue, row.file_id, row.text_key, chunking, row.attempts + 1)


def _change(connection: Connection, lease: Lease, job: Job, **values: Any) -> None:
    LEASES.require(connection, job.id, lease.owner)
    is_same_text = _FILES.text_key.is_not_distinct_from(job.text_key)
    changed = connection.execute(
        update(_TABLE).where(_FILES.id == job.id, _IS_OPEN, is_same_text).values(**values)
    )
    if not changed.rowcount:
        raise LeaseLostError(f"{job.id} was cancelled, or its text is lost")
