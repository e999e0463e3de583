"""Runs that end before their time: cancelled at any moment, expired, or left by their client."""

from typing import Any

import openai
import pytest

from tests.acceptance.conftest import Ask, Listener, Talk, weather
from tests.live import stream
from tests.live.fixtures import StartServer
from tests.live.server import Server, assert_gone, named, running, wait_until
from tests.upstream import Upstream

SLEEP = "import time\nprint('asleep', flush=True)\ntime.sleep(600)"


def cancel(talk: Talk, run_id: str) -> Any:
    """Ask a run to stop."""
    return talk.client.beta.threads.runs.cancel(run_id, thread_id=talk.thread_id)


def ended(talk: Talk, run_id: str) -> Any:
    """The run once it is cancelled: `poll` does not stop at `cancelling`."""
    wait_until(lambda: talk.get(run_id).status == "cancelled", "the end of the run")
    return talk.get(run_id)


def test_a_run_is_cancelled_while_the_model_speaks(ask: Ask, upstream: Upstream) -> None:
    gate = upstream.hold("Hel", "lo")
    talk = ask()
    listener = Listener(talk)
    run = listener.wait_for("thread.run.created")
    listener.wait_for("thread.message.delta")
    gate.wait_reached()
    answer = cancel(talk, run.id)
    assert answer.status == "cancelling"
    assert answer.cancelled_at is None
    assert answer.usage is None
    assert answer.expires_at == run.expires_at
    events = listener.end()
    assert stream.names(events) == [
        *stream.RUN_BEGINS,
        *stream.message(1, "incomplete", "cancelled"),
        "thread.run.cancelling",
        "thread.run.cancelled",
        *stream.DONE,
    ]
    message = stream.one(events, "thread.message.incomplete")
    assert message["incomplete_details"] == {"reason": "run_cancelled"}
    assert message["content"][0]["text"]["value"] == "Hel"
    assert stream.one(events, "thread.run.cancelling")["status"] == "cancelling"
    cancelled = stream.one(events, "thread.run.cancelled")
    assert cancelled["status"] == "cancelled"
    assert cancelled["cancelled_at"]
    assert cancelled["expires_at"] is None
    assert cancelled["last_error"] is None
    assert upstream.last.wait_disconnected(), "the upstream still talks to nobody"
    assert talk.get(run.id).status == "cancelled"
    assert talk.answer.content[0].text.value == "Hel"


def test_a_run_is_cancelled_during_a_code_call_which_ends_at_once(
    ask: Ask, server: Server, upstream: Upstream
) -> None:
    code = named("sleeper", SLEEP)
    upstream.code(code, pieces=1)
    talk = ask()
    listener = Listener(talk)
    run = listener.wait_for("thread.run.created")
    wait_until(lambda: running(server, "sleeper"), "the code")
    assert cancel(talk, run.id).status == "cancelling"
    events = listener.end()
    assert stream.names(events) == [
        *stream.RUN_BEGINS,
        *stream.tool_step(2, "cancelled"),
        "thread.run.cancelling",
        "thread.run.cancelled",
        *stream.DONE,
    ]
    step = stream.one(events, "thread.run.step.cancelled")
    assert step["cancelled_at"]
    assert step["step_details"]["tool_calls"][0]["code_interpreter"]["input"] == code
    talk.say("Go on.")
    upstream.code("print('awake', 'ctypes' in globals())")
    run = talk.run()
    assert run.status == "completed"
    assert talk.logs(run.id) == ["awake True\n"], "it heeded, so its session lives"


def test_code_that_does_not_heed_the_cancel_is_killed(
    ask: Ask, server: Server, upstream: Upstream
) -> None:
    deaf = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    upstream.code(deaf + named("stubborn", SLEEP))
    talk = ask()
    listener = Listener(talk)
    run = listener.wait_for("thread.run.created")
    wait_until(lambda: running(server, "stubborn"), "the code")
    sessions = running(server, "stubborn")
    cancel(talk, run.id)
    # It has two seconds to heed; until it is over the thread stays locked (trap 3).
    assert talk.get(run.id).status == "cancelling"
    with pytest.raises(openai.BadRequestError, match=f"while a run {run.id} is active"):
        talk.say("Now?")
    with pytest.raises(openai.BadRequestError, match="Cannot cancel run with status 'cancelling'"):
        cancel(talk, run.id)
    assert stream.names(listener.end())[-2:] == ["thread.run.cancelled", "done"]
    assert_gone(sessions)


def test_a_run_that_waits_for_outputs_is_cancelled(ask: Ask, upstream: Upstream) -> None:
    upstream.function("get_weather", {"city": "A"})
    talk = ask(tools=[weather()])
    run = talk.run()
    assert cancel(talk, run.id).status == "cancelling"
    done = ended(talk, run.id)
    assert done.required_action is None
    assert done.cancelled_at
    (step,) = talk.steps(run.id)
    assert step.status == "cancelled"
    assert step.step_details.tool_calls[0].function.output is None
    talk.say("Never mind.")
    assert talk.run().status == "completed"


def test_a_run_is_cancelled_before_the_model_says_a_word(ask: Ask, upstream: Upstream) -> None:
    upstream.silence()
    talk = ask()
    run = talk.start()
    assert cancel(talk, run.id).status == "cancelling"
    done = ended(talk, run.id)
    assert talk.steps(run.id) == []
    assert done.usage.total_tokens == 0
    assert len(talk.messages()) == 1


def test_a_run_that_has_ended_cannot_be_cancelled(ask: Ask, upstream: Upstream) -> None:
    talk = ask()
    run = talk.run()
    with pytest.raises(openai.BadRequestError) as refused:
        cancel(talk, run.id)
    assert refused.value.body == {
        "message": "Cannot cancel run with status 'completed'.",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
    upstream.silence()
    talk.say("Again.")
    run = talk.start()
    cancel(talk, run.id)
    ended(talk, run.id)
    with pytest.raises(openai.BadRequestError, match="Cannot cancel run with status 'cancelled'"):
        cancel(talk, run.id)


def test_trap_32_cancel_takes_a_body_or_none(ask: Ask, raw: Any, upstream: Upstream) -> None:
    talk = ask()
    for fields in ({}, {"json": {}}, {"content": b"", "headers": {"content-type": "text/plain"}}):
        upstream.silence()
        run = talk.start()
        answer = raw.post(f"threads/{talk.thread_id}/runs/{run.id}/cancel", **fields)
        assert answer.json()["status"] == "cancelling"
        ended(talk, run.id)


def test_trap_35_a_client_that_goes_away_does_not_stop_the_run(
    ask: Ask, upstream: Upstream
) -> None:
    gate = upstream.hold("Hel", "lo")
    talk = ask()
    events = talk.client.beta.threads.runs.create(**talk.ids, stream=True)
    for event in events:
        if event.event == "thread.message.delta":
            break
    events.close()
    with pytest.raises(openai.BadRequestError, match="while a run"):
        talk.say("Hello?")
    gate.release()
    runs = talk.client.beta.threads.runs.list(talk.thread_id)
    assert talk.poll(runs.data[0].id).status == "completed"
    assert talk.answer.content[0].text.value == "Hello"


def test_runs_expire_while_they_run_and_while_they_wait(
    start_server: StartServer, ask_at: Ask, server: Server, upstream: Upstream
) -> None:
    short = start_server(run_seconds=4)
    upstream.function("get_weather", {"city": "A"}, when="Wait.")
    upstream.hold("Hel", "lo", when="Speak.")
    upstream.code(SLEEP, when="Compute.", pieces=1)
    waiting = ask_at(short, "Wait.", tools=[weather()])
    waits = waiting.run()
    computing = ask_at(short, "Compute.")
    computes = computing.start()
    speaking = ask_at(short, "Speak.")
    events = speaking.stream()
    assert stream.names(events) == [
        *stream.RUN_BEGINS,
        *stream.message(1, "incomplete", "expired"),
        "thread.run.expired",
        *stream.DONE,
    ]
    message = stream.one(events, "thread.message.incomplete")
    assert message["incomplete_details"] == {"reason": "run_expired"}
    run = stream.one(events, "thread.run.expired")
    assert (run["expires_at"], run["completed_at"], run["failed_at"]) == (None, None, None)

    expired = computing.poll(computes.id)
    assert expired.status == "expired"
    assert computing.steps(expired.id)[0].status == "expired"

    wait_until(lambda: waiting.get(waits.id).status == "expired", "the expiry")
    with pytest.raises(openai.BadRequestError, match='Runs in status "expired" do not accept'):
        waiting.client.beta.threads.runs.submit_tool_outputs(
            waits.id,
            thread_id=waiting.thread_id,
            tool_outputs=[{"tool_call_id": "call_x", "output": ""}],
        )
    with pytest.raises(openai.BadRequestError, match="Cannot cancel run with status 'expired'"):
        cancel(waiting, waits.id)
    (step,) = waiting.steps(waits.id)
    assert step.status == "expired"
    waiting.say("Again.")
    assert waiting.run().status == "completed"
