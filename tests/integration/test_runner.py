"""A runner takes over what others left behind: what it finds in each state ends as that state demands."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from assistd import clock, metrics
from assistd.db import conversations, nouns, runs
from assistd.db.leases import Lease
from assistd.engine.agent.ask import Spent, build_request
from assistd.engine.agent.loop import record_answer
from assistd.engine.assistants.execution import make_ask
from assistd.engine.assistants.faces.base import ToolContext
from assistd.engine.assistants.faces.registry import make_tools
from assistd.engine.assistants.journal import Journal, scope_of
from assistd.engine.assistants.prompt import RunConversation
from assistd.engine.assistants.recorder import Recorder
from assistd.engine.feed import Feed
from assistd.engine.runner import Runner
from assistd.engine.services import Services
from assistd.engine.timeline import EndedRun
from assistd.models.base import Delta, Finished, FunctionDelta, FunctionStarted, TextDelta
from assistd.models.conversation import System
from assistd.models.registry import Registry
from assistd.objects.run import Run, RunStatus, TransitionError
from assistd.objects.tools import CodeInterpreterTool
from assistd.settings import Settings
from tests.integration.left_runs import ALIVE, DEAD, KEY, PROJECT, ended, left, now_of

pytestmark = pytest.mark.cluster

CALL = (FunctionStarted(0, "get_weather"), FunctionDelta(0, "{}"), Finished("tool_calls"))


@pytest.mark.every_backend
async def test_a_run_that_was_never_begun_is_run(services: Services) -> None:
    await left(services, lease=DEAD)
    async with Runner(services):
        assert (await ended(services)).status == "completed"
    told = await services.database.run(conversations.read, KEY.thread_id)
    assert [message.role for _, message in told.messages] == ["user", "assistant"]


async def test_an_observer_is_told_once_of_a_run_that_ended(services: Services) -> None:
    told: list[EndedRun] = []
    observed = replace(services, observers=(told.append,))
    waits = metrics.RUN_WAIT_SECONDS.of()
    before = sum(waits.counts), waits.sum
    await left(observed, lease=DEAD)
    async with Runner(observed):
        await ended(observed)
    (one,) = told
    assert sum(waits.counts) == before[0] + 1
    assert waits.sum - before[1] == pytest.approx(one.wait_seconds)
    assert (one.kind, one.id, one.thread_id) == ("run", KEY.run_id, KEY.thread_id)
    assert (one.project_id, one.status, one.code) == (PROJECT, "completed", None)
    assert (one.backend, one.calls, one.failed_span) == ("direct", 0, None)
    named = [span.name for span in one.timeline.spans]
    assert named == ["queued", "prompt", "model_wait", "model"]
    assert one.seconds >= one.timeline.total("model_wait", "model")


def _journal(services: Services, feed: Feed | None, run: Run, owner: str) -> Journal:
    workspace = services.workspaces.get(scope_of(run, PROJECT))
    return Journal(services.database, feed, run, owner, workspace)


async def test_a_model_that_may_run_code_is_told_of_the_packages_an_operator_added(
    services: Services,
) -> None:
    await left(services, lease=DEAD)
    run = (await now_of(services)).model_copy(update={"tools": (CodeInterpreterTool(),)})
    opened = _journal(services, None, run, "me")
    context = await RunConversation(services, opened).read(vision=False)
    tools = await make_tools(ToolContext(run, PROJECT, services, opened.workspace))
    ask = make_ask(run, tools, max_turns=1)
    system = build_request(ask, context, Spent()).turns[0]
    assert isinstance(system, System)
    assert "Also installed: polars, duckdb." in system.text


@pytest.mark.every_backend
async def test_a_run_that_was_never_begun_in_its_time_expires(services: Services) -> None:
    await left(services, lease=DEAD, life=0)
    async with Runner(services):
        run = await ended(services)
    assert (run.status, run.expires_at) == ("expired", None)


@pytest.mark.parametrize(
    ("states", "life", "ending"),
    [
        (("in_progress",), 600, "completed"),
        (("in_progress",), 0, "expired"),
        (("in_progress", "requires_action"), 0, "expired"),
        (("cancelling",), 600, "cancelled"),
        (("in_progress", "cancelling"), 600, "cancelled"),
    ],
)
@pytest.mark.every_backend
async def test_a_run_that_was_begun_elsewhere_ends_as_its_state_demands(
    services: Services, states: tuple[RunStatus, ...], life: int, ending: str
) -> None:
    await left(services, *states, lease=DEAD, life=life)
    async with Runner(services):
        assert (await ended(services)).status == ending


@pytest.mark.parametrize(
    ("deltas", "states", "status"),
    [
        # It died before the client was told of its calls, within the arguments of one, and within text.
        (CALL, ["in_progress"], "requires_action"),
        (CALL[:1], ["failed", "completed"], "completed"),
        ((TextDelta("Hel"),), ["failed", "completed"], "completed"),
    ],
)
@pytest.mark.every_backend
async def test_a_run_goes_on_from_what_a_dead_process_left_open(
    services: Services, deltas: Sequence[Delta], states: list[str], status: str
) -> None:
    await left(services, lease=DEAD)
    recorder = Recorder(_journal(services, None, await now_of(services), DEAD.owner))
    await recorder.begin()
    for delta in deltas:
        await recorder.take(delta)
    async with Runner(services), asyncio.timeout(20):
        while (run := await now_of(services)).status == "in_progress":
            await asyncio.sleep(0.01)
    assert run.status == status
    steps = await services.database.run(conversations.steps, run.id)
    assert [each.step.status for each in steps] == states
    if run.required_action:
        (call,) = run.required_action.submit_tool_outputs.tool_calls
        assert (call.function.name, call.function.arguments) == ("get_weather", "{}")


@pytest.mark.parametrize("states", [(), ("in_progress",), ("cancelling",)])
@pytest.mark.every_backend
async def test_the_runs_of_a_living_process_are_left_alone(
    services: Services, states: tuple[RunStatus, ...]
) -> None:
    await left(services, *states, lease=ALIVE)
    before = await now_of(services)
    async with Runner(services):
        await asyncio.sleep(0.6)  # two looks around
    assert await now_of(services) == before


async def test_a_server_that_is_about_to_stop_leaves_lapsed_runs_to_others(
    services: Services,
) -> None:
    await left(services, "in_progress", lease=DEAD)
    runner = Runner(services)
    runner.takes_over = False
    assert (await runner.renew_leases([])).taken == []
    runner.takes_over = True
    ((job, ending),) = (await runner.renew_leases([])).taken
    assert (job.id, ending) == (KEY.run_id, None)


@pytest.mark.every_backend
async def test_a_server_whose_clock_is_wrong_leaves_the_runs_of_others_alone(
    services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_over, mine = partial(services.database.run, runs.take_over), Lease("me", 60)
    await left(services, lease=Lease("another", 60))
    if settings.database_url:  # servers of one SQLite file have one host, and so one clock
        ahead = clock.now() + 3600
        monkeypatch.setattr(clock, "now", lambda: ahead)
    assert await take_over(mine) == []
    monkeypatch.setattr(clock, "_offset", clock._offset + 61)
    (taken,) = await take_over(mine)
    assert taken.run.id == KEY.run_id


@pytest.mark.every_backend
async def test_a_run_that_waits_for_outputs_needs_no_lease(services: Services) -> None:
    await left(services, "in_progress", "requires_action", lease=DEAD)
    async with Runner(services) as runner:
        await asyncio.sleep(0.6)
        assert (await now_of(services)).status == "requires_action"
        assert (await runner.cancel(KEY)).status == "cancelling"
        assert (await ended(services)).status == "cancelled"


@pytest.mark.local_state  # while a cancel waits for PostgreSQL, the task begins and may even end
async def test_a_queued_run_that_is_cancelled_before_its_task_begins_is_never_begun(
    services: Services,
) -> None:
    async with Runner(services) as runner:
        await left(services, lease=runner.lease)
        feed = Feed()
        runner.launch(await now_of(services), PROJECT, feed)
        assert (await runner.cancel(KEY)).status == "cancelling"
        run = await ended(services)
        events = [event.name async for batch in feed.events(5) for event in batch]
    assert run.status == "cancelled"
    assert run.cancelled_at
    assert events[-2:] == ["thread.run.cancelling", "thread.run.cancelled"]


async def test_a_run_begins_while_the_model_is_asked_already(services: Services) -> None:
    await left(services, lease=ALIVE)
    run, feed = await now_of(services), Feed()
    told: list[int] = []

    async def deltas() -> AsyncGenerator[Delta]:
        told.append(feed.next_number)
        async with asyncio.timeout(20):
            while (await now_of(services)).status != "in_progress":
                await asyncio.sleep(0.01)
        yield Finished("stop")

    async with aclosing(deltas()) as asked:
        recorder = Recorder(_journal(services, feed, run, ALIVE.owner))
        assert (await record_answer(recorder, asked, begins=True)).reason == "stop"
    assert told == [0]


async def test_a_run_that_was_stopped_before_it_began_takes_its_question_back(
    services: Services,
) -> None:
    await left(services, lease=ALIVE)
    run = await now_of(services)
    await services.database.run(runs.move, run.id, "cancelling")
    told: list[str] = []

    async def deltas() -> AsyncGenerator[Delta]:
        try:
            told.append("asked")
            await asyncio.sleep(600)
            yield Finished("stop")
        finally:
            told.append("taken back")

    async with aclosing(deltas()) as asked:
        recorder = Recorder(_journal(services, None, run, ALIVE.owner))
        with pytest.raises(TransitionError):
            await record_answer(recorder, asked, begins=True)
    assert told == ["asked", "taken back"]


@pytest.mark.every_backend
async def test_a_runner_that_closes_gives_its_runs_back_and_the_next_goes_on(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        """Never answers."""

        vision = False
        backend = "upstream"

        async def stream(self, _request: Any) -> AsyncIterator[Any]:
            await asyncio.sleep(600)
            yield

    with monkeypatch.context() as patched:
        patched.setattr(Registry, "resolve", lambda *_: Silent())
        await _begin_and_stop(services)
    assert (await now_of(services)).status == "in_progress"
    assert [run.id for run in await services.database.run(nouns.runs.due, "lease_until", 0)] == [
        KEY.run_id
    ]
    async with Runner(services):
        assert (await ended(services)).status == "completed"


async def _begin_and_stop(services: Services) -> None:
    async with Runner(services) as runner:
        await left(services, lease=runner.lease)
        runner.launch(await now_of(services), PROJECT)
        async with asyncio.timeout(20):
            while (await now_of(services)).status != "in_progress":
                await asyncio.sleep(0.01)
