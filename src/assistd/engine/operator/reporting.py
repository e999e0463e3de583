"""Reports what this server does, every few seconds, to whoever asks any server of the same database."""

import platform
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict

from assistd import __version__, clock, ids
from assistd.db.operator import servers, work
from assistd.engine.responses.execution import ResponseJob
from assistd.engine.responses.runner import ResponseRunner
from assistd.engine.runner import Runner
from assistd.objects.operator.server import (
    Report,
    RunReport,
    Server,
    SessionReport,
    UpstreamReport,
    WaitingReport,
    WallReport,
)
from assistd.periodic import Duty, repeating
from assistd.sandbox.overview import LiveSession, Overview, Wall

BEAT_SECONDS = 5.0
SILENT_SECONDS = 3 * BEAT_SECONDS


class Reporter:
    """Knows what this server does, and writes it down for the others.

    Sessions are measured only while an operator looks: that reads much of /proc.

    Args:
        runner: has the runs.
        responses: has the responses.
        has_sandbox: whether it is this one that reports the sessions, of processes that share a sandbox.
    """

    def __init__(
        self, runner: Runner, responses: ResponseRunner, *, has_sandbox: bool = True
    ) -> None:
        self._runner = runner
        self._responses = responses
        self._services = runner.services
        self._sessions = runner.services.workspaces.sessions
        self._has_sandbox = has_sandbox
        self._walls: tuple[Wall, ...] = ()
        self._server = Server(
            id=ids.new("srv"),
            host=platform.node(),
            version=__version__,
            started_at=clock.seconds(),
        )

    @asynccontextmanager
    async def reporting(self) -> AsyncGenerator[None]:
        """Report for as long as the block lasts; then the server is forgotten."""
        try:
            async with repeating(Duty("report for operators", self._beat, BEAT_SECONDS)):
                yield
        finally:
            await self._services.database.run(servers.forget, self._server.id)

    async def _beat(self) -> None:
        if self._has_sandbox and not self._walls and self._sessions.is_ready:
            self._walls = await self._sessions.examine()
        watched = await self._write(await self.report(measures=False))
        if watched:
            await self._write(await self.report(measures=True))

    async def _write(self, report: Report) -> bool:
        server = self._server.evolve(jail=self._sessions.jail)
        return await self._services.database.run(servers.beat, server, report)

    async def read_all(self) -> list[tuple[Server, Report]]:
        """Return every server with what it does; this one as it is now, others as they last said."""
        database = self._services.database
        await database.run(servers.watch)
        await self._write(await self.report(measures=True))
        return await database.run(servers.read_all, SILENT_SECONDS)

    async def report(self, *, measures: bool) -> Report:
        """Return what this server does now.

        Args:
            measures: whether to tell what sessions hold and have used, too.
        """
        overview = self._sessions.describe() if self._has_sandbox else Overview()
        live = [await self._report_session(each, measures=measures) for each in overview.live]
        return Report(
            lease_owners=(self._runner.lease.owner, self._responses.lease.owner),
            sessions=tuple(live),
            max_sessions=overview.most,
            warm_sessions=overview.warm,
            waiting=tuple(
                WaitingReport(key=each.key, project_id=each.tenant_id, seconds=each.seconds)
                for each in overview.waiting
            ),
            responses=tuple(
                self._report_response(job) for job in self._responses.jobs if job.is_plain
            ),
            upstreams=tuple(
                UpstreamReport(**asdict(each)) for each in self._services.models.health
            ),
            walls=tuple(WallReport(**asdict(each)) for each in self._walls),
            limitations=overview.limitations,
            shares_hosts=overview.is_shared,
        )

    async def _report_session(self, session: LiveSession, *, measures: bool) -> SessionReport:
        use = await self._sessions.measure(session.key) if measures else None
        return SessionReport(
            id=session.id,
            key=session.key,
            project_id=session.tenant_id,
            is_busy=session.is_busy,
            opened_at=int(session.opened_at),
            used_at=int(session.used_at),
            ends_at=int(session.ends_at),
            memory_bytes=use and use.memory_bytes,
            memory_limit_bytes=session.memory_limit_bytes,
            cpu_seconds=use and use.cpu_seconds,
        )

    def _report_response(self, job: ResponseJob) -> RunReport:
        models, response = self._services.models, job.response
        return RunReport(
            id=job.id,
            api="responses",
            project_id=job.project_id,
            status=response.status,
            created_at=response.created_at,
            seconds=max(0, clock.seconds() - response.created_at),
            backend=models.find_backend(response.model),
            model=models.name_class(response.model),
            server_id=self._server.id,
        )

    async def list_runs(self, reports: Sequence[tuple[Server, Report]]) -> list[RunReport]:
        """Return the runs and responses that have not ended, the oldest first.

        Args:
            reports: what the servers said, as `read_all` returns it.
        """
        models = self._services.models
        owners = {name: server.id for server, report in reports for name in report.lease_owners}
        found = [
            leased.report.evolve(
                backend=models.find_backend(leased.model),
                model=models.name_class(leased.model),
                server_id=owners.get(leased.owner or ""),
            )
            for leased in await self._services.database.run(work.list_active)
        ]
        for server, report in reports:
            found += () if server.is_silent else report.responses
        return sorted(found, key=lambda run: run.created_at)
