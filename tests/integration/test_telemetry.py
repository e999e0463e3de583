"""What the engine measures and logs: for whom and how long, and nothing of what was said."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from assistd import telemetry
from assistd.api import asgi
from assistd.engine.operator.reporting import Reporter
from assistd.engine.responses.runner import ResponseRunner
from assistd.engine.runner import Runner
from assistd.engine.services import Services
from assistd.models.base import Delta, Finished, TextDelta
from assistd.models.registry import Registry
from assistd.models.upstream.connection import Upstream as Connection
from assistd.telemetry import Measurement
from tests.integration.left_runs import DEAD, KEY, PROJECT, ended, left, now_of
from tests.upstream import Upstream, upstream_fixture

__all__ = ["upstream_fixture"]

SECRET = "s3cr3t"


class Model:
    """Says a secret."""

    vision = False
    backend = "upstream"

    async def stream(self, _request: Any) -> AsyncIterator[Delta]:
        yield TextDelta(SECRET)
        yield Finished("stop")


async def test_turns_and_transactions_are_measured_for_their_run(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registry, "resolve", lambda *_: Model())
    heard: list[Measurement] = []
    async with Runner(services) as runner:
        await left(services, lease=runner.lease)
        run = await now_of(services)
        with telemetry.listening(heard.append):
            runner.launch(run, PROJECT)
            await ended(services)
            await runner.end_all()
    of_run = [each for each in heard if each.ids.get("run_id") == KEY.run_id]
    assert {each.ids["thread_id"] for each in of_run} == {KEY.thread_id}
    assert [each.point for each in of_run].count("model_turn") == 1
    assert [each.point for each in of_run].count("transaction") > 3
    assert SECRET not in str(heard)


async def test_a_request_is_measured_under_the_id_that_its_client_is_told(
    services: Services,
) -> None:
    heard: list[Measurement] = []
    telemetry.bind_anew()  # whatever tests before it bound on this loop
    async with Runner(services) as runner:
        responses = ResponseRunner(services)
        app = asgi.build(runner, responses, Reporter(runner, responses))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            with telemetry.listening(heard.append):
                response = await client.get("/v1/models", headers={"authorization": "Bearer sk-x"})
    assert response.status_code == 401
    (request,) = [each for each in heard if each.point == "request"]
    assert request.ids == {"request_id": response.headers["x-request-id"]}
    assert 0 < request.seconds < 10


async def test_a_question_to_an_upstream_is_measured_until_the_first_word(
    upstream: Upstream,
) -> None:
    heard: list[Measurement] = []
    upstream.say(SECRET)
    asked = Connection(upstream.url, "sk-operator")
    with telemetry.listening(heard.append):
        async for _ in asked.chunks({"model": "m", "messages": []}):
            assert [each.point for each in heard] == ["upstream_request"]
    await asked.close()
    assert SECRET not in str(heard)


async def test_a_run_that_ends_is_one_line_of_the_log(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registry, "resolve", lambda *_: Model())
    with capture_logs() as lines:
        async with Runner(services) as runner:
            await left(services, lease=runner.lease)
            runner.launch(await now_of(services), PROJECT)
            await ended(services)
    (line,) = [line for line in lines if line["event"] == "run ended"]
    assert line["status"] == "completed"
    assert 0 <= line["duration_ms"] < 20_000
    assert line["calls"] == 0
    assert SECRET not in str(lines)


async def test_a_run_whose_process_died_is_logged_by_who_goes_on_with_it(
    services: Services,
) -> None:
    with capture_logs() as lines:
        await left(services, "in_progress", lease=DEAD)
        async with Runner(services):
            await ended(services)
    (line,) = [line for line in lines if line["event"] == "run ended"]
    assert line["status"] == "completed"
