"""Functions of the client: the run stops for them, and goes on when their outputs come."""

import time
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from tests.acceptance.conftest import Ask, Talk, weather
from tests.live import stream
from tests.upstream import Code, Function, Upstream

FUNCTIONS = [{"type": "code_interpreter"}, weather(), weather("get_time")]


@pytest.fixture
def talk(ask: Ask) -> Talk:
    """An assistant that may call functions and code."""
    return ask("How is the weather?", tools=FUNCTIONS)


def outputs(run: Any, *values: str) -> list[Any]:
    """The outputs of the calls a run waits for, in their order."""
    calls = run.required_action.submit_tool_outputs.tool_calls
    return [
        {"tool_call_id": call.id, "output": value}
        for call, value in zip(calls, values, strict=True)
    ]


def submit(talk: Talk, run_id: str, given: list[Any], **fields: Any) -> Any:
    """Submit outputs."""
    return talk.client.beta.threads.runs.submit_tool_outputs(
        run_id, thread_id=talk.thread_id, tool_outputs=given, **fields
    )


def submit_streamed(talk: Talk, run_id: str, given: list[Any]) -> list[stream.Event]:
    """Submit outputs with `stream=True`; the events."""
    for _ in submit(talk, run_id, given, stream=True):
        pass
    return talk.wire.last.events


def test_the_events_of_a_function_call_end_with_requires_action(
    talk: Talk, upstream: Upstream
) -> None:
    upstream.function("get_weather", {"city": "Paris"})
    events = talk.stream()
    assert stream.names(events) == [
        *stream.RUN_BEGINS,
        *stream.tool_step(4, None),
        "thread.run.requires_action",
        *stream.DONE,
    ]
    first, *others = stream.call_deltas(events)
    assert first == {
        "index": 0,
        "id": first["id"],
        "type": "function",
        "function": {"name": "get_weather", "arguments": "", "output": None},
    }
    assert others == [
        {"index": 0, "type": "function", "function": {"arguments": part}}
        for part in ('{"city', '": "Pa', 'ris"}')
    ]
    run = stream.one(events, "thread.run.requires_action")
    assert run["status"] == "requires_action"
    assert run["usage"] is None
    assert run["required_action"] == {
        "type": "submit_tool_outputs",
        "submit_tool_outputs": {
            "tool_calls": [
                {
                    "id": first["id"],
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
                }
            ]
        },
    }


def test_trap_07_a_stream_ends_after_requires_action_and_the_run_stays_open(
    talk: Talk, upstream: Upstream
) -> None:
    upstream.function("get_weather", {"city": "Paris"})
    events = talk.stream()
    assert stream.names(events)[-2:] == ["thread.run.requires_action", "done"]
    run = talk.get(stream.one(events, "thread.run.created")["id"])
    assert run.status == "requires_action"
    with pytest.raises(openai.BadRequestError, match="while a run"):
        talk.say("Well?")


@pytest.mark.every_size
def test_trap_08_the_stream_after_outputs_begins_with_the_end_of_the_waiting_step(
    talk: Talk, upstream: Upstream
) -> None:
    upstream.function("get_weather", {"city": "Paris"})
    upstream.say("Sunny.")
    run = talk.run()
    events = submit_streamed(talk, run.id, outputs(run, "sun"))
    assert stream.names(events) == [
        "thread.run.step.completed",
        *stream.RUN_RESUMES,
        *stream.message(1),
        "thread.run.completed",
        *stream.DONE,
    ]
    queued = stream.one(events, "thread.run.queued")
    assert queued["status"] == "queued"
    assert queued["required_action"] is None
    step = stream.data(events, "thread.run.step.completed")[0]
    (call,) = step["step_details"]["tool_calls"]
    assert call["function"] == {
        "name": "get_weather",
        "arguments": '{"city": "Paris"}',
        "output": "sun",
    }
    assert step["usage"]["total_tokens"] == 30
    assert stream.one(events, "thread.run.completed")["usage"]["total_tokens"] == 60
    asked = upstream.requests[1].messages
    assert asked[-1] == {"role": "tool", "tool_call_id": call["id"], "content": "sun"}
    assert asked[-2]["tool_calls"][0]["function"] == {
        "name": "get_weather",
        "arguments": '{"city": "Paris"}',
    }


def test_outputs_are_submitted_and_polled(talk: Talk, upstream: Upstream) -> None:
    upstream.function("get_weather", {"city": "Paris"})
    upstream.say("Sunny.")
    run = talk.run()
    assert run.status == "requires_action"
    done = talk.client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id, thread_id=talk.thread_id, tool_outputs=outputs(run, "sun")
    )
    assert done.status == "completed"
    assert done.required_action is None
    assert talk.answer.content[0].text.value == "Sunny."


def test_submitting_answers_with_the_queued_run(talk: Talk, upstream: Upstream) -> None:
    upstream.function("get_weather", {"city": "Paris"})
    gate = upstream.hold("Sunny.")
    run = talk.run()
    queued = submit(talk, run.id, outputs(run, "sun"))
    assert queued.status == "queued"
    assert queued.required_action is None
    gate.release()
    assert talk.poll(run.id).status == "completed"


def test_trap_40_all_outputs_are_submitted_at_once_and_the_error_names_both_sets(
    talk: Talk, upstream: Upstream
) -> None:
    upstream.call(Function("get_weather", {"city": "A"}), Function("get_time", {"city": "B"}))
    upstream.say("Sunny at noon.")
    run = talk.run()
    first, second = outputs(run, "sun", "noon")
    ids = [first["tool_call_id"], second["tool_call_id"]]
    for given in ([first], [first, {**second, "tool_call_id": "call_x"}], []):
        with pytest.raises(openai.BadRequestError) as refused:
            submit(talk, run.id, given)
        got = [each["tool_call_id"] for each in given]
        expected = f"Expected tool outputs for call_ids {ids}, got {got}"
        assert refused.value.body["message"] == expected  # type: ignore[index]
    assert talk.get(run.id).status == "requires_action"
    submit(talk, run.id, [second, first])
    assert talk.poll(run.id).status == "completed"
    told = [each["content"] for each in upstream.last.messages if each["role"] == "tool"]
    assert told == ["sun", "noon"]


def test_an_output_given_twice_is_refused(talk: Talk, upstream: Upstream) -> None:
    upstream.function("get_weather", {"city": "A"})
    run = talk.run()
    (output,) = outputs(run, "sun")
    with pytest.raises(openai.BadRequestError, match="Expected tool outputs for call_ids"):
        submit(talk, run.id, [output, output])


def test_trap_46_the_function_step_waits_in_progress_and_gets_its_output_on_completion(
    talk: Talk, upstream: Upstream
) -> None:
    upstream.function("get_weather", {"city": "Paris"})
    upstream.say("Sunny.")
    run = talk.run()
    (waiting,) = talk.steps(run.id)
    assert waiting.status == "in_progress"
    assert waiting.usage is None
    assert waiting.completed_at is None
    assert waiting.step_details.tool_calls[0].function.output is None
    submit(talk, run.id, outputs(run, "sun"))
    talk.poll(run.id)
    done = talk.steps(run.id)[0]
    assert done.id == waiting.id
    assert done.status == "completed"
    assert done.step_details.tool_calls[0].function.output == "sun"


def test_trap_49_submitting_outputs_does_not_move_the_end_of_the_ten_minutes(
    talk: Talk, upstream: Upstream
) -> None:
    upstream.function("get_weather", {"city": "Paris"})
    gate = upstream.hold("Sunny.")
    run = talk.run()
    time.sleep(1.1)  # the clock of runs counts seconds
    queued = submit(talk, run.id, outputs(run, "sun"))
    gate.wait_reached()
    resumed = talk.get(run.id)
    assert run.expires_at == queued.expires_at == resumed.expires_at == run.created_at + 600
    assert resumed.status == "in_progress"
    assert queued.started_at == run.started_at
    assert resumed.started_at > run.started_at, "it is set anew (trap 23)"
    gate.release()
    talk.poll(run.id)


def test_code_and_a_function_in_one_turn_run_the_code_before_the_client_is_asked(
    talk: Talk, upstream: Upstream
) -> None:
    upstream.call(Code("print(6 * 7)"), Function("get_weather", {"city": "A"}), pieces=1)
    upstream.say("Both.")
    events = talk.stream()
    assert stream.names(events) == [
        *stream.RUN_BEGINS,
        *stream.tool_step(5, None),
        "thread.run.requires_action",
        *stream.DONE,
    ]
    run = talk.get(stream.one(events, "thread.run.created")["id"])
    assert len(run.required_action.submit_tool_outputs.tool_calls) == 1
    events = submit_streamed(talk, run.id, outputs(run, "sun"))
    step = stream.data(events, "thread.run.step.completed")[0]
    code, function = step["step_details"]["tool_calls"]
    assert code["code_interpreter"]["outputs"] == [{"type": "logs", "logs": "42\n"}]
    assert function["function"]["output"] == "sun"
    told = [each["content"] for each in upstream.last.messages if each["role"] == "tool"]
    assert told == ["42", "sun"]


@pytest.mark.every_size
def test_a_run_may_ask_for_functions_several_times(talk: Talk, upstream: Upstream) -> None:
    upstream.function("get_weather", {"city": "A"})
    upstream.code("print('sun' * 2)")
    upstream.function("get_time", {"city": "B"}, text="And now?")
    upstream.say("Done.")
    run = talk.run()
    submit(talk, run.id, outputs(run, "sun"))
    run = talk.poll(run.id)
    assert run.required_action.submit_tool_outputs.tool_calls[0].function.name == "get_time"
    submit(talk, run.id, outputs(run, "noon"))
    done = talk.poll(run.id)
    assert done.status == "completed"
    assert [step.type for step in talk.steps(run.id)] == [
        "tool_calls",
        "tool_calls",
        "message_creation",
        "tool_calls",
        "message_creation",
    ]
    assert done.usage.total_tokens == 120


@pytest.mark.parametrize("ending", ["completed", "failed"])
def test_outputs_are_refused_by_a_run_that_has_ended(
    talk: Talk, upstream: Upstream, ending: str
) -> None:
    if ending == "failed":
        upstream.error(401)
    run = talk.run()
    assert run.status == ending
    with pytest.raises(openai.BadRequestError, match="tool outputs") as refused:
        submit(talk, run.id, [{"tool_call_id": "call_x", "output": "x"}])
    expected = f'Runs in status "{ending}" do not accept tool outputs.'
    assert refused.value.body["message"] == expected  # type: ignore[index]


def test_outputs_are_refused_while_the_run_is_in_progress(talk: Talk, upstream: Upstream) -> None:
    gate = upstream.hold("Hm")
    run = talk.start()
    gate.wait_reached()
    with pytest.raises(openai.BadRequestError, match='Runs in status "in_progress" do not accept'):
        submit(talk, run.id, [{"tool_call_id": "call_x", "output": "x"}])
    gate.release()
    talk.poll(run.id)


def test_an_output_that_is_absent_or_null_is_an_empty_one(talk: Talk, upstream: Upstream) -> None:
    upstream.call(Function("get_weather", {"city": "A"}), Function("get_time", {"city": "B"}))
    run = talk.run()
    one, two = run.required_action.submit_tool_outputs.tool_calls
    submit(talk, run.id, [{"tool_call_id": one.id}, {"tool_call_id": two.id, "output": None}])
    assert talk.poll(run.id).status == "completed"
    told = [each["content"] for each in upstream.last.messages if each["role"] == "tool"]
    assert told == ["", ""]


def test_trap_41_a_function_tool_comes_back_with_its_defaults(talk: Talk) -> None:
    bare = {"type": "function", "function": {"name": "now"}}
    made = talk.client.beta.assistants.create(model="gpt-4o", tools=[bare])  # type: ignore[list-item]
    assert talk.wire.last.json["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "now",
                "parameters": {"type": "object", "properties": {}},
                "strict": False,
            },
        }
    ]
    assert (made.temperature, made.top_p) == (1.0, 1.0)


def test_a_forced_function_is_forced_once(talk: Talk, upstream: Upstream) -> None:
    choice = {"type": "function", "function": {"name": "get_weather"}}
    upstream.function("get_weather", {"city": "A"})
    run = talk.run(tool_choice=choice)
    assert run.tool_choice.function.name == "get_weather"
    assert upstream.last.body["tool_choice"] == choice
    submit(talk, run.id, outputs(run, "sun"))
    assert talk.poll(run.id).status == "completed"
    assert "tool_choice" not in upstream.last.body


def test_trap_38_limits_of_tokens_hold_when_a_run_goes_on_with_outputs(
    talk: Talk, upstream: Upstream
) -> None:
    spent = {"prompt_tokens": 9, "completion_tokens": 400, "total_tokens": 409}
    upstream.function("get_weather", {"city": "A"}, usage=spent)
    run = talk.run(max_completion_tokens=300)
    submit(talk, run.id, outputs(run, "sun"))
    done = talk.poll(run.id)
    assert done.status == "incomplete"
    assert done.incomplete_details.reason == "max_completion_tokens"
    assert len(upstream.requests) == 1


async def test_the_async_client_streams_a_function_call_and_its_resumption(
    async_client: AsyncOpenAI, talk: Talk, upstream: Upstream
) -> None:
    upstream.function("get_weather", {"city": "Paris"})
    upstream.say("Sunny.")
    runs = async_client.beta.threads.runs
    async with runs.stream(**talk.ids) as events:
        run = await events.get_final_run()
    assert run.status == "requires_action"
    async with runs.submit_tool_outputs_stream(
        run_id=run.id, thread_id=talk.thread_id, tool_outputs=outputs(run, "sun")
    ) as events:
        texts = [text async for text in events.text_deltas]
        assert (await events.get_final_run()).status == "completed"
    assert texts == ["Sunny."]


async def test_the_async_client_submits_and_polls(
    async_client: AsyncOpenAI, talk: Talk, upstream: Upstream
) -> None:
    upstream.function("get_weather", {"city": "Paris"})
    runs = async_client.beta.threads.runs
    run = await runs.create_and_poll(**talk.ids)
    done = await runs.submit_tool_outputs_and_poll(
        run_id=run.id, thread_id=talk.thread_id, tool_outputs=outputs(run, "sun")
    )
    assert done.status == "completed"
