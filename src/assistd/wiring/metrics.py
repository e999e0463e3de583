"""Puts together who counts in a server: labels that the settings close, and what is looked up at each scrape."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from assistd import metrics
from assistd.api.metrics import Scraper
from assistd.db import projects
from assistd.db.cluster import hosts
from assistd.db.database import FAILURES
from assistd.engine.readiness import Readiness
from assistd.engine.responses.runner import ResponseRunner
from assistd.engine.runner import Runner
from assistd.hosting import TIERS, count_free_seats
from assistd.instruments import OTHER, take_readings
from assistd.periodic import Duty, repeating
from assistd.settings import Settings
from assistd.wiring.group import WRITE_SECONDS, Group
from assistd.wiring.scraping import (
    giving_out,
    make_lag_duty,
    open_listener,
    sample_disk,
    sample_sessions,
)

_STORAGE_SHARE = 100  # times as long as it took: how long what is stored is not summed up again
_NAMES_SECONDS = 5.0


@asynccontextmanager
async def counting(
    settings: Settings,
    runner: Runner,
    responses: ResponseRunner,
    readiness: Readiness,
    group: Group | None,
) -> AsyncGenerator[Scraper]:
    """Count for as long as the block lasts, and give out the metrics where the settings say so.

    A worker writes its numbers down each second, and gives out those of all.

    Raises:
        StartupError: nobody can listen there.
    """
    metrics.switch(on=settings.metrics)
    metrics.MODELS.allow(_known_models(settings))
    sampler = _Sampler(settings, runner, responses, readiness)
    # Of many hosts, each process has a line of its own.
    metrics.QUEUE_WAITING.is_of_process = settings.hosts_listen is not None
    gather = partial(group.boards.gather, group.number) if group else take_readings
    scraper = Scraper(sampler.sample, gather)
    duties = [make_lag_duty()]
    if settings.metrics_projects:
        duties.append(Duty("names of projects", sampler.read_names, _NAMES_SECONDS))
    if group and settings.metrics:
        duties.append(
            Duty("numbers of a worker", partial(sampler.write_down, group), WRITE_SECONDS)
        )
    async with repeating(*duties), _giving_out(settings, scraper, group):
        yield scraper
    if group:
        group.boards.write(group.number)


def _known_models(settings: Settings) -> list[str]:
    """Return the names of models that have series of their own: the operator's, whoever asks for what."""
    named = [settings.upstream_model] if settings.upstream_model else []
    return ["direct", "local", *[*named, *settings.models][: metrics.MOST_MODELS]]


@asynccontextmanager
async def _giving_out(
    settings: Settings, scraper: Scraper, group: Group | None
) -> AsyncGenerator[None]:
    """Give out the metrics at an address of their own, if there is one."""
    if settings.metrics_listen is None or not settings.metrics:
        yield
        return
    opened = group and group.metrics_listener
    listener = opened or open_listener(settings.metrics_listen)
    async with giving_out(scraper, listener, settings):
        yield


class _Sampler:
    """Looks up what is not counted where it happens.

    Args:
        settings: where the data folder is.
        runner: knows the runs.
        responses: knows the responses.
        readiness: knows whether the server is ready.
    """

    def __init__(
        self,
        settings: Settings,
        runner: Runner,
        responses: ResponseRunner,
        readiness: Readiness,
    ) -> None:
        self._settings = settings
        self._runner = runner
        self._responses = responses
        self._readiness = readiness
        self._database = runner.services.database
        self._stored_until = 0.0

    async def write_down(self, group: Group) -> None:
        """Write the numbers of this process down for the others of its group."""
        self._sample_runs()
        sessions = self._runner.services.workspaces.sessions
        metrics.QUEUE_WAITING.set(len(sessions.describe().waiting))
        await asyncio.to_thread(group.boards.write, group.number)

    async def sample(self) -> None:
        """Set every gauge."""
        sample_sessions(self._runner.services.workspaces.sessions)
        self._sample_runs()
        sample_disk(self._settings.data_dir)
        await self._sample_hosts()
        await self._sample_storage()
        condition = await self._readiness.examine()
        metrics.READY.set(not condition.failing)

    def _sample_runs(self) -> None:
        active = Counter(("assistants", job.run.status) for job in self._runner.jobs)
        active.update(("responses", job.response.status) for job in self._responses.jobs)
        for values, cell in metrics.RUNS_ACTIVE.series:
            cell.value = active[values]  # pyright: ignore[reportArgumentType]  of more than these

    async def _sample_hosts(self) -> None:
        try:
            found = await self._database.run(hosts.list_all)
        except FAILURES:
            return  # the gauge of readiness says so
        states = Counter("probation" if host.is_on_probation else host.state for host in found)
        for (state,), cell in metrics.SANDBOX_HOSTS.series:
            cell.value = states[state]
        metrics.SEATS_TAKEN.set(sum(host.sessions for host in found))
        for tier in TIERS:
            metrics.SEATS_FREE.set(count_free_seats(found, tier), f"{tier}g")

    async def _sample_storage(self) -> None:
        """Sum up what is stored, not at each scrape."""
        now = time.monotonic()
        if now < self._stored_until:
            return
        try:
            stored = await self._database.run(projects.stored_bytes)
        except FAILURES:
            return  # the gauge of readiness says so
        self._stored_until = now + _STORAGE_SHARE * (time.monotonic() - now)
        metrics.STORAGE_BYTES.set(sum(stored.values()))
        if metrics.project_names:
            by_name = Counter[str]()
            for project_id, size in stored.items():
                by_name[metrics.project_names.get(project_id, OTHER)] += size
            for name, size in by_name.items():
                metrics.PROJECT_STORAGE_BYTES.set(size, name)

    async def read_names(self) -> None:
        """Learn the names of the projects that are counted; new ones may come."""
        found = (await self._database.run(projects.all_of))[: self._settings.metrics_projects]
        metrics.PROJECTS.allow(each.name for each in found)
        metrics.project_names.update((each.id, each.name) for each in found)
