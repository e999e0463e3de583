"""Runs in the database: the thread's lock, the states, and who executes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select

from assistd import clock
from assistd.db import leases, nouns, tables
from assistd.db.leases import NO_LEASE, Lease, Leases
from assistd.db.prepared import prepare
from assistd.db.transaction import transaction
from assistd.objects.project import Caller
from assistd.objects.run import Run, RunStatus

_RUNS = tables.runs.c
_RUNNING = ("queued", "in_progress", "cancelling")
_ACTIVE_IN = prepare(
    select(_RUNS.body).where(_RUNS.thread_id == bindparam("thread_id"), tables.ACTIVE_RUN)
)
_STATES_OF = prepare(
    select(_RUNS.id, _RUNS.status).where(
        tables.ACTIVE_RUN, _RUNS.lease_owner == bindparam("owner"), _RUNS.deleted.is_(False)
    )
)
_KEY_OF = prepare(select(_RUNS.api_key_id).where(_RUNS.id == bindparam("run_id")))
LEASES = Leases(tables.runs, _RUNS.status.in_(_RUNNING), counts_deaths=True)
"""The leases of runs."""


@dataclass(frozen=True, slots=True)
class OwnedRun:
    """A run and the project it belongs to.

    Args:
        run: the run.
        project_id: whose it is.
        has_died: whether it was taken over from a process that died.
        takeovers: how many processes have died with it.
    """

    run: Run
    project_id: str
    has_died: bool = False
    takeovers: int = 0


def active(connection: Connection, thread_id: str) -> Run | None:
    """Return the run that locks the thread, if there is one (contract section 5)."""
    body = connection.execute(_ACTIVE_IN, {"thread_id": thread_id}).scalar()
    return None if body is None else Run.model_validate_json(body)


@transaction(short=True)
def states_of(connection: Connection, owner: str) -> dict[str, RunStatus]:
    """Return the states of the active runs that an owner has leased, by their ids."""
    rows = connection.execute(_STATES_OF, {"owner": owner})
    return {run_id: status for run_id, status in rows}  # noqa: C416  a row is no pair to the types


def find_key_id(connection: Connection, run_id: str) -> str | None:
    """Return the id of the API key that created a run; None where it is not known."""
    return connection.execute(_KEY_OF, {"run_id": run_id}).scalar()


def create(connection: Connection, run: Run, caller: Caller, lease: Lease) -> None:
    """Insert a run that is already leased; the one active run of a thread is a unique index."""
    nouns.runs.insert(
        connection,
        run,
        project_id=caller.project.id,
        thread_id=run.thread_id,
        api_key_id=caller.key_id,
        status=run.status,
        expires_at=run.expires_at,
        **lease.columns(connection),
    )


@transaction(writes=True, short=True)
def move(
    connection: Connection,
    run_id: str,
    status: RunStatus,
    *,
    lease: Lease | None = None,
    timeline: str | None = None,
    **changes: Any,
) -> Run:
    """Bring a run into its next state, from the state the database has now.

    Args:
        connection: a writing transaction.
        run_id: the run.
        status: the next state.
        lease: who executes it from now on; None where nobody does.
        timeline: where its time went, as JSON; None leaves what is kept.
        changes: other fields that change with the state.

    Raises:
        TransitionError: the table of states has no such transition from the run's state.
    """
    run = nouns.runs.get(connection, run_id).move_to(status, clock.seconds(), **changes)
    columns: dict[str, Any] = {"status": status, "expires_at": run.expires_at}
    if lease:
        columns |= lease.columns(connection)
    elif status not in _RUNNING:
        columns |= NO_LEASE
    if timeline:
        columns["timeline"] = timeline
    nouns.runs.replace(connection, run, **columns)
    return run


@transaction(writes=True, short=True)
def renew(connection: Connection, lease: Lease, run_ids: Sequence[str]) -> dict[str, RunStatus]:
    """Renew the leases of these runs of an owner.

    Returns:
        Those that must not go on, and their status: somebody asked to cancel them, or they were taken
        over and are executed, or ended already, by another process.
    """
    LEASES.renew(connection, lease, run_ids)
    is_taken = and_(LEASES.is_lost(lease.owner), _RUNS.status != "requires_action")
    rows = connection.execute(
        select(_RUNS.id, _RUNS.status).where(
            _RUNS.id.in_(run_ids), or_(_RUNS.status == "cancelling", is_taken)
        )
    )
    return {run_id: status for run_id, status in rows}  # noqa: C416  a row is no pair to the types


@transaction(writes=True, short=True)
def take_over(connection: Connection, lease: Lease) -> list[OwnedRun]:
    """Lease every run whose executor is gone, and those whose ten minutes are over with nobody waiting."""
    now = leases.now(connection)
    is_overdue = and_(_RUNS.status == "requires_action", _RUNS.expires_at <= int(now))
    rows = LEASES.take(
        connection,
        lease,
        tables.ACTIVE_RUN,  # the first, as the index has it
        or_(LEASES.has_lapsed(now), is_overdue),
        reading=(_RUNS.body, _RUNS.project_id),
    )
    return [
        OwnedRun(Run.model_validate_json(row.body), row.project_id, bool(row.died), row.takeovers)
        for row in rows
    ]


@transaction(writes=True, short=True)
def give_back(connection: Connection, run_id: str) -> None:
    """End the lease of a run that another process is to go on with; its state stays."""
    LEASES.give_back(connection, run_id)
