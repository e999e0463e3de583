"""While a run is open, its thread takes neither messages nor runs."""

import openai
import pytest

from tests.acceptance.conftest import Ask, Talk, weather
from tests.live.server import wait_until
from tests.live.wire import Wire
from tests.upstream import Upstream

pytestmark = pytest.mark.cluster


def assert_locked(talk: Talk, run_id: str) -> None:
    """Both are refused, in the words of the hosted service, and the SDK does not try again."""
    wire: Wire = talk.wire
    before = wire.sent("POST", "/messages")
    with pytest.raises(openai.BadRequestError) as refused:
        talk.say("Wait!")
    assert wire.sent("POST", "/messages") == before + 1
    assert refused.value.body == {
        "message": f"Can't add messages to {talk.thread_id} while a run {run_id} is active.",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
    before = wire.sent("POST", "/runs")
    with pytest.raises(openai.BadRequestError) as refused:
        talk.start()
    assert wire.sent("POST", "/runs") == before + 1
    assert refused.value.body == {
        "message": f"Thread {talk.thread_id} already has an active run {run_id}.",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


@pytest.mark.every_size
@pytest.mark.every_backend
def test_trap_02_a_locked_thread_answers_400_and_the_sdk_does_not_retry(
    ask: Ask, upstream: Upstream
) -> None:
    gate = upstream.hold("Hm")
    talk = ask()
    run = talk.start()
    assert run.status == "queued"
    gate.wait_reached()
    assert talk.get(run.id).status == "in_progress"
    assert_locked(talk, run.id)
    gate.release()
    assert talk.poll(run.id).status == "completed"
    talk.say("Now.")
    assert talk.run().status == "completed"


@pytest.mark.every_size
@pytest.mark.every_backend
def test_trap_03_a_thread_is_locked_while_the_run_waits_for_outputs_too(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.function("get_weather", {"city": "A"})
    talk = ask(tools=[weather()])
    run = talk.run()
    assert run.status == "requires_action"
    assert_locked(talk, run.id)
    with pytest.raises(openai.BadRequestError, match="already has an active run"):
        talk.start(additional_messages=[{"role": "user", "content": "And?"}])
    assert len(talk.messages()) == 1


def test_a_streamed_run_is_refused_as_plain_json_before_the_stream_begins(
    ask: Ask, upstream: Upstream
) -> None:
    gate = upstream.hold("Hm")
    talk = ask()
    run = talk.start()
    with pytest.raises(openai.BadRequestError, match=f"already has an active run {run.id}"):
        talk.stream()
    assert talk.wire.last.headers["content-type"] == "application/json"
    gate.release()
    talk.poll(run.id)


@pytest.mark.every_backend
def test_an_active_run_cannot_be_modified_and_an_ended_one_can(
    ask: Ask, upstream: Upstream
) -> None:
    gate = upstream.hold("Hm")
    talk = ask()
    runs = talk.client.beta.threads.runs
    run = talk.start()
    gate.wait_reached()
    with pytest.raises(openai.BadRequestError, match="Cannot update run with status 'in_progress'"):
        runs.update(run.id, thread_id=talk.thread_id, metadata={"a": "b"})
    gate.release()
    talk.poll(run.id)
    changed = runs.update(run.id, thread_id=talk.thread_id, metadata={"a": "b"})
    assert changed.metadata == {"a": "b"}


def test_reading_and_files_are_possible_while_a_thread_is_locked(
    ask: Ask, upstream: Upstream
) -> None:
    gate = upstream.hold("Hm")
    talk = ask()
    run = talk.start()
    wait_until(lambda: len(talk.messages()) == 2, "the beginning of the answer")
    changed = talk.client.beta.threads.update(talk.thread_id, metadata={"a": "b"})
    assert changed.metadata == {"a": "b"}
    assert talk.client.files.create(file=("a.txt", b"a"), purpose="assistants").bytes == 1
    gate.release()
    talk.poll(run.id)


def test_other_threads_are_not_locked(ask: Ask, upstream: Upstream) -> None:
    gate = upstream.hold("Hm", when="One.")
    one, two = ask("One."), ask("Two.")
    run = one.start()
    gate.wait_reached()
    assert two.run().status == "completed"
    gate.release()
    one.poll(run.id)


def test_a_thread_without_messages_needs_an_assistant_with_instructions(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask()
    empty = talk.client.beta.threads.create()
    runs = talk.client.beta.threads.runs
    with pytest.raises(openai.BadRequestError) as refused:
        runs.create(thread_id=empty.id, assistant_id=talk.assistant_id)
    assert refused.value.body == {
        "message": "Run creation requires a Thread with a user message or an assistant with instructions.",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_thread",
    }
    run = runs.create_and_poll(
        thread_id=empty.id, assistant_id=talk.assistant_id, instructions="Greet."
    )
    assert run.status == "completed"
