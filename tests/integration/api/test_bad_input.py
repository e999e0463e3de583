"""Malformed bodies, ids, headers, cursors: OpenAI's error shape, and words that say what is wrong.

That no answer is a 5xx and that errors have exactly four members is checked by the fixture `wire`.
"""

import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

UNKNOWN = {
    "assistants/asst_x": "No assistant found with id 'asst_x'.",
    "threads/thread_x": "No thread found with id 'thread_x'.",
    "threads/thread_x/messages": "No thread found with id 'thread_x'.",
    "threads/thread_x/runs": "No thread found with id 'thread_x'.",
    "threads/thread_x/messages/msg_x": "No thread found with id 'thread_x'.",
    "threads/{thread}/messages/msg_x": "No message found with id 'msg_x'.",
    "threads/{thread}/runs/run_x": "No run found with id 'run_x'.",
    "threads/{thread}/runs/run_x/steps": "No run found with id 'run_x'.",
    "threads/{thread}/runs/run_x/steps/step_x": "No run found with id 'run_x'.",
    "files/file-x": "No such File object: file-x",
    "files/file-x/content": "No such File object: file-x",
    "models/nothing": "The model 'nothing' does not exist",
}


def error(answer: httpx.Response) -> dict[str, Any]:
    """The error of an answer."""
    return answer.json()["error"]


@pytest.fixture
def thread(raw: httpx.Client) -> str:
    """A thread with a message."""
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    return raw.post("threads", json=body).json()["id"]


@pytest.fixture
def assistant(raw: httpx.Client) -> str:
    """An assistant."""
    return raw.post("assistants", json={"model": "gpt-4o"}).json()["id"]


@pytest.mark.parametrize("path", UNKNOWN)
def test_unknown_ids_answer_404_in_the_words_of_the_hosted_service(
    raw: httpx.Client, thread: str, path: str
) -> None:
    answer = raw.get(path.format(thread=thread))
    assert answer.status_code == 404
    param = "id" if path.startswith("files") else "model" if path.startswith("models") else None
    code = "model_not_found" if path.startswith("models") else None
    assert error(answer) == {
        "message": UNKNOWN[path],
        "type": "invalid_request_error",
        "param": param,
        "code": code,
    }
    if path.startswith("files"):
        assert answer.json()["detail"] == {"message": UNKNOWN[path], "code": None}


@pytest.mark.parametrize(
    "id_", ["a b", "%00", "%2e%2e%2f", "😀", "x" * 3000, "';--", "null", "%ff%fe", "run_%0a"]
)
def test_odd_ids_are_unknown_and_never_an_error_of_ours(
    raw: httpx.Client, thread: str, id_: str
) -> None:
    for path in (
        f"assistants/{id_}",
        f"threads/{id_}/messages",
        f"threads/{thread}/messages/{id_}",
        f"threads/{thread}/runs/{id_}/steps/{id_}",
        f"files/{id_}",
        f"files/{id_}/content",
    ):
        url = httpx.URL(str(raw.base_url) + path)
        assert raw.get(url).status_code in {200, 404, 405}, path
        assert raw.delete(url).status_code in {404, 405}, path


@pytest.mark.parametrize("path", ["assistants", "threads/{thread}", "threads/{thread}/runs"])
def test_trap_01_without_the_beta_header_assistants_and_threads_answer_400_invalid_beta(
    raw: httpx.Client, thread: str, path: str
) -> None:
    path = path.format(thread=thread)
    for value in ("", "assistants=v3", "realtime=v1"):
        answer = raw.get(path, headers={"openai-beta": value})
        assert answer.status_code == 400
        assert error(answer) == {
            "message": "You must provide the 'OpenAI-Beta' header to access the Assistants API. "
            "Please try again by setting the header 'OpenAI-Beta: assistants=v2'.",
            "type": "invalid_request_error",
            "param": None,
            "code": "invalid_beta",
        }
    for value in ("assistants=v2", "foo=v1, assistants=v2"):
        assert raw.get(path, headers={"openai-beta": value}).status_code == 200


def test_trap_01_files_and_models_need_no_beta_header(raw: httpx.Client) -> None:
    for path in ("files", "models"):
        assert raw.get(path, headers={"openai-beta": ""}).status_code == 200


@pytest.mark.parametrize(
    ("header", "words", "code"),
    [
        ("", "You didn't provide an API key.", None),
        ("Bearer", "You didn't provide an API key.", None),
        ("Basic abc", "You didn't provide an API key.", None),
        (
            "Bearer sk-wrong-key-1234567",
            "Incorrect API key provided: sk-***4567.",
            "invalid_api_key",
        ),
        ("Bearer ünïcode", "Incorrect API key provided: ***.", "invalid_api_key"),
    ],
)
def test_keys_that_are_absent_or_wrong_answer_401(
    raw: httpx.Client, header: str, words: str, code: str | None
) -> None:
    for path in ("assistants", "files", "models", "threads/thread_x/runs"):
        answer = raw.get(path, headers=[("authorization", header.encode())])
        assert answer.status_code == 401
        assert error(answer)["message"].startswith(words)
        assert (error(answer)["param"], error(answer)["code"]) == (None, code)


def test_unknown_paths_and_methods_answer_in_the_same_shape(raw: httpx.Client) -> None:
    answer = raw.get("nothing/here")
    assert answer.status_code == 404
    assert error(answer)["message"] == "Invalid URL (GET /v1/nothing/here)"
    answer = raw.put("assistants", json={})
    assert answer.status_code == 405
    assert error(answer)["message"] == "Not allowed to PUT on /v1/assistants"


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'{"model": }',
        b"\xff\xfe",
        b'{"model": "\xff"}',
        b"model=gpt-4o",
        b"[" * 5000,
    ],
)
def test_bodies_that_are_no_json_say_so(raw: httpx.Client, content: bytes) -> None:
    for kind in ("application/json", "text/plain", ""):
        answer = raw.post("assistants", content=content, headers={"content-type": kind})
        assert answer.status_code == 400
        assert "valid JSON" in error(answer)["message"] or "JSON object" in error(answer)["message"]


@dataclass
class Case:
    """A body that is wrong, and the error it gets; `param` None: the error blames none."""

    body: Any
    message: str
    param: str | None
    code: str | None = "invalid_type"

    def __str__(self) -> str:
        return str(self.body)[:60]


def long(field: str, limit: int, given: int) -> Case:
    """A string that is too long."""
    message = (
        f"Invalid '{field}': string too long. Expected a string with maximum length {limit}, "
        f"but got a string with length {given} instead."
    )
    body = {"model": "m", field: "x" * given}
    return Case(body, message, field, "string_above_max_length")


def check(answer: httpx.Response, case: Case) -> None:
    """The answer is the error of the case."""
    assert answer.status_code == 400, answer.text
    assert error(answer) == {
        "message": case.message,
        "type": "invalid_request_error",
        "param": case.param,
        "code": case.code,
    }


ASSISTANTS = [
    Case({}, "Missing required parameter: 'model'.", "model", "missing_required_parameter"),
    Case(
        [],
        "Invalid type for the request body: expected an object, but got an array instead.",
        None,
    ),
    Case(
        "x",
        "Invalid type for the request body: expected an object, but got a string instead.",
        None,
    ),
    Case(
        {"model": 7},
        "Invalid type for 'model': expected a string, but got an integer instead.",
        "model",
    ),
    Case(
        {"model": None},
        "Invalid type for 'model': expected a string, but got null instead.",
        "model",
    ),
    Case({"model": "m", "nmae": "x"}, "Unknown parameter: 'nmae'.", "nmae", "unknown_parameter"),
    long("name", 256, 257),
    long("description", 512, 513),
    long("instructions", 256_000, 256_001),
    Case(
        {"model": "m", "tools": "code_interpreter"},
        "Invalid type for 'tools': expected an array, but got a string instead.",
        "tools",
    ),
    Case(
        {"model": "m", "tools": [{"type": "browser"}]},
        "Invalid value: 'browser'. Supported values are: 'code_interpreter', 'function' and 'file_search'.",
        "tools[0].type",
        "invalid_value",
    ),
    Case(
        {"model": "m", "tools": [{}]},
        "Missing required parameter: 'tools[0].type'.",
        "tools[0].type",
        "missing_required_parameter",
    ),
    Case(
        {"model": "m", "tools": [{"type": "function", "function": {"name": "no spaces"}}]},
        "Invalid 'tools[0].function.name': string does not match pattern. Expected a string that "
        "matches the pattern '^[A-Za-z0-9_-]{1,64}$'.",
        "tools[0].function.name",
        "invalid_value",
    ),
    Case(
        {"model": "m", "tools": [{"type": "function"}]},
        "Missing required parameter: 'tools[0].function'.",
        "tools[0].function",
        "missing_required_parameter",
    ),
    Case(
        {"model": "m", "tools": [{"type": "code_interpreter"}] * 129},
        "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an "
        "array with length 129 instead.",
        "tools",
        "array_above_max_length",
    ),
    Case(
        {"model": "m", "temperature": 2.5},
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 2.5 instead.",
        "temperature",
        "decimal_above_max_value",
    ),
    Case(
        {"model": "m", "top_p": -1},
        "Invalid 'top_p': decimal below minimum value. Expected a value >= 0, but got -1 instead.",
        "top_p",
        "decimal_below_min_value",
    ),
    Case(
        {"model": "m", "temperature": "hot"},
        "Invalid type for 'temperature': expected a decimal, but got a string instead.",
        "temperature",
    ),
    Case(
        {"model": "m", "temperature": "1"},
        "Invalid type for 'temperature': expected a decimal, but got a string instead.",
        "temperature",
    ),
    Case(
        {"model": "m", "top_p": True},
        "Invalid type for 'top_p': expected a decimal, but got a boolean instead.",
        "top_p",
    ),
    Case(
        {"model": "m", "metadata": {"modified": True}},
        "Invalid type for 'metadata.modified': expected a string, but got a boolean instead.",
        "metadata.modified",
    ),
    Case(
        {"model": "m", "metadata": {str(n): "" for n in range(17)}},
        "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, "
        "but got an object with 17 properties instead.",
        "metadata",
        "object_above_max_properties",
    ),
    Case(
        {"model": "m", "metadata": {"a": "x" * 513}},
        "Invalid 'metadata.a': string too long. Expected a string with maximum length 512, but got "
        "a string with length 513 instead.",
        "metadata.a",
        "string_above_max_length",
    ),
    Case(
        {"model": "m", "metadata": {"a.long." + "k" * 58: "x"}},
        "Invalid property name in 'metadata': 'a.l...kkk' is too long. Expected a string with maximum "
        "length 64, but got a string with length 65 instead.",
        "metadata.a.long." + "k" * 58,
        "property_name_above_max_length",
    ),
    Case(
        {"model": "m", "metadata": ["a"]},
        "Invalid type for 'metadata': expected an object, but got an array instead.",
        "metadata",
    ),
    Case(
        {"model": "m", "tool_resources": {"code_interpreter": {"file_ids": ["x"] * 21}}},
        "Invalid 'tool_resources.code_interpreter.file_ids': array too long. Expected an array with "
        "maximum length 20, but got an array with length 21 instead.",
        "tool_resources.code_interpreter.file_ids",
        "array_above_max_length",
    ),
    Case(
        {"model": "m", "reasoning_effort": "some"},
        "Invalid value: 'some'. Supported values are: 'none', 'minimal', 'low', 'medium', 'high', "
        "'xhigh' and 'max'.",
        "reasoning_effort",
        "invalid_value",
    ),
    Case(
        {"model": "m", "response_format": {"type": "xml"}},
        "Invalid value: 'xml'. Supported values are: 'text', 'json_object' and 'json_schema'.",
        "response_format.type",
        "invalid_value",
    ),
    Case(
        {"model": "m", "tools": [{"type": "file_search", "file_search": {"max_num_results": 51}}]},
        "Invalid 'tools[0].file_search.max_num_results': integer above maximum value. Expected a value "
        "<= 50, but got 51 instead.",
        "tools[0].file_search.max_num_results",
        "integer_above_max_value",
    ),
    Case(
        {
            "model": "m",
            "tools": [
                {
                    "type": "file_search",
                    "file_search": {"ranking_options": {"score_threshold": 1.5}},
                }
            ],
        },
        "Invalid 'tools[0].file_search.ranking_options.score_threshold': decimal above maximum value. "
        "Expected a value <= 1, but got 1.5 instead.",
        "tools[0].file_search.ranking_options.score_threshold",
        "decimal_above_max_value",
    ),
    Case(
        {"model": "m", "tool_resources": {"file_search": {"vector_store_ids": ["vs_a", "vs_b"]}}},
        "Invalid 'tool_resources.file_search.vector_store_ids': array too long. Expected an array with "
        "maximum length 1, but got an array with length 2 instead.",
        "tool_resources.file_search.vector_store_ids",
        "array_above_max_length",
    ),
]


@pytest.mark.parametrize("case", ASSISTANTS, ids=str)
def test_bodies_of_assistants_that_are_wrong_say_where_and_why(
    raw: httpx.Client, case: Case
) -> None:
    check(raw.post("assistants", json=case.body), case)


MESSAGES = [
    Case(
        {"role": "system", "content": "x"},
        "Invalid value: 'system'. Supported values are: 'user' and 'assistant'.",
        "role",
        "invalid_value",
    ),
    Case(
        {"role": "user"},
        "Missing required parameter: 'content'.",
        "content",
        "missing_required_parameter",
    ),
    Case(
        {"role": "user", "content": "x" * 256_001},
        "Invalid 'content': string too long. Expected a string with maximum length 256000, but got "
        "a string with length 256001 instead.",
        "content",
        "string_above_max_length",
    ),
    Case(
        {"role": "user", "content": []},
        "Invalid 'content': array too short. Expected an array with minimum length 1, but got an "
        "array with length 0 instead.",
        "content",
        "array_below_min_length",
    ),
    Case(
        {"role": "user", "content": [{"type": "text", "text": {"value": "x"}}]},
        "Invalid type for 'content[0].text': expected a string, but got an object instead.",
        "content[0].text",
    ),
    Case(
        {"role": "user", "content": [{"type": "image_file", "image_file": {}}]},
        "Missing required parameter: 'content[0].image_file.file_id'.",
        "content[0].image_file.file_id",
        "missing_required_parameter",
    ),
    Case(
        {
            "role": "user",
            "content": "x",
            "attachments": [{"file_id": "file-x", "tools": [{"type": "x"}]}],
        },
        "Invalid value: 'x'. Supported values are: 'code_interpreter' and 'file_search'.",
        "attachments[0].tools[0].type",
        "invalid_value",
    ),
    Case(
        {"role": "user", "content": "x", "metadata": {"a": 1}},
        "Invalid type for 'metadata.a': expected a string, but got an integer instead.",
        "metadata.a",
    ),
]


@pytest.mark.parametrize("case", MESSAGES, ids=str)
def test_bodies_of_messages_that_are_wrong_say_where_and_why(
    raw: httpx.Client, thread: str, case: Case
) -> None:
    check(raw.post(f"threads/{thread}/messages", json=case.body), case)
    within = raw.post("threads", json={"messages": [case.body]})
    assert within.status_code == 400
    assert error(within)["param"] == f"messages[0].{case.param}"


def test_content_that_is_neither_text_nor_parts_is_refused(raw: httpx.Client, thread: str) -> None:
    for content in (7, None, {"type": "text"}, ""):
        answer = raw.post(f"threads/{thread}/messages", json={"role": "user", "content": content})
        assert answer.status_code == 400
        assert error(answer)["param"] == "content"


def test_files_that_do_not_exist_cannot_be_attached(raw: httpx.Client, thread: str) -> None:
    for body in (
        {"role": "user", "content": "x", "attachments": [{"file_id": "file-x"}]},
        {"role": "user", "content": [{"type": "image_file", "image_file": {"file_id": "file-x"}}]},
    ):
        answer = raw.post(f"threads/{thread}/messages", json=body)
        assert answer.status_code == 404
        assert error(answer)["message"] == "No such File object: file-x"
    resources = {"tool_resources": {"code_interpreter": {"file_ids": ["file-x"]}}}
    for path, body in (("assistants", {"model": "m"}), ("threads", {}), (f"threads/{thread}", {})):
        assert raw.post(path, json=body | resources).status_code == 404
    assert len(raw.get(f"threads/{thread}/messages").json()["data"]) == 1


RUNS = [
    Case(
        {},
        "Missing required parameter: 'assistant_id'.",
        "assistant_id",
        "missing_required_parameter",
    ),
    Case(
        {"stream": "maybe"},
        "Invalid type for 'stream': expected a boolean, but got a string instead.",
        "stream",
    ),
    Case(
        {"max_completion_tokens": 0},
        "Invalid 'max_completion_tokens': integer below minimum value. Expected a value >= 1, but got "
        "0 instead.",
        "max_completion_tokens",
        "integer_below_min_value",
    ),
    Case(
        {"max_prompt_tokens": 1.5},
        "Invalid type for 'max_prompt_tokens': expected an integer, but got a decimal instead.",
        "max_prompt_tokens",
    ),
    Case(
        {"truncation_strategy": {"type": "last_messages", "last_messages": 0}},
        "Invalid 'truncation_strategy.last_messages': integer below minimum value. Expected a value "
        ">= 1, but got 0 instead.",
        "truncation_strategy.last_messages",
        "integer_below_min_value",
    ),
    Case(
        {"truncation_strategy": {"type": "last_messages"}},
        "Invalid 'truncation_strategy': 'last_messages' must say how many messages are kept.",
        "truncation_strategy",
        "invalid_value",
    ),
    Case({"thread": {}}, "Unknown parameter: 'thread'.", "thread", "unknown_parameter"),
    Case(
        {"tools": [{"type": "code_interpreter"}] * 21},
        "Invalid 'tools': array too long. Expected an array with maximum length 20, but got an array "
        "with length 21 instead.",
        "tools",
        "array_above_max_length",
    ),
    Case(
        {"additional_messages": [{"role": "user"}]},
        "Missing required parameter: 'additional_messages[0].content'.",
        "additional_messages[0].content",
        "missing_required_parameter",
    ),
    Case(
        {"response_format": {"type": "json_schema"}},
        "Missing required parameter: 'response_format.json_schema'.",
        "response_format.json_schema",
        "missing_required_parameter",
    ),
    Case(
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
        "Missing required parameter: 'response_format.json_schema.name'.",
        "response_format.json_schema.name",
        "missing_required_parameter",
    ),
    Case(
        {"tool_choice": "required"},
        "Invalid value for 'tool_choice': 'required' is only allowed when the run has tools.",
        "tool_choice",
        "invalid_value",
    ),
    Case(
        {"tool_choice": {"type": "code_interpreter"}},
        "Invalid value for 'tool_choice': 'code_interpreter' is not among the tools of the run.",
        "tool_choice",
        "invalid_value",
    ),
    Case(
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        "Invalid value for 'tool_choice': 'f' is not among the tools of the run.",
        "tool_choice",
        "invalid_value",
    ),
]


@pytest.mark.parametrize("case", RUNS, ids=str)
def test_bodies_of_runs_that_are_wrong_say_where_and_why(
    raw: httpx.Client, thread: str, assistant: str, case: Case
) -> None:
    body = case.body and {"assistant_id": assistant, **case.body}
    check(raw.post(f"threads/{thread}/runs", json=body), case)
    assert raw.get(f"threads/{thread}/runs").json()["data"] == []


@pytest.mark.parametrize("choice", ["sometimes", {"type": "browser"}, {"type": "function"}, 7])
def test_tool_choices_that_are_wrong_are_refused(
    raw: httpx.Client, thread: str, assistant: str, choice: Any
) -> None:
    body = {"assistant_id": assistant, "tool_choice": choice}
    answer = raw.post(f"threads/{thread}/runs", json=body)
    assert answer.status_code == 400
    assert error(answer)["param"].startswith("tool_choice")


def test_a_run_needs_an_assistant_and_a_thread_that_exist(
    raw: httpx.Client, thread: str, assistant: str
) -> None:
    for path, id_, words in (
        (f"threads/{thread}/runs", "asst_x", "No assistant found with id 'asst_x'."),
        ("threads/runs", "asst_x", "No assistant found with id 'asst_x'."),
        ("threads/thread_x/runs", assistant, "No thread found with id 'thread_x'."),
    ):
        answer = raw.post(path, json={"assistant_id": id_})
        assert answer.status_code == 404
        assert error(answer)["message"] == words


@pytest.mark.parametrize(
    ("query", "message", "code"),
    [
        (
            "limit=0",
            "Invalid 'limit': integer below minimum value. Expected a value >= 1, but got 0 instead.",
            "integer_below_min_value",
        ),
        (
            "limit=101",
            "Invalid 'limit': integer above maximum value. Expected a value <= 100, but got 101 instead.",
            "integer_above_max_value",
        ),
        (
            "limit=ten",
            "Invalid type for 'limit': expected an integer, but got a string instead.",
            "invalid_type",
        ),
        (
            "order=up",
            "Invalid value: 'up'. Supported values are: 'asc' and 'desc'.",
            "invalid_value",
        ),
        ("after=msg_x", "Invalid 'after': no object with id 'msg_x' is in this list.", None),
        ("before=msg_x", "Invalid 'before': no object with id 'msg_x' is in this list.", None),
    ],
)
def test_cursors_and_limits_that_are_wrong_say_so(
    raw: httpx.Client, thread: str, query: str, message: str, code: str | None
) -> None:
    for path in ("assistants", f"threads/{thread}/messages", f"threads/{thread}/runs"):
        answer = raw.get(f"{path}?{query}")
        assert answer.status_code == 400
        assert error(answer)["message"].replace(str(error(answer)["param"]), "").count("'") % 2 == 0
        assert (
            error(answer)["message"].split(", but got")[0]
            == message.split(", but got", maxsplit=1)[0]
        )
        assert (error(answer)["param"], error(answer)["code"]) == (query.partition("=")[0], code)


def test_a_cursor_of_another_list_is_refused(raw: httpx.Client, thread: str) -> None:
    other = raw.post("threads", json={"messages": [{"role": "user", "content": "x"}]}).json()
    message = raw.get(f"threads/{other['id']}/messages").json()["first_id"]
    answer = raw.get(f"threads/{thread}/messages?after={message}")
    assert answer.status_code == 400
    assert error(answer)["param"] == "after"


def test_numbers_and_texts_that_json_cannot_give_back_are_refused(raw: httpx.Client) -> None:
    for content in (
        b'{"model": "m", "temperature": NaN}',
        b'{"model": "m", "temperature": 1e999}',
        b'{"model": "m", "name": "\\ud800"}',
        b'{"model": "\\ud800"}',
        b'{"model": "m", "metadata": {"a": "\\udfff"}}',
        b'{"model": "m", "metadata": {"\\udfff": "a"}}',
        b'{"model": "m", "tools": [{"type": "function", "function": {"name": "f", "parameters": {"x": NaN}}}]}',
        b'{"model": "m", "tools": [{"type": "function", "function": {"name": "f", "parameters": {"x": "\\ud800"}}}]}',
        b'{"model": "m", "\\ud800": 1}',
    ):
        answer = raw.post("assistants", content=content)
        assert answer.status_code == 400, content
        assert error(answer)["message"]


def test_text_of_any_script_and_control_characters_come_back_as_they_were(
    raw: httpx.Client, thread: str
) -> None:
    text = 'a\x00b\u2028\u2029\x7f\r\n\t"\\ 你好 👩‍👩‍👧 \U0010ffff'
    made = raw.post(f"threads/{thread}/messages", json={"role": "user", "content": text}).json()
    assert made["content"][0]["text"]["value"] == text
    kept = raw.get(f"threads/{thread}/messages/{made['id']}").json()
    assert kept == made


def test_headers_that_sdks_attach_are_ignored(raw: httpx.Client) -> None:
    headers = {
        "openai-organization": "org-x",
        "openai-project": "proj_x",
        "x-stainless-lang": "python",
        "x-stainless-retry-count": "1",
        "x-stainless-poll-helper": "true",
        "idempotency-key": "x",
        "accept": "application/binary",
    }
    assert raw.get("assistants", headers=headers).status_code == 200


def test_a_body_of_json_that_is_too_large_is_refused(raw: httpx.Client) -> None:
    answer = raw.post("threads", content=b'{"metadata": {"a": "' + b"x" * (65 << 20) + b'"}}')
    assert answer.status_code == 413
    assert "larger than" in error(answer)["message"]


def test_the_largest_thread_the_hosted_service_took_at_once_is_taken(raw: httpx.Client) -> None:
    message = {"role": "user", "content": "\U0001f600" * 256_000}
    body = json.dumps({"messages": [message] * 32}, ensure_ascii=False).encode()
    assert len(body) > 31 << 20
    thread = raw.post("threads", content=body).json()["id"]
    newest = raw.get(f"threads/{thread}/messages", params={"limit": 1}).json()
    assert newest["data"][0]["content"][0]["text"]["value"] == message["content"]
    assert newest["has_more"]


def test_the_errors_of_a_large_body_are_told_as_those_of_a_small_one(raw: httpx.Client) -> None:
    body = {"messages": [{"role": "user", "content": "x" * 1000}] * 200 + [{"role": "user"}]}
    wrong = raw.post("threads", json=body)
    assert wrong.status_code == 400
    assert error(wrong)["param"] == "messages[200].content"
    broken = raw.post("threads", content=json.dumps(body).encode()[:-1])
    assert error(broken)["message"].startswith("We could not parse the JSON body")
    many = raw.post("threads", content=b'{"messages": [' + b"1," * 100_000 + b"1]}")
    assert many.status_code == 400
    assert error(many)["message"].startswith("The request body has more than 20000 values")


def test_deep_nesting_is_no_error_of_ours(raw: httpx.Client) -> None:
    nested = b'{"model": "m", "metadata": ' + b'{"a":' * 3000 + b"1" + b"}" * 3001
    assert raw.post("assistants", content=nested).status_code == 400
    parameters = b'{"a":' * 900 + b"1" + b"}" * 900
    body = (
        b'{"model": "m", "tools": [{"type": "function", "function": {"name": "f", "parameters": '
        + parameters
        + b"}}]}"
    )
    assert raw.post("assistants", content=body).status_code in {200, 400}


@pytest.mark.parametrize("path", ["models/", "models//x"])
def test_paths_with_nothing_between_slashes_are_no_error_of_ours(
    raw: httpx.Client, path: str
) -> None:
    url = httpx.URL(str(raw.base_url) + path)
    assert raw.get(url).status_code in {400, 404}
    assert raw.get(url, headers={"authorization": ""}).status_code == 401


def test_a_number_of_endless_digits_is_no_json_we_read(raw: httpx.Client) -> None:
    answer = raw.post("threads", content=b'{"metadata": ' + b"1" * 5000 + b"}")
    assert answer.status_code == 400
    assert error(answer)["message"].startswith("We could not parse the JSON body")


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (
            "threads",
            {
                "messages": [
                    {"role": "user", "content": "x", "attachments": [{"file_id": "\ud800"}]}
                ]
            },
            "messages[0].attachments[0].file_id",
        ),
        ("threads/{thread}/runs", {"assistant_id": "\ud800"}, "assistant_id"),
        (
            "threads/{thread}/runs/run_x/submit_tool_outputs",
            {"tool_outputs": [{"tool_call_id": "call_x", "output": "cut: \ud83d"}]},
            "tool_outputs[0].output",
        ),
    ],
)
def test_half_a_character_is_refused_wherever_text_stands(
    raw: httpx.Client, thread: str, path: str, body: dict[str, Any], param: str
) -> None:
    answer = raw.post(path.format(thread=thread), content=json.dumps(body))
    assert answer.status_code == 400
    assert error(answer)["param"] == param


def test_a_boundary_that_is_too_long_is_refused(raw: httpx.Client) -> None:
    kind = "multipart/form-data; boundary=" + "a" * 400
    answer = raw.post("files", content=b"x", headers={"content-type": kind})
    assert answer.status_code == 400
    assert error(answer)["message"].startswith("The multipart body is broken")
