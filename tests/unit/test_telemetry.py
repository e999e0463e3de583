"""Logs and measurements say for whom something was done, and nothing of what it was."""

import asyncio
import io
import json
import sys
from collections.abc import Iterator

import pytest
import structlog

from assistd import logs, telemetry
from assistd.telemetry import Measurement


async def in_task(**ids: str) -> dict[str, str]:
    """What a task knows that binds these ids."""
    telemetry.bind(**ids)
    await asyncio.sleep(0)
    return dict(telemetry.bound_ids())


async def test_a_task_inherits_the_ids_of_who_started_it_and_tells_nobody_its_own() -> None:
    telemetry.bind_anew(request_id="req_1")
    one = asyncio.create_task(in_task(run_id="run_1"))
    two = asyncio.create_task(in_task(run_id="run_2"))
    assert await one == {"request_id": "req_1", "run_id": "run_1"}
    assert await two == {"request_id": "req_1", "run_id": "run_2"}
    assert telemetry.bound_ids() == {"request_id": "req_1"}
    telemetry.bind_anew(session_id="sess_1")
    assert telemetry.bound_ids() == {"session_id": "sess_1"}


async def test_who_listens_learns_the_point_the_time_the_error_and_the_ids() -> None:
    heard: list[Measurement] = []
    telemetry.bind_anew(run_id="run_1")  # whatever tests before it bound on this loop
    with telemetry.listening(heard.append):
        with telemetry.measuring("transaction"):
            await asyncio.sleep(0.01)
        with pytest.raises(ValueError, match="s3cr3t"), telemetry.measuring("model_turn"):
            raise ValueError("s3cr3t")
    with telemetry.measuring("request"):
        pass
    good, bad = heard
    assert (good.point, good.error, good.ids) == ("transaction", None, {"run_id": "run_1"})
    assert good.seconds >= 0.01
    assert (bad.point, bad.error) == ("model_turn", "ValueError")
    assert "s3cr3t" not in str(heard)


async def test_each_of_two_listeners_hears_until_it_stops() -> None:
    one, two = list[Measurement](), list[Measurement]()
    with telemetry.listening(one.append):
        with telemetry.listening(two.append), telemetry.measuring("request"):
            pass
        with telemetry.measuring("request"):
            pass
    assert (len(one), len(two)) == (2, 1)


async def test_what_a_task_and_the_tasks_it_starts_do_is_counted_together() -> None:
    telemetry.count("calls")  # nobody counts here
    counts = telemetry.start_counting()
    assert counts["calls"] == 0
    telemetry.count("calls")

    async def call() -> None:
        telemetry.count("calls")

    async def call_apart() -> None:
        telemetry.start_counting()
        telemetry.count("calls")

    await asyncio.gather(call(), call_apart())
    assert counts["calls"] == 2


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The log as a server writes it."""
    written, before = io.StringIO(), structlog.get_config()
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure("info")
    yield written
    structlog.configure(**before)


async def test_lines_of_the_log_have_the_ids_unless_they_name_their_own(log: io.StringIO) -> None:
    telemetry.bind_anew(request_id="req_1", thread_id="thread_1")
    structlog.get_logger().info("something happened", thread_id="thread_2", seconds=1)
    line = json.loads(log.getvalue())
    del line["timestamp"]
    assert line == {
        "event": "something happened",
        "level": "info",
        "request_id": "req_1",
        "thread_id": "thread_2",
        "seconds": 1,
    }
