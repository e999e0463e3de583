"""The tasks of jobs, of a kind that is no run: each way to end, without a database."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import ClassVar

from structlog.testing import capture_logs

from assistd import metrics
from assistd.db.leases import LeaseLostError
from assistd.engine.endings import CANCELLED, ORPHANED, TAKEN_OVER, Ending
from assistd.engine.jobs import JobOwner, Renewal, Worked
from assistd.tracing.spans import Span

NO_NEWS: "Renewal[Essay]" = Renewal({}, [])


class MovedError(Exception):
    """Somebody else asked to cancel the essay."""


class BrokenError(Exception):
    """What an essay needs is not there."""


class Essay:
    """A `Job` that does what a function of the test does."""

    ids: ClassVar[Mapping[str, str]] = {"run_id": "essay_1"}

    def __init__(
        self,
        work: Callable[[], Awaitable[None]],
        *,
        seconds: float = 60,
        ends: Exception | None = None,
        adopted: int = 1,
    ) -> None:
        self.id = "essay_1"
        self.expires_at = time.time() + seconds
        self.told: list[str] = []
        self.is_closed = asyncio.Event()
        self._work = work
        self._ends = ends
        self._adopted = adopted

    async def execute(self) -> None:
        self.told.append("execute")
        await self._work()

    def judge(self, error: Exception) -> Ending | None:
        if isinstance(error, MovedError):
            return CANCELLED
        return Ending("failed", message="no ink") if isinstance(error, BrokenError) else None

    async def end(self, ending: Ending) -> None:
        self.told.append(f"end {ending.reason}{ending.message and ': ' + ending.message}")
        error, self._ends = self._ends, None
        if error:
            raise error

    async def adopt(self) -> bool:
        self.told.append("adopt")
        self._adopted -= 1
        return not self._adopted

    def log_end(self, _: Worked) -> None:
        self.told.append("log")

    def trace(self, span: Span) -> None:
        span.set({"essay.ended": True})

    def close(self) -> None:
        self.is_closed.set()


class Essays(JobOwner[Essay]):
    """The essays of this process; leases are renewed as the test says."""

    def __init__(self, renewal: Renewal[Essay] = NO_NEWS) -> None:
        super().__init__("essay", lease_seconds=4)
        self._renewal = renewal
        self.renewed = asyncio.Event()

    async def renew_leases(self, job_ids: list[str]) -> Renewal[Essay]:
        renewal, self._renewal = self._renewal, NO_NEWS
        self.renewed.set()
        return renewal


async def write() -> None:
    """End by itself."""


async def hang() -> None:
    await asyncio.Event().wait()


async def break_off() -> None:
    raise BrokenError


async def crash() -> None:
    raise KeyError


async def lose() -> None:
    raise LeaseLostError


async def move() -> None:
    raise MovedError


@asynccontextmanager
async def owning(renewal: Renewal[Essay] = NO_NEWS) -> AsyncGenerator[Essays]:
    async with asyncio.timeout(20), Essays(renewal) as owner:
        yield owner


async def own(essay: Essay) -> list[str]:
    """Own an essay until it ends; return what it was told."""
    async with owning() as owner:
        owner.begin(essay)
        await essay.is_closed.wait()
        assert owner.find("essay_1") is None
    return essay.told


async def test_a_job_that_ends_by_itself_is_only_logged() -> None:
    assert await own(Essay(write)) == ["execute", "log"]


async def test_a_job_ends_when_its_time_is_over() -> None:
    assert await own(Essay(hang, seconds=0.01)) == ["execute", "end expired", "log"]


async def test_a_failure_that_the_job_knows_is_told_in_its_words() -> None:
    assert await own(Essay(break_off)) == ["execute", "end failed: no ink", "log"]


async def test_a_fault_is_logged_and_ends_the_job() -> None:
    with capture_logs() as lines:
        assert await own(Essay(crash)) == ["execute", "end fault", "log"]
    assert [line["event"] for line in lines] == ["essay failed"]


async def test_a_lost_lease_leaves_the_ending_to_who_has_it() -> None:
    assert await own(Essay(lose, adopted=2)) == ["execute", "adopt", "adopt"]


async def test_a_job_that_is_cancelled_while_it_ends_ends_cancelled() -> None:
    told = await own(Essay(break_off, ends=MovedError()))
    assert told == ["execute", "end failed: no ink", "end cancelled", "log"]
    assert await own(Essay(move)) == ["execute", "end cancelled", "log"]


async def test_a_lease_that_is_lost_while_a_job_ends_is_adopted() -> None:
    told = await own(Essay(break_off, ends=LeaseLostError()))
    assert told == ["execute", "end failed: no ink", "adopt"]


async def test_an_ending_that_cannot_be_written_is_logged_and_the_job_let_go() -> None:
    with capture_logs() as lines:
        assert await own(Essay(break_off, ends=KeyError())) == ["execute", "end failed: no ink"]
    assert [line["event"] for line in lines] == ["essay not ended"]


async def test_the_first_word_that_stops_a_job_counts() -> None:
    essay = Essay(hang)
    async with owning() as owner:
        owner.begin(essay)
        assert not await owner.wait_for_end("essay_1", 0.01)
        owner.stop("essay_1", CANCELLED)
        owner.stop("essay_1", TAKEN_OVER)
        assert await owner.wait_for_end("essay_1", 10)
    assert essay.told == ["execute", "end cancelled", "log"]


async def test_a_job_that_is_stopped_before_its_task_begins_is_not_executed() -> None:
    essay = Essay(hang)
    async with owning() as owner:
        owner.begin(essay)
        owner.stop("essay_1", CANCELLED)
    assert essay.told == ["end cancelled", "log"]


async def test_an_owner_that_closes_ends_its_jobs() -> None:
    essay = Essay(hang)
    async with owning() as owner:
        owner.begin(essay)
        await asyncio.sleep(0)
        assert owner.count == 1
    assert essay.told == ["execute", "end shutdown", "log"]


async def test_jobs_that_others_left_are_ended_or_executed() -> None:
    for ending, told in ((ORPHANED, ["end orphaned", "log"]), (None, ["execute", "log"])):
        essay = Essay(write)
        async with owning(Renewal({}, [(essay, ending)])):
            await essay.is_closed.wait()
        assert essay.told == told


async def test_a_job_that_another_process_took_is_stopped_and_adopted() -> None:
    essay, lost = Essay(hang), metrics.LEASES_LOST.of().value
    async with asyncio.timeout(20):
        owner = Essays(Renewal({"essay_1": TAKEN_OVER}, []))
        owner.begin(essay)
        await asyncio.sleep(0)
        async with owner:
            await essay.is_closed.wait()
    assert essay.told == ["execute", "adopt"]
    assert metrics.LEASES_LOST.of().value == lost + 1
