"""What projects have under way: numbers for operators."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, TextClause, func, select

from assistd import clock
from assistd.db import leases, tables
from assistd.db.transaction import transaction
from assistd.objects.operator.server import RunReport

_MOST = 500  # runs on one page: an operator reads no more


@dataclass(frozen=True, slots=True)
class Leased:
    """A run or a response with the name of whoever has leased it; that of its model is a client's word.

    Args:
        report: what an operator sees of it, but for the class of its model.
        model: the name that its client asked for.
        owner: who has leased it; None where nobody has.
    """

    report: RunReport
    model: str
    owner: str | None


@transaction()
def list_active(connection: Connection) -> list[Leased]:
    """Return the runs, and the responses in the background, that have not ended; the oldest first."""
    found = [
        *_read_active(connection, tables.runs, tables.ACTIVE_RUN),
        *_read_active(connection, tables.responses, tables.ACTIVE_RESPONSE),
    ]
    return sorted(found, key=lambda each: each.report.created_at)[:_MOST]


def _read_active(connection: Connection, table: Table, is_active: TextClause) -> list[Leased]:
    rows = connection.execute(
        select(table)
        .where(is_active, table.c.deleted.is_(False))
        .order_by(table.c.seq)
        .limit(_MOST)
    )
    now = leases.now(connection)
    return [_describe(row, now) for row in rows.mappings()]


def _describe(row: Mapping[Any, Any], now: float) -> Leased:
    """Return what is seen of a row of runs or of responses."""
    fields = json.loads(row["body"])
    thread_id, created_at = row.get("thread_id"), int(fields["created_at"])
    report = RunReport(
        id=row["id"],
        api="assistants" if thread_id else "responses",
        project_id=row["project_id"],
        thread_id=thread_id,
        status=row["status"],
        created_at=created_at,
        seconds=max(0, clock.seconds() - created_at),
        backend="",
        model="",
    )
    is_leased = (row["lease_until"] or 0.0) > now
    return Leased(report, fields["model"], row["lease_owner"] if is_leased else None)


@transaction()
def count_active(connection: Connection) -> dict[str, int]:
    """Return how many runs and background responses of each project have not ended."""
    counts: Counter[str] = Counter()
    for table, is_active in (
        (tables.runs, tables.ACTIVE_RUN),
        (tables.responses, tables.ACTIVE_RESPONSE),
    ):
        whose = table.c.project_id
        for project_id, number in connection.execute(
            select(whose, func.count()).where(is_active, table.c.deleted.is_(False)).group_by(whose)
        ):
            counts[project_id] += number
    return dict(counts)
