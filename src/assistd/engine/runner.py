"""The runner: owns the tasks of every run that this process executes, and serves who asks about them."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from assistd import clock
from assistd.db import Connection, runs
from assistd.db.leases import Lease
from assistd.db.own import timelines
from assistd.db.runs import OwnedRun
from assistd.db.transaction import transaction
from assistd.engine.assistants import runs as run_rules
from assistd.engine.assistants import threads
from assistd.engine.assistants.execution import RunJob
from assistd.engine.assistants.runs import RunKey
from assistd.engine.endings import (
    CANCELLED,
    EXPIRED,
    MOST_TAKEOVERS,
    ORPHANED,
    TAKEN_OVER,
    Ending,
)
from assistd.engine.feed import Feed
from assistd.engine.jobs import JobOwner, Renewal
from assistd.engine.kept_timelines import show, show_kept
from assistd.engine.polls import Looks, hold_seconds
from assistd.engine.services import Services
from assistd.errors import RequestError
from assistd.objects.run import ACTIVE, Run, RunStatus
from assistd.objects.timeline import ShownTimeline

_RELEASE_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 0.1
_EXECUTED = frozenset[RunStatus]({"queued", "in_progress", "cancelling"})

_ENDINGS: dict[RunStatus, Ending] = {"requires_action": EXPIRED, "cancelling": CANCELLED}
"""How runs end that are taken over; those in other states go on."""


class Runner(JobOwner[RunJob]):
    """Owns the runs of this process; see `JobOwner`.

    Args:
        services: the rooms.
    """

    def __init__(self, services: Services) -> None:
        super().__init__("run", services.policy.lease_seconds)
        self.services = services
        self._looks = Looks(services.database, self.lease.owner)

    def launch(self, run: Run, project_id: str, feed: Feed | None = None) -> None:
        """Execute a run that is leased to this process; return at once."""
        self.begin(self._make_job(OwnedRun(run, project_id), feed))

    async def cancel(self, key: RunKey) -> Run:
        """Ask a run to stop; it is `cancelling` until whoever executes it has stopped.

        If somebody executes it and it is not this process, its executor finds the new state when
        it renews its lease.

        Raises:
            NotFoundError: the run is unknown.
            RequestError: it has ended, or is cancelling already.
        """
        run, waiting = await self.services.database.run(run_rules.cancel, key, self.lease)
        if waiting:
            self.begin(self._make_job(OwnedRun(run, key.project_id)), CANCELLED)
        elif job := self.find(run.id):
            job.wake()
            self.stop(run.id, CANCELLED)
        return run

    @property
    def hold_seconds(self) -> float:
        """How long a poll without news is held (seconds); clients may as well wait as long before the next."""
        return hold_seconds(self.count * self.services.policy.processes)

    async def poll(self, key: RunKey) -> Run:
        """Return the run; a poll of one that is executed here is held until there is news.

        The run is answered from memory then. It was so at some time since the call, whoever changed it:
        only this process writes to a run that it has leased, but for its state, and that is read. A poll of
        one that another process executes is held by time alone.

        Raises:
            NotFoundError: the run is unknown.
        """
        read = self.services.database.run
        if job := self._find_active(key):
            return await self._hold(job, key) or await read(run_rules.get, key)
        run = await read(run_rules.get, key)
        if run.status in _EXECUTED:
            await asyncio.sleep(self.hold_seconds)
            run = await read(run_rules.get, key)
        return run

    async def _hold(self, job: RunJob, key: RunKey) -> Run | None:
        """Wait for news of a job, and return its run; None where the database must be asked for it."""
        came = asyncio.get_running_loop().time()
        await job.wait_for_news(self.hold_seconds)
        if self._find_active(key):
            states = await self._looks.since(came)
            now = self._find_active(key)
            if now and now.run.status == states.get(key.run_id):
                return now.run
        return None

    async def read_timeline(self, key: RunKey) -> ShownTimeline:
        """Return where the time of a run went, or goes.

        Raises:
            NotFoundError: the run is unknown.
        """
        if job := self._find_active(key):
            position = self.services.workspaces.sessions.count_before(key.thread_id)
            return show(key.run_id, job.timeline, position)
        run = await self.services.database.run(run_rules.get, key)
        kept = await self.services.database.run(timelines.find_of_run, key.run_id)
        return show_kept(key.run_id, kept, run.created_at)

    async def release(self, project_id: str, thread_id: str) -> None:
        """Cancel the run that locks a thread, and wait until it has ended; code is given time to heed.

        Raises:
            NotFoundError: the thread is unknown.
        """
        read = self.services.database.run
        deadline = clock.now() + _RELEASE_SECONDS
        while run := await read(run_rules.find_active, project_id, thread_id):
            if clock.now() > deadline:
                return
            with suppress(RequestError):  # it has ended, or is cancelling already
                await self.cancel(RunKey(project_id, thread_id, run.id))
            if not await self.wait_for_end(run.id, _LOOK_AGAIN_SECONDS):
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def delete_thread(self, project_id: str, thread_id: str) -> None:
        """Release a thread, delete it with all that is in it, and close its session.

        Raises:
            NotFoundError: the thread is unknown.
        """
        await self.release(project_id, thread_id)
        await self.services.database.run(threads.delete, project_id, thread_id)
        await self.services.workspaces.close(thread_id)

    async def renew_leases(self, job_ids: list[str]) -> Renewal[RunJob]:
        """Renew our leases and take over lapsed ones; see `JobOwner.renew_leases`."""
        run = self.services.database.run
        stopped, taken = await run(
            _renew_and_take_over, self.lease, job_ids, takes_over=self.takes_over
        )
        return Renewal(
            {
                run_id: CANCELLED if status == "cancelling" else TAKEN_OVER
                for run_id, status in stopped.items()
            },
            [(self._make_job(owned), _find_ending(owned)) for owned in taken],
            deaths=sum(owned.has_died for owned in taken),
        )

    def _make_job(self, owned: OwnedRun, feed: Feed | None = None) -> RunJob:
        return RunJob(self.services, owned, self.lease.owner, feed)

    def _find_active(self, key: RunKey) -> RunJob | None:
        """Return the job of an active run that is executed here; None where the key does not fit."""
        job = self.find(key.run_id)
        if job is None or job.run.status not in ACTIVE:
            return None
        fits = job.project_id == key.project_id and job.run.thread_id == key.thread_id
        return job if fits else None


def _find_ending(owned: OwnedRun) -> Ending | None:
    """Return how a run that is taken over must end; None: it goes on."""
    orphaned = ORPHANED if owned.takeovers > MOST_TAKEOVERS else None
    return _ENDINGS.get(owned.run.status, orphaned)


@transaction(writes=True, short=True)
def _renew_and_take_over(
    connection: Connection, lease: Lease, run_ids: Sequence[str], *, takes_over: bool
) -> tuple[dict[str, RunStatus], list[OwnedRun]]:
    stopped = runs.renew(connection, lease, run_ids)
    return stopped, runs.take_over(connection, lease) if takes_over else []
