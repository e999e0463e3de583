"""Nothing of a project is seen, changed or used by another: its ids answer like unknown ones.

The routes come from the app itself, so that a new one is tested from its first day.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from tests.live.description import describe
from tests.live.server import Server, wait_until
from tests.live.tenants import client_of, new_project
from tests.live.wire import Wire

pytestmark = pytest.mark.every_backend


_SHARED = {"name", "project_id", "key_id"}  # what no project has: models, and what admin keys read
ROUTES = [
    (method.upper(), path.removeprefix("/v1/"))
    for path, methods in describe()["paths"].items()
    for method in methods
    if not set(re.findall(r"{(\w+)", path)) & _SHARED
]
BY_ID = [route for route in ROUTES if "{" in route[1]]
LISTS = [path for method, path in ROUTES if method == "GET" and "{" not in path]

BODIES: dict[str, dict[str, Any]] = {
    "threads/{thread_id}/messages": {"json": {"role": "user", "content": "x"}},
    "threads/{thread_id}/runs": {"json": {"assistant_id": "{assistant_id}"}},
    "threads/{thread_id}/runs/{run_id}/submit_tool_outputs": {
        "json": {"tool_outputs": [{"tool_call_id": "call_x", "output": "x"}]}
    },
    "assistants/{assistant_id}/files": {"json": {"file_id": "{file_id}"}},
    "vector_stores/{vector_store_id}/search": {"json": {"query": "x"}},
    "vector_stores/{vector_store_id}/files": {"json": {"file_id": "{file_id}"}},
    "vector_stores/{vector_store_id}/files/{file_id}": {"json": {"attributes": {"a": 1}}},
    "vector_stores/{vector_store_id}/file_batches": {"json": {"file_ids": ["{file_id}"]}},
    "/assistd/threads/{thread_id}/session": {"json": {"memory_limit": "4g"}},
    "/assistd/containers/{container_id}/session": {"json": {"memory_limit": "4g"}},
    "containers/{container_id}/files": {"json": {"file_id": "{file_id}"}},
    "conversations/{conversation_id}": {"json": {"metadata": {}}},
    "conversations/{conversation_id}/items": {"json": {"items": []}},
    "uploads/{upload_id}/parts": {"files": {"data": ("part", b"x")}},
    "uploads/{upload_id}/complete": {"json": {"part_ids": ["{part_id}"]}},
}
"""What a POST sends that would be welcome from the owner, where it is more than `{}`."""


class Tenants(NamedTuple):
    """A project with objects, their ids by the name of the parameter, and another project."""

    owner: httpx.Client
    stranger: httpx.Client
    ids: dict[str, str]


@pytest.fixture
def tenants(server: Server, wire: Wire) -> Iterator[Tenants]:
    with (
        client_of(server, new_project(server)[1], wire) as owner,
        client_of(server, new_project(server)[1], wire) as stranger,
    ):
        yield Tenants(owner, stranger, _objects(owner))


def _objects(owner: httpx.Client) -> dict[str, str]:
    """Make one object of every kind."""

    def made(path: str, **sent: Any) -> str:
        answer = owner.post(path, **sent)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    file = made("files", files={"file": ("a", b"x")}, data={"purpose": "vision"})
    code = {"code_interpreter": {"file_ids": [file]}}
    tools = [{"type": "code_interpreter"}]
    assistant = made("assistants", json={"model": "direct", "tools": tools, "tool_resources": code})
    thread = made("threads", json={})
    said = {"role": "user", "content": "```python\n1 + 1\n```"}
    attached = {"attachments": [{"file_id": file, "tools": tools}]}
    message = made(f"threads/{thread}/messages", json=said | attached)
    run = made(f"threads/{thread}/runs", json={"assistant_id": assistant})
    here = f"threads/{thread}/runs/{run}"
    wait_until(lambda: owner.get(here).json()["status"] == "completed", "the end of the run", 60)
    step = owner.get(f"{here}/steps").json()["data"][0]["id"]
    promised = {"filename": "a", "purpose": "assistants", "bytes": 1, "mime_type": "text/plain"}
    upload = made("uploads", json=promised)
    part = made(f"uploads/{upload}/parts", files={"data": ("part", b"x")})
    store = made("vector_stores", json={"file_ids": [file]})
    batch = made(f"vector_stores/{store}/file_batches", json={"file_ids": [file]})
    items = [{"role": "user", "content": "x"}]
    conversation = made("conversations", json={"items": items})
    item = owner.get(f"conversations/{conversation}/items").json()["first_id"]
    container = made("containers", json={"name": "x"})
    copy = made(f"containers/{container}/files", files={"file": ("a", b"x")})
    return {
        "response_id": made("responses", json={"model": "direct", "input": "x"}),
        "container_id": container,
        "container_file_id": copy,
        "conversation_id": conversation,
        "item_id": item,
        "vector_store_id": store,
        "batch_id": batch,
        "assistant_id": assistant,
        "thread_id": thread,
        "message_id": message,
        "run_id": run,
        "step_id": step,
        "file_id": file,
        "upload_id": upload,
        "part_id": part,
    }


def ask(client: httpx.Client, method: str, path: str, ids: dict[str, str]) -> httpx.Response:
    """Send a request with these ids in its path and its body."""
    # Only v1 has the files of an assistant and of a message.
    old = "/files" in path and not path.startswith(("files", "vector_stores", "containers"))
    headers = {"openai-beta": "assistants=v1" if old else "assistants=v2"}
    sent = BODIES.get(path, {"json": {}}) if method == "POST" else {}
    if "json" in sent:
        sent = {"json": _filled(sent["json"], ids)}
    if path.startswith("container") and "container_file_id" in ids:
        ids = ids | {"file_id": ids["container_file_id"]}
    url = client.base_url.join(path.format(**ids))  # below /assistd, or below /v1
    return client.request(method, url, headers=headers, **sent)


def _filled(value: Any, ids: dict[str, str]) -> Any:
    match value:
        case dict():
            return {key: _filled(each, ids) for key, each in value.items()}
        case list():
            return [_filled(each, ids) for each in value]
        case str():
            return value.format(**ids)
        case _:
            return value


def unknown(ids: dict[str, str]) -> dict[str, str]:
    """Ids of the same kinds that nothing has."""
    return {name: re.sub(r"[A-Za-z0-9]{22,}$", "x" * 24, id_) for name, id_ in ids.items()}


def said(answer: httpx.Response, ids: dict[str, str]) -> tuple[int, str]:
    """The status and the body, the ids in it replaced by their names."""
    text = answer.text
    for name, id_ in ids.items():
        text = text.replace(id_, name)
    return answer.status_code, text


def test_an_id_of_another_project_answers_like_an_unknown_one_on_every_route(
    tenants: Tenants,
) -> None:
    owner, stranger, ids = tenants
    nobodys = unknown(ids)
    assert not set(ids.values()) & set(nobodys.values())
    assert len(BY_ID) > 25
    for method, path in sorted(BY_ID, key=lambda route: route[0] == "DELETE"):
        theirs = said(ask(stranger, method, path, ids), ids)
        assert theirs == said(ask(stranger, method, path, nobodys), nobodys), path
        assert theirs[0] == 404, (method, path, theirs)
        if method == "GET" and not path.endswith("/variables"):  # none are kept yet
            assert ask(owner, method, path, ids).status_code == 200, path  # it is there


@pytest.mark.parametrize("path", LISTS)
def test_lists_show_nothing_of_another_project(tenants: Tenants, path: str) -> None:
    text = ask(tenants.stranger, "GET", path, {}).text
    assert not [name for name, id_ in tenants.ids.items() if id_ in text]


SEARCH: dict[str, Any] = {"tools": [{"type": "file_search"}]}
STORES = {"tool_resources": {"file_search": {"vector_store_ids": ["{vector_store_id}"]}}}
HELPER = {"tool_resources": {"file_search": {"vector_stores": [{"file_ids": ["{file_id}"]}]}}}
RESPONSE_SEARCH = {"tools": [{"type": "file_search", "vector_store_ids": ["{vector_store_id}"]}]}
ATTACHED = {
    "role": "user",
    "content": "x",
    "attachments": [{"file_id": "{file_id}", **SEARCH}],
}


def _in_container(container: Any) -> dict[str, Any]:
    return {"type": "code_interpreter", "container": container}


IN_BODIES: list[tuple[str, dict[str, Any]]] = [
    ("threads/{own_thread}/runs", {"assistant_id": "{assistant_id}"}),
    ("threads/{own_thread}/runs", {"assistant_id": "{assistant_id}", "stream": True}),
    ("threads/{thread_id}/runs", {"assistant_id": "{own_assistant}", "stream": True}),
    ("threads/runs", {"assistant_id": "{assistant_id}", "stream": True}),
    (
        "threads/runs",
        {
            "assistant_id": "{own_assistant}",
            "tool_resources": {"code_interpreter": {"file_ids": ["{file_id}"]}},
        },
    ),
    ("threads", {"tool_resources": {"code_interpreter": {"file_ids": ["{file_id}"]}}}),
    (
        "threads/{own_thread}",
        {"tool_resources": {"code_interpreter": {"file_ids": ["{file_id}"]}}},
    ),
    (
        "assistants",
        {"model": "m", "tool_resources": {"code_interpreter": {"file_ids": ["{file_id}"]}}},
    ),
    (
        "threads/{own_thread}/messages",
        {
            "role": "user",
            "content": "x",
            "attachments": [{"file_id": "{file_id}", "tools": [{"type": "code_interpreter"}]}],
        },
    ),
    (
        "threads/{own_thread}/messages",
        {
            "role": "user",
            "content": [{"type": "image_file", "image_file": {"file_id": "{file_id}"}}],
        },
    ),
    ("uploads/{own_upload}/complete", {"part_ids": ["{part_id}"]}),
    ("vector_stores", {"file_ids": ["{file_id}"]}),
    ("containers", {"name": "x", "file_ids": ["{file_id}"]}),
    ("containers/{own_container}/files", {"file_id": "{file_id}"}),
    ("responses", {"model": "direct", "previous_response_id": "{response_id}"}),
    ("responses", {"model": "direct", "conversation": "{conversation_id}"}),
    ("responses", {"model": "direct", "input": [{"id": "{item_id}"}]}),
    ("responses", {"model": "direct", "input": "x", "tools": [_in_container("{container_id}")]}),
    (
        "responses",
        {
            "model": "direct",
            "input": "x",
            "tools": [_in_container({"type": "auto", "file_ids": ["{file_id}"]})],
        },
    ),
    (
        "responses",
        {
            "model": "direct",
            "input": [
                {"role": "user", "content": [{"type": "input_file", "file_id": "{file_id}"}]}
            ],
        },
    ),
    ("conversations", {"items": [{"type": "item_reference", "id": "{item_id}"}]}),
    (
        "conversations/{own_conversation}/items",
        {"items": [{"role": "user", "content": [{"type": "input_image", "file_id": "{file_id}"}]}]},
    ),
    ("vector_stores/{own_vector_store}/files", {"file_id": "{file_id}"}),
    ("vector_stores/{vector_store_id}/files", {"file_id": "{own_file}"}),
    ("assistants", {"model": "m", **SEARCH, **STORES}),
    ("assistants/{own_assistant}", {**SEARCH, **STORES}),
    ("assistants", {"model": "m", **SEARCH, **HELPER}),
    ("threads", STORES),
    ("threads", HELPER),
    ("threads/{own_thread}", STORES),
    ("threads/runs", {"assistant_id": "{own_assistant}", **SEARCH, **STORES}),
    ("responses", {"model": "direct", "input": "x", **RESPONSE_SEARCH}),
    ("responses", {"model": "direct", "input": "x", "stream": True, **RESPONSE_SEARCH}),
    ("responses", {"model": "direct", "input": "x", "background": True, **RESPONSE_SEARCH}),
    ("threads/{own_thread}/messages", ATTACHED),
    ("threads", {"messages": [ATTACHED]}),
    (
        "threads/{own_thread}/runs",
        {"assistant_id": "{own_assistant}", "additional_messages": [ATTACHED]},
    ),
]


def test_an_id_of_another_project_is_unknown_in_bodies_too(tenants: Tenants) -> None:
    own = {f"own_{name[:-3]}": id_ for name, id_ in _objects(tenants.stranger).items()}
    for path, body in IN_BODIES:
        theirs, nobodys = (
            said(
                tenants.stranger.post(path.format(**ids, **own), json=_filled(body, ids | own)), ids
            )
            for ids in (tenants.ids, unknown(tenants.ids))
        )
        assert theirs == nobodys, path
        assert theirs[0] in {400, 404}, (path, theirs)


def test_a_list_is_not_continued_behind_an_object_of_another_project(tenants: Tenants) -> None:
    nobodys = unknown(tenants.ids)
    for path, name in (("assistants", "assistant_id"), ("files", "file_id")):
        answers = (
            said(tenants.stranger.get(path, params={"after": ids[name]}), ids)
            for ids in (tenants.ids, nobodys)
        )
        theirs, unknown_ones = answers
        assert theirs == unknown_ones
        assert theirs[0] == 400
