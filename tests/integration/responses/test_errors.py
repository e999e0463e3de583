"""Each row of the errors of the contract, to the letter (contract, responses, section 9)."""

from typing import Any

import httpx
import pytest

from tests.integration.responses.conversing import CODE, ask, refuse
from tests.upstream import Upstream

INCLUDES = (
    "'file_search_call.results', 'web_search_call.results', 'web_search_call.action.sources', "
    "'message.input_image.image_url', 'computer_call_output.output.image_url', "
    "'code_interpreter_call.outputs', 'reasoning.encrypted_content' and 'message.output_text.logprobs'"
)
Row = tuple[dict[str, Any], int, str, str | None, str | None]

NOT_FOUND: dict[str, Row] = {
    "a prompt": ({"prompt": {"id": "pmpt_0"}}, 404, "Prompt with id 'pmpt_0' not found.", None, None),
    "a conversation": ({"conversation": "conv_0"}, 404, "Conversation with id 'conv_0' not found.", None, None),
    "a container": (
        {"tools": [{"type": "code_interpreter", "container": "cntr_0"}]},
        404, "Container with id 'cntr_0' not found.", None, None,
    ),
    "a response before": (
        {"previous_response_id": "resp_0"},
        400, "Previous response with id 'resp_0' not found.", "previous_response_id",
        "previous_response_not_found",
    ),
    "an item": (
        {"input": [{"type": "item_reference", "id": "rs_0"}]},
        404,
        "Item with id 'rs_0' not found. Items are not persisted when `store` is set to false. Try again with "
        "`store` set to true, or remove this item from your input.",
        "input", None,
    ),
}  # fmt: skip
WRONG: dict[str, Row] = {
    "a tool without a container": (
        {"tools": [{"type": "code_interpreter"}]},
        400, "Missing required parameter: 'tools[0].container'.", "tools[0].container",
        "missing_required_parameter",
    ),
    "a type": (
        {"max_tool_calls": "3"},
        400, "Invalid type for 'max_tool_calls': expected an integer, but got a string instead.",
        "max_tool_calls", "invalid_type",
    ),
    "one of some words": (
        {"truncation": "bogus"},
        400, "Invalid value: 'bogus'. Supported values are: 'auto' and 'disabled'.", "truncation",
        "invalid_value",
    ),
    "an include": (
        {"include": ["bogus.thing"]},
        400, f"Invalid value: 'bogus.thing'. Supported values are: {INCLUDES}.", "include[0]", "invalid_value",
    ),
    "an integer that is too small": (
        {"max_output_tokens": 15},
        400,
        "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 15 instead.",
        "max_output_tokens", "integer_below_min_value",
    ),
    "a decimal that is too small": (
        {"temperature": -1},
        400, "Invalid 'temperature': decimal below minimum value. Expected a value >= 0, but got -1 instead.",
        "temperature", "decimal_below_min_value",
    ),
    "a decimal that is too large": (
        {"top_p": 1.5},
        400, "Invalid 'top_p': decimal above maximum value. Expected a value <= 1, but got 1.5 instead.",
        "top_p", "decimal_above_max_value",
    ),
    "too much metadata": (
        {"metadata": {str(number): "" for number in range(17)}},
        400,
        "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but got an "
        "object with 17 properties instead.",
        "metadata", "object_above_max_properties",
    ),
    "a chosen tool that is not there": (
        {"tool_choice": {"type": "code_interpreter"}},
        400, "Tool choice 'code_interpreter' not found in 'tools' parameter.", "tool_choice", None,
    ),
    "an allowed tool that is not there": (
        {"tools": CODE, "tool_choice": {
            "type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}],
        }},
        400, "Tool choice 'f' not found in 'tools' parameter.", "tool_choice", None,
    ),
    "a choice of another API": (
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        400, "Missing required parameter: 'tool_choice.name'.", "tool_choice.name",
        "missing_required_parameter",
    ),
    "an id of another kind": (
        {"input": [
            {"role": "user", "content": "Hi"},
            {"type": "function_call", "id": "call_1", "call_id": "call_1", "name": "f", "arguments": ""},
        ]},
        400, "Invalid 'input[1].id': 'call_1'. Expected an ID that begins with 'fc'.", "input[1].id",
        "invalid_value",
    ),
    "two pasts": (
        {"conversation": "conv_0", "previous_response_id": "resp_0"},
        400,
        "Mutually exclusive parameters: ''. Ensure you are only providing one of: 'previous_response_id' or "
        "'conversation'.",
        None, "mutually_exclusive_parameters",
    ),
    "a call without its output": (
        {"input": [{"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}]},
        400, "No tool output found for function call call_1.", "input", None,
    ),
    "too many files": (
        {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["f"] * 51}}]},
        400,
        "Invalid 'tools[0].container.file_ids': array too long. Expected an array with maximum length 50, but "
        "got an array with length 51 instead.",
        "tools[0].container.file_ids", "array_above_max_length",
    ),
    "a call id that is too long": (
        {"input": [{"type": "function_call", "call_id": "c" * 65, "name": "f", "arguments": "{}"}]},
        400,
        "Invalid 'input[0].call_id': string too long. Expected a string with maximum length 64, but got a "
        "string with length 65 instead.",
        "input[0].call_id", "string_above_max_length",
    ),
}  # fmt: skip
ROWS = NOT_FOUND | WRONG


@pytest.mark.parametrize("case", ROWS)
def test_what_is_wrong_is_told_to_the_letter(case: str, raw: httpx.Client) -> None:
    body, status, message, param, code = ROWS[case]
    answer = raw.post("responses", json={"model": "m", "input": "Hi"} | body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"] == {
        "message": message,
        "type": "invalid_request_error",
        "param": param,
        "code": code,
    }


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "responses/{}", "Response with id '{}' not found."),
        ("GET", "responses/{}?stream=true", "Response with id '{}' not found."),
        ("DELETE", "responses/{}", "Response with id '{}' not found."),
        ("POST", "responses/{}/cancel", "Response with id '{}' not found."),
        ("GET", "responses/{}/input_items", "Response with id '{}' not found."),
        ("GET", "conversations/{}", "Conversation with id '{}' not found."),
        ("POST", "conversations/{}", "Conversation with id '{}' not found."),
        ("DELETE", "conversations/{}", "Conversation with id '{}' not found."),
        ("GET", "conversations/{}/items", "Conversation with id '{}' not found."),
        ("POST", "conversations/{}/items", "Conversation with id '{}' not found."),
        ("GET", "containers/{}", "Container with id '{}' not found."),
        ("DELETE", "containers/{}", "Container with id '{}' not found."),
        ("GET", "containers/{}/files", "Container with id '{}' not found."),
    ],
)
def test_what_nobody_knows_is_not_found(
    method: str, path: str, message: str, raw: httpx.Client
) -> None:
    bodies = {"conversations/{}": {"metadata": {}}, "conversations/{}/items": {"items": []}}
    body = bodies.get(path) if method == "POST" else None
    answer = raw.request(method, path.format("x_0"), json=body)
    assert answer.status_code == 404, answer.text
    assert answer.json()["error"] == {
        "message": message.format("x_0"),
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


def test_what_was_deleted_or_never_kept_is_not_found(raw: httpx.Client, upstream: Upstream) -> None:
    upstream.say("Hello", times=2)
    deleted, unkept = ask(raw)["id"], ask(raw, store=False)["id"]
    raw.delete(f"responses/{deleted}")
    for response_id in (deleted, unkept):
        for method, end in (("GET", ""), ("GET", "/input_items"), ("POST", "/cancel")):
            answer = raw.request(method, f"responses/{response_id}{end}")
            assert answer.status_code == 404
            assert answer.json()["error"]["message"] == (
                f"Response with id '{response_id}' not found."
            )


HOSTED = (
    "web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11",
    "image_generation", "mcp", "computer", "computer_use_preview", "shell", "local_shell", "apply_patch",
    "tool_search", "namespace", "programmatic_tool_calling", "custom",
)  # fmt: skip


@pytest.mark.parametrize("kind", HOSTED)
def test_a_tool_that_is_not_served_is_refused_by_its_name(kind: str, raw: httpx.Client) -> None:
    """As a tool, where the reference's section 12 says so, and as a choice."""
    message = (
        f"Hosted tool '{kind}' is not supported by this server; it serves 'function', "
        "'code_interpreter' and 'file_search'."
    )
    error = refuse(raw, tools=[*CODE, {"type": kind}])
    assert error == {
        "message": message,
        "type": "invalid_request_error",
        "param": "tools[1].type",
        "code": "unsupported_value",
    }
    error = refuse(raw, tools=CODE, tool_choice={"type": kind})
    assert (error["message"], error["param"]) == (message, "tool_choice.type")


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("messages", "input"),
        ("max_tokens", "max_output_tokens"),
        ("max_completion_tokens", "max_output_tokens"),
        ("response_format", "text.format"),
        ("reasoning_effort", "reasoning.effort"),
        ("functions", "tools"),
        ("function_call", "tool_choice"),
    ],
)
def test_a_habit_of_chat_completions_is_told_where_its_parameter_is(
    name: str, new: str, raw: httpx.Client
) -> None:
    error = refuse(raw, **{name: []})
    assert error["message"] == (
        f"Unsupported parameter: '{name}'. In the Responses API, this parameter has moved to '{new}'. Try "
        "again with the new parameter."
    )
    assert (error["param"], error["code"]) == (name, "unsupported_parameter")


def test_the_schema_is_looked_at_before_what_is_kept(raw: httpx.Client) -> None:
    """Schema before state before the model's abilities (responses, section 3)."""
    error = refuse(raw, conversation="conv_0", truncation="bogus")
    assert error["param"] == "truncation"
    error = refuse(raw, previous_response_id="resp_0", tools=[{"type": "mcp"}])
    assert error["param"] == "tools[0].type"
