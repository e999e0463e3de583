"""Requests per minute: a bucket of tokens that fills while time goes by, shared by all processes."""

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistd import clock
from assistd.api import rates as module
from assistd.api.rates import Rates
from assistd.db.database import Database
from assistd.db.operator import servers
from assistd.errors import RateLimitError
from assistd.objects.operator.server import Report, Server
from tests.integration.counting_requests import Clock, count_let_in, limited
from tests.live import children
from tests.live.backends import Backends

_names = itertools.count()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, which goes on only where a test says so."""
    told = Clock()
    monkeypatch.setattr(clock, "shift", told.shift)
    monkeypatch.setattr(module, "time", told)
    return told


@pytest.fixture
def name() -> str:
    """A project that made no requests yet."""
    return f"proj_{next(_names)}"


def serve(database: Database, *names: str) -> None:
    """Have so many servers report that they live."""
    for each in names:
        server = Server(id=each, host="h", version="1", started_at=1)
        database.run_sync(servers.beat, server, Report())


async def test_a_project_without_a_limit_is_told_of_none(each_database: Database) -> None:
    headers: dict[str, str] = {}
    await Rates(each_database).take(limited(None), headers)
    assert headers == {}


async def test_a_minute_of_requests_may_come_at_once_and_no_more(
    each_database: Database, told: Clock, name: str
) -> None:
    counted, headers = Rates(each_database), dict[str, str]()
    for left in (2, 1, 0):
        await counted.take(limited(3, name), headers)
        assert headers["x-ratelimit-remaining-requests"] == str(left)
    with pytest.raises(RateLimitError) as refused:
        await counted.take(limited(3, name), headers)
    assert refused.value.retry_after == 20
    assert headers["x-ratelimit-limit-requests"] == "3"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"] == "1m0s"


@pytest.mark.parametrize("limit", [1, 3, 7, 60, 600, 6_000])
async def test_who_waits_as_told_is_let_in(
    each_database: Database, told: Clock, name: str, limit: int
) -> None:
    counted, project = Rates(each_database), limited(limit, name)
    assert await count_let_in(counted, project, limit + 1) == limit
    for _ in range(3):
        with pytest.raises(RateLimitError) as refused:
            await counted.take(project, {})
        told.now += refused.value.retry_after
        assert await count_let_in(counted, project, limit) == max(
            1, int(refused.value.retry_after * limit / 60)
        )


async def test_who_rests_for_long_has_no_more_than_a_minute_saved(
    each_database: Database, told: Clock, name: str
) -> None:
    counted, headers = Rates(each_database), dict[str, str]()
    await counted.take(limited(3, name), {})
    told.now += 3600
    await counted.take(limited(3, name), headers)
    assert headers["x-ratelimit-remaining-requests"] == "2"


async def test_projects_do_not_use_up_each_others_requests(
    each_database: Database, told: Clock, name: str
) -> None:
    counted = Rates(each_database)
    await counted.take(limited(1, name), {})
    await counted.take(limited(1, f"{name}_other"), {})


@pytest.mark.parametrize(
    ("limit", "span"), [(60_000, "1ms"), (60, "1s"), (9, "6.67s"), (1, "1m0s")]
)
async def test_the_time_until_all_is_there_again_is_written_as_openai_does(
    each_database: Database, told: Clock, name: str, limit: int, span: str
) -> None:
    headers: dict[str, str] = {}
    await Rates(each_database).take(limited(limit, name), headers)
    assert headers["x-ratelimit-reset-requests"] == span


async def test_what_one_process_does_not_use_another_gets(
    each_database: Database, told: Clock, name: str
) -> None:
    one, other, project = Rates(each_database), Rates(each_database), limited(600, name)
    await one.take(project, {})
    assert await count_let_in(other, project, 600) < 599, "the rest of a portion lies with the one"
    told.now += 0.9
    await one.give_back_idle()
    assert await count_let_in(other, project, 600) == 9, "what came in 0.9 s"
    told.now += 0.1
    await one.give_back_idle()
    told.now += 0.1  # it was told that there was nothing
    assert await count_let_in(other, project, 600) == 11


async def test_a_process_that_stops_gives_everything_back(
    each_database: Database, told: Clock, name: str
) -> None:
    one, other, project = Rates(each_database), Rates(each_database), limited(600, name)
    await one.take(project, {})
    await one.close()
    assert await count_let_in(other, project, 700) == 599


async def test_the_database_is_asked_once_for_many_requests(
    each_database: Database, told: Clock, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, project, asked = Rates(each_database), limited(6_000, name), list[object]()
    run = each_database.run

    async def ask(function: Callable[..., object], *args: object) -> object:
        asked.append(function)
        return await run(function, *args)

    monkeypatch.setattr(each_database, "run", ask)
    assert await count_let_in(counted, project, 7_000) == 6_000
    together = len(asked)
    for _ in range(1_000):
        with pytest.raises(RateLimitError):
            await counted.take(project, {})
    assert together <= 2, "those at once are asked for together"
    assert len(asked) == together, "and who is refused costs no question"
    told.now += 60
    for _ in range(1_000):
        await counted.take(project, {})
    assert len(asked) - together <= 11, "one after the other they come in portions of a second"


async def test_a_client_that_goes_away_takes_nothing_from_those_who_wait(
    each_database: Database, told: Clock, name: str
) -> None:
    counted, project = Rates(each_database), limited(2, name)
    leaving, staying = (asyncio.create_task(counted.take(project, {})) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    await asyncio.gather(leaving, return_exceptions=True)
    await counted.take(project, {})
    assert leaving.cancelled()


_STEPS = st.lists(
    st.tuples(st.floats(0, 20), st.integers(0, 3), st.integers(1, 200)), min_size=1, max_size=40
)


@settings(max_examples=25)
@given(st.sampled_from([1, 7, 60, 240, 600, 3_000]), _STEPS)
def test_processes_together_let_in_what_one_would(
    each_database: Database, limit: int, steps: list[tuple[float, int, int]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        told = Clock()
        patch.setattr(clock, "shift", told.shift)
        patch.setattr(module, "time", told)
        serve(each_database, "srv_1", "srv_2", "srv_3", "srv_4")
        _compare(each_database, told, limit, steps)


def _compare(
    database: Database, told: Clock, limit: int, steps: list[tuple[float, int, int]]
) -> None:
    """Let requests come to processes, and compare what they let in with one bucket."""
    project = limited(limit, f"proj_{next(_names)}")
    lies_idle = max(4.0, limit / 60)  # with processes, at the most
    admitted: list[tuple[float, int]] = []

    async def play() -> None:
        workers = [Rates(database) for _ in range(4)]
        bucket, at = float(limit), told.now
        for seconds, which, requests in steps:
            told.now += seconds
            for each in workers:
                await each.give_back_idle()
            bucket = min(limit, bucket + (told.now - at) * limit / 60)
            at = told.now
            let_in = await count_let_in(workers[which], project, requests)
            assert let_in >= min(requests, int(bucket - lies_idle)), "no fewer than one would"
            bucket = max(0.0, bucket - let_in)
            admitted.append((told.now, let_in))

    asyncio.run(play())
    for start, (since, _) in enumerate(admitted):
        total = 0
        for until, let_in in admitted[start:]:
            total += let_in
            assert total <= limit + (until - since) * limit / 60 + lies_idle + 1e-3, "nor more"


class Worker:
    """A process that counts requests; see `counting_requests`."""

    def __init__(self, url: str, limit: int) -> None:
        command = [sys.executable, "-m", "tests.integration.counting_requests", url, str(limit)]
        self._process = children.start(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def send(self, at: float, requests: int) -> None:
        """Have so many requests come to it."""
        assert self._process.stdin
        self._process.stdin.write(f"{at} {requests}\n")
        self._process.stdin.flush()

    def receive(self) -> int:
        """How many it let in."""
        assert self._process.stdout
        return int(self._process.stdout.readline())

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        assert self._process.stdout
        with self._process.stdout:
            assert self._process.wait(30) == 0


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path, backends: Backends) -> str:
    """The URL of a database for several processes."""
    local = request.param == "sqlite"
    return f"sqlite:///{tmp_path / 'test.sqlite3'}" if local else backends.new_database()


def test_four_processes_let_in_600_a_minute(url: str, told: Clock) -> None:
    limit, step, began = 600, 0.5, told.now
    database = Database(url)
    database.open()
    admitted: list[tuple[float, int]] = []
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(url, limit)) for _ in range(4)]
        for number in range(int(180 / step)):
            told.now = began + number * step
            if number % 10 == 0:
                serve(database, *(f"srv_{each}" for each in range(4)))
            few = 30 <= number * step < 60  # then one alone has enough to do
            for which, each in enumerate(workers):
                each.send(told.now, 40 if not few or which == number % 4 else 0)
            admitted.append((told.now, sum(each.receive() for each in workers)))
    database.close()
    at_once = next(at for at, _ in admitted if sum_until(admitted, at) >= 600 + (at - began) * 10)
    assert at_once - began < 15, "what was saved is spent first"
    minutes = [
        sum(n for at, n in admitted if since <= at < since + 60)
        for since, _ in admitted
        if at_once < since <= began + 120
    ]
    assert 588 <= min(minutes) <= max(minutes) <= 612
    whole = sum(n for _, n in admitted)
    print(f"a minute has {min(minutes)} to {max(minutes)}, the whole {whole} of 2395")
    assert whole == pytest.approx(600 + 179.5 * 10, abs=12)


def sum_until(admitted: list[tuple[float, int]], end: float) -> int:
    """How many were let in until then."""
    return sum(n for at, n in admitted if at <= end)
