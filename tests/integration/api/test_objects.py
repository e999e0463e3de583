"""Objects as they are created, changed, read and deleted: their shapes, defaults and order of keys."""

import re

import httpx
import pytest
from openai import OpenAI

ASSISTANT_KEYS = [
    "id",
    "object",
    "created_at",
    "name",
    "description",
    "model",
    "instructions",
    "tools",
    "top_p",
    "temperature",
    "reasoning_effort",
    "tool_resources",
    "metadata",
    "response_format",
]
RUN_KEYS = [
    "id", "object", "created_at", "assistant_id", "thread_id", "status", "started_at", "expires_at",
    "cancelled_at", "failed_at", "completed_at", "required_action", "last_error", "model",
    "instructions", "tools", "tool_resources", "metadata", "temperature", "top_p",
    "reasoning_effort", "max_completion_tokens", "max_prompt_tokens", "truncation_strategy",
    "incomplete_details", "usage", "response_format", "tool_choice", "parallel_tool_calls",
]  # fmt: skip


@pytest.mark.every_backend
def test_an_assistant_has_its_keys_in_the_recorded_order_and_its_defaults(
    raw: httpx.Client,
) -> None:
    answer = raw.post("assistants", json={"model": "gpt-4o"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.text.startswith('{\n  "id": "asst_')
    body = answer.json()
    assert list(body) == ASSISTANT_KEYS
    assert re.fullmatch(r"asst_[A-Za-z0-9]{24}", body["id"])
    del body["id"], body["created_at"]
    assert body == {
        "object": "assistant",
        "name": None,
        "description": None,
        "model": "gpt-4o",
        "instructions": None,
        "tools": [],
        "top_p": 1.0,
        "temperature": 1.0,
        "reasoning_effort": None,
        "tool_resources": {},
        "metadata": {},
        "response_format": "auto",
    }


@pytest.mark.every_backend
def test_a_run_has_its_keys_in_the_recorded_order_and_its_defaults(
    client: OpenAI, raw: httpx.Client
) -> None:
    assistant = client.beta.assistants.create(model="direct", tools=[{"type": "code_interpreter"}])
    body = {
        "assistant_id": assistant.id,
        "thread": {"messages": [{"role": "user", "content": "x"}]},
    }
    run = raw.post("threads/runs", json=body).json()
    assert list(run) == RUN_KEYS
    assert run["status"] == "queued"
    assert run["tools"] == [{"type": "code_interpreter"}]
    assert run["tool_resources"] == {}
    assert run["truncation_strategy"] == {"type": "auto", "last_messages": None}
    assert (run["response_format"], run["tool_choice"], run["parallel_tool_calls"]) == (
        "auto",
        "auto",
        True,
    )
    assert run["expires_at"] == run["created_at"] + 600
    client.beta.threads.runs.poll(run["id"], thread_id=run["thread_id"])


@pytest.mark.every_backend
def test_an_assistant_is_changed_field_by_field(client: OpenAI) -> None:
    made = client.beta.assistants.create(
        model="gpt-4o",
        name="Ada",
        instructions="Be kind.",
        tools=[{"type": "code_interpreter"}],
        metadata={"a": "b"},
        temperature=0.3,
        response_format={"type": "json_object"},
    )
    changed = client.beta.assistants.update(made.id, name="Grace", metadata={"c": "d"})
    assert changed.model_dump(exclude={"name", "metadata"}) == made.model_dump(
        exclude={"name", "metadata"}
    )
    assert (changed.name, changed.metadata) == ("Grace", {"c": "d"})
    assert client.beta.assistants.retrieve(made.id) == changed
    emptied = client.beta.assistants.update(made.id, instructions=None, temperature=None, tools=[])
    assert (emptied.instructions, emptied.temperature, emptied.tools) == (None, 1.0, [])


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        ({}, True),
        (None, True),
        ({"file_search": {"vector_store_ids": []}}, True),
        ({"code_interpreter": {}}, False),
        ({"code_interpreter": {"file_ids": []}}, False),
    ],
)
def test_the_files_of_the_code_interpreter_change_only_where_it_is_named(
    raw: httpx.Client, sent: dict[str, object] | None, left: bool
) -> None:
    file = raw.post("files", files={"file": ("a", b"")}, data={"purpose": "assistants"}).json()
    resources = {"code_interpreter": {"file_ids": [file["id"]]}}
    for path, body in (("assistants", {"model": "m"}), ("threads", {})):
        made = raw.post(path, json={**body, "tool_resources": resources}).json()
        changed = raw.post(f"{path}/{made['id']}", json={"tool_resources": sent})
        assert changed.status_code == 200
        got = raw.get(f"{path}/{made['id']}").json()
        assert got["tool_resources"]["code_interpreter"]["file_ids"] == [file["id"]] * left


def test_attachments_come_back_with_the_tools_they_were_sent_with(raw: httpx.Client) -> None:
    file, other = (
        raw.post("files", files={"file": ("a", b"")}, data={"purpose": "assistants"}).json()["id"]
        for _ in range(2)
    )
    code = {"type": "code_interpreter"}
    attachments = [{"file_id": file, "tools": []}, {"file_id": other, "tools": [code, code]}]
    thread = raw.post("threads", json={}).json()["id"]
    message = {"role": "user", "content": "x", "attachments": attachments}
    made = raw.post(f"threads/{thread}/messages", json=message).json()
    assert made["attachments"] == attachments
    assert raw.get(f"threads/{thread}/messages/{made['id']}").json() == made
    # A file that is for no tool is no tool's.
    got = raw.get(f"threads/{thread}").json()["tool_resources"]
    assert got == {"code_interpreter": {"file_ids": [other]}}


def test_trap_47_creates_answer_200_and_deletes_answer_deleted_objects(raw: httpx.Client) -> None:
    assistant = raw.post("assistants", json={"model": "m"})
    thread = raw.post("threads", json={"messages": [{"role": "user", "content": "x"}]})
    message = raw.post(
        f"threads/{thread.json()['id']}/messages", json={"role": "user", "content": "y"}
    )
    file = raw.post("files", files={"file": ("a", b"")}, data={"purpose": "vision"})
    assert {each.status_code for each in (assistant, thread, message, file)} == {200}
    for path, object_ in (
        (f"assistants/{assistant.json()['id']}", "assistant.deleted"),
        (
            f"threads/{thread.json()['id']}/messages/{message.json()['id']}",
            "thread.message.deleted",
        ),
        (f"threads/{thread.json()['id']}", "thread.deleted"),
        (f"files/{file.json()['id']}", "file"),
    ):
        gone = raw.delete(path)
        assert gone.status_code == 200
        assert gone.json() == {
            "id": path.rpartition("/")[2],
            "object": object_,
            "deleted": True,
        }
        assert raw.get(path).status_code == 404
        assert raw.delete(path).status_code == 404


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_trap_32_a_thread_is_created_without_a_body_with_an_empty_one_and_with_an_empty_object(
    raw: httpx.Client, content: bytes | None
) -> None:
    for headers in ({}, {"content-type": "application/json"}, {"content-type": "text/plain"}):
        answer = raw.post("threads", content=content, headers=headers)
        assert answer.status_code == 200, answer.text
        assert list(answer.json()) == ["id", "object", "created_at", "metadata", "tool_resources"]


def test_trap_26_the_resources_of_a_thread_differ_between_post_and_get(raw: httpx.Client) -> None:
    made = raw.post("threads", json={}).json()
    assert made["tool_resources"] == {}
    got = raw.get(f"threads/{made['id']}").json()
    assert got["tool_resources"] == {"code_interpreter": {"file_ids": []}}
    changed = raw.post(f"threads/{made['id']}", json={"metadata": {"a": "b"}}).json()
    assert changed["tool_resources"] == {}
    with_code = raw.post(
        "assistants", json={"model": "m", "tools": [{"type": "code_interpreter"}]}
    ).json()
    assert with_code["tool_resources"] == {"code_interpreter": {"file_ids": []}}


def test_trap_30_a_text_part_is_a_string_when_sent_and_an_object_when_received(
    raw: httpx.Client,
) -> None:
    thread = raw.post("threads", json={}).json()["id"]
    parts = [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]
    message = raw.post(f"threads/{thread}/messages", json={"role": "user", "content": parts}).json()
    assert message["content"] == [
        {"type": "text", "text": {"value": "One.", "annotations": []}},
        {"type": "text", "text": {"value": "Two.", "annotations": []}},
    ]
    assert list(message) == [
        "id",
        "object",
        "created_at",
        "assistant_id",
        "thread_id",
        "run_id",
        "status",
        "incomplete_details",
        "incomplete_at",
        "completed_at",
        "role",
        "content",
        "attachments",
        "metadata",
    ]
    assert (message["assistant_id"], message["run_id"], message["attachments"]) == (None, None, [])


def test_trap_31_values_of_metadata_must_be_strings(raw: httpx.Client) -> None:
    thread = raw.post("threads", json={"metadata": {"a": "1"}}).json()
    for value, kind in ((True, "a boolean"), (1, "an integer"), (None, "null"), ([], "an array")):
        answer = raw.post(f"threads/{thread['id']}", json={"metadata": {"modified": value}})
        assert answer.status_code == 400
        assert answer.json()["error"] == {
            "message": "Invalid type for 'metadata.modified': expected a string, "
            f"but got {kind} instead.",
            "type": "invalid_request_error",
            "param": "metadata.modified",
            "code": "invalid_type",
        }
    assert raw.get(f"threads/{thread['id']}").json()["metadata"] == {"a": "1"}


def test_pictures_in_messages_come_back_with_their_detail(raw: httpx.Client) -> None:
    file = raw.post("files", files={"file": ("a.png", b"x")}, data={"purpose": "vision"}).json()
    thread = raw.post("threads", json={}).json()["id"]
    parts = [
        {"type": "image_file", "image_file": {"file_id": file["id"]}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
    ]
    message = raw.post(f"threads/{thread}/messages", json={"role": "user", "content": parts}).json()
    assert message["content"] == [
        {"type": "image_file", "image_file": {"file_id": file["id"], "detail": "auto"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
    ]


@pytest.mark.every_backend
def test_deleting_a_thread_removes_what_is_in_it_and_keeps_files(client: OpenAI) -> None:
    file = client.files.create(file=("a.txt", b"a"), purpose="assistants")
    thread = client.beta.threads.create(
        messages=[
            {
                "role": "user",
                "content": "x",
                "attachments": [{"file_id": file.id, "tools": [{"type": "code_interpreter"}]}],
            }
        ]
    )
    assistant = client.beta.assistants.create(model="direct")
    run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
    assert client.beta.threads.delete(thread.id).deleted
    with pytest.raises(Exception, match="No thread found"):
        client.beta.threads.messages.list(thread.id)
    with pytest.raises(Exception, match="found with id"):
        client.beta.threads.runs.retrieve(run.id, thread_id=thread.id)
    assert client.files.retrieve(file.id).bytes == 1


@pytest.mark.every_backend
def test_deleting_an_assistant_keeps_its_runs(client: OpenAI) -> None:
    assistant = client.beta.assistants.create(model="direct")
    run = client.beta.threads.create_and_run_poll(
        assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "x"}]}
    )
    client.beta.assistants.delete(assistant.id)
    assert client.beta.threads.runs.retrieve(run.id, thread_id=run.thread_id) == run


def test_models_are_listed_without_cursors(raw: httpx.Client) -> None:
    listed = raw.get("models").json()
    assert list(listed) == ["object", "data"]
    assert "direct" in [each["id"] for each in listed["data"]]
    assert "gpt-4o" in [each["id"] for each in listed["data"]], "the upstream has it"
    assert list(listed["data"][0]) == ["id", "object", "created", "owned_by"]
    assert raw.get("models/gpt-4o").json()["id"] == "gpt-4o"


def test_a_model_of_the_server_cannot_be_deleted(raw: httpx.Client) -> None:
    refused = raw.delete("models/direct")
    assert refused.status_code == 403
    assert "cannot be deleted" in refused.json()["error"]["message"]
    unknown = raw.delete("models/ft:123")
    assert unknown.status_code == 404
    assert unknown.json()["error"] == {
        "message": "The model 'ft:123' does not exist",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }


def test_resources_of_file_search_may_be_sent_empty_and_stores_must_exist(
    raw: httpx.Client,
) -> None:
    named = {"file_search": {"vector_store_ids": []}}
    for empty, shown in (
        ({}, {}),
        ({"vector_store_ids": []}, named),
        ({"vector_stores": None}, {}),
    ):
        resources = {"file_search": empty}
        made = raw.post("assistants", json={"model": "m", "tool_resources": resources})
        assert made.json()["tool_resources"] == shown
    resources = {"file_search": {"vector_store_ids": ["vs_x"]}}
    for path, body in (("assistants", {"model": "m"}), ("threads", {})):
        refused = raw.post(path, json={**body, "tool_resources": resources})
        assert refused.status_code == 404
        assert refused.json()["error"]["message"] == "No vector store found with id 'vs_x'."


def test_health_needs_no_key(raw: httpx.Client) -> None:
    root = str(raw.base_url).removesuffix("/v1/")
    answer = httpx.get(f"{root}/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
