"""Parameters of a response: each works, is echoed, or is refused by its name (contract, responses, 2.1)."""

from typing import Any

import httpx
import pytest

from tests.integration.responses.conversing import CODE, WEATHER, ask, refuse, stream
from tests.live.response_stream import names
from tests.upstream import Upstream

KEYS = [
    "id", "object", "created_at", "status", "background", "completed_at", "error", "frequency_penalty",
    "incomplete_details", "instructions", "max_output_tokens", "max_tool_calls", "model", "moderation",
    "output", "parallel_tool_calls", "presence_penalty", "previous_response_id", "prompt_cache_key",
    "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store", "temperature",
    "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "usage", "user", "metadata",
]  # fmt: skip


def test_defaults_are_told_in_the_recorded_order(raw: httpx.Client, upstream: Upstream) -> None:
    upstream.say("Hello")
    made = ask(raw)
    assert list(made) == KEYS
    assert made["service_tier"] == "default"
    assert made["text"] == {"format": {"type": "text"}, "verbosity": "medium"}
    assert made["reasoning"] == {"effort": None, "summary": None}
    assert made["metadata"] == {}


ECHOED: dict[str, Any] = {
    "instructions": "Be brief.",
    "max_output_tokens": 100,
    "max_tool_calls": 3,
    "metadata": {"a": "b"},
    "parallel_tool_calls": False,
    "prompt_cache_key": "k",
    "prompt_cache_retention": "24h",
    "reasoning": {"effort": "low", "summary": "concise"},
    "safety_identifier": "s",
    "temperature": 0.5,
    "top_p": 0.25,
    "top_logprobs": 2,
    "truncation": "auto",
    "user": "u",
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "code_interpreter"}]},
}  # fmt: skip


def test_what_is_sent_is_echoed(raw: httpx.Client, upstream: Upstream) -> None:
    upstream.say("Hello")
    made = ask(raw, tools=CODE, **ECHOED)
    assert {name: made[name] for name in ECHOED} == ECHOED
    asked = upstream.last.body
    assert (asked["temperature"], asked["top_p"], asked["max_tokens"]) == (0.5, 0.25, 100)
    assert asked["reasoning_effort"] == "low"


def test_responses_trap_30_nulls_mean_the_same_as_defaults(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.say("Hello")
    nulls: dict[str, Any] = dict.fromkeys([*ECHOED, "tools", "include", "conversation", "stream"])
    assert list(ask(raw, **nulls)) == KEYS
    upstream.say("Hello")
    ask(raw, include=[], stream=False)


def test_responses_trap_64_a_function_is_strict_where_its_schema_can_be(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.say("Hello")
    loose = {"type": "function", "name": "f", "parameters": {}}
    strict, other = ask(raw, tools=[WEATHER, loose])["tools"]
    assert list(strict) == ["type", "description", "name", "parameters", "strict"]
    assert (strict["strict"], other["strict"]) == (True, False)
    assert other["parameters"] == {"type": "object", "properties": {}}


def test_responses_trap_35_a_schema_is_echoed_as_strict(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.say("{}")
    wanted = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
    made = ask(raw, text={"format": wanted})["text"]["format"]
    assert made == {
        "type": "json_schema", "description": None, "name": "n", "schema": {"type": "object"},
        "strict": True,
    }  # fmt: skip
    asked = upstream.last.body["response_format"]
    assert asked["json_schema"] == {"name": "n", "schema": {"type": "object"}, "strict": True}


def test_responses_trap_50_more_calls_than_allowed_run_nothing(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code("print(1)")
    upstream.code("print(2)")
    upstream.say("Enough.")
    made = ask(raw, tools=CODE, max_tool_calls=1, include=["code_interpreter_call.outputs"])
    assert made["status"] == "completed"
    first, second, _ = made["output"]
    assert first["outputs"] == [{"type": "logs", "logs": "1\n"}]
    assert "limit of 1 tool call(s) is reached" in second["outputs"][0]["logs"]


def test_only_allowed_tools_are_offered(raw: httpx.Client, upstream: Upstream) -> None:
    upstream.say("Hello")
    choice = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "get_weather"}],
    }
    ask(raw, tools=[*CODE, WEATHER], tool_choice=choice)
    asked = upstream.last.body
    assert [each["function"]["name"] for each in asked["tools"]] == ["get_weather"]
    assert asked["tool_choice"] == "required"


REFUSED: dict[str, tuple[dict[str, Any], str, str | None, str | None]] = {
    "no model": ({"model": None}, "Missing required parameter: 'model'.", "model", "missing_required_parameter"),
    "an unknown key": ({"stor": True}, "Unknown parameter: 'stor'. Did you mean 'store'?", "stor", "unknown_parameter"),
    "a habit": ({"messages": []}, "Unsupported parameter: 'messages'. In the Responses API, this parameter has moved to 'input'", "messages", "unsupported_parameter"),
    "a hosted tool": ({"tools": [{"type": "web_search"}]}, "Hosted tool 'web_search' is not supported by this server; it serves 'function', 'code_interpreter' and 'file_search'.", "tools[0].type", "unsupported_value"),
    "no container": ({"tools": [{"type": "code_interpreter"}]}, "Missing required parameter: 'tools[0].container'.", "tools[0].container", "missing_required_parameter"),
    "a key of the container": ({"tools": [{"type": "code_interpreter", "container": {"type": "auto", "files": []}}]}, "Unknown parameter: 'tools[0].container.files'.", "tools[0].container.files", "unknown_parameter"),
    "a network": ({"tools": [{"type": "code_interpreter", "container": {"type": "auto", "network_policy": {"type": "allowlist", "allowed_domains": ["a.b"]}}}]}, "Invalid value: 'allowlist'.", "tools[0].container.network_policy.type", "unsupported_value"),
    "a chosen tool": ({"tool_choice": {"type": "code_interpreter"}}, "Tool choice 'code_interpreter' not found in 'tools' parameter.", "tool_choice", None),
    "an old choice": ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "Missing required parameter: 'tool_choice.name'.", "tool_choice.name", "missing_required_parameter"),
    "an include": ({"include": ["bogus.thing"]}, "Invalid value: 'bogus.thing'. Supported values are: 'file_search_call.results'", "include[0]", "invalid_value"),
    "too few tokens": ({"max_output_tokens": 15}, "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 15 instead.", "max_output_tokens", "integer_below_min_value"),
    "a truncation": ({"truncation": "bogus"}, "Invalid value: 'bogus'. Supported values are: 'auto' and 'disabled'.", "truncation", "invalid_value"),
    "a type": ({"max_tool_calls": "3"}, "Invalid type for 'max_tool_calls': expected an integer, but got a string instead.", "max_tool_calls", "invalid_type"),
    "background without store": ({"background": True, "store": False}, "Unsupported parameter: 'background'", "background", "unsupported_parameter"),
    "two pasts": ({"conversation": "conv_1", "previous_response_id": "resp_1"}, "Mutually exclusive parameters", None, "mutually_exclusive_parameters"),
    "an unknown past": ({"previous_response_id": "resp_1"}, "Previous response with id 'resp_1' not found.", "previous_response_id", "previous_response_not_found"),
    "an unknown conversation": ({"conversation": "conv_1"}, "Conversation with id 'conv_1' not found.", None, None),
    "a prompt": ({"prompt": {"id": "pmpt_1"}}, "Prompt with id 'pmpt_1' not found.", None, None),
    "a strict schema that is loose": ({"tools": [{"type": "function", "name": "f", "strict": True, "parameters": {"type": "object", "properties": {"a": {}}}}]}, "Invalid schema for function 'f'", "tools[0].parameters", "invalid_function_parameters"),
    "moderation": ({"moderation": {"policy": "block"}}, "Unsupported parameter: 'moderation'", "moderation", "unsupported_parameter"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused_by_its_name(case: str, raw: httpx.Client) -> None:
    body, message, param, code = REFUSED[case]
    error = refuse(raw, **body)
    assert error["message"].startswith(message)
    assert (error["param"], error["code"]) == (param, code)
    assert error["type"] == "invalid_request_error"


def test_text_before_a_failure_is_kept(raw: httpx.Client, upstream: Upstream) -> None:
    upstream.break_off("Hel")
    made = ask(raw)
    assert made["status"] == "failed"
    assert made["output"][0]["status"] == "incomplete"
    assert raw.get(f"responses/{made['id']}").json() == made


def test_responses_trap_31_accept_says_nothing_of_streams(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.say("Hi")
    raw.headers["accept"] = "application/json"
    assert names(stream(raw))[-1] == "completed"
