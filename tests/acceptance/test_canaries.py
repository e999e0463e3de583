"""A word in every field that a client can set never leaves by the log, a span or a metric, whatever happens."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.live.collector import Collector
from tests.live.fixtures import StartServer
from tests.live.server import API_KEY, Server, wait_until
from tests.live.tenants import new_admin_key
from tests.upstream import Upstream

CANARY = "c4n4ry"
SCHEMA = {"type": "object", "properties": {CANARY: {"type": "string", "description": CANARY}}}
FUNCTION = {"name": f"f_{CANARY}", "description": CANARY, "parameters": SCHEMA}
HEADERS = {
    "authorization": f"Bearer {API_KEY}",
    "openai-beta": "assistants=v2",
    "user-agent": CANARY,
    "openai-organization": CANARY,
    "openai-project": CANARY,
    "x-request-id": CANARY,
    "x-stainless-lang": CANARY,
    "tracestate": f"{CANARY}={CANARY}",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "baggage": f"{CANARY}={CANARY}",
    "cookie": CANARY,
    "referer": CANARY,
}
METADATA = {CANARY: CANARY}


@pytest.fixture
def server(collector: Collector, start_server: StartServer) -> Server:
    return start_server(log_level="debug", upstream_seconds=2)


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=HEADERS, timeout=60) as made:
        yield made


def search_for_canaries(server: Server, collector: Collector) -> None:
    """See that none left, once everything that was to be told has been."""
    root = server.url.removesuffix("/v1")
    admin = {"authorization": f"Bearer {new_admin_key(server)}"}
    metrics = httpx.get(f"{root}/metrics", headers=admin)
    assert metrics.status_code == 200, metrics.text
    server.stop()  # which flushes the spans
    assert collector.spans
    for name, told in (
        ("log", server.log),
        ("metrics", metrics.text),
        ("spans", str(collector.spans) + str(collector.bodies)),
    ):
        assert CANARY not in told, name


def post(client: httpx.Client, path: str, status: int = 200, **body: Any) -> Any:
    """Post, and see the status."""
    response = client.post(path, json=body)
    assert response.status_code == status, response.text
    return response.json()


def finish(client: httpx.Client, run: Any) -> Any:
    """Poll a run until it ended or waits."""
    path = f"threads/{run['thread_id']}/runs/{run['id']}"

    def has_ended() -> bool:
        nonlocal run
        run = client.get(path).json()
        return run["status"] not in {"queued", "in_progress", "cancelling"}

    wait_until(has_ended, "the end of the run")
    return run


def make_assistant(client: httpx.Client, **fields: Any) -> str:
    made = post(
        client,
        "assistants",
        **{
            "model": "gpt-4o",
            "name": CANARY,
            "description": CANARY,
            "instructions": CANARY,
            "metadata": METADATA,
            "tools": [{"type": "code_interpreter"}, {"type": "function", "function": FUNCTION}],
            **fields,
        },
    )
    return made["id"]


def test_runs_that_go_well_tell_nothing(
    server: Server, collector: Collector, client: httpx.Client, upstream: Upstream
) -> None:
    file = client.post(
        "files",
        files={"file": (f"{CANARY}.csv", f"{CANARY}\n1\n", f"text/{CANARY}")},
        data={"purpose": "assistants"},
    ).json()
    attached = {"file_id": file["id"], "tools": [{"type": "code_interpreter"}]}
    assistant = make_assistant(client)
    thread = post(
        client,
        "threads",
        metadata=METADATA,
        messages=[
            {"role": "user", "content": CANARY, "metadata": METADATA, "attachments": [attached]}
        ],
    )["id"]
    upstream.code(f"open('{CANARY}.txt', 'w').write('{CANARY}')\nprint('{CANARY}')", text=CANARY)
    upstream.function(FUNCTION["name"], {CANARY: CANARY})
    upstream.say(CANARY)
    run = post(
        client,
        f"threads/{thread}/runs",
        assistant_id=assistant,
        instructions=CANARY,
        additional_instructions=CANARY,
        metadata=METADATA,
        additional_messages=[{"role": "user", "content": CANARY}],
    )
    run = finish(client, run)
    (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    output = {"tool_call_id": call["id"], "output": CANARY}
    path = f"threads/{thread}/runs/{run['id']}/submit_tool_outputs"
    assert finish(client, post(client, path, tool_outputs=[output]))["status"] == "completed"

    conversation = post(
        client, "conversations", metadata=METADATA, items=[{"role": "user", "content": CANARY}]
    )["id"]
    container = post(client, "containers", name=CANARY, file_ids=[file["id"]])["id"]
    upstream.code(f"raise ValueError('{CANARY}')")
    upstream.say(CANARY)
    made = post(
        client,
        "responses",
        model="gpt-4o",
        conversation=conversation,
        instructions=CANARY,
        input=CANARY,
        metadata=METADATA,
        user=CANARY,
        safety_identifier=CANARY,
        prompt_cache_key=CANARY,
        tools=[
            {"type": "code_interpreter", "container": container},
            {"type": "function", **FUNCTION},
        ],
    )
    assert made["status"] == "completed"
    post(client, "vector_stores", name=CANARY, metadata=METADATA, file_ids=[file["id"]])
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": CANARY}], "user": CANARY}
    upstream.say(CANARY)
    post(client, "chat/completions", **body)
    client.delete(f"threads/{thread}")
    collector.wait_for("invoke_agent", 3)
    search_for_canaries(server, collector)


def list_troubles(upstream: Upstream) -> list[Callable[[], object]]:
    """What an upstream can do wrong, with the word in all it says; after the last three a model has answered."""
    return [
        lambda: upstream.error(400, CANARY, code=CANARY),
        lambda: upstream.error(401, CANARY),
        lambda: upstream.error(403, body=CANARY.encode()),
        lambda: upstream.error(404, CANARY),
        lambda: upstream.error(422, CANARY),
        lambda: upstream.garbage(f"data: {{{CANARY}\n\n".encode()),
        lambda: upstream.break_off(CANARY),
        lambda: upstream.say(CANARY, finish=CANARY),
        lambda: upstream.say(CANARY, finish="content_filter"),
        lambda: upstream.code(f"import os\nprint('{CANARY}')\nos._exit(1)"),
    ]


def test_runs_and_responses_that_fail_tell_nothing(
    server: Server, collector: Collector, client: httpx.Client, upstream: Upstream
) -> None:
    assistant = make_assistant(client)
    troubles = list_troubles(upstream)
    models = [f"model-{CANARY}"] * 7 + [
        "gpt-4o"
    ] * 3  # the name of a model that answered is no secret
    for model, begin in zip(models, troubles, strict=True):
        begin()
        asked = {"messages": [{"role": "user", "content": CANARY}]}
        finish(
            client,
            post(client, "threads/runs", assistant_id=assistant, thread=asked, model=model),
        )
    tool = {"type": "code_interpreter", "container": {"type": "auto"}}
    for model, begin in zip(models, troubles, strict=True):
        begin()
        client.post("responses", json={"model": model, "input": CANARY, "tools": [tool]})
    collector.wait_for("invoke_agent", 20)
    search_for_canaries(server, collector)


@pytest.mark.parametrize("path", [f"{CANARY}", f"threads/{CANARY}", f"files/{CANARY}/content"])
def test_requests_that_are_refused_tell_nothing(
    server: Server, collector: Collector, client: httpx.Client, path: str
) -> None:
    for method in ("GET", "POST", "DELETE", "PUT", "OPTIONS"):
        client.request(method, path, params={CANARY: CANARY}, json={CANARY: CANARY})
    for where in (path, "threads/x"):
        client.get(where, headers={"authorization": f"Bearer sk-{CANARY}"})
        client.get(where, headers={"authorization": CANARY})
    client.post(f"threads/{CANARY}/runs", content=CANARY.encode())
    client.post("responses", content=CANARY.encode(), headers={"openai-beta": CANARY})
    client.post("files", files={CANARY: (CANARY, CANARY, CANARY)}, data={"purpose": CANARY})
    for body in ({"model": CANARY}, {"model": "m", CANARY: 1}, {"assistant_id": CANARY}):
        for where in ("assistants", "threads/runs", "responses", "chat/completions", "embeddings"):
            client.post(where, json=body)
    assert '"key refused"' in server.log
    search_for_canaries(server, collector)
