"""Nulls stand for what was not sent, and names that nobody knows are refused where a typo would lose something."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from assistd.api.responses.requests.responses import CreateResponse
from tests.integration.responses.conversing import ask, refuse
from tests.live.response_stream import ResponsesSpecification
from tests.upstream import Upstream

NEEDED = {"model", "input"}
OPTIONAL = sorted(CreateResponse.model_fields.keys() - NEEDED)
OF_ONE = {"id", "created_at", "completed_at", "output"}
"""Members that differ between two responses to the same question."""

PICTURE = "data:image/png;base64,aGk="
FULL: dict[str, Any] = {
    "input": [
        {"type": "message", "role": "user", "id": None, "status": None, "phase": None, "content": [
            {"type": "input_text", "text": "Hi"},
            {"type": "input_image", "image_url": PICTURE, "file_id": None, "detail": None},
            {"type": "input_file", "file_data": "aGk=", "file_id": None, "file_url": None,
             "filename": None, "detail": None},
        ]},
        {"type": "message", "role": "assistant", "id": None, "status": None, "content": [
            {"type": "output_text", "text": "So", "annotations": None, "logprobs": None},
        ]},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}", "id": None,
         "status": None, "namespace": None},
        {"type": "function_call_output", "call_id": "call_1", "output": "x", "id": None, "status": None},
        {"type": "code_interpreter_call", "code": "1", "container_id": "cntr_1", "outputs": None, "id": None,
         "status": None},
        {"type": "code_interpreter_call", "code": None, "container_id": "cntr_1", "outputs": None, "id": None,
         "status": None},
        {"type": "file_search_call", "queries": ["x"], "results": None, "id": None, "status": None},
        {"type": "reasoning", "summary": [], "content": None, "encrypted_content": None, "id": None,
         "status": None},
    ],
    "tools": [
        {"type": "function", "name": "f", "description": None, "parameters": None, "strict": None},
        {"type": "code_interpreter", "allowed_callers": None, "container": {
            "type": "auto", "file_ids": None, "memory_limit": None, "network_policy": None, "skills": None,
        }},
    ],
    "text": {"format": None, "verbosity": None},
    "reasoning": {"effort": None, "summary": None, "generate_summary": None, "context": None},
    "stream_options": {"include_obfuscation": None},
    "tool_choice": {"type": "function", "name": "f"},
    "conversation": None,
    "metadata": {},
}  # fmt: skip


def compare(response: dict[str, Any]) -> dict[str, Any]:
    """What two responses to the same question have in common."""
    return {name: value for name, value in response.items() if name not in OF_ONE}


def test_each_optional_parameter_may_be_null(
    raw: httpx.Client, upstream: Upstream, official_responses: ResponsesSpecification
) -> None:
    """Those of the specification, too."""
    assert official_responses.fields("CreateResponse").keys() <= {*OPTIONAL, *NEEDED}
    upstream.say("Hello", times=None)
    default = compare(ask(raw))
    for name in OPTIONAL:
        assert compare(ask(raw, **{name: None})) == default, name
    assert compare(ask(raw, **dict.fromkeys(OPTIONAL))) == default
    upstream.clear()


def test_members_within_parameters_and_items_may_be_null(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.say("Hello", times=None)
    made = ask(raw, **FULL)
    assert made["status"] == "completed"
    for path, body in _each_without_nulls(FULL):
        again = ask(raw, **body)
        assert compare(again) == compare(made), path
    upstream.clear()


def _each_without_nulls(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The body without one of its nulls, for each of them: absent and null are one."""
    whole = json.loads(json.dumps(body))
    for path, holder, key in list(_nulls(whole)):
        del holder[key]
        yield path, whole
        holder[key] = None


def _nulls(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any], str]]:
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in members:
        if each is None:
            yield f"{path}.{key}", value, key
        elif isinstance(each, dict | list):
            yield from _nulls(each, f"{path}.{key}")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("conversations", {"items": None, "metadata": None}),
        ("responses/input_tokens", {
            "model": None, "input": None, "instructions": None, "previous_response_id": None,
            "conversation": None, "tools": None, "text": None, "reasoning": None, "truncation": None,
            "tool_choice": None, "parallel_tool_calls": None, "personality": None,
        }),
        ("containers", {
            "name": "c", "file_ids": None, "expires_after": None, "memory_limit": None,
            "network_policy": None, "skills": None,
        }),
    ],
)  # fmt: skip
def test_other_bodies_take_nulls_too(raw: httpx.Client, path: str, body: dict[str, Any]) -> None:
    answer = raw.post(path, json=body)
    assert answer.status_code == 200, answer.text


def _tool(**container: Any) -> dict[str, Any]:
    return {"tools": [{"type": "code_interpreter", "container": {"type": "auto", **container}}]}


UNKNOWN: dict[str, tuple[dict[str, Any], str, str]] = {
    "at the top": ({"zzz": 1}, "zzz", ""),
    "at the top, with a null": ({"zzz": None}, "zzz", ""),
    "one letter away": ({"stor": False}, "stor", " Did you mean 'store'?"),
    "in a container": (_tool(files=[]), "tools[0].container.files", ""),
    "in a container, one letter away": (
        _tool(file_id=["f"]),
        "tools[0].container.file_id",
        " Did you mean 'file_ids'?",
    ),
    "of the code interpreter": (
        {"tools": [{"type": "code_interpreter", "container": "cntr_1", "file_ids": []}]},
        "tools[0].file_ids",
        "",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_names_are_refused_where_a_typo_would_lose_something(
    case: str, raw: httpx.Client
) -> None:
    body, param, hint = UNKNOWN[case]
    assert refuse(raw, **body) == {
        "message": f"Unknown parameter: '{param}'.{hint}",
        "type": "invalid_request_error",
        "param": param,
        "code": "unknown_parameter",
    }


def test_unknown_names_within_items_are_passed_over(raw: httpx.Client, upstream: Upstream) -> None:
    """Clients send back what other versions and servers gave them."""
    upstream.say("Hello")
    part = {"type": "output_text", "text": "Hi", "annotations": [], "bogus": 1}
    items = [
        {"role": "user", "content": "Hi", "bogus": {}},
        {"type": "message", "role": "assistant", "content": [part], "bogus": None},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}},
    ]
    made = ask(raw, input=items)
    listed = raw.get(f"responses/{made['id']}/input_items").json()["data"]
    assert [each["role"] for each in listed] == ["assistant", "user"]
    assert all("bogus" not in each for each in listed)
