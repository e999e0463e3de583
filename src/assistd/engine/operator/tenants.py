"""Projects as an operator sees them: what each may use, beside what it uses now."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from assistd import clock
from assistd.db import projects, sessions
from assistd.db.cluster import rates
from assistd.db.operator import work
from assistd.db.sessions import Span
from assistd.engine.services import Services
from assistd.objects.operator.server import ProjectReport, ProjectUse, Report, Server
from assistd.objects.project import Project, ProjectLimits

_DAY = 86_400
_STORED_SECONDS = 10.0


@dataclass(slots=True)
class _Bill:
    """What was billed to a project today."""

    sessions: int = 0
    dollars: float = 0.0


class Tenants:
    """Puts limits and use of every project together.

    Args:
        services: the rooms.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stored: dict[str, int] = {}
        self._stored_until = 0.0

    async def read(self, reports: Sequence[tuple[Server, Report]]) -> list[ProjectReport]:
        """Return every project that is not archived, the oldest first.

        Args:
            reports: what the servers said.
        """
        run, policy = self._services.database.run, self._services.policy
        found = [each for each in await run(projects.all_of) if each.archived_at is None]
        here = [report for server, report in reports if not server.is_silent]
        active = Counter(await run(work.count_active))
        active.update(each.project_id for report in here for each in report.responses)
        waiting = Counter(each.project_id for report in here for each in report.waiting)
        live = _count_sessions(here)
        left = await run(rates.read_left)
        stored, bills = await self._read_stored(), await self._read_bills()

        def use(project: Project, limits: ProjectLimits) -> ProjectUse:
            bill = bills.get(project.id, _Bill())
            on_each = live.get(project.id, [])
            return ProjectUse(
                runs=active[project.id],
                requests=_count_requests(limits.requests, left.get(project.id)),
                sessions=max(on_each, default=0),
                all_sessions=sum(on_each),
                waiting=waiting[project.id],
                storage_bytes=stored.get(project.id, 0),
                billed_today=bill.sessions,
                dollars_today=round(bill.dollars, 6),
            )

        limited = [(each, each.limits.over(policy.project_limits)) for each in found]
        return [
            ProjectReport(
                id=each.id,
                name=each.name,
                created_at=each.created_at,
                limits=limits,
                use=use(each, limits),
            )
            for each, limits in limited
        ]

    async def _read_stored(self) -> dict[str, int]:
        """Return the bytes that each project keeps; looked up now and then, for it reads much."""
        if time.monotonic() >= self._stored_until:
            self._stored = await self._services.database.run(projects.stored_bytes)
            self._stored_until = time.monotonic() + _STORED_SECONDS
        return self._stored

    async def _read_bills(self) -> dict[str, _Bill]:
        now = clock.seconds()
        today = Span(now // _DAY * _DAY, now + 1)
        bills: dict[str, _Bill] = {}
        for count in await self._services.database.run(sessions.counts, today, _DAY):
            bill = bills.setdefault(count.project_id, _Bill())
            bill.sessions += count.sessions
            bill.dollars += count.sessions * self._services.policy.session_prices[count.memory_gib]
        return bills


def _count_sessions(reports: Sequence[Report]) -> dict[str, list[int]]:
    """Return how many live sessions each project has on each server where it has any."""
    live: dict[str, list[int]] = {}
    for report in Report.select_sandboxes(reports):
        for project_id, number in Counter(each.project_id for each in report.sessions).items():
            live.setdefault(project_id, []).append(number)
    return live


def _count_requests(limit: int | None, bucket: tuple[float, float] | None) -> int | None:
    """Return how many of its minute's requests a project has used up; None where it has no limit.

    Args:
        limit: requests per minute.
        bucket: what was left of them, and how long ago (seconds); None where none was asked for.
    """
    if limit is None or bucket is None:
        return limit and 0
    tokens, seconds = bucket
    return math.ceil(limit - rates.refill(tokens, seconds, limit))
