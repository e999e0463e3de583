"""Polls of active runs: held until there is news, and never told what is true no more."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import Request
from sqlalchemy import Connection, update
from starlette.requests import ClientDisconnect

from assistd.api.assistants.routes import runs as routes
from assistd.db import conversations, runs, tables
from assistd.db.transaction import transaction
from assistd.engine import polls, runner
from assistd.engine.assistants import runs as run_rules
from assistd.engine.assistants.runs import RunKey
from assistd.engine.runner import Runner
from assistd.engine.services import Services
from assistd.errors import NotFoundError
from assistd.models.base import Delta, Finished, FunctionDelta, FunctionStarted, TextDelta
from assistd.models.registry import Registry
from assistd.objects.project import Project
from tests.integration.left_runs import CALLER, KEY, PROJECT, left, now_of

pytestmark = pytest.mark.cluster

ANSWER = (TextDelta("Hello."), Finished("stop"))
CALL = (FunctionStarted(0, "f"), FunctionDelta(0, "{}"), Finished("tool_calls"))


class Model:
    """Is asked, and answers once it may."""

    vision = False
    backend = "upstream"

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.answer: tuple[Delta, ...] = ANSWER

    async def stream(self, _request: Any) -> AsyncIterator[Delta]:
        self.asked.set()
        await self.may_answer.wait()
        for delta in self.answer:
            yield delta


@pytest.fixture
async def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    made = Model()
    monkeypatch.setattr(Registry, "resolve", lambda *_: made)
    return made


def hold(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(runner, "hold_seconds", lambda _: seconds)


async def begin(services: Services, running: Runner, model: Model) -> None:
    """Begin the run, and wait until it is in progress and its model is asked."""
    await left(services, lease=running.lease)
    running.launch(await now_of(services), PROJECT)
    async with asyncio.timeout(20):
        await model.asked.wait()
        while (job := running.find(KEY.run_id)) is None or job.run.status != "in_progress":
            await asyncio.sleep(0.01)


async def poll_held(running: Runner) -> asyncio.Task[Any]:
    """A poll that waits."""
    poll = asyncio.create_task(running.poll(KEY))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not poll.done()
    return poll


def test_polls_are_held_so_that_all_together_are_400_per_second_within_bounds() -> None:
    held = [polls.hold_seconds(active) for active in (0, 1, 8, 40, 200, 400, 4000)]
    assert held == [0.02, 0.02, 0.02, 0.1, 0.5, 1.0, 1.0]


@pytest.mark.every_backend
async def test_a_poll_ends_when_the_run_does_and_says_what_the_database_says(
    services: Services, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, 600)
    async with Runner(services) as running, asyncio.timeout(30):
        await begin(services, running, model)
        poll = await poll_held(running)
        model.may_answer.set()
        run = await poll
    assert run.status == "completed"
    assert run.rest() == (await now_of(services)).rest()


async def test_a_poll_ends_when_the_client_has_to_act(
    services: Services, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, 600)
    model.answer = CALL
    async with Runner(services) as running, asyncio.timeout(30):
        await begin(services, running, model)
        poll = await poll_held(running)
        model.may_answer.set()
        run = await poll
        assert run.status == "requires_action"
        assert run.required_action
        assert run.rest() == (await now_of(services)).rest()


async def test_a_run_that_has_not_changed_is_told_from_memory_to_the_byte(
    services: Services, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, 0)
    async with Runner(services) as running:
        await begin(services, running, model)
        stored = (await now_of(services)).rest()
        read: list[RunKey] = []
        monkeypatch.setattr(run_rules, "get", lambda _, key: read.append(key))
        assert (await running.poll(KEY)).rest() == stored
        assert not read


@pytest.mark.every_backend
async def test_many_polls_share_a_look_at_the_database(
    services: Services, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, 0.05)
    looks: list[str] = []
    states_of = runs.states_of

    @transaction(short=True)
    def counted(connection: Connection, owner: str) -> Any:
        looks.append(owner)
        return states_of(connection, owner)

    async with Runner(services) as running:
        await begin(services, running, model)
        monkeypatch.setattr(runs, "states_of", counted)
        found = await asyncio.gather(*(running.poll(KEY) for _ in range(100)))
    assert {run.status for run in found} == {"in_progress"}
    assert 0 < len(looks) < 10


@pytest.mark.every_backend
async def test_a_poll_sees_what_another_process_did_to_the_run(
    services: Services, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, 0)
    # It has not noticed yet.
    monkeypatch.setattr(Runner, "_keep_leases", lambda _: asyncio.sleep(0))

    @transaction(writes=True, short=True)
    def take(connection: Connection) -> None:
        run = runs.move(connection, KEY.run_id, "cancelled")
        taken = update(tables.runs).values(lease_owner="another", status=run.status)
        connection.execute(taken)

    async with Runner(services) as running:
        await begin(services, running, model)
        await services.database.run(runs.move, KEY.run_id, "cancelling")
        assert (await running.poll(KEY)).status == "cancelling"
        await services.database.run(take)
        assert (await running.poll(KEY)).status == "cancelled"
        await services.database.run(conversations.forget, KEY.thread_id)
        with pytest.raises(NotFoundError):
            await running.poll(KEY)


@pytest.mark.every_backend
async def test_a_run_is_unknown_to_whom_it_does_not_belong_and_at_once(
    services: Services, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, 600)
    async with Runner(services) as running, asyncio.timeout(30):
        await begin(services, running, model)
        for key in (
            RunKey("proj_2", KEY.thread_id, KEY.run_id),
            RunKey(PROJECT, "thread_2", KEY.run_id),
        ):
            with pytest.raises(NotFoundError):
                await running.poll(key)


async def test_a_cancel_ends_a_poll(
    services: Services, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, 600)
    async with Runner(services) as running, asyncio.timeout(30):
        await begin(services, running, model)
        poll = await poll_held(running)
        assert (await running.cancel(KEY)).status == "cancelling"
        assert (await poll).status in {"cancelling", "cancelled"}


async def test_a_server_that_stops_ends_polls(
    services: Services, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, 600)
    async with asyncio.timeout(30):
        async with Runner(services) as running:
            await begin(services, running, model)
            poll = await poll_held(running)
        assert (await poll).status == "in_progress"


def asked(*messages: str) -> Request:
    """A request of which these messages come, and then none."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.sleep(600)
        return {"type": left.pop(0)}

    return Request({"type": "http", "headers": []}, receive)


def get(running: Runner, request: Request) -> Any:
    project: Project = CALLER.project
    policy = running.services.policy
    return routes.get_run(
        KEY.thread_id, KEY.run_id, request, project=project, runner=running, policy=policy
    )


async def test_a_client_that_hangs_up_waits_no_more(
    services: Services, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch, 600)
    async with Runner(services) as running, asyncio.timeout(30):
        await begin(services, running, model)
        with pytest.raises(ClientDisconnect):
            await get(running, asked("http.request", "http.disconnect"))


@pytest.mark.parametrize(("seconds", "pause"), [(0.02, "50"), (0.7, "700")])
async def test_who_polls_is_told_to_pause_as_long_as_a_poll_is_held(
    services: Services,
    model: Model,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    pause: str,
) -> None:
    hold(monkeypatch, seconds)
    async with Runner(services) as running, asyncio.timeout(30):
        await begin(services, running, model)
        answer = await get(running, asked("http.request"))
    assert answer.headers["openai-poll-after-ms"] == pause
