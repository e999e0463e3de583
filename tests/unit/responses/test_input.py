"""Input of responses in every form that clients send it in, and the words for what is wrong with it."""

import json
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from assistd.api.bodies import Body
from assistd.api.responses.requests.common import StrictBody
from assistd.api.responses.requests.items import InputBody, read_input
from assistd.api.validation import Explanation, explain
from assistd.db.responses.items import StoredItem
from assistd.engine.responses import input as stored_input
from assistd.engine.responses.input import ItemReference, seal, store
from assistd.errors import NotFoundError, RequestError
from assistd.objects.responses.item import (
    PREFIXES,
    Message,
    Reasoning,
    ReasoningText,
    read_item,
)


class _Asked(Body):
    input: InputBody | None = None


def _explain(body: dict[str, Any], kind: type[Body] = _Asked) -> Explanation:
    with pytest.raises(ValidationError) as found:
        kind.model_validate(body)
    errors = [{**each, "loc": ("body", *each["loc"])} for each in found.value.errors()]
    return explain(RequestValidationError(errors, body=body))


def _read(sent: Any) -> list[dict[str, Any]]:
    """Return the items as they are kept, without their ids where these are new."""
    read = read_input(_Asked.model_validate({"input": sent}).input)
    return [
        {"reference": each.id} if isinstance(each, ItemReference) else json.loads(each.rest())
        for each in read
    ]


def _read_one(sent: Any) -> dict[str, Any]:
    (item,) = _read([sent])
    return item


def _text(kind: str, text: str) -> dict[str, Any]:
    return {"type": kind, "text": text}


def test_responses_trap_28_a_role_and_content_are_a_message() -> None:
    for content in ("Hi", [_text("input_text", "Hi")]):
        item = _read_one({"role": "user", "content": content})
        assert item.pop("id").startswith("msg_")
        assert item == {
            "type": "message",
            "status": "completed",
            "content": [{"type": "input_text", "text": "Hi"}],
            "role": "user",
        }
    assert _read("Hi")[0]["content"] == [{"type": "input_text", "text": "Hi"}]


@pytest.mark.parametrize(
    "content", ["Hi", [_text("output_text", "Hi")], [_text("input_text", "Hi")]]
)
def test_responses_trap_29_history_of_the_assistant_in_any_form(content: Any) -> None:
    item = _read_one({"role": "assistant", "content": content})
    assert item["content"] == [
        {"type": "output_text", "annotations": [], "logprobs": [], "text": "Hi"}
    ]


def test_responses_trap_30_nulls_and_empty_lists_pass() -> None:
    assert _read([]) == []
    assert _read(None) == []
    call = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
    assert _read_one({**call, "id": None, "status": None})["id"].startswith("fc_")
    message = {"role": "user", "content": [], "id": None, "phase": None, "type": None}
    assert _read_one(message)["content"] == []


def test_responses_trap_37_a_phase_is_absent_unless_it_was_sent() -> None:
    message = {"role": "assistant", "content": "Hm"}
    assert "phase" not in _read_one(message)
    assert _read_one({**message, "phase": "commentary"})["phase"] == "commentary"


def test_output_comes_back_as_it_was_given() -> None:
    citation = {
        "type": "container_file_citation",
        "container_id": "cntr_1",
        "end_index": 3,
        "file_id": "cfile_1",
        "filename": "a.csv",
        "start_index": 0,
        "index": None,
    }
    message = {
        "id": "msg_" + "0" * 50,
        "type": "message",
        "status": "incomplete",
        "content": [
            {"type": "output_text", "annotations": [citation], "logprobs": [], "text": "a.c"},
            {"type": "refusal", "refusal": "No."},
        ],
        "role": "assistant",
    }
    assert _read_one({**message, "created_by": "x"}) == message
    call = {
        "id": "ci_1",
        "type": "code_interpreter_call",
        "status": "completed",
        "code": "1",
        "container_id": "cntr_1",
        "outputs": [
            {"type": "logs", "logs": "1"},
            {"type": "image", "url": "data:image/png;base64,"},
        ],
    }
    assert _read_one(call) == call
    assert _read_one({**call, "outputs": None}) == {**call, "outputs": None}
    strange = [{"type": "video"}, 5, {"type": "logs"}, {"type": "logs", "logs": "1"}]
    assert _read_one({**call, "code": None, "outputs": strange}) == {
        **call,
        "code": "",
        "outputs": [{"type": "logs", "logs": "1"}],
    }


def test_outputs_of_functions_are_texts_or_parts() -> None:
    output = {"type": "function_call_output", "call_id": "call_1", "output": "22"}
    assert _read_one(output)["id"].startswith("fc_")  # responses, trap 26
    parts = [
        _text("input_text", "a"),
        {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": None},
        {"type": "input_file", "file_data": "aGk=", "filename": "a.txt"},
        {"type": "input_file", "file_id": "file-1", "file_data": "aGk="},
    ]
    assert _read_one({**output, "output": parts})["output"] == [
        {"type": "input_text", "text": "a"},
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,aGk="},
        {"type": "input_file", "filename": "a.txt", "file_data": "aGk="},
        {"type": "input_file", "file_id": "file-1"},
    ]


def test_items_of_other_servers_tools_are_skipped() -> None:
    kinds = ("web_search_call", "mcp_list_tools", "computer_call_output", "shell_call", "mcp_call")
    assert _read([{"type": kind, "id": "x", "action": 1} for kind in kinds]) == []


def test_a_reference_needs_no_type() -> None:
    assert _read_one({"id": "ci_1"}) == {"reference": "ci_1"}
    assert _read_one({"type": "item_reference", "id": "msg_1"}) == {"reference": "msg_1"}


def test_an_id_that_cannot_be_kept_is_replaced() -> None:
    item = _read_one({"role": "user", "content": "", "id": "msg_" + "x" * 100})
    assert len(item["id"]) == 54


_CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
_KINDS = ", ".join(f"'{kind}'" for kind in PREFIXES) + " and 'item_reference'"


@pytest.mark.parametrize(
    ("sent", "message", "param", "code"),
    [
        (
            {**_CALL, "id": "call_1"},
            "Invalid 'input[1].id': 'call_1'. Expected an ID that begins with 'fc'.",
            "input[1].id",
            "invalid_value",
        ),
        (
            {"type": "program_output"},
            "Input items of the type 'program_output' are not supported by this server.",
            "input[1].type",
            "unsupported_value",
        ),
        (
            {"type": "bogus"},
            f"Invalid value: 'bogus'. Supported values are: {_KINDS}.",
            "input[1].type",
            "invalid_value",
        ),
        (
            {},
            "Missing required parameter: 'input[1].type'.",
            "input[1].type",
            "missing_required_parameter",
        ),
        (
            "Hi",
            "Invalid type for 'input[1]': expected an object, but got a string instead.",
            "input[1]",
            "invalid_type",
        ),
        (
            {"role": "tool", "content": ""},
            "Invalid value: 'tool'. Supported values are: 'user', 'assistant', 'system' and "
            "'developer'.",
            "input[1].role",
            "invalid_value",
        ),
        (
            {"role": "user", "content": [{"type": "input_image"}]},
            "Missing required parameter: 'input[1].content[0].image_url'. A picture has this or a "
            "'file_id'.",
            "input[1].content[0].image_url",
            "missing_required_parameter",
        ),
        (
            {"role": "user", "content": [{"type": "input_file", "file_data": "data:a/b;base64,%"}]},
            "Invalid file data: 'input[1].content[0].file_data'. Expected a base64-encoded data URL "
            "with a valid file MIME type (e.g. 'data:application/pdf;base64,...'), or bare base64, but "
            "got a value that is neither.",
            "input[1].content[0].file_data",
            "invalid_value",
        ),
        (
            {"role": "assistant", "content": [{"type": "input_file", "file_id": "file-1"}]},
            "Invalid 'input[1].content': a message with the role 'assistant' has no parts of the type "
            "'input_file' (part 0).",
            "input[1].content",
            "invalid_value",
        ),
    ],
)
def test_errors_name_the_place(sent: Any, message: str, param: str, code: str) -> None:
    first = {"role": "user", "content": "Hi"}
    assert _explain({"input": [first, sent]}) == (message, param, code)


def test_files_at_an_address_are_refused_by_name() -> None:
    part = {"type": "input_file", "file_url": "https://example.com/a.pdf"}
    message, param, code = _explain({"input": [{"role": "user", "content": [part]}]})
    assert (param, code) == ("input[0].content[0].file_url", "unsupported_value")
    assert "not fetched by this server" in message


class _Strict(StrictBody):
    moved = {"messages": "input"}

    store: bool | None = None
    stream: bool | None = None


@pytest.mark.parametrize(
    ("name", "message", "code"),
    [
        ("stor", "Unknown parameter: 'stor'. Did you mean 'store'?", "unknown_parameter"),
        ("steram", "Unknown parameter: 'steram'. Did you mean 'stream'?", "unknown_parameter"),
        ("zzz", "Unknown parameter: 'zzz'.", "unknown_parameter"),
        ("\ud800", "Unknown parameter: '?'.", "unknown_parameter"),
        (
            "messages",
            "Unsupported parameter: 'messages'. In the Responses API, this parameter has moved to "
            "'input'. Try again with the new parameter.",
            "unsupported_parameter",
        ),
    ],
)
def test_unknown_names_are_refused_with_a_hint(name: str, message: str, code: str) -> None:
    assert _explain({name: 1}, _Strict)[::2] == (message, code)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)
_NAMES = st.sampled_from(
    [
        "type",
        "id",
        "role",
        "content",
        "status",
        "phase",
        "text",
        "refusal",
        "annotations",
        "image_url",
        "file_id",
        "file_data",
        "file_url",
        "filename",
        "detail",
        "call_id",
        "name",
        "arguments",
        "output",
        "code",
        "container_id",
        "outputs",
        "logs",
        "url",
        "queries",
        "results",
        "summary",
        "encrypted_content",
        "attributes",
        "score",
    ]
)
_WORDS = st.sampled_from(
    [
        *PREFIXES,
        *[
            "item_reference",
            "compaction",
            "mcp_call",
            "user",
            "assistant",
            "logs",
            "image",
            "msg_1",
            "fc_1",
            "ci_1",
            "rs_1",
            "fs",
        ],
        *[
            "input_text",
            "refusal",
            "output_text",
            "input_image",
            "input_file",
            "http://a.example/b",
        ],
        *("data:image/png;base64,aGk=", "\ud800", "a\x00b"),
    ]
)
_LIKELY = st.recursive(
    _WORDS | _JSON,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=8),
    max_leaves=30,
)


@given(_JSON | st.lists(st.dictionaries(_NAMES, _LIKELY, max_size=8), max_size=4))
@example([{"type": ["message"], "role": "user"}])
@example([{"type": "message", "role": {}, "content": [[]]}])
def test_any_json_is_read_or_refused_with_words(sent: Any) -> None:
    body = {"input": sent}
    try:
        read = read_input(_Asked.model_validate(body).input)
    except ValidationError as error:
        errors = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        message, param, _ = explain(RequestValidationError(errors, body=body))
        json.dumps([message, param], ensure_ascii=False).encode()
        assert param is None or param.startswith("input")
        return
    for each in read:
        if not isinstance(each, ItemReference):
            kept = store(each)
            assert read_item(kept.item.model_dump_json()) == kept.item
            json.dumps(kept.more, ensure_ascii=False).encode()


def _kept(id_: str) -> StoredItem:
    return store(Message(id=id_, role="user"))


def test_references_are_replaced_by_what_is_kept() -> None:
    read = stored_input.read_input
    kept = _kept("msg_1")
    assert read([ItemReference("msg_1")], {"msg_1": kept}) == [kept]
    with pytest.raises(NotFoundError, match=r"^Item with id 'rs_1' not found\. Items are not"):
        read([ItemReference("rs_1")], {})


@pytest.mark.parametrize("known", [["msg_1"], []])
def test_an_item_cannot_be_there_twice(known: list[str]) -> None:
    with pytest.raises(RequestError, match="Duplicate item found with id msg_1") as found:
        stored_input.read_input([ItemReference("msg_1")] * 2, {"msg_1": _kept("msg_1")}, known)
    assert found.value.param == "input"


def test_encrypted_content_of_this_server_is_understood_and_others_ignored() -> None:
    thoughts = (ReasoningText(text="Hm, ü."),)
    kept = store(Reasoning(id="rs_1", encrypted_content=seal(thoughts)))
    assert isinstance(kept.item, Reasoning)
    assert kept.item.content == thoughts
    assert kept.item.encrypted_content is None
    assert kept.more == {"encrypted_content": seal(thoughts)}
    for foreign in ("gAAAAAB", "rt1.%", "rt1./w=="):
        other = store(Reasoning(id="rs_1", encrypted_content=foreign))
        assert other.item == Reasoning(id="rs_1")
