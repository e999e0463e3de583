"""Conversations over HTTP as the official SDK and plain clients meet them; the rules are in test_conversations."""

import socket
from typing import Any

import httpx
import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import API_KEY, Server

pytestmark = pytest.mark.every_backend

CALL = {
    "type": "code_interpreter_call",
    "id": "ci_1",
    "code": "1",
    "container_id": "cntr_1",
    "outputs": [{"type": "logs", "logs": "1"}],
    "status": "completed",
}
PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"}


def _say(text: str) -> Any:
    return {"role": "user", "content": text}


def _texts(items: Any) -> list[str]:
    return [item.content[0].text for item in items]


def _error(error: BadRequestError | NotFoundError) -> dict[str, Any]:
    body: Any = error.body
    return body


def test_a_conversation_is_made_changed_and_deleted(client: OpenAI, raw: httpx.Client) -> None:
    empty = raw.post("conversations").json()
    assert list(empty) == ["id", "object", "created_at", "metadata"]
    assert (empty["object"], empty["metadata"], len(empty["id"])) == ("conversation", {}, 53)
    made = client.conversations.create(items=[_say("Hi")], metadata={"a": "b"})
    assert client.conversations.retrieve(made.id) == made
    assert _texts(client.conversations.items.list(made.id)) == ["Hi"]
    changed = client.conversations.update(made.id, metadata={"c": "d"})
    assert changed.metadata == {"c": "d"}
    deleted = raw.delete(f"conversations/{made.id}").json()
    assert deleted == {"id": made.id, "object": "conversation.deleted", "deleted": True}
    with pytest.raises(NotFoundError) as found:
        client.conversations.retrieve(made.id)
    assert _error(found.value) == {
        "message": f"Conversation with id '{made.id}' not found.",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


def test_items_are_added_listed_and_taken_out(client: OpenAI, raw: httpx.Client) -> None:
    conversation = client.conversations.create().id
    items = client.conversations.items
    added = items.create(conversation, items=[_say("1"), _say("2")])
    assert _texts(added.data) == ["1", "2"]
    items.create(conversation, items=[_say("3")])
    assert _texts(items.list(conversation, limit=2)) == ["3", "2", "1"]  # newest first, all pages
    assert _texts(items.list(conversation, order="asc")) == ["1", "2", "3"]
    first = raw.get(f"conversations/{conversation}/items", params={"limit": 1}).json()
    assert list(first) == ["object", "data", "first_id", "has_more", "last_id"]
    assert first["data"][0] == {
        "id": first["first_id"],
        "type": "message",
        "status": "completed",
        "content": [{"type": "input_text", "text": "3"}],
        "role": "user",
    }
    got = items.retrieve(first["first_id"], conversation_id=conversation)
    assert got.to_dict() == first["data"][0]
    left = items.delete(first["first_id"], conversation_id=conversation)
    assert (left.id, left.object) == (conversation, "conversation")  # responses, trap 24
    assert _texts(items.list(conversation)) == ["2", "1"]
    with pytest.raises(NotFoundError):
        items.retrieve(first["first_id"], conversation_id=conversation)
    none = raw.get(f"conversations/{conversation}/items", params={"after": added.data[1].id}).json()
    assert none["data"] == [
        items.retrieve(added.data[0].id, conversation_id=conversation).to_dict()
    ]


@pytest.mark.parametrize(
    "query",
    [
        "include[]=code_interpreter_call.outputs&include[]=message.input_image.image_url",
        "include%5B%5D=code_interpreter_call.outputs&include%5B%5D=message.input_image.image_url",
        "include=code_interpreter_call.outputs&include=message.input_image.image_url",
    ],
)
def test_responses_trap_32_include_in_every_spelling(raw: httpx.Client, query: str) -> None:
    conversation = raw.post("conversations", json={}).json()["id"]
    path = f"conversations/{conversation}/items"
    body = {"items": [CALL, {"role": "user", "content": [PICTURE]}]}
    added = raw.post(f"{path}?{query}", json=body).json()["data"]
    assert added[0] == CALL
    assert added[1]["content"] == [PICTURE]
    assert raw.get(f"{path}?order=asc&{query}").json()["data"] == added
    assert raw.get(f"{path}/ci_1?{query}").json() == CALL
    plain = raw.get(f"{path}?order=asc").json()["data"]
    assert plain[0] == CALL | {"outputs": None}  # responses, trap 7
    assert plain[1]["content"] == [{"type": "input_image", "detail": "low"}]


@pytest.mark.parametrize(
    ("body", "message", "param", "code"),
    [
        (
            {"itmes": []},
            "Unknown parameter: 'itmes'. Did you mean 'items'?",
            "itmes",
            "unknown_parameter",
        ),
        (
            {"items": [_say("")] * 21},
            "Invalid 'items': array too long. Expected an array with maximum length 20, but got an array "
            "with length 21 instead.",
            "items",
            "array_above_max_length",
        ),
        (
            {"items": [{"type": "message", "role": "user", "content": 5}]},
            "Invalid type for 'items[0].content': expected a string or an array, but got an integer "
            "instead.",
            "items[0].content",
            "invalid_type",
        ),
        (
            {"items": [_say(""), {"type": "function_call", "id": "call_1"} | CALL]},
            "Duplicate item found with id ci_1. Remove duplicate items from your input and try again.",
            "input",
            None,
        ),
        (
            {"metadata": {str(number): "" for number in range(17)}},
            "Invalid 'metadata': too many properties. Expected an object with at most 16 properties, but "
            "got an object with 17 properties instead.",
            "metadata",
            "object_above_max_properties",
        ),
    ],
)
def test_what_is_wrong_is_told(
    raw: httpx.Client, body: dict[str, Any], message: str, param: str, code: str | None
) -> None:
    if code is None:
        body = {"items": [CALL, *body["items"]]}
    answer = raw.post("conversations", json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["message"], error["param"], error["code"]) == (message, param, code)


def test_include_names_what_can_be_included(raw: httpx.Client) -> None:
    answer = raw.get("conversations/conv_0/items", params={"include[]": "bogus.thing"})
    error = answer.json()["error"]
    assert error["message"].startswith(
        "Invalid value: 'bogus.thing'. Supported values are: 'file_search_call.results', "
    )
    assert (error["param"], error["code"]) == ("include[0]", "invalid_value")


def test_tokens_are_counted_without_asking_a_model(client: OpenAI, raw: httpx.Client) -> None:
    short = client.responses.input_tokens.count(model="m", input="Hello")
    assert short.to_dict() == {"object": "response.input_tokens", "input_tokens": 6}
    conversation = client.conversations.create(items=[_say("x" * 400), CALL]).id
    more = client.responses.input_tokens.count(
        model="m", input="Hello", conversation=conversation, instructions="Be brief."
    )
    assert 110 < more.input_tokens < 140
    both = {"conversation": conversation, "previous_response_id": "resp_0"}
    error = raw.post("responses/input_tokens", json=both).json()["error"]
    assert error["code"] == "mutually_exclusive_parameters"
    unknown = raw.post("responses/input_tokens", json={"previous_response_id": "resp_0"})
    assert unknown.status_code == 400
    assert unknown.json()["error"]["code"] == "previous_response_not_found"


def test_what_is_not_served_says_so(raw: httpx.Client, server: Server) -> None:
    answer = raw.post("responses/compact", json={"model": "m"})
    assert answer.status_code == 400
    assert "'/responses/compact') is not supported" in answer.json()["error"]["message"]
    assert raw.get("responses").status_code == 405
    url = httpx.URL(server.url)
    with socket.create_connection((url.host, url.port)) as connection:
        connection.sendall(
            f"GET /v1/responses HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {API_KEY}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        connection.settimeout(10)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"This server does not serve WebSockets." in received


def test_a_thread_of_the_other_door_is_no_conversation(client: OpenAI) -> None:
    thread = client.beta.threads.create().id
    with pytest.raises(NotFoundError):
        client.conversations.retrieve(thread)


def test_conversations_survive_the_death_of_the_server(
    start_server: StartServer, connect: ConnectClient
) -> None:
    server = start_server()
    before = connect(server)
    conversation = before.conversations.create(items=[_say("1"), CALL], metadata={"a": "b"}).id
    listed = before.conversations.items.list(conversation).data
    server.kill()
    after = connect(start_server(beside=server))
    assert after.conversations.retrieve(conversation).metadata == {"a": "b"}
    assert after.conversations.items.list(conversation).data == listed
    after.conversations.items.create(conversation, items=[_say("2")])
    newest = after.conversations.items.list(conversation).data[0]
    assert _texts([newest]) == ["2"]


def test_bytes_of_a_file_become_a_file_of_the_project(client: OpenAI) -> None:
    part: Any = {"type": "input_file", "file_data": "data:text/csv;base64,YSxiCjEsMgo="}
    items: Any = [
        {"role": "user", "content": [part, part | {"filename": "a.csv"}]},
        {"role": "user", "content": [part | {"filename": "a.csv", "file_data": "YSxiCjEsMgo="}]},
    ]
    conversation = client.conversations.create(items=items).id
    listed: Any = client.conversations.items.list(conversation, order="asc").to_dict()
    kept = [part for item in listed["data"] for part in item["content"]]
    files = [client.files.retrieve(each["file_id"]) for each in kept]
    assert [each["filename"] for each in kept] == ["file.csv", "a.csv", "a.csv"]
    assert [set(each) for each in kept] == [{"type", "file_id", "filename"}] * 3
    assert [file.filename for file in files] == ["file.csv", "a.csv", "a.csv"]
    assert files[1].id == files[2].id  # sent again, it is the same file
    assert (files[0].bytes, files[0].purpose) == (8, "user_data")
    assert files[0].expires_at is not None
    assert 0 <= files[0].expires_at - files[0].created_at - 30 * 86_400 < 60
    added = client.conversations.items.create(conversation, items=[{**items[1]}])
    assert added.to_dict()["data"] == [{**listed["data"][1], "id": added.first_id}]
