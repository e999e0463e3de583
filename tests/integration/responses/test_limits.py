"""Limits of a response: tokens, calls, time, and how many a project may have (contract, responses, 2.1, 3 and 5)."""

from typing import Any

import httpx
import pytest
from openai import InternalServerError, OpenAI, RateLimitError

from tests.integration.responses.conversing import CODE, WEATHER, ask, refuse, stream
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.response_stream import names
from tests.live.server import Server, wait_until
from tests.live.tenants import client_of, new_project
from tests.live.wire import Wire
from tests.upstream import Code, Upstream

OUTPUTS = ["code_interpreter_call.outputs"]


# Tokens


def test_tokens_that_end_within_code_leave_the_call_incomplete(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.call(Code(arguments=['{"code": "print(', "1"]), finish="length")
    events = stream(raw, tools=CODE, max_output_tokens=16)
    response = events[-1].data["response"]
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    (call,) = response["output"]
    assert (call["type"], call["status"], call["code"]) == (
        "code_interpreter_call", "incomplete", "print(1",
    )  # fmt: skip
    assert names(events)[-2:] == ["output_item.done", "incomplete"]
    assert response["usage"]["output_tokens"] == 10


def test_tokens_that_end_within_thoughts_leave_no_message(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.deltas({"reasoning_content": "Let me th"}, finish="length")
    made = ask(raw, max_output_tokens=16)
    assert made["status"] == "incomplete"
    assert made["incomplete_details"] == {"reason": "max_output_tokens"}
    (thought,) = made["output"]
    assert thought["content"] == [{"type": "reasoning_text", "text": "Let me th"}]
    assert "status" not in thought


def test_tokens_are_those_of_all_answers_together(raw: httpx.Client, upstream: Upstream) -> None:
    upstream.code("print(1)")  # 10 tokens
    upstream.say("So lo", finish="length")
    made = ask(raw, tools=CODE, max_output_tokens=16)
    assert [each.body["max_tokens"] for each in upstream.requests] == [16, 6]
    assert [each["status"] for each in made["output"]] == ["completed", "incomplete"]
    upstream.code("print(1)", usage={"prompt_tokens": 1, "completion_tokens": 16})
    made = ask(raw, tools=CODE, max_output_tokens=16)
    assert made["status"] == "incomplete"
    assert [each["status"] for each in made["output"]] == ["completed"]
    assert len(upstream.requests) == 3, "nothing is left to answer with"


# Calls


def test_the_limit_of_calls_counts_those_of_one_answer(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.call(Code("print(1)"), Code("print(2)"))
    upstream.say("Enough.")
    made = ask(raw, tools=CODE, max_tool_calls=1, include=OUTPUTS)
    first, second, message = made["output"]
    assert first["outputs"] == [{"type": "logs", "logs": "1\n"}]
    assert "limit of 1 tool call(s) is reached" in second["outputs"][0]["logs"]
    assert (made["status"], message["status"]) == ("completed", "completed")


def test_calls_of_functions_are_not_counted(raw: httpx.Client, upstream: Upstream) -> None:
    upstream.function("get_weather", {"city": "Rome"})
    first = ask(raw, tools=[*CODE, WEATHER], max_tool_calls=1)
    (call,) = first["output"]
    upstream.code("print(1)")
    upstream.say("Done.")
    given = [{"type": "function_call_output", "call_id": call["call_id"], "output": "sun"}]
    second = ask(
        raw,
        tools=[*CODE, WEATHER],
        max_tool_calls=1,
        include=OUTPUTS,
        previous_response_id=first["id"],
        input=given,
    )
    assert second["output"][0]["outputs"] == [{"type": "logs", "logs": "1\n"}]


CHOICES: dict[str, tuple[Any, Any, list[str]]] = {
    "none": ("none", "none", ["python", "get_weather"]),
    "required": ("required", "required", ["python", "get_weather"]),
    "the code interpreter": (
        {"type": "code_interpreter"},
        {"type": "function", "function": {"name": "python"}},
        ["python", "get_weather"],
    ),
    "a function": (
        {"type": "function", "name": "get_weather"},
        {"type": "function", "function": {"name": "get_weather"}},
        ["python", "get_weather"],
    ),
    "some tools": (
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "code_interpreter"}]},
        None,
        ["python"],
    ),
    "some tools, one of which must be called": (
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "code_interpreter"}]},
        "required",
        ["python"],
    ),
}


@pytest.mark.parametrize("case", CHOICES)
def test_a_choice_reaches_the_model_and_is_forced_once(
    case: str, client: OpenAI, upstream: Upstream
) -> None:
    choice, sent, offered = CHOICES[case]
    if choice != "none":
        upstream.code("print(1)")
    upstream.say("Done.")
    made = client.responses.create(
        model="m",
        input="?",
        tools=[*CODE, WEATHER],
        tool_choice=choice,  # type: ignore[list-item]
    )
    first, *others = (each.body for each in upstream.requests)
    assert first.get("tool_choice") == sent
    assert [each["function"]["name"] for each in first["tools"]] == offered
    assert [each.get("tool_choice") for each in others] == [None] * (choice != "none")
    assert made.output_text == "Done."


@pytest.mark.parametrize("choice", ["required", {"type": "code_interpreter"}])
def test_models_without_tool_calls_are_made_to_run_code(
    choice: Any, start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    client = connect(start_server(upstream_protocol="fenced"))
    upstream.say("```python\nprint(6 * 7)\n```")
    upstream.say("42.")
    made = client.responses.create(
        model="m",
        input="?",
        tools=CODE,
        tool_choice=choice,
        include=OUTPUTS,  # type: ignore[arg-type]
    )
    assert [each.type for each in made.output] == ["code_interpreter_call", "message"]
    upstream.say("```python\nprint(6 * 7)\n```")
    none = client.responses.create(model="m", input="?", tools=CODE, tool_choice="none")  # type: ignore[arg-type]
    assert [each.type for each in none.output] == ["message"]


# Time


def test_a_response_in_the_background_has_its_own_time(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    client = connect(start_server(run_seconds=1, background_seconds=600))
    gate = upstream.hold("Hel", "lo")
    made = client.responses.create(model="m", input="Hi", background=True)
    gate.wait_reached()
    plain = upstream.silence()
    with pytest.raises(InternalServerError, match="was not done in the time"):
        client.with_options(max_retries=0).responses.create(model="m", input="Hi")
    assert client.responses.retrieve(made.id).status == "in_progress"
    gate.release()
    plain.release()
    wait_until(lambda: client.responses.retrieve(made.id).status == "completed", "it is done")


def test_a_response_in_the_background_fails_when_its_time_is_over(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    client = connect(start_server(background_seconds=3))
    gate = upstream.hold("Hel", "lo")
    made = client.responses.create(model="m", input="Hi", background=True).id
    wait_until(lambda: client.responses.retrieve(made).status == "failed", "it has failed")
    failed = client.responses.retrieve(made)
    assert failed.error
    assert "was not done in the time" in failed.error.message
    assert failed.output_text == "Hel"
    gate.release()


# Number


@pytest.mark.every_size
def test_active_responses_count_for_the_limit_of_a_project(
    server: Server, upstream: Upstream, wire: Wire
) -> None:
    with client_of(server, new_project(server, runs=1)[1], wire) as raw:
        gate = upstream.silence()
        made = ask(raw, background=True)["id"]
        upstream.wait_for_request()
        for body in ({}, {"background": True}, {"stream": True}):
            answer = raw.post("responses", json={"model": "m", "input": "Hi"} | body)
            assert answer.status_code == 429
            assert answer.headers["retry-after"] == "5"
            assert answer.json()["error"]["code"] == "rate_limit_exceeded"
        beta = {"openai-beta": "assistants=v2"}
        assistant = raw.post("assistants", json={"model": "m"}, headers=beta).json()["id"]
        thread: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}]}
        run = {"assistant_id": assistant, "thread": thread}
        assert raw.post("threads/runs", json=run, headers=beta).status_code == 429
        assert raw.post(f"responses/{made}/cancel").status_code == 200
        gate.release()
        upstream.say("Hello")
        assert ask(raw)["status"] == "completed"


def test_a_response_that_a_client_waits_for_counts_too(
    server: Server, upstream: Upstream, wire: Wire
) -> None:
    with client_of(server, new_project(server, runs=1)[1], wire) as raw:
        gate = upstream.hold("Hel", "lo")
        body = {"model": "m", "input": "Hi", "stream": True}
        with raw.stream("POST", "responses", json=body) as answer:
            gate.wait_reached()
            assert raw.post("responses", json={"model": "m", "input": "Hi"}).status_code == 429
            gate.release()
            assert "Hello" in answer.read().decode()
        upstream.say("Hello")
        wait_until(lambda: _is_made(raw), "there is a place again")


def _is_made(raw: httpx.Client) -> bool:
    return raw.post("responses", json={"model": "m", "input": "Hi"}).status_code == 200


def test_a_refused_response_takes_no_place(
    server: Server, upstream: Upstream, wire: Wire, client: OpenAI
) -> None:
    with client_of(server, new_project(server, runs=1)[1], wire) as raw:
        refuse(raw, conversation="conv_0")
        refuse(raw, previous_response_id="resp_0")
        upstream.say("Hello")
        assert ask(raw)["status"] == "completed"


def test_sdks_wait_for_a_place(
    server: Server, upstream: Upstream, connect: ConnectClient, wire: Wire
) -> None:
    del connect
    secret = new_project(server, runs=1)[1]
    with client_of(server, secret, wire) as raw:
        gate = upstream.silence()
        made = ask(raw, background=True)["id"]
        client = OpenAI(base_url=server.url, api_key=secret, max_retries=0)
        with pytest.raises(RateLimitError), client:
            client.responses.create(model="m", input="Hi")
        raw.post(f"responses/{made}/cancel")
        gate.release()


# Files at an address


def test_a_file_at_an_address_is_refused_and_nothing_is_fetched(
    client: OpenAI, raw: httpx.Client, upstream: Upstream
) -> None:
    part = {"type": "input_file", "file_url": f"{upstream.url}/models"}
    error = refuse(raw, input=[{"role": "user", "content": [part]}])
    assert error["param"] == "input[0].content[0].file_url"
    assert error["code"] == "unsupported_value"
    assert "are not fetched by this server. Upload the file" in error["message"]
    assert not upstream.requests
