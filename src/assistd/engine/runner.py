"""The runner: owns every run this process executes, from its lease to its end."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import structlog

from assistd import clock, telemetry
from assistd.db import Connection, runs
from assistd.db.leases import Lease, LeaseLostError
from assistd.db.runs import OwnedRun
from assistd.db.transaction import transaction
from assistd.engine.assistants import runs as run_rules
from assistd.engine.assistants import threads
from assistd.engine.assistants.execution import execute
from assistd.engine.assistants.journal import Journal, scope_of
from assistd.engine.assistants.recorder import Recorder
from assistd.engine.assistants.runs import RunKey
from assistd.engine.feed import Feed
from assistd.engine.polls import Looks, Standing, hold_seconds
from assistd.engine.services import Services
from assistd.errors import RequestError
from assistd.logs import failure
from assistd.models.base import ModelError
from assistd.objects.run import ACTIVE, TERMINAL, LastError, Run, RunStatus, TransitionError
from assistd.periodic import Duty, repeating
from assistd.sandbox.base import BusyError, SandboxError

log = structlog.get_logger()

_ADOPT_BEAT_SECONDS = 0.1

_RELEASE_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run that is stopped from outside ends; with None, as another process ends it."""

    status: Literal["failed", "expired", "cancelled"] | None
    error: LastError | None = None


CANCELLED = Ending("cancelled")
EXPIRED = Ending("expired")
TAKEN_OVER = Ending(None)
SHUTDOWN = Ending(
    "failed",
    LastError(
        code="server_error",
        message="The server was stopped while the run was active; run it again.",
    ),
)
ORPHANED = Ending(
    "failed",
    LastError(
        code="server_error",
        message="The server process that executed the run died. What it wrote is kept; run it again.",
    ),
)
UNFORESEEN = Ending(
    "failed",
    LastError(
        code="server_error",
        message="The server had an error processing your request; its log says where.",
    ),
)


@dataclass(slots=True)
class _Work:
    """One run in execution.

    Args:
        standing: how it stands, for those who poll it.
        ending: how it must end, once it was told to stop.
        running: whether it is where it may be interrupted: in the loop, not before or behind it.
    """

    standing: Standing
    ending: Ending | None
    running: bool = False
    task: asyncio.Task[None] = field(init=False)


class Runner:
    """Executes runs as tasks that it owns; used as an async context manager.

    A run is leased to the process that accepted it. The lease is renewed while the process lives;
    a run whose lease lapsed is taken over by any other process, which ends it with a clear error.

    Args:
        services: the rooms.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self.lease = Lease(secrets.token_hex(8), services.policy.lease_seconds)
        """What this process leases its runs with."""
        self._works: dict[str, _Work] = {}
        self._looks = Looks(services.database, self.lease.owner)
        interval = min(1.0, services.policy.lease_seconds / 4)
        self._keeping = repeating(Duty("leases of runs", self._keep_leases, interval))

    async def __aenter__(self) -> Self:
        """Begin to renew leases and to take over what others left behind."""
        await self._keeping.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        """Stop every run with a clear error, and wait for their tasks."""
        await self._keeping.__aexit__(*raised)
        await self.end_runs()

    async def end_runs(self) -> None:
        """Stop every run with a clear error, told to who streams it, and wait for their tasks."""
        works = list(self._works.values())
        for work in works:
            self._stop(work, SHUTDOWN)
        await asyncio.gather(*(work.task for work in works), return_exceptions=True)

    def launch(self, run: Run, project_id: str, feed: Feed | None = None) -> None:
        """Execute a run that is leased to this process; returns at once."""
        self._begin(OwnedRun(run, project_id), feed, None)

    async def cancel(self, key: RunKey) -> Run:
        """Ask a run to stop; it is `cancelling` until whoever executes it has stopped.

        If somebody executes it and it is not this process, its executor finds the new state when
        it renews its lease.

        Raises:
            NotFoundError: the run is unknown.
            RequestError: it has ended, or is cancelling already.
        """
        run, waiting = await self.services.database.run(run_rules.cancel, key, self.lease)
        work = self._works.get(run.id)
        if waiting:
            self._begin(OwnedRun(run, key.project_id), None, CANCELLED)
        elif work:
            work.standing.wake()
            self._stop(work, CANCELLED)
        return run

    @property
    def hold_seconds(self) -> float:
        """How long a poll without news is held (seconds); clients may as well wait as long before the next."""
        return hold_seconds(len(self._works))

    async def poll(self, key: RunKey) -> Run:
        """Return the run; a poll of one that is executed here is held until there is news.

        The run is answered from memory then. It was so at some time since the call, whoever changed it:
        only this process writes to a run that it has leased, but for its state, and that is read.

        Raises:
            NotFoundError: the run is unknown.
        """
        came = asyncio.get_running_loop().time()
        if standing := self._standing_of(key):
            await standing.wait_for_news(self.hold_seconds)
        if self._standing_of(key):
            states = await self._looks.since(came)
            standing = self._standing_of(key)
            if standing and standing.run.status == states.get(key.run_id):
                return standing.run
        return await self.services.database.run(run_rules.get, key)

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
            if not await self.settle(run.id, _LOOK_AGAIN_SECONDS):
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def delete_thread(self, project_id: str, thread_id: str) -> None:
        """Release a thread, delete it with all that is in it, and close its session.

        Raises:
            NotFoundError: the thread is unknown.
        """
        await self.release(project_id, thread_id)
        await self.services.database.run(threads.delete, project_id, thread_id)
        await self.services.workspaces.close(thread_id)

    async def settle(self, run_id: str, seconds: float) -> bool:
        """Wait a moment for the end of a run that is executed here.

        Returns:
            Whether it came, so that the run is worth another look.
        """
        work = self._works.get(run_id)
        if work is None:
            return False
        done, _ = await asyncio.wait([work.task], timeout=seconds)
        return bool(done)

    def _standing_of(self, key: RunKey) -> Standing | None:
        """Return the standing of an active run that is executed here; None where the key does not fit."""
        work = self._works.get(key.run_id)
        if work is None or work.standing.run.status not in ACTIVE:
            return None
        standing = work.standing
        fits = standing.project_id == key.project_id and standing.run.thread_id == key.thread_id
        return standing if fits else None

    def _begin(self, owned: OwnedRun, feed: Feed | None, ending: Ending | None) -> None:
        """Execute a run, or only end it; work on it that has reached its wait may still be closing."""
        standing, run_id = Standing(owned.run, owned.project_id), owned.run.id
        work = _Work(standing, ending)
        work.task = asyncio.create_task(self._execute(work, owned, feed), name=f"run {run_id}")
        self._works[run_id] = work

        def forget(_: asyncio.Task[None]) -> None:
            if self._works.get(run_id) is work:
                del self._works[run_id]
            standing.wake()

        work.task.add_done_callback(forget)

    @staticmethod
    def _stop(work: _Work, ending: Ending) -> None:
        if work.ending is None:
            work.ending = ending
            if work.running:
                work.task.cancel()

    async def _execute(self, work: _Work, owned: OwnedRun, feed: Feed | None) -> None:
        """Bring a run to an ending of some kind, or to where it waits; never raises."""
        telemetry.bind(run_id=owned.run.id, thread_id=owned.run.thread_id)
        began, counts = time.monotonic(), telemetry.start_counting()
        try:
            database = self.services.database
            workspace = self.services.workspaces.get(scope_of(owned.run, owned.project_id))
            journal = Journal(
                database,
                feed,
                owned.run,
                self.lease.owner,
                workspace,
                on_move=work.standing.move,
            )
            recorder = Recorder(journal)
            ending = work.ending or await self._run_until_told(work, recorder)
            is_ours = ending is None or await self._end(recorder, ending)
            if is_ours and journal.run.status in TERMINAL:
                _log_end(journal.run, time.monotonic() - began, counts["calls"])
        except Exception as error:  # noqa: BLE001  the lease lapses and the run is taken over
            log.error("run not ended", **failure(error))
        finally:
            if feed:
                feed.end()

    async def _run_until_told(self, work: _Work, recorder: Recorder) -> Ending | None:
        """Execute a run; return how it must end, if it did not by itself."""
        work.running = True
        try:
            return await self._run_in_time(recorder)
        except asyncio.CancelledError:
            return work.ending or SHUTDOWN
        except LeaseLostError:
            return TAKEN_OVER
        except Exception as error:  # noqa: BLE001  whatever it was, the run must end
            log.error("run failed", **failure(error))
            return UNFORESEEN
        finally:
            work.running = False

    async def _run_in_time(self, recorder: Recorder) -> Ending | None:
        """Execute a run within its time; return how it must end, if it did not by itself (contract section 5)."""
        run = recorder.journal.run
        deadline = asyncio.timeout((run.expires_at or clock.now()) - clock.now())
        try:
            async with deadline:
                await execute(self.services, recorder)
        except TimeoutError:
            if not deadline.expired():
                raise
            return EXPIRED
        except TransitionError as error:
            return CANCELLED if error.status == "cancelling" else TAKEN_OVER
        except ModelError as error:
            return Ending("failed", LastError(code=error.code, message=error.message))
        except BusyError as error:
            return Ending("failed", LastError(code="rate_limit_exceeded", message=str(error)))
        except SandboxError as error:
            return Ending("failed", LastError(code="server_error", message=str(error)))
        return None

    async def _end(self, recorder: Recorder, ending: Ending) -> bool:
        """End a run; one that somebody asked to cancel meanwhile ends cancelled.

        Returns:
            Whether it was this process that ended it.
        """
        try:
            if ending.status:
                await recorder.end(ending.status, ending.error)
                return True
        except TransitionError as error:
            if error.status == "cancelling":
                return await self._end(recorder, CANCELLED)
        except LeaseLostError:
            pass
        await self._adopt(recorder)
        return False

    async def _adopt(self, recorder: Recorder) -> None:
        """Wait for who took a run over to end it, and tell of that."""
        patience = clock.now() + self.services.policy.lease_seconds
        while not await recorder.adopt() and clock.now() < patience:  # noqa: ASYNC110  none tells us
            await asyncio.sleep(_ADOPT_BEAT_SECONDS)

    async def _keep_leases(self) -> None:
        """Renew our leases and take over lapsed ones.

        Run what was queued and never begun; end what was begun, as its state demands.
        """
        run = self.services.database.run
        stopped, taken = await run(_keep_leases, self.lease, list(self._works))
        for run_id, status in stopped.items():
            work = self._works.get(run_id)
            if work:
                self._stop(work, CANCELLED if status == "cancelling" else TAKEN_OVER)
        endings: dict[str, Ending | None] = {
            "queued": None,
            "in_progress": ORPHANED,
            "requires_action": EXPIRED,
            "cancelling": CANCELLED,
        }
        for owned in taken:
            if owned.run.id not in self._works:
                self._begin(owned, None, endings[owned.run.status])


def _log_end(run: Run, seconds: float, calls: int) -> None:
    """Write the one line of the log about a run that ended.

    Args:
        run: as it ended.
        seconds: how long this process executed it, since its client last answered it.
        calls: how many calls of hosted tools its model made in that time.
    """
    fields: dict[str, Any] = {"status": run.status, "seconds": round(seconds, 3)}
    if run.usage and run.usage.total_tokens:  # the name of a model that answered is no secret
        fields["model"] = run.model
        fields["prompt_tokens"] = run.usage.prompt_tokens
        fields["completion_tokens"] = run.usage.completion_tokens
    if run.last_error:
        fields["code"] = run.last_error.code
    log.info("run ended", **fields, calls=calls)


@transaction(writes=True, short=True)
def _keep_leases(
    connection: Connection, lease: Lease, run_ids: Sequence[str]
) -> tuple[dict[str, RunStatus], list[OwnedRun]]:
    return runs.renew(connection, lease, run_ids), runs.take_over(connection, lease)
