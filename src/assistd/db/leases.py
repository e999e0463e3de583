"""Leases: which process executes a job, and until when that is believed without a word from it.

All who share a database judge them by one clock: PostgreSQL's, or that of the host of the SQLite file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Row,
    Table,
    TextClause,
    and_,
    bindparam,
    case,
    extract,
    func,
    select,
    update,
)

from assistd import clock
from assistd.db.prepared import prepare
from assistd.errors import AssistdError

_TIME_OF_DATABASE = select(extract("epoch", func.clock_timestamp()).cast(Float))

NO_LEASE = {"lease_owner": None, "lease_until": None}
"""The columns of a job that nobody executes."""

_GIVEN_BACK = {"lease_owner": None, "lease_until": 0.0}
"""The columns of a job that whoever looks next takes over."""


def now(connection: Connection) -> float:
    """Return the time (Unix seconds) by the clock of the database."""
    if connection.dialect.name == "sqlite":
        return clock.now()
    return clock.shift(connection.execute(_TIME_OF_DATABASE).scalar_one())


class LeaseLostError(AssistdError):
    """Another process executes the job by now: this one was taken for dead, and must not write to it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """What a process takes jobs with.

    Args:
        owner: names the process.
        seconds: how long it is believed to be alive without renewing.
    """

    owner: str
    seconds: float

    def columns(self, connection: Connection) -> dict[str, Any]:
        """Return the columns of a job that is leased from now on, by the clock of the database."""
        return {"lease_owner": self.owner, "lease_until": now(connection) + self.seconds}


class Leases:
    """The leases of one kind of job: they stand in two columns of the jobs' own table.

    So a job and its lease change in one statement, and a job that is deleted leaves no lease.

    Args:
        table: the jobs; it has `id`, `lease_owner` (text or null) and `lease_until` (Unix seconds or
            null).
        is_executed: holds for jobs that some process has to execute. Others may be unleased for as
            long as they like.
        counts_deaths: whether the table has a column `takeovers`: how many processes died with a job, or
            null.
    """

    def __init__(
        self, table: Table, is_executed: ColumnElement[bool], *, counts_deaths: bool = False
    ) -> None:
        self._table = table
        self._deaths: tuple[ColumnElement[int], ...] = ()
        self._counted: dict[str, ColumnElement[int]] = {}
        if counts_deaths:
            died = case((table.c.lease_owner.is_(None), 0), else_=1)  # or it was given back
            takeovers = func.coalesce(table.c.takeovers, 0) + died
            self._deaths = (died.label("died"), takeovers.label("takeovers"))
            self._counted = {"takeovers": takeovers}
        self._is_executed = is_executed
        self._owner_of = prepare(
            select(table.c.lease_owner).where(table.c.id == bindparam("id")).with_for_update()
        )

    def require(self, connection: Connection, job_id: str, owner: str) -> None:
        """See that `owner` has the lease of the job, and has it until the transaction ends.

        Raises:
            LeaseLostError: another process has it, or nobody.
        """
        if connection.execute(self._owner_of, {"id": job_id}).scalar() != owner:
            raise LeaseLostError(f"{job_id} was taken over")

    def renew(self, connection: Connection, lease: Lease, job_ids: Sequence[str]) -> None:
        """Lease these jobs from now on, where the lease's owner has them still and they are executed."""
        columns = self._table.c
        connection.execute(
            update(self._table)
            .where(columns.id.in_(job_ids), columns.lease_owner == lease.owner, self._is_executed)
            .values(lease.columns(connection))
        )

    def give_back(self, connection: Connection, job_id: str) -> None:
        """End the lease of a job that is to go on in another process."""
        connection.execute(
            update(self._table).where(self._table.c.id == job_id).values(_GIVEN_BACK)
        )

    def is_lost(self, owner: str) -> ColumnElement[bool]:
        """Return what holds for jobs that `owner` has not, or has no longer."""
        return self._table.c.lease_owner.is_distinct_from(owner)  # also of null

    def has_lapsed(self, at: float) -> ColumnElement[bool]:
        """Return what holds for jobs whose executor is gone: it did not renew its lease in time.

        Args:
            at: Unix seconds by the clock of the database.
        """
        return and_(self._is_executed, self._table.c.lease_until < at)

    def take(
        self,
        connection: Connection,
        lease: Lease,
        *which: ColumnElement[bool] | TextClause,
        reading: Sequence[ColumnElement[Any]],
    ) -> Sequence[Row[Any]]:
        """Lease the jobs for which `which` holds, except those that another process is taking now.

        Args:
            connection: a writing transaction.
            lease: what they are leased with.
            which: conditions; all must hold.
            reading: columns of the jobs to return, besides their ids.

        Returns:
            For each job its id and those columns. Where deaths are counted, also as `died` whether the
            process that had it died (1), or gave it back or had none (0), and as `takeovers` how many have
            died with it in all.
        """
        rows = connection.execute(
            select(self._table.c.id, *reading, *self._deaths)
            .where(*which)
            .with_for_update(skip_locked=True)
        ).all()
        if rows:
            connection.execute(
                update(self._table)
                .where(self._table.c.id.in_([row[0] for row in rows]))
                .values(lease.columns(connection) | self._counted)
            )
        return rows
