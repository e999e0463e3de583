"""What a client changes or deletes while a run is active: nothing of it is lost, nothing is torn."""

from typing import Any

import openai
import pytest

from tests.acceptance.conftest import Ask, Listener, Talk, weather
from tests.live import stream
from tests.live.server import Server, named, running, wait_until
from tests.upstream import Upstream


def resume(talk: Talk, run: Any, output: str) -> Any:
    """Answer the one call a run waits for, and poll to the end."""
    (call,) = run.required_action.submit_tool_outputs.tool_calls
    return talk.client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id,
        thread_id=talk.thread_id,
        tool_outputs=[{"tool_call_id": call.id, "output": output}],
    )


def test_metadata_given_to_a_message_while_it_is_written_is_kept(
    ask: Ask, upstream: Upstream
) -> None:
    gate = upstream.hold("Hel", "lo")
    talk = ask()
    listener = Listener(talk)
    message = listener.wait_for("thread.message.created")
    messages = talk.client.beta.threads.messages
    messages.update(message.id, thread_id=talk.thread_id, metadata={"seen": "yes"})
    gate.release()
    completed = stream.one(listener.end(), "thread.message.completed")
    assert completed["metadata"] == {"seen": "yes"}
    assert talk.answer.metadata == {"seen": "yes"}
    assert talk.answer.content[0].text.value == "Hello"


def test_a_message_deleted_while_it_is_written_stays_deleted(ask: Ask, upstream: Upstream) -> None:
    gate = upstream.hold("Hel", "lo")
    talk = ask()
    listener = Listener(talk)
    message = listener.wait_for("thread.message.created")
    talk.client.beta.threads.messages.delete(message.id, thread_id=talk.thread_id)
    gate.release()
    assert stream.names(listener.end())[-2:] == ["thread.run.completed", "done"]
    assert [each.role for each in talk.messages()] == ["user"]


def test_metadata_of_a_thread_changed_during_a_run_is_kept(ask: Ask, upstream: Upstream) -> None:
    gate = upstream.hold("Hel", "lo")
    talk = ask()
    run = talk.start()
    gate.wait_reached()
    talk.client.beta.threads.update(talk.thread_id, metadata={"a": "b"})
    gate.release()
    assert talk.poll(run.id).status == "completed"
    assert talk.client.beta.threads.retrieve(talk.thread_id).metadata == {"a": "b"}


def test_deleting_a_thread_cancels_its_run_and_ends_its_stream(
    ask: Ask, upstream: Upstream
) -> None:
    gate = upstream.hold("Hel", "lo")
    talk = ask()
    listener = Listener(talk)
    run = listener.wait_for("thread.run.created")
    gate.wait_reached()
    assert talk.client.beta.threads.delete(talk.thread_id).deleted
    assert stream.names(listener.end())[-3:] == [
        "thread.run.cancelling",
        "thread.run.cancelled",
        "done",
    ]
    assert upstream.last.wait_disconnected(), "the upstream still talks to nobody"
    with pytest.raises(openai.NotFoundError):
        talk.get(run.id)


def test_deleting_a_thread_stops_its_code(ask: Ask, server: Server, upstream: Upstream) -> None:
    upstream.code(named("asleep", "import time\ntime.sleep(600)"), pieces=1)
    talk = ask()
    before = len(server.log)
    listener = Listener(talk)
    wait_until(lambda: running(server, "asleep"), "the code")
    talk.client.beta.threads.delete(talk.thread_id)
    assert stream.names(listener.end())[-2:] == ["thread.run.cancelled", "done"]
    assert "error" not in server.log[before:]


def test_deleting_a_thread_whose_run_waits_for_outputs_is_possible(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.function("get_weather", {"city": "A"})
    talk = ask(tools=[weather()])
    run = talk.run()
    assert run.status == "requires_action"
    assert talk.client.beta.threads.delete(talk.thread_id).deleted
    with pytest.raises(openai.NotFoundError):
        talk.client.beta.threads.retrieve(talk.thread_id)


def test_a_run_goes_on_when_its_assistant_is_deleted(ask: Ask, upstream: Upstream) -> None:
    upstream.function("get_weather", {"city": "A"})
    upstream.say("Sun.")
    talk = ask(tools=[weather()])
    run = talk.run()
    talk.client.beta.assistants.delete(talk.assistant_id)
    done = resume(talk, run, "sun")
    assert done.status == "completed"
    assert done.assistant_id == talk.assistant_id


def test_a_run_goes_on_without_a_file_that_is_deleted_before_its_code(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.function("get_weather", {"city": "A"})
    upstream.code("import os\nprint(sorted(os.listdir('/mnt/data')))")
    upstream.say("Done.")
    talk = ask(tools=[{"type": "code_interpreter"}, weather()])
    files = [
        talk.client.files.create(file=(name, b"abc"), purpose="assistants").id
        for name in ("a.txt", "b.txt")
    ]
    tools = [{"type": "code_interpreter"}]
    talk.say("See.", attachments=[{"file_id": each, "tools": tools} for each in files])
    run = talk.run()
    talk.client.files.delete(files[0])
    done = resume(talk, run, "sun")
    assert done.status == "completed"
    (call,) = talk.steps(run.id)[1].step_details.tool_calls
    assert "b.txt" in call.code_interpreter.outputs[0].logs
    assert "a.txt" not in call.code_interpreter.outputs[0].logs
