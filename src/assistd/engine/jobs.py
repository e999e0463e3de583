"""Jobs: the task of each, owned by this process from its lease to its end, whatever the job is."""

import asyncio
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, Self, TypeVar

import structlog

from assistd import clock, metrics, telemetry
from assistd.db.leases import Lease, LeaseLostError
from assistd.engine.endings import (
    CANCELLED,
    EXPIRED,
    FAULT,
    SHUTDOWN,
    TAKEN_OVER,
    Ending,
)
from assistd.engine.timeline import Timeline
from assistd.logs import failure
from assistd.models.base import Backend
from assistd.periodic import Duty, repeating
from assistd.tracing import spans
from assistd.tracing.spans import Span

log = structlog.get_logger()

_ADOPT_BEAT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Worked:
    """What this process did for a job.

    Args:
        seconds: how long it worked.
        calls: how many calls of hosted tools the model made in that time.
        turns: how often it asked the model.
    """

    seconds: float
    calls: int
    turns: int

    def log(
        self, event: str, status: str, backend: Backend, timeline: Timeline, **fields: object
    ) -> None:
        """Write the line of the log about a run or a response that ended."""
        log.info(
            event,
            status=status,
            backend=backend,
            duration_ms=round(self.seconds * 1000),
            wait_ms=round(timeline.total("session_claim") * 1000),
            exec_ms=round(timeline.total("exec") * 1000),
            turns=self.turns,
            calls=self.calls,
            **fields,
        )

    def count(self, api: str, status: str, backend: Backend, project_id: str, tokens: int) -> None:
        """Count a run or a response that ended.

        Args:
            api: which of the two: `assistants` or `responses`.
            status: how it ended.
            backend: who answered for its model.
            project_id: whose it is.
            tokens: all that it cost.
        """
        metrics.RUNS.add(api, status, backend)
        metrics.RUN_SECONDS.observe(self.seconds, backend)
        metrics.RUN_QUESTIONS.observe(self.turns)
        metrics.RUN_TOOL_CALLS.observe(self.calls)
        metrics.count_for_project(metrics.PROJECT_RUNS, project_id)
        metrics.count_for_project(metrics.PROJECT_TOKENS, project_id, tokens)


class News:
    """Wakes whoever waits for the next change of a job."""

    def __init__(self) -> None:
        self.next: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Is done at the next change; another one stands here then."""

    def tell(self) -> None:
        """End all waits."""
        told, self.next = self.next, asyncio.get_running_loop().create_future()
        if not told.done():
            told.set_result(None)


class Job(Protocol):
    """One job, such as a run; a door has a class of its own. All of it is called from the job's task."""

    @property
    def id(self) -> str:
        """The id of its row."""
        ...

    @property
    def ids(self) -> Mapping[str, str]:
        """For whom its task works; see `telemetry.bind`."""
        ...

    @property
    def expires_at(self) -> float | None:
        """When its time is over (Unix seconds); None: it is over already."""
        ...

    async def execute(self) -> None:
        """Work until the job ends, or waits for somebody; may be cancelled at any time.

        Raises:
            LeaseLostError: another process has the job.
            Exception: see `judge`.
        """
        ...

    def judge(self, error: Exception) -> Ending | None:
        """Return how the job must end for an exception of `execute` or `end`; None: it is a fault.

        It is `CANCELLED` where somebody asked for that meanwhile, and `TAKEN_OVER` where the job has
        ended.
        """
        ...

    async def end(self, ending: Ending) -> None:
        """Write an ending, and tell of it; never called with `TAKEN_OVER`.

        With `SHUTDOWN` a job that another process can go on with is given back: it has no lease then.

        Raises:
            LeaseLostError: another process has the job.
            Exception: see `judge`.
        """
        ...

    async def adopt(self) -> bool:
        """Tell of the ending that another process wrote; return whether there is one."""
        ...

    def log_end(self, worked: Worked) -> None:
        """Count a job that has ended here, and write its line of the log, if it has and does not wait."""
        ...

    def trace(self, span: Span) -> None:
        """Say in its span, which is about to end, what the job is and how it stands."""
        ...

    def close(self) -> None:
        """Let those who listen go; its task is done, however it went."""
        ...


J = TypeVar("J", bound=Job)


@dataclass(frozen=True, slots=True)
class Renewal(Generic[J]):
    """What came of renewing leases.

    Args:
        stopped: how jobs of ours must end, by their ids.
        taken: jobs that nobody else executes any more, leased to us by now; each is executed, or only
            ended in this way.
        deaths: how many of them a process died with.
    """

    stopped: Mapping[str, Ending]
    taken: Sequence[tuple[J, Ending | None]]
    deaths: int = 0


@dataclass(slots=True)
class _Work(Generic[J]):
    """A job and its task.

    Args:
        job: the job.
        ending: how it must end, once it was told to stop.
        running: whether it is where it may be interrupted: in `execute`, not before or behind it.
    """

    job: J
    ending: Ending | None
    running: bool = False
    task: asyncio.Task[None] = field(init=False)


class JobOwner(ABC, Generic[J]):
    """Executes jobs of one kind as tasks that it owns; used as an async context manager.

    A job is leased to the process that accepted it. The lease is renewed while the process lives; a job
    whose lease lapsed, or was given back, is taken over by any other process, which goes on with it. Each
    kind of job has a subclass.

    Args:
        kind: what a job is called in the log.
        lease_seconds: silence after which another process takes over.
    """

    def __init__(self, kind: str, lease_seconds: float) -> None:
        self.lease = Lease(secrets.token_hex(8), lease_seconds)
        """What this process leases its jobs with."""
        self.takes_over = True
        """Whether lapsed jobs are taken over; who is about to stop leaves them to others."""
        self._kind = kind
        self._failed, self._not_ended = f"{kind} failed", f"{kind} not ended"
        self._works: dict[str, _Work[J]] = {}
        interval = min(1.0, lease_seconds / 4)
        self._duty = Duty(f"leases of {kind}s", self._keep_leases, interval)
        self._keeping = AsyncExitStack()
        self.is_stopping = False
        """Whether this process ends its jobs, or gives them back, because the server stops."""

    @abstractmethod
    async def renew_leases(self, job_ids: list[str]) -> Renewal[J]:
        """Renew the leases of these jobs, which this process works on; take over lapsed ones if `takes_over`."""

    async def __aenter__(self) -> Self:
        """Begin to renew leases and to take over what others left behind."""
        await self._keeping.enter_async_context(repeating(self._duty))
        return self

    async def __aexit__(self, *raised: Any) -> None:
        """End every job, as `end_all` does."""
        await self.end_all()

    @property
    def count(self) -> int:
        """How many jobs this process works on."""
        return len(self._works)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The tasks of the jobs that this process works on."""
        return [work.task for work in self._works.values()]

    async def end_all(self) -> None:
        """End every job or give it back, because the server stops; take nothing over any more.

        Returns when their tasks are done.
        """
        self.is_stopping = True
        await self._keeping.aclose()
        works = list(self._works.values())
        for work in works:
            self._stop(work, SHUTDOWN)
        await asyncio.gather(*(work.task for work in works), return_exceptions=True)

    @property
    def jobs(self) -> list[J]:
        """The jobs that this process works on."""
        return [work.job for work in self._works.values()]

    def find(self, job_id: str) -> J | None:
        """Return a job that this process works on."""
        work = self._works.get(job_id)
        return work.job if work else None

    def begin(self, job: J, ending: Ending | None = None) -> None:
        """Execute a job that is leased to this process, or only end it; return at once.

        Work on the same job that has reached its wait may still be closing.
        """
        work = self._works[job.id] = _Work(job, ending)
        work.task = asyncio.create_task(self._own(work), name=f"{self._kind} {job.id}")

    def stop(self, job_id: str, ending: Ending) -> None:
        """Have a job end in this way, if this process works on it and has not stopped it yet."""
        if work := self._works.get(job_id):
            self._stop(work, ending)

    async def wait_for_end(self, job_id: str, seconds: float) -> bool:
        """Wait for the end of the task of a job, so long at most; return whether it came."""
        work = self._works.get(job_id)
        if work is None:
            return False
        done, _ = await asyncio.wait([work.task], timeout=seconds)
        return bool(done)

    @staticmethod
    def _stop(work: _Work[J], ending: Ending) -> None:
        if work.ending is None:
            work.ending = ending
            if work.running:
                work.task.cancel()

    async def _own(self, work: _Work[J]) -> None:
        """Bring a job to an ending of some kind, or to where it waits; never raises."""
        job = work.job
        telemetry.bind(**job.ids)
        with spans.invoking() as span:
            await self._bring_to_end(work)
            if span:
                job.trace(span)

    async def _bring_to_end(self, work: _Work[J]) -> None:
        job = work.job
        began, counts = time.monotonic(), telemetry.start_counting()
        try:
            ending = work.ending or await self._execute(work)
            if ending is None or await self._end(job, ending):
                seconds = time.monotonic() - began
                job.log_end(Worked(seconds, counts["calls"], counts["turns"]))
        except Exception as error:  # noqa: BLE001  the lease lapses and the job is taken over
            log.error(self._not_ended, **failure(error))
        finally:
            if self._works.get(job.id) is work:
                del self._works[job.id]
            job.close()

    async def _execute(self, work: _Work[J]) -> Ending | None:
        """Execute a job within its time; return how it must end, if it did not by itself (contract section 5)."""
        job = work.job
        deadline = asyncio.timeout((job.expires_at or clock.now()) - clock.now())
        work.running = True
        try:
            async with deadline:
                await job.execute()
        except asyncio.CancelledError:
            return work.ending or SHUTDOWN
        except Exception as error:  # noqa: BLE001  whatever it was, the job must end
            if isinstance(error, TimeoutError) and deadline.expired():
                return EXPIRED
            return self._judge(job, error)
        finally:
            work.running = False
        return None

    def _judge(self, job: J, error: Exception) -> Ending:
        """Return how a job must end for an exception of `execute`."""
        if isinstance(error, LeaseLostError):
            return TAKEN_OVER
        ending = job.judge(error)
        if ending is None:
            log.error(self._failed, **failure(error))
        return ending or FAULT

    async def _end(self, job: J, ending: Ending) -> bool:
        """End a job; one that somebody asked to cancel meanwhile ends cancelled.

        Returns:
            Whether it was this process that ended it.
        """
        while ending != TAKEN_OVER:
            try:
                await job.end(ending)
            except LeaseLostError:
                ending = TAKEN_OVER
            except Exception as error:
                judged = job.judge(error)
                if judged is None or judged == ending or judged.reason == "failed":
                    raise
                ending = judged
            else:
                if ending not in {CANCELLED, EXPIRED, SHUTDOWN}:
                    metrics.RUN_ERRORS.add(ending.code, ending.stage)
                return True
        await self._adopt(job)
        return False

    async def _adopt(self, job: J) -> None:
        """Wait for the process that took a job over to end it, for a while, and tell of that."""
        patience = clock.now() + self.lease.seconds
        while not await job.adopt() and clock.now() < patience:  # noqa: ASYNC110  none tells us
            await asyncio.sleep(_ADOPT_BEAT_SECONDS)

    async def _keep_leases(self) -> None:
        """Renew our leases and take over lapsed ones."""
        renewal = await self.renew_leases(list(self._works))
        metrics.LEASE_RENEWALS.add(by=len(self._works))
        metrics.LEASE_TAKEOVERS.add(by=renewal.deaths)
        metrics.LEASES_LOST.add(by=list(renewal.stopped.values()).count(TAKEN_OVER))
        for job_id, ending in renewal.stopped.items():
            self.stop(job_id, ending)
        for job, ending in renewal.taken:
            if job.id not in self._works:
                self.begin(job, ending)


async def finish_despite_cancel(writing: Coroutine[Any, Any, None]) -> None:
    """Await a write and its events to their end, also where the task is cancelled meanwhile.

    Raises:
        asyncio.CancelledError: it was; the write has ended by now.
    """
    task = asyncio.ensure_future(writing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        task.exception()  # looked at, or asyncio complains; being stopped matters more
        raise
