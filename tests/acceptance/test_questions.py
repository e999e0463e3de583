"""What the model is asked: the conversation, its pictures and files, and the settings of the run."""

from typing import Any

import pytest

from tests.acceptance.conftest import Ask, weather
from tests.live import stream
from tests.upstream import Upstream

ANSWER = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        "strict": True,
    },
}


def asked(upstream: Upstream) -> list[tuple[str, Any]]:
    """Role and content of every message of the last request."""
    return [(each["role"], each["content"]) for each in upstream.last.messages]


def test_the_conversation_of_a_thread_is_told_in_order(ask: Ask, upstream: Upstream) -> None:
    talk = ask("One.", tools=[])
    upstream.say("Two.")
    talk.run()
    talk.say("Three.")
    talk.run()
    assert asked(upstream) == [("user", "One."), ("assistant", "Two."), ("user", "Three.")]


def test_code_of_earlier_runs_and_its_results_are_told_again(ask: Ask, upstream: Upstream) -> None:
    talk = ask("One.")
    upstream.code("print(41)")
    upstream.say("It is 41.")
    talk.run()
    talk.say("And one more?")
    talk.run()
    roles = [role for role, _ in asked(upstream)]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]
    call = upstream.last.messages[2]["tool_calls"][0]
    assert call["function"]["arguments"] == '{"code": "print(41)"}'
    assert upstream.last.messages[3]["tool_call_id"] == call["id"]
    assert upstream.last.messages[3]["content"] == "41"


def test_only_the_last_messages_are_told_where_the_run_wants_it(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask("One.", tools=[])
    for text in ("Two.", "Three."):
        talk.say(text)
    run = talk.run(truncation_strategy={"type": "last_messages", "last_messages": 1})
    assert asked(upstream) == [("user", "Three.")]
    assert run.truncation_strategy.last_messages == 1


def test_the_middle_of_a_long_thread_is_left_out_where_it_exceeds_the_models_window(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask("First. " + "word " * 80, model="small-window", tools=[])
    for number in range(8):
        talk.say(f"{number}. " + "word " * 80)
    talk.say("Last.")
    upstream.error(400, "This model's maximum context length is 800 tokens.")
    run = talk.run()
    assert run.status == "completed"
    assert run.truncation_strategy.type == "auto"
    (message,) = upstream.last.messages
    assert message["content"].startswith("First. ")
    assert message["content"].endswith("Last.")
    assert "7. word" in message["content"]
    assert "2. word" not in message["content"]


def test_a_thread_is_shortened_to_the_prompt_tokens_a_run_may_spend(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask("First. " + "word " * 80, tools=[])
    for number in range(8):
        talk.say(f"{number}. " + "word " * 80)
    run = talk.run(max_prompt_tokens=400)
    assert run.status == "completed"
    (message,) = upstream.last.messages
    assert message["content"].startswith("First. ")
    assert "7. word" in message["content"]
    assert "5. word" not in message["content"]


def test_a_question_larger_than_the_prompt_tokens_of_the_run_ends_it_incomplete(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask("word " * 400, tools=[])
    events = talk.stream(max_prompt_tokens=256)
    assert stream.names(events) == [*stream.RUN_BEGINS, "thread.run.incomplete", *stream.DONE]
    run = stream.one(events, "thread.run.incomplete")
    assert run["incomplete_details"] == {"reason": "max_prompt_tokens"}
    assert run["usage"]["total_tokens"] == 0
    assert upstream.requests == []


def test_a_run_that_has_used_up_its_prompt_tokens_ends_incomplete(
    ask: Ask, upstream: Upstream
) -> None:
    usage = {"prompt_tokens": 500, "completion_tokens": 1, "total_tokens": 501}
    upstream.code("1", usage=usage)
    run = ask().run(max_prompt_tokens=400)
    assert run.status == "incomplete"
    assert run.incomplete_details.reason == "max_prompt_tokens"
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
        (
            {"response_format": {"type": "json_object"}},
            {"response_format": {"type": "json_object"}},
        ),
        ({"response_format": {"type": "text"}}, {"response_format": None}),
        ({"response_format": "auto"}, {"response_format": None}),
        ({"response_format": ANSWER}, {"response_format": ANSWER}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
            {"tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
        ),
        ({"temperature": 0.0, "top_p": 0.1}, {"temperature": 0.0, "top_p": 0.1}),
        ({"max_completion_tokens": 16}, {"max_tokens": 16}),
        ({"tool_choice": "none"}, {"tool_choice": "none"}),
        ({"tool_choice": "required"}, {"tool_choice": "required"}),
        (
            {"tool_choice": {"type": "code_interpreter"}},
            {"tool_choice": {"type": "function", "function": {"name": "python"}}},
        ),
        ({"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
    ],
    ids=str,
)
def test_settings_of_a_run_reach_the_model(
    ask: Ask, upstream: Upstream, fields: dict[str, Any], sent: dict[str, Any]
) -> None:
    talk = ask(tools=[{"type": "code_interpreter"}, weather()])
    upstream.say("Fine.")
    talk.run(**fields)
    assert {key: upstream.last.body.get(key) for key in sent} == sent


def test_a_required_tool_is_required_once(ask: Ask, upstream: Upstream) -> None:
    upstream.code("1")
    upstream.say("Done.")
    assert ask().run(tool_choice="required").status == "completed"
    assert upstream.requests[0].body["tool_choice"] == "required"
    assert "tool_choice" not in upstream.requests[1].body


def test_functions_and_code_are_offered_as_tools(ask: Ask, upstream: Upstream) -> None:
    ask(tools=[weather(), {"type": "code_interpreter"}]).run()
    code, function = upstream.last.body["tools"]
    assert code["function"]["name"] == "python"
    assert function["function"] == weather()["function"]


def test_tools_may_be_overridden_for_one_run(ask: Ask, upstream: Upstream) -> None:
    talk = ask()
    talk.run(tools=[weather()])
    assert [each["function"]["name"] for each in upstream.last.body["tools"]] == ["get_weather"]
    talk.say("Again.")
    talk.run()
    assert [each["function"]["name"] for each in upstream.last.body["tools"]] == ["python"]


def test_pictures_by_address_are_shown_to_the_model(ask: Ask, upstream: Upstream) -> None:
    talk = ask(tools=[])
    url = {"url": "https://example.com/a.png", "detail": "low"}
    talk.say([{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": url}])  # type: ignore[arg-type]
    talk.run()
    assert {"type": "image_url", "image_url": url} in upstream.last.messages[-1]["content"]


GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"


@pytest.mark.parametrize(
    ("name", "content", "shown"),
    [
        ("a.gif", GIF, "data:image/gif;base64,R0lGOD"),
        ("photo", GIF, "data:image/gif;base64,R0lGOD"),
        ("a.png", b"RIFF\x00\x00\x00\x00WEBPVP8 ", "data:image/webp;base64,UklGR"),
        ("a.png", b"no picture at all", None),
    ],
)
def test_uploaded_pictures_are_shown_to_models_that_see_whatever_their_name(
    ask: Ask, upstream: Upstream, name: str, content: bytes, shown: str | None
) -> None:
    talk = ask(tools=[])
    file = talk.client.files.create(file=(name, content), purpose="vision")
    picture = {"type": "image_file", "image_file": {"file_id": file.id, "detail": "low"}}
    talk.say([{"type": "text", "text": "What is it?"}, picture])  # type: ignore[arg-type]
    talk.run()
    if shown is None:
        assert f"[a picture, file id {file.id}]" in upstream.last.messages[-1]["content"]
        return
    (image,) = [
        part["image_url"]
        for part in upstream.last.messages[-1]["content"]
        if part["type"] == "image_url"
    ]
    assert image["url"].startswith(shown)
    assert image["detail"] == "low"


def test_a_model_that_cannot_see_is_told_that_there_is_a_picture(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask(tools=[], model="blind-1")
    file = talk.client.files.create(file=("a.gif", GIF), purpose="vision")
    url = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    picture = {"type": "image_file", "image_file": {"file_id": file.id}}
    talk.say([{"type": "text", "text": "What is it?"}, url, picture])  # type: ignore[arg-type]
    assert talk.run().status == "completed"
    content = upstream.last.messages[-1]["content"]
    assert "[A picture is here, which you cannot see.]" in content
    assert f"[a picture, file id {file.id}]" in content


def test_files_of_additional_messages_join_the_thread(ask: Ask, upstream: Upstream) -> None:
    talk = ask()
    file = talk.client.files.create(file=("a.txt", b"abc"), purpose="assistants")
    attachment = {"file_id": file.id, "tools": [{"type": "code_interpreter"}]}
    upstream.code("print(open('/mnt/data/a.txt').read())")
    run = talk.run(
        additional_messages=[{"role": "user", "content": "See.", "attachments": [attachment]}]
    )
    (call,) = talk.steps(run.id)[0].step_details.tool_calls
    assert call.code_interpreter.outputs[0].logs == "abc\n"


def test_metadata_of_a_run_is_its_own(ask: Ask, upstream: Upstream) -> None:
    talk = ask(metadata={"of": "assistant"})
    assert talk.run(metadata={"of": "run"}).metadata == {"of": "run"}
    talk.say("Again.")
    assert talk.run().metadata == {}
