"""Azure's addresses and the shapes of v1: the same objects, under other names (decision 0022)."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import AzureOpenAI, OpenAI

from tests.live.server import API_KEY, Server
from tests.live.tenants import client_of
from tests.live.wire import Wire
from tests.upstream import Upstream

V2 = "2024-05-01-preview"
V1 = "2024-02-15-preview"


@pytest.fixture
def azure(server: Server, wire: Wire) -> Iterator[httpx.Client]:
    """A plain client at the root of the server, with a key as Azure's clients send it."""
    root = server.url.removesuffix("/v1")
    with httpx.Client(
        base_url=root, headers={"api-key": API_KEY}, transport=wire.transport(), timeout=60
    ) as client:
        yield client


@pytest.fixture
def old(server: Server, wire: Wire) -> Iterator[httpx.Client]:
    """A client that speaks v1 to OpenAI's addresses."""
    with client_of(server, API_KEY, wire, beta="assistants=v1") as client:
        yield client


def upload(client: httpx.Client, path: str = "files") -> str:
    """A file's id."""
    form = {"files": {"file": ("a.csv", b"a,b\n1,2\n")}, "data": {"purpose": "assistants"}}
    return client.post(path, **form).json()["id"]  # type: ignore[arg-type]


@pytest.mark.parametrize("deployment", [None, "gpt-4o"])
def test_azure_openai_of_the_sdk_finds_the_objects_of_openai(
    server: Server, wire: Wire, client: OpenAI, upstream: Upstream, deployment: str | None
) -> None:
    upstream.say("Hello.")
    azure = AzureOpenAI(
        azure_endpoint=server.url.removesuffix("/v1"),
        azure_deployment=deployment,
        api_version=V2,
        api_key=API_KEY,
        http_client=httpx.Client(transport=wire.transport(), timeout=60),
    )
    with azure:
        file = azure.files.create(file=("a.txt", b"a"), purpose="assistants")
        assistant = azure.beta.assistants.create(
            model="gpt-4o",
            tools=[{"type": "code_interpreter"}],
            tool_resources={"code_interpreter": {"file_ids": [file.id]}},
        )
        run = azure.beta.threads.create_and_run_poll(
            assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "Hi"}]}
        )
        (answer, _) = azure.beta.threads.messages.list(run.thread_id).data
        upload_ = azure.uploads.upload_file_chunked(
            file=b"abc", filename="a", bytes=3, mime_type="text/plain", purpose="batch"
        )
    assert all("/openai/" in each.path for each in wire.exchanges)
    assert run.status == "completed"
    assert answer.content[0].text.value == "Hello."  # type: ignore[union-attr]
    assert client.beta.assistants.retrieve(assistant.id) == assistant
    assert client.files.retrieve(file.id) == file
    assert client.files.retrieve(upload_.file.id) == upload_.file  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "path",
    [
        "/openai/assistants?api-version=2024-05-01-preview",
        "/openai/assistants?api-version=2025-04-01-preview",
        "/openai/assistants",
        "/openai/deployments/my-gpt/assistants?api-version=2024-10-21",
        "/openai/v1/assistants?api-version=preview",
        "/openai/v1/assistants",
    ],
)
def test_addresses_of_azure_need_no_beta_header_and_answer_v2(
    azure: httpx.Client, path: str
) -> None:
    made = azure.post(path, json={"model": "m", "tools": [{"type": "code_interpreter"}]})
    assert made.status_code == 200, made.text
    assert made.json()["tool_resources"] == {"code_interpreter": {"file_ids": []}}


def test_keys_are_asked_for_at_addresses_of_azure_too(azure: httpx.Client) -> None:
    for key in ("", "sk-wrong-key-1234567"):
        answer = azure.get("/openai/assistants", headers={"api-key": key})
        assert answer.status_code == 401
    bearer = {"api-key": "", "authorization": f"Bearer {API_KEY}"}  # as with Entra ID
    assert azure.get("/openai/assistants", headers=bearer).status_code == 200


def test_errors_at_addresses_of_azure_have_the_shape_of_openai(azure: httpx.Client) -> None:
    missing = azure.get("/openai/files/file-x")
    assert missing.status_code == 404
    assert missing.json()["error"]["message"] == "No such File object: file-x"
    for path in ("/openai/nothing", "/openai", "/openai/", "/openai/deployments/x"):
        assert azure.get(path).status_code == 404


@pytest.mark.parametrize("azure_path", [True, False])
def test_file_ids_of_v1_are_the_resources_and_attachments_of_v2(
    azure: httpx.Client, old: httpx.Client, raw: httpx.Client, azure_path: bool
) -> None:
    def path(name: str) -> str:
        return f"/openai/{name}?api-version={V1}" if azure_path else name

    client = azure if azure_path else old
    first, second = upload(raw), upload(raw)
    code = {"type": "code_interpreter"}
    made = client.post(
        path("assistants"), json={"model": "m", "tools": [code], "file_ids": [first]}
    ).json()
    assert made["file_ids"] == [first]
    assert "tool_resources" not in made
    assert raw.get(f"assistants/{made['id']}").json()["tool_resources"] == {
        "code_interpreter": {"file_ids": [first]}
    }
    changed = client.post(path(f"assistants/{made['id']}"), json={"file_ids": [second]}).json()
    assert changed["file_ids"] == [second]
    kept = client.post(path(f"assistants/{made['id']}"), json={"name": "Ada"}).json()
    assert (kept["name"], kept["file_ids"]) == ("Ada", [second])
    thread = client.post(
        path("threads"), json={"messages": [{"role": "user", "content": "x", "file_ids": [first]}]}
    ).json()
    assert sorted(thread) == ["created_at", "id", "metadata", "object"]
    messages = path(f"threads/{thread['id']}/messages")
    said = client.post(messages, json={"role": "user", "content": "y", "file_ids": [second]}).json()
    assert said["file_ids"] == [second]
    assert "attachments" not in said
    listed = client.get(messages).json()
    assert [each["file_ids"] for each in listed["data"]] == [[second], [first]]
    assert listed["first_id"] == said["id"]
    seen = raw.get(f"threads/{thread['id']}").json()["tool_resources"]
    assert seen == {"code_interpreter": {"file_ids": [first, second]}}
    attachment = raw.get(f"threads/{thread['id']}/messages/{said['id']}").json()["attachments"]
    assert attachment == [{"file_id": second, "tools": [code, {"type": "file_search"}]}]


def test_runs_and_steps_of_v1_have_their_old_keys_over_rest_and_in_streams(
    old: httpx.Client, upstream: Upstream
) -> None:
    upstream.code("print(6 * 7)")
    upstream.say("42.")
    upstream.say("Still 42.")
    file = upload(old)
    assistant = old.post(
        "assistants",
        json={"model": "m", "tools": [{"type": "code_interpreter"}], "file_ids": [file]},
    ).json()["id"]
    body = {"assistant_id": assistant, "stream": True}
    thread = {"messages": [{"role": "user", "content": "x", "file_ids": [file]}]}
    answer = old.post("threads/runs", json={**body, "thread": thread}).text
    frames = [frame.split("\n") for frame in answer.removesuffix("\n\n").split("\n\n")]
    assert frames[-1] == ["event: done", "data: [DONE]"]
    data = {name: json.loads(line.removeprefix("data: ")) for name, line in frames[:-1]}
    run = data["event: thread.run.completed"]
    assert run["file_ids"] == [file]
    assert "tool_resources" not in data["event: thread.created"]
    assert data["event: thread.message.completed"]["file_ids"] == []
    assert data["event: thread.run.step.completed"]["metadata"] == {}
    path = f"threads/{run['thread_id']}/runs"
    got = old.get(f"{path}/{run['id']}").json()
    assert got == run
    steps = old.get(f"{path}/{run['id']}/steps").json()["data"]
    assert [each["type"] for each in steps] == ["message_creation", "tool_calls"]
    assert all(each["expired_at"] is None and each["metadata"] == {} for each in steps)
    more = {"assistant_id": assistant, "additional_messages": [
        {"role": "user", "content": "y", "file_ids": [file]}
    ]}  # fmt: skip
    assert old.post(path, json=more).json()["file_ids"] == [file]
    listed = old.get(path).json()["data"]
    assert [each["file_ids"] for each in listed] == [[file], [file]]


def test_v1_shows_the_files_of_an_assistant_and_of_a_message_as_objects(
    old: httpx.Client, raw: httpx.Client
) -> None:
    ids = [upload(raw) for _ in range(3)]
    assistant = old.post("assistants", json={"model": "m"}).json()["id"]
    path = f"assistants/{assistant}/files"
    for id_ in ids:
        made = old.post(path, json={"file_id": id_}).json()
        assert made == {
            "id": id_,
            "object": "assistant.file",
            "created_at": made["created_at"],
            "assistant_id": assistant,
        }
    assert old.get(f"{path}/{ids[2]}").json() == made

    def listed(**query: Any) -> list[str]:
        return [each["id"] for each in old.get(path, params=query).json()["data"]]

    assert listed() == ids[::-1]
    assert listed(order="asc", limit=2) == ids[:2]
    assert listed(order="asc", after=ids[0]) == ids[1:]
    assert listed(order="asc", before=ids[2], limit=1) == [ids[1]]
    gone = old.delete(f"{path}/{ids[0]}").json()
    assert gone == {"id": ids[0], "object": "assistant.file.deleted", "deleted": True}
    assert listed() == [ids[2], ids[1]]
    assert raw.get(f"files/{ids[0]}").status_code == 200
    for answer in (old.get(f"{path}/{ids[0]}"), old.delete(f"{path}/file-x")):
        assert answer.status_code == 404
    assert old.post(path, json={"file_id": "file-x"}).status_code == 404
    thread = old.post("threads", json={}).json()["id"]
    message = old.post(
        f"threads/{thread}/messages", json={"role": "user", "content": "x", "file_ids": ids[:2]}
    ).json()["id"]
    files = f"threads/{thread}/messages/{message}/files"
    assert [each["id"] for each in old.get(files).json()["data"]] == [ids[1], ids[0]]
    assert old.get(f"{files}/{ids[0]}").json()["message_id"] == message
    assert raw.get(path).status_code == raw.get(files).status_code == 404, "v2 has no such thing"


def test_the_files_of_a_v1_assistant_with_retrieval_are_searched(
    old: httpx.Client, raw: httpx.Client
) -> None:
    """Its store is made for the first document, and follows what is given to it and taken from it."""

    def send(name: str) -> str:
        data = {"purpose": "assistants"}
        return raw.post("files", files={"file": (name, b"Cake.")}, data=data).json()["id"]

    def stored() -> set[str]:
        resources = raw.get(f"assistants/{made['id']}").json()["tool_resources"]
        found: set[str] = set()
        for store_id in resources["file_search"]["vector_store_ids"]:
            files = raw.get(f"vector_stores/{store_id}/files").json()["data"]
            found |= {each["id"] for each in files}
        return found

    first, second, table, third = map(send, ("a.md", "b.txt", "c.csv", "d.md"))
    retrieval = {"type": "retrieval"}
    body = {"model": "m", "tools": [retrieval], "file_ids": [first, table]}
    made = old.post("assistants", json=body).json()
    assert made["tools"] == [retrieval]
    assert made["file_ids"] == [first, table]
    assert stored() == {first}
    old.post(f"assistants/{made['id']}/files", json={"file_id": second})
    assert stored() == {first, second}
    old.delete(f"assistants/{made['id']}/files/{first}")
    assert stored() == {second}
    changed = old.post(f"assistants/{made['id']}", json={"file_ids": [third]}).json()
    assert changed["file_ids"] == [third]
    assert stored() == {third}
    code = old.post("assistants", json={"model": "m", "file_ids": [first]}).json()
    kept = raw.get(f"assistants/{code['id']}").json()["tool_resources"]
    assert "file_search" not in kept
    with_it = old.post(f"assistants/{code['id']}", json={"tools": [retrieval]}).json()
    assert with_it["file_ids"] == [first]
    made = code
    assert stored() == {first}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"\xff",
        b"[" * 100_000,
        b'{"messages": 3, "tools": {}, "thread": []}',
    ],
)
def test_bodies_that_v1_cannot_mean_are_the_fault_of_the_client(
    old: httpx.Client, content: bytes
) -> None:
    assert old.post("assistants", content=content).status_code == 400
    for key in ("file_ids", "messages", "tools"):
        odd = {"model": "m", key: "x"}
        assert old.post("assistants", json=odd).status_code == 400


def test_v2_wins_where_a_client_names_both(old: httpx.Client) -> None:
    headers = {"openai-beta": "assistants=v1, assistants=v2"}
    assert "tool_resources" in old.post("threads", headers=headers).json()


def test_vector_stores_answer_at_the_addresses_of_azure(raw: httpx.Client) -> None:
    root = str(raw.base_url).removesuffix("/v1/")
    dated = {"api-version": "2024-05-01-preview"}
    made = raw.post(f"{root}/openai/vector_stores", params=dated, json={"name": "azure"}).json()
    got = raw.get(f"{root}/openai/vector_stores/{made['id']}", params=dated)
    assert got.json() == raw.get(f"vector_stores/{made['id']}").json()
    files = raw.get(f"{root}/openai/v1/vector_stores/{made['id']}/files")
    assert files.json()["data"] == []
    assert raw.delete(f"{root}/openai/vector_stores/{made['id']}", params=dated).json()["deleted"]


def test_what_is_no_body_of_v1_is_refused_as_one_of_v2_is(old: httpx.Client) -> None:
    deep = b'{"thread":' * 900 + b"1" + b"}" * 900
    for content in (b"{", b"\xff", deep, b'{"a":' * 3000, b'["x",' + b"1," * 100_000 + b"1]"):
        refused = old.post("threads", content=content)
        assert refused.status_code == 400
        assert refused.json()["error"]["type"] == "invalid_request_error"
