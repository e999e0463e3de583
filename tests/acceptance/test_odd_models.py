"""Models that say odd things: unknown tools, broken calls, split characters, endless turns."""

import json

import pytest

from tests.acceptance.conftest import Ask, weather
from tests.live import stream
from tests.live.fixtures import StartServer
from tests.upstream import Code, Function, Upstream


def test_a_call_of_a_function_that_does_not_exist_does_not_hang_the_run(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.function("browse", {"url": "x"})
    upstream.say("I cannot.")
    talk = ask()
    run = talk.run()
    assert run.status in {"completed", "failed"}, run.required_action
    assert run.status == "completed" or "browse" in run.last_error.message


def test_code_is_not_run_for_an_assistant_without_the_code_interpreter(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code("print('must not run')")
    upstream.say("I cannot.")
    talk = ask(tools=[weather()])
    run = talk.run()
    assert "must not run\n" not in talk.logs(run.id)
    assert run.status in {"completed", "failed"}, run.required_action


def test_characters_split_between_two_pieces_arrive_whole(ask: Ask, upstream: Upstream) -> None:
    whole = json.dumps({"code": "print('📈')"})
    assert "\\ud83d\\udcc8" in whole
    place = whole.index("\\udcc8")
    upstream.call(Code(arguments=[whole[: place - 3], whole[place - 3 : place], whole[place:]]))
    upstream.say("📈")
    talk = ask()
    events = talk.stream()
    (call,) = stream.data(events, "thread.run.step.completed")[0]["step_details"]["tool_calls"]
    assert call["code_interpreter"] == {
        "input": "print('📈')",
        "outputs": [{"type": "logs", "logs": "📈\n"}],
    }


@pytest.mark.parametrize(
    "code",
    [
        "print('\\ud800')",
        "'\\ud800'",
        "import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\x00'); sys.stdout.flush()",
        "import os; os.write(1, b'\\xe4\\xbd')",
        "print('\\x00\\x1b[31m\\u2028')",
        "raise ValueError('\\udcff')",
    ],
)
def test_output_that_is_no_text_does_not_break_the_run(
    ask: Ask, upstream: Upstream, code: str
) -> None:
    upstream.code(code)
    upstream.say("Odd.")
    talk = ask()
    events = talk.stream()
    assert stream.names(events)[-2:] == ["thread.run.completed", "done"]


@pytest.mark.parametrize("part", ["\ud800", "\udcc8 x", "\x00", "\u2028"])
def test_text_and_calls_with_broken_characters_do_not_break_the_run(
    ask: Ask, upstream: Upstream, part: str
) -> None:
    upstream.call(
        Code(f"print({part!r})  # {part}"), Function("get_weather", {"city": part}), text=part
    )
    upstream.say("It is ", part)
    talk = ask(tools=[{"type": "code_interpreter"}, weather()])
    run = talk.run()
    assert run.status == "requires_action", run.last_error
    (call,) = run.required_action.submit_tool_outputs.tool_calls
    talk.client.beta.threads.runs.submit_tool_outputs(
        run.id,
        thread_id=talk.thread_id,
        tool_outputs=[{"tool_call_id": call.id, "output": "ok"}],
    )
    assert talk.poll(run.id).status == "completed"


@pytest.mark.parametrize("arguments", ["", "not json", "[]", '{"city"', "null", '"x"'])
def test_arguments_of_functions_reach_the_client_as_the_model_wrote_them(
    ask: Ask, upstream: Upstream, arguments: str
) -> None:
    upstream.function("get_weather", arguments)
    talk = ask(tools=[weather()])
    run = talk.run()
    (call,) = run.required_action.submit_tool_outputs.tool_calls
    assert call.function.arguments == (arguments or "{}")
    talk.client.beta.threads.runs.submit_tool_outputs(
        run.id,
        thread_id=talk.thread_id,
        tool_outputs=[{"tool_call_id": call.id, "output": "ok"}],
    )
    assert talk.poll(run.id).status == "completed"


@pytest.mark.parametrize(
    "arguments", ["", "{}", '{"code": 7}', "[]", '{"source": "x = 1"}', "null"]
)
def test_code_calls_that_hold_no_code_are_refused_and_the_run_goes_on(
    ask: Ask, upstream: Upstream, arguments: str
) -> None:
    upstream.call(Code(arguments=arguments))
    upstream.say("Sorry.")
    talk = ask()
    run = talk.run()
    assert run.status == "completed", run.last_error
    assert talk.answer.content[0].text.value == "Sorry."


def test_empty_code_is_a_call_without_output(ask: Ask, upstream: Upstream) -> None:
    upstream.code("")
    upstream.say("Nothing.")
    talk = ask()
    run = talk.run()
    assert run.status == "completed"
    (step, _) = talk.steps(run.id)
    assert step.step_details.tool_calls[0].code_interpreter.input == ""


def test_a_model_that_never_stops_calling_is_stopped(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(run_turns=3)
    upstream.code("1", times=None)
    run = ask_at(server).run()
    assert run.status == "failed"
    assert "still called tools after 3 turns" in run.last_error.message
    choices = [request.body.get("tool_choice") for request in upstream.requests]
    assert choices == [None, None, None, "none"]


def test_a_long_answer_in_many_pieces_arrives_whole(ask: Ask, upstream: Upstream) -> None:
    words = [f"word{number} " for number in range(5000)]
    upstream.say(*words)
    talk = ask()
    events = talk.stream()
    assert "".join(part["text"]["value"] for part in stream.text_deltas(events)) == "".join(words)
    assert talk.answer.content[0].text.value == "".join(words)


def test_an_upstream_without_usage_is_counted_all_the_same(ask: Ask, upstream: Upstream) -> None:
    answer = upstream.say("Hello there, this is an answer.")
    answer.steps = answer.steps[:-1]
    run = ask().run()
    assert run.status == "completed"
    assert run.usage.total_tokens == run.usage.prompt_tokens + run.usage.completion_tokens


def test_a_parameter_that_the_upstream_does_not_know_is_left_out(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.error(400, "Unsupported parameter: 'top_p' is not supported with this model.")
    upstream.say("Fine.")
    talk = ask(model="picky-model")
    assert talk.run().status == "completed"
    assert "top_p" in upstream.requests[0].body
    assert "top_p" not in upstream.requests[1].body
