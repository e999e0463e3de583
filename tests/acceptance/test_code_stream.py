"""Code: the order of its events, the shapes of its deltas, and what the model is told."""

import json

from tests.acceptance.conftest import Ask
from tests.live import stream
from tests.upstream import Code, Upstream

FIGURE = """\
import matplotlib.pyplot as plt
plt.plot([1, 2, 3])
plt.show()
"""


def begun(call_id: str, index: int = 0) -> dict[str, object]:
    """The first delta of a code call."""
    return {
        "index": index,
        "id": call_id,
        "type": "code_interpreter",
        "code_interpreter": {"input": "", "outputs": []},
    }


def typed(code: str, index: int = 0) -> dict[str, object]:
    """A delta with more of the code."""
    return {"index": index, "type": "code_interpreter", "code_interpreter": {"input": code}}


def put_out(*outputs: dict[str, object], index: int = 0) -> dict[str, object]:
    """The delta with the outputs."""
    return {"index": index, "type": "code_interpreter", "code_interpreter": {"outputs": [*outputs]}}


def test_the_events_of_code_with_logs_come_in_the_recorded_order(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code("print(2 + 2)")
    upstream.say("It is", " 4.")
    events = ask().stream()
    assert stream.names(events) == [
        *stream.RUN_BEGINS,
        *stream.tool_step(4),
        *stream.message(2),
        "thread.run.completed",
        *stream.DONE,
    ]
    step = stream.data(events, "thread.run.step.completed")[0]
    (call,) = step["step_details"]["tool_calls"]
    assert stream.call_deltas(events) == [
        begun(call["id"]),
        typed("print("),
        typed("2 + 2)"),
        put_out({"index": 0, "type": "logs", "logs": "4\n"}),
    ]
    assert call == {
        "id": call["id"],
        "type": "code_interpreter",
        "code_interpreter": {
            "input": "print(2 + 2)",
            "outputs": [{"type": "logs", "logs": "4\n"}],
        },
    }


def test_a_tool_step_begins_without_calls(ask: Ask, upstream: Upstream) -> None:
    upstream.code("1")
    events = ask().stream()
    for name in ("thread.run.step.created", "thread.run.step.in_progress"):
        step = stream.data(events, name)[0]
        assert step["type"] == "tool_calls"
        assert step["step_details"] == {"type": "tool_calls", "tool_calls": []}


def test_trap_04_first_tool_call_delta_has_the_id_and_empty_input_and_no_later_one_has(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code("print(1)", pieces=20)
    events = ask().stream()
    first, *others = stream.call_deltas(events)
    assert first == begun(first["id"])
    assert first["id"].startswith("call_")
    assert len(others) > 5
    assert not any("id" in each for each in others)


def test_trap_05_list_members_have_an_index_in_deltas_and_none_in_full_objects(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code(f"open('/mnt/data/a.txt', 'w').write('a')\nprint(1)\n{FIGURE}")
    upstream.say("See [a](sandbox:/mnt/data/a.txt).")
    events = ask().stream()
    outputs = stream.call_deltas(events)[-1]["code_interpreter"]["outputs"]
    assert [each["index"] for each in outputs] == [0, 1]
    annotations = [
        each
        for part in stream.text_deltas(events)
        if part["type"] == "text"
        for each in part["text"].get("annotations", [])
    ]
    assert [each["index"] for each in annotations] == [0]
    stream.assert_sound(events)


def test_trap_06_deltas_have_no_nulls_and_objects_no_error_key(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code("1 / 0")
    upstream.say("Oh.")
    talk = ask()
    talk.stream()
    body = talk.wire.last.body.decode()
    deltas = [line for line in body.splitlines() if '.delta","delta"' in line]
    assert deltas
    assert not any("null" in line for line in deltas)
    assert '"error":' not in body


def test_code_without_output_has_no_delta_of_outputs(ask: Ask, upstream: Upstream) -> None:
    upstream.code("x = 1")
    events = ask().stream()
    assert not any("outputs" in each["code_interpreter"] for each in stream.call_deltas(events)[1:])
    (call,) = stream.data(events, "thread.run.step.completed")[0]["step_details"]["tool_calls"]
    assert call["code_interpreter"]["outputs"] == []


def test_the_events_of_code_with_a_picture_show_it_before_the_text_of_the_next_message(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code(FIGURE, pieces=1)
    upstream.say("A", " line.")
    events = ask().stream()
    assert stream.names(events) == [
        *stream.RUN_BEGINS,
        *stream.tool_step(3),
        *stream.message(4),
        "thread.run.completed",
        *stream.DONE,
    ]
    (call,) = stream.data(events, "thread.run.step.completed")[0]["step_details"]["tool_calls"]
    (output,) = call["code_interpreter"]["outputs"]
    file_id = output["image"]["file_id"]
    assert output == {"type": "image", "image": {"file_id": file_id}}
    assert stream.call_deltas(events)[-1] == put_out({"index": 0, **output})
    assert stream.text_deltas(events) == [
        {"index": 0, "type": "image_file", "image_file": {"file_id": file_id}},
        {"index": 1, "type": "text", "text": {"value": "", "annotations": []}},
        {"index": 1, "type": "text", "text": {"value": "A"}},
        {"index": 1, "type": "text", "text": {"value": " line."}},
    ]


def test_the_text_behind_pictures_begins_without_words_also_where_a_link_comes_first(
    ask: Ask, upstream: Upstream
) -> None:
    """Node's SDK tells of a picture when the part behind it has begun (decision 0046)."""
    upstream.code(f"{FIGURE}{FIGURE}open('/mnt/data/a.csv', 'w').write('a')")
    upstream.say("sandbox:/mnt/data/a.csv", " is it.")
    events = ask().stream()
    message = stream.one(events, "thread.message.completed")
    (annotation,) = message["content"][2]["text"]["annotations"]
    assert stream.text_deltas(events)[2:] == [
        {"index": 2, "type": "text", "text": {"value": "", "annotations": []}},
        {
            "index": 2,
            "type": "text",
            "text": {
                "value": "sandbox:/mnt/data/a.csv",
                "annotations": [{"index": 0, **annotation}],
            },
        },
        {"index": 2, "type": "text", "text": {"value": " is it."}},
    ]


def test_pictures_without_words_behind_them_are_followed_by_no_text(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code(FIGURE)
    upstream.say()
    events = ask().stream()
    (picture,) = stream.text_deltas(events)
    assert picture["type"] == "image_file"
    (part,) = stream.one(events, "thread.message.completed")["content"]
    assert part["type"] == "image_file"


def test_trap_13_pictures_stand_before_the_text_and_not_in_the_attachments(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code(FIGURE)
    upstream.say("A line.")
    message = stream.one(ask().stream(), "thread.message.completed")
    assert [part["type"] for part in message["content"]] == ["image_file", "text"]
    assert message["attachments"] == []


def test_two_pictures_and_the_logs_between_them_keep_their_order(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code(f"print('one')\n{FIGURE}print('two')\n{FIGURE}")
    upstream.say("Two.")
    events = ask().stream()
    (call,) = stream.data(events, "thread.run.step.completed")[0]["step_details"]["tool_calls"]
    outputs = call["code_interpreter"]["outputs"]
    assert [each["type"] for each in outputs] == ["logs", "image", "logs", "image"]
    pictures = [each["image"]["file_id"] for each in outputs if each["type"] == "image"]
    message = stream.one(events, "thread.message.completed")
    assert [part["image_file"]["file_id"] for part in message["content"][:2]] == pictures
    assert len(message["content"]) == 3


def test_trap_19_code_that_raises_completes_its_step_and_is_retried_in_another(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code("1 / 0", pieces=1)
    upstream.code("1 / 2", pieces=1)
    upstream.say("Half.")
    events = ask().stream()
    assert stream.names(events) == [
        *stream.RUN_BEGINS,
        *stream.tool_step(3),
        *stream.tool_step(3),
        *stream.message(1),
        "thread.run.completed",
        *stream.DONE,
    ]
    steps = stream.data(events, "thread.run.step.completed")
    failed, retried = (step["step_details"]["tool_calls"][0] for step in steps[:2])
    assert "ZeroDivisionError: division by zero" in failed["code_interpreter"]["outputs"][0]["logs"]
    assert retried["code_interpreter"]["outputs"] == [{"type": "logs", "logs": "0.5"}]
    assert failed["id"] != retried["id"]
    told = upstream.requests[1].messages[-1]
    assert told["role"] == "tool"
    assert "ZeroDivisionError" in told["content"]


def test_several_code_calls_of_one_run_are_steps_of_their_own_in_one_session(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code("x = 20", pieces=1)
    upstream.code("x += 1", pieces=1)
    upstream.code("print(x)", pieces=1)
    upstream.say("21.")
    events = ask().stream()
    assert stream.names(events) == [
        *stream.RUN_BEGINS,
        *stream.tool_step(2),
        *stream.tool_step(2),
        *stream.tool_step(3),
        *stream.message(1),
        "thread.run.completed",
        *stream.DONE,
    ]
    assert stream.call_deltas(events)[-1] == put_out({"index": 0, "type": "logs", "logs": "21\n"})


def test_trap_11_text_before_code_is_a_message_of_its_own_and_complete_before_the_tool_step(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code("print(1)", text="Let me see.", pieces=1)
    upstream.say("It is 1.")
    talk = ask()
    events = talk.stream()
    assert stream.names(events) == [
        *stream.RUN_BEGINS,
        *stream.message(1),
        *stream.tool_step(3),
        *stream.message(1),
        "thread.run.completed",
        *stream.DONE,
    ]
    run = stream.one(events, "thread.run.completed")
    kinds = [step.type for step in talk.steps(run["id"])]
    assert kinds == ["message_creation", "tool_calls", "message_creation"]
    texts = [message.content[0].text.value for message in talk.messages(run_id=run["id"])]
    assert texts == ["Let me see.", "It is 1."]
    asked = upstream.requests[1].messages
    assert [each["role"] for each in asked] == ["system", "user", "assistant", "tool"]
    assert asked[2]["content"] == "Let me see."
    assert asked[2]["tool_calls"][0]["id"] == asked[3]["tool_call_id"]


def test_parallel_calls_of_one_turn_are_one_step_and_run_in_their_order(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.call(Code("x = 1; print(x)"), Code("x += 1; print(x)"), pieces=1)
    upstream.say("Done.")
    events = ask().stream()
    assert stream.names(events) == [
        *stream.RUN_BEGINS,
        *stream.tool_step(6),
        *stream.message(1),
        "thread.run.completed",
        *stream.DONE,
    ]
    step = stream.data(events, "thread.run.step.completed")[0]
    one, two = step["step_details"]["tool_calls"]
    assert stream.call_deltas(events) == [
        begun(one["id"], 0),
        typed("x = 1; print(x)", 0),
        begun(two["id"], 1),
        typed("x += 1; print(x)", 1),
        put_out({"index": 0, "type": "logs", "logs": "1\n"}, index=0),
        put_out({"index": 0, "type": "logs", "logs": "2\n"}, index=1),
    ]
    told = [each["content"] for each in upstream.requests[1].messages if each["role"] == "tool"]
    assert told == ["1", "2"]


def test_parallel_calls_that_arrive_mixed_up_are_told_apart(ask: Ask, upstream: Upstream) -> None:
    upstream.call(Code("print('a' * 3)"), Code("print('b' * 3)"), pieces=4, interleaved=True)
    events = ask().stream()
    step = stream.data(events, "thread.run.step.completed")[0]
    shown = [
        (call["code_interpreter"]["input"], call["code_interpreter"]["outputs"][0]["logs"])
        for call in step["step_details"]["tool_calls"]
    ]
    assert shown == [("print('a' * 3)", "aaa\n"), ("print('b' * 3)", "bbb\n")]


def test_trap_20_the_call_is_of_the_type_code_interpreter_over_rest_too(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code("print(1)")
    talk = ask()
    run = talk.run()
    step = talk.steps(run.id)[0]
    talk.client.beta.threads.runs.steps.retrieve(step.id, thread_id=talk.thread_id, run_id=run.id)
    (call,) = talk.wire.last.json["step_details"]["tool_calls"]
    assert call["type"] == "code_interpreter"
    assert call["code_interpreter"] == {
        "input": "print(1)",
        "outputs": [{"type": "logs", "logs": "1\n"}],
    }


def test_trap_43_logs_show_the_last_value_and_the_traceback(ask: Ask, upstream: Upstream) -> None:
    upstream.code("x = [1]\nx", pieces=1)
    upstream.code("def f():\n    raise ValueError('no')\nf()", pieces=1)
    events = ask().stream()
    value, trace = (
        step["step_details"]["tool_calls"][0]["code_interpreter"]["outputs"][0]["logs"]
        for step in stream.data(events, "thread.run.step.completed")[:2]
    )
    assert value == "[1]"
    assert "Traceback (most recent call last)" in trace
    assert "raise ValueError('no')" in trace
    assert trace.rstrip().endswith("ValueError: no")


def test_trap_44_line_ends_in_code_are_not_touched(ask: Ask, upstream: Upstream) -> None:
    code = "x = 1\r\nif x:\r\n    print('ok')\r\n"
    upstream.code(code)
    events = ask().stream()
    (call,) = stream.data(events, "thread.run.step.completed")[0]["step_details"]["tool_calls"]
    assert call["code_interpreter"]["input"] == code
    assert call["code_interpreter"]["outputs"] == [{"type": "logs", "logs": "ok\n"}]


def test_usage_is_kept_for_each_step_and_summed_up_in_the_run(ask: Ask, upstream: Upstream) -> None:
    upstream.code("1", usage={"prompt_tokens": 154, "completion_tokens": 10, "total_tokens": 164})
    upstream.say("1", usage={"prompt_tokens": 227, "completion_tokens": 5, "total_tokens": 232})
    talk = ask()
    run = talk.run()
    steps = talk.steps(run.id)
    assert [step.usage.prompt_tokens for step in steps] == [154, 227]
    assert [step.usage.completion_tokens for step in steps] == [10, 5]
    assert (run.usage.prompt_tokens, run.usage.completion_tokens) == (381, 15)
    assert run.usage.total_tokens == 396


def test_a_call_whose_arguments_are_cut_off_is_refused_and_told_to_the_model(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.call(Code(arguments='{"code": "print(1)'))
    upstream.say("Sorry.")
    talk = ask()
    run = talk.run()
    assert run.status == "completed"
    told = upstream.requests[1].messages[-1]
    assert told["role"] == "tool"
    assert told["content"]


def test_a_step_shows_the_code_that_ran_where_it_came_with_a_slip(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code("```python\nprint(6 * 7)\n```")
    upstream.say("42")
    talk = ask()
    events = talk.stream()
    (call,) = stream.data(events, "thread.run.step.completed")[0]["step_details"]["tool_calls"]
    assert call["code_interpreter"] == {
        "input": "print(6 * 7)",
        "outputs": [{"type": "logs", "logs": "42\n"}],
    }
    (run,) = talk.client.beta.threads.runs.list(talk.thread_id)
    (kept,) = [step for step in talk.steps(run.id) if step.type == "tool_calls"]
    assert kept.step_details.tool_calls[0].code_interpreter.input == "print(6 * 7)"
    (asked,) = [each for each in upstream.last.messages if each.get("tool_calls")]
    assert json.loads(asked["tool_calls"][0]["function"]["arguments"]) == {"code": "print(6 * 7)"}
