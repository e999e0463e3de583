"""The indexer: owns the files that this process indexes, each from its lease to its end."""

import asyncio
import secrets
import sys
from functools import partial
from typing import Any, Self

import structlog

from assistd import metrics
from assistd.db.database import Database
from assistd.db.leases import Lease, LeaseLostError
from assistd.db.search import jobs
from assistd.db.search.jobs import MOST_ATTEMPTS, Job, Queue, Stage
from assistd.engine.policy import Policy
from assistd.engine.vector_stores.indexing import Indexing
from assistd.engine.vector_stores.turns import Capacity, Turns
from assistd.engine.vector_stores.upkeep import Upkeep
from assistd.errors import ExtractionError, RequestError, StorageQuotaError
from assistd.files.store import FileStore
from assistd.logs import failure
from assistd.objects.vector_store import FileError
from assistd.periodic import Duty, repeating
from assistd.search.base import Extractor, SearchIndex

log = structlog.get_logger()

_CAPACITY: dict[Stage, Capacity] = {
    "text": Capacity(total=2, of_project=2, of_store=2),
    "vectors": Capacity(total=4, of_project=3, of_store=2),
}
_LOOK_SECONDS = 1.0  # for what other processes left or let go
_RETRY_SECONDS = 2.0  # after the first fault of a job; four times as long after each further one
# Threads that cut texts hold the interpreter's lock for so long each while the event loop waits for its turn.
# With Python's 5 ms it waited for up to 37 ms of their work, with 1 ms for 22; 20 texts of 500 kB were indexed in
# as much time or less, for the loop has the database's transactions.
_SWITCH_SECONDS = 0.001
_USUAL_SWITCH_SECONDS = sys.getswitchinterval()
_INTERNAL = "An internal error occurred."


class Indexer:
    """Indexes the files of vector stores as tasks that it owns; used as an async context manager.

    A file has two stages. First its text is put into the index, and can be found by keywords; then the
    vectors of that text are made. Each stage is a job of its own, which is leased while it is done.
    What a process that died had begun is begun again by any other, three times at most.

    Args:
        database: where the jobs are.
        files: the bytes of the files.
        extractor: takes text out of them.
        index: where the text goes.
        policy: its limits, and how long a lease lasts.
    """

    def __init__(
        self,
        database: Database,
        files: FileStore,
        extractor: Extractor,
        index: SearchIndex,
        policy: Policy,
    ) -> None:
        self._database = database
        self._indexing = Indexing(database, files, extractor, index, policy)
        self.upkeep = Upkeep(database, index, self._indexing, self.wake)
        self._lease = Lease(secrets.token_hex(8), policy.lease_seconds)
        self._in_hand: dict[Stage, dict[asyncio.Task[None], Job]] = {
            stage: {} for stage in _CAPACITY
        }
        self._waiting: dict[Stage, set[Queue]] = {stage: set() for stage in _CAPACITY}
        self._turns: dict[Stage, Turns] = {
            stage: Turns(capacity) for stage, capacity in _CAPACITY.items()
        }
        self._news = asyncio.Event()
        self._must_look = True
        self._duties = repeating(
            Duty("indexing", self._assign, _LOOK_SECONDS),
            Duty("jobs of indexing", self._look, _LOOK_SECONDS),
            Duty("leases of indexing", self._keep_leases, min(1.0, policy.lease_seconds / 4)),
            *self.upkeep.duties(),
        )

    async def __aenter__(self) -> Self:
        """Begin to index what waits."""
        await self._duties.__aenter__()
        return self

    async def __aexit__(self, *raised: Any) -> None:
        """Stop, and let other processes have at once what was begun here."""
        await self._duties.__aexit__(*raised)
        tasks = [task for in_hand in self._in_hand.values() for task in in_hand]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await self._database.run(jobs.release, self._lease)
        except Exception as error:  # noqa: BLE001  the leases lapse by themselves
            log.error("jobs of indexing not released", **failure(error))

    def wake(self) -> None:
        """Look for new jobs now: files were attached."""
        self._must_look = True
        self._news.set()

    async def _look(self) -> None:
        self.wake()

    async def _assign(self) -> None:
        """Begin jobs as long as there are some and this process can do more; wait for news in between."""
        while True:
            self._news.clear()
            if self._must_look:
                self._must_look = False
                self._waiting = await self._database.run(jobs.find_queues)
                for stage, turns in self._turns.items():
                    turns.forget_all_but(self._waiting[stage])
            begun = [await self._begin_next(stage) for stage in _CAPACITY]
            if not any(begun):
                await self._news.wait()

    async def _begin_next(self, stage: Stage) -> bool:
        """Begin the next job of a stage; return whether there may be another one."""
        turns, in_hand = self._turns[stage], self._in_hand[stage]
        queue = turns.choose(self._waiting[stage], [job.queue for job in in_hand.values()])
        if queue is None:
            return False
        job = await self._database.run(jobs.claim, self._lease, stage, queue)
        if job is None:
            self._waiting[stage].discard(queue)
            return True
        turns.note(queue)
        task = asyncio.create_task(self._do(stage, job), name=f"index {job.file_id}")
        in_hand[task] = job
        task.add_done_callback(partial(self._note_end, stage))
        return True

    def _note_end(self, stage: Stage, task: asyncio.Task[None]) -> None:
        job = self._in_hand[stage].pop(task)
        if not any(self._in_hand.values()):
            sys.setswitchinterval(_USUAL_SWITCH_SECONDS)
        if stage == "text":
            self._waiting["vectors"].add(job.queue)
        self._news.set()

    async def _do(self, stage: Stage, job: Job) -> None:
        """Do a job; write why, where it cannot be done."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        try:
            fault = await self._try(stage, job)
            if fault:
                await self._database.run(jobs.give_up, self._lease, job, fault)
        except LeaseLostError:
            return  # it was detached or cancelled, or another process has it by now
        except Exception as error:  # noqa: BLE001  the lease lapses, and the job is begun again
            log.error("job of indexing not ended", file_id=job.file_id, **failure(error))

    async def _try(self, stage: Stage, job: Job) -> FileError | None:
        """Do a job, or have it tried again later; return why it can never be done, if that is so."""
        do = self._indexing.add_text if stage == "text" else self._indexing.add_vectors
        if job.attempts > MOST_ATTEMPTS:
            return FileError(code="server_error", message=_INTERNAL)
        try:
            await do(self._lease, job)
        except LeaseLostError:
            raise
        except ExtractionError as error:
            return FileError(code=error.code, message=str(error))
        except StorageQuotaError as error:
            metrics.LIMITS_REFUSED.add("storage")
            return FileError(code="server_error", message=error.message)
        except Exception as error:  # noqa: BLE001  whatever it was, the job must end
            log.error("file not indexed", file_id=job.file_id, **failure(error))
            if isinstance(error, TimeoutError) or job.attempts == MOST_ATTEMPTS:
                said = error.message if isinstance(error, RequestError) else _INTERNAL
                return FileError(code="server_error", message=said)
            seconds = _RETRY_SECONDS * 4 ** (job.attempts - 1)
            await self._database.run(jobs.postpone, self._lease, job, seconds)
        return None

    async def _keep_leases(self) -> None:
        """Renew our leases, and stop what must not go on."""
        # A file that was read meanwhile may be in hand again, for its vectors: only these tasks are meant.
        tasks = {
            task: job.id for in_hand in self._in_hand.values() for task, job in in_hand.items()
        }
        if tasks:
            lost = await self._database.run(jobs.renew, self._lease, list(tasks.values()))
            for task, job_id in tasks.items():
                if job_id in lost:
                    task.cancel()
