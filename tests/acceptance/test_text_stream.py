"""Text: the order of its events, the shapes of its deltas, and what REST says afterwards."""

from typing import Literal

import pytest

from tests.acceptance.conftest import Ask, weather
from tests.live import stream
from tests.live.server import wait_until
from tests.upstream import Code, Upstream

ORDER = [*stream.RUN_BEGINS, *stream.message(3), "thread.run.completed", *stream.DONE]


def test_the_events_of_a_text_come_in_the_recorded_order(ask: Ask, upstream: Upstream) -> None:
    upstream.say("Hello", " world", "!")
    assert stream.names(ask().stream()) == ORDER


def test_the_first_delta_of_a_text_has_annotations_and_the_others_only_a_value(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.say("Hello", " world", "!")
    events = ask().stream()
    assert stream.text_deltas(events) == [
        {"index": 0, "type": "text", "text": {"value": "Hello", "annotations": []}},
        {"index": 0, "type": "text", "text": {"value": " world"}},
        {"index": 0, "type": "text", "text": {"value": "!"}},
    ]
    message = stream.one(events, "thread.message.completed")
    assert message["content"] == [
        {"type": "text", "text": {"value": "Hello world!", "annotations": []}}
    ]


def test_ids_are_the_same_in_all_events_of_a_stream(ask: Ask, upstream: Upstream) -> None:
    upstream.say("Hello", " world", "!")
    talk = ask()
    events = talk.stream()
    message = stream.one(events, "thread.message.created")
    step = stream.one(events, "thread.run.step.created")
    run = stream.one(events, "thread.run.created")
    assert {each["id"] for each in stream.data(events, "thread.message.delta")} == {message["id"]}
    assert stream.one(events, "thread.message.completed")["id"] == message["id"]
    assert step["step_details"] == {
        "type": "message_creation",
        "message_creation": {"message_id": message["id"]},
    }
    assert message["run_id"] == step["run_id"] == run["id"]
    assert message["thread_id"] == step["thread_id"] == run["thread_id"] == talk.thread_id
    assert message["assistant_id"] == run["assistant_id"] == talk.assistant_id
    assert run["id"].startswith("run_")
    assert len(run["id"]) == len("run_") + 24


def test_trap_09_thread_created_comes_only_when_the_run_made_the_thread(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.say("Hello", " world", "!")
    talk = ask()
    body = {"messages": [{"role": "user", "content": "Hi"}], "metadata": {"a": "b"}}
    for _ in talk.client.beta.threads.create_and_run(
        assistant_id=talk.assistant_id, thread=body, stream=True
    ):
        pass
    events = talk.wire.last.events
    assert stream.names(events) == ["thread.created", *ORDER]
    thread = stream.one(events, "thread.created")
    assert thread["tool_resources"] == {"code_interpreter": {"file_ids": []}}
    assert thread["metadata"] == {"a": "b"}
    assert stream.one(events, "thread.run.completed")["thread_id"] == thread["id"]


def test_trap_10_the_run_is_created_and_queued_with_the_status_queued(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.say("Hi")
    created, queued, started = (event.data for event in ask().stream()[:3])
    assert created == queued
    assert created["status"] == "queued"
    assert created["started_at"] is None
    assert created["expires_at"] == created["created_at"] + 600
    assert started["status"] == "in_progress"
    assert started["started_at"] >= started["created_at"]
    assert started["expires_at"] == created["expires_at"]
    assert created["tool_resources"] == {"code_interpreter": {"file_ids": []}}


def test_trap_12_a_message_begins_empty_and_ends_before_its_step_which_has_the_usage(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.say("Hi")
    events = ask().stream()
    assert stream.one(events, "thread.message.created")["content"] == []
    for name in ("thread.run.step.created", "thread.run.in_progress"):
        assert stream.one(events, name)["usage"] is None
    step = stream.one(events, "thread.run.step.completed")
    assert step["usage"] == stream.one(events, "thread.run.completed")["usage"]


def test_trap_23_expires_at_is_null_at_the_end_of_a_run_but_not_in_the_step_event(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.say("Hi")
    talk = ask()
    events = talk.stream()
    run = stream.one(events, "thread.run.completed")
    assert run["expires_at"] is None
    assert run["completed_at"] >= run["started_at"]
    step = stream.one(events, "thread.run.step.completed")
    assert step["expires_at"] == run["created_at"] + 600
    (kept,) = talk.steps(run["id"])
    assert kept.model_dump()["expires_at"] is None


def test_trap_24_run_steps_carry_expires_at_and_no_metadata(ask: Ask, upstream: Upstream) -> None:
    upstream.say("Hi")
    step = stream.one(ask().stream(), "thread.run.step.completed")
    assert "expires_at" in step
    assert not {"expired_at", "metadata"} & set(step)


STATES = {"status", "incomplete_details", "incomplete_at", "completed_at"}


def test_trap_25_messages_have_their_states_over_rest_as_in_streams(
    ask: Ask, upstream: Upstream
) -> None:
    """The hosted service left them out over REST; the specification requires them (decision 0046)."""
    upstream.say("Hi")
    talk = ask()
    streamed = stream.one(talk.stream(), "thread.message.completed")
    assert {key: streamed[key] for key in STATES} == {
        "status": "completed",
        "incomplete_details": None,
        "incomplete_at": None,
        "completed_at": streamed["completed_at"],
    }
    assert streamed["completed_at"] >= streamed["created_at"]
    messages = talk.client.beta.threads.messages
    messages.retrieve(streamed["id"], thread_id=talk.thread_id)
    assert talk.wire.last.json == streamed
    messages.list(talk.thread_id)
    assert talk.wire.last.json["data"][0] == streamed
    messages.update(streamed["id"], thread_id=talk.thread_id, metadata={"seen": "yes"})
    modified = talk.wire.last.json
    assert modified.pop("file_ids") == []
    attachments = {"attachments": streamed["attachments"]}
    assert modified | attachments == streamed | {"metadata": {"seen": "yes"}}
    assert "attachments" not in modified


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_a_message_that_a_client_made_was_completed_when_it_was_created(
    ask: Ask, role: Literal["user", "assistant"]
) -> None:
    talk = ask()
    talk.client.beta.threads.messages.create(talk.thread_id, role=role, content="Hi")
    made = talk.wire.last.json
    talk.messages()
    with_thread, listed = talk.wire.last.json["data"]
    assert listed == made
    for message in (with_thread, made):
        assert {key: message[key] for key in STATES} == {
            "status": "completed",
            "incomplete_details": None,
            "incomplete_at": None,
            "completed_at": message["created_at"],
        }


def test_a_message_that_is_being_written_is_in_progress_over_rest_and_incomplete_when_cut(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.hold("It", " is")
    talk = ask()
    run = talk.start()
    wait_until(lambda: len(talk.messages()) == 2, "the message")
    begun = talk.answer
    assert (begun.status, begun.completed_at, begun.incomplete_at) == ("in_progress", None, None)
    talk.client.beta.threads.runs.cancel(run.id, thread_id=talk.thread_id)
    assert talk.poll(run.id).status == "cancelled"
    cut = talk.answer
    assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "run_cancelled")
    assert cut.completed_at is None
    assert cut.incomplete_at >= cut.created_at


def test_trap_26_run_events_name_the_code_interpreter_had_the_assistant_the_tool_or_not(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.function("get_weather", {"city": "Rome"})
    upstream.say("Sunny.")
    talk = ask(tools=[weather()])
    resources = {"code_interpreter": {"file_ids": []}}
    events = talk.stream()
    waiting = stream.one(events, "thread.run.requires_action")
    (call,) = waiting["required_action"]["submit_tool_outputs"]["tool_calls"]
    for _ in talk.client.beta.threads.runs.submit_tool_outputs(
        waiting["id"],
        thread_id=talk.thread_id,
        tool_outputs=[{"tool_call_id": call["id"], "output": "Sun."}],
        stream=True,
    ):
        pass
    events += talk.wire.last.events
    told = [event.data for event in events if event.data != "[DONE]"]
    runs = [each for each in told if each["object"] == "thread.run"]
    assert len(runs) == 7
    assert all(each["tool_resources"] == resources for each in runs)
    talk.get(waiting["id"])
    assert talk.wire.last.json["tool_resources"] == {}, "over REST it was always empty"


def test_trap_27_usage_names_its_prompt_details_in_the_singular(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.say("Hi")
    talk = ask()
    run = talk.run()
    talk.client.beta.threads.runs.retrieve(run.id, thread_id=talk.thread_id)
    assert talk.wire.last.json["usage"] == {
        "prompt_tokens": 20,
        "completion_tokens": 10,
        "total_tokens": 30,
        "prompt_token_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }


def test_an_answer_without_words_is_an_empty_message(ask: Ask, upstream: Upstream) -> None:
    upstream.say()
    talk = ask()
    events = talk.stream()
    assert stream.names(events) == [
        *stream.RUN_BEGINS,
        *stream.message(1),
        "thread.run.completed",
        *stream.DONE,
    ]


def test_trap_52_an_answer_cut_at_the_limit_of_tokens_ends_the_run_incomplete(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.say("Hello", finish="length")
    talk = ask()
    events = talk.stream(max_completion_tokens=300)
    assert stream.names(events) == [
        *stream.RUN_BEGINS,
        *stream.message(1, "incomplete", step="completed"),
        "thread.run.incomplete",
        *stream.DONE,
    ]
    message = stream.one(events, "thread.message.incomplete")
    assert message["incomplete_details"] == {"reason": "max_tokens"}
    assert message["incomplete_at"]
    run = stream.one(events, "thread.run.incomplete")
    assert run["incomplete_details"] == {"reason": "max_completion_tokens"}
    assert run["completed_at"]
    assert run["last_error"] is None
    assert upstream.last.body["max_tokens"] == 300


def test_an_answer_cut_by_the_model_itself_ends_the_run_incomplete_too(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.say("Hello", finish="length")
    talk = ask()
    run = talk.run()
    assert run.status == "incomplete"
    assert run.incomplete_details.reason == "max_completion_tokens"
    assert run.max_completion_tokens is None
    assert talk.answer.content[0].text.value == "Hello"
    talk.say("Go on.")
    assert talk.run().status == "completed"


def test_code_that_is_cut_by_the_limit_of_tokens_is_not_run(ask: Ask, upstream: Upstream) -> None:
    upstream.call(Code(arguments='{"code": "print(1'), finish="length")
    talk = ask()
    events = talk.stream()
    assert stream.names(events)[-3:] == [
        "thread.run.step.completed",
        "thread.run.incomplete",
        "done",
    ]
    (call,) = stream.one(events, "thread.run.step.completed")["step_details"]["tool_calls"]
    assert call["code_interpreter"] == {"input": "print(1", "outputs": []}


def test_trap_38_limits_of_tokens_hold_for_all_turns_of_a_run_together(
    ask: Ask, upstream: Upstream
) -> None:
    spent = {"prompt_tokens": 200, "completion_tokens": 180, "total_tokens": 380}
    upstream.code("1", usage=spent)
    upstream.code("2", usage=spent)
    talk = ask()
    run = talk.run(max_completion_tokens=300)
    assert run.status == "incomplete"
    assert run.incomplete_details.reason == "max_completion_tokens"
    assert run.usage.completion_tokens == 360
    assert [request.body["max_tokens"] for request in upstream.requests] == [300, 120]


def test_the_frames_of_a_stream_are_compact_and_its_type_is_an_event_stream(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.say("Hi")
    talk = ask()
    talk.stream()
    exchange = talk.wire.last
    assert exchange.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert exchange.headers["x-request-id"].startswith("req_")
    first, *_, last = exchange.body.decode().split("\n\n")[:-1]
    assert first.startswith('event: thread.run.created\ndata: {"id":"run_')
    assert last == "event: done\ndata: [DONE]"


def test_the_model_is_asked_with_the_settings_of_the_run(ask: Ask, upstream: Upstream) -> None:
    upstream.say("Hi")
    talk = ask("What is it?", instructions="Be kind.", temperature=0.5, tools=[])
    talk.run(model="gpt-4.1", additional_instructions="Be short.", top_p=0.9)
    body = upstream.last.body
    assert (body["model"], body["temperature"], body["top_p"]) == ("gpt-4.1", 0.5, 0.9)
    assert body["messages"] == [
        {"role": "system", "content": "Be kind.\n\nBe short."},
        {"role": "user", "content": "What is it?"},
    ]
    assert "tools" not in body


def test_additional_messages_are_added_before_the_run(ask: Ask, upstream: Upstream) -> None:
    upstream.say("Hi")
    talk = ask("One.", tools=[])
    talk.run(
        additional_messages=[
            {"role": "assistant", "content": "Two."},
            {"role": "user", "content": "Three."},
        ]
    )
    assert [each["content"] for each in upstream.last.messages] == ["One.", "Two.", "Three."]
    assert [each.content[0].text.value for each in talk.messages()] == [
        "One.",
        "Two.",
        "Three.",
        "Hi",
    ]
