"""Requests of every kind to every endpoint, drawn from the server's own description of itself.

A few of each in every run of the tests, always the same ones; many more, and others each time, with
`make test ARGS="tests/integration/api/test_fuzz.py --hypothesis-profile=long --timeout=0"`.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from requests import Session
from schemathesis import APIOperation, Case, GenerationMode

from tests.acceptance.conftest import weather
from tests.live import response_stream, specification
from tests.live.description import describe
from tests.live.fixtures import judge
from tests.live.server import API_KEY, Server
from tests.live.wire import Exchange, Wire
from tests.upstream import Upstream

HEADERS = {"authorization": f"Bearer {API_KEY}", "openai-beta": "assistants=v2"}
EXAMPLES = 4
"""Requests of each kind to each operation, in a run of all tests."""


@pytest.fixture
def real(raw: httpx.Client, upstream: Upstream) -> dict[str, str]:
    """Ids of things that exist, by the names that paths give them; a run waits for outputs."""
    return _make_run(raw, upstream) | _make_response(raw, upstream)


def _make_run(raw: httpx.Client, upstream: Upstream) -> dict[str, str]:
    upstream.function("get_weather", {"city": "Paris"})
    message = {"role": "user", "content": "Please."}
    upload = {"filename": "a", "purpose": "assistants", "bytes": 3, "mime_type": "text/plain"}
    file = raw.post("files", files={"file": ("a.csv", b"a,b\n")}, data={"purpose": "vision"})
    assistant = raw.post("assistants", json={"model": "gpt-4o", "tools": [weather()]}).json()["id"]
    free = raw.post("threads", json={"messages": [message]}).json()["id"]
    thread = raw.post("threads", json={"messages": [message]}).json()["id"]
    # As a stream it is over when the run waits.
    raw.post(f"threads/{thread}/runs", json={"assistant_id": assistant, "stream": True})
    run = raw.get(f"threads/{thread}/runs").json()["data"][0]["id"]
    return {
        "assistant_id": assistant,
        "thread_id": free,
        "waiting_thread_id": thread,
        "run_id": run,
        "step_id": raw.get(f"threads/{thread}/runs/{run}/steps").json()["data"][0]["id"],
        "message_id": raw.get(f"threads/{free}/messages").json()["data"][0]["id"],
        "file_id": file.json()["id"],
        "upload_id": raw.post("uploads", json=upload).json()["id"],
    }


def _make_response(raw: httpx.Client, upstream: Upstream) -> dict[str, str]:
    said = {"items": [{"role": "user", "content": "Please."}]}
    conversation = raw.post("conversations", json=said).json()["id"]
    item = raw.get(f"conversations/{conversation}/items").json()["data"][0]["id"]
    container = raw.post("containers", json={"name": "fuzz"}).json()["id"]
    file = raw.post(f"containers/{container}/files", files={"file": ("a.csv", b"a,b\n")}).json()
    upstream.say("Hello")
    body = {"model": "m", "input": "Hi", "background": True, "stream": True}
    with raw.stream("POST", "responses", json=body) as answer:
        response = answer.read().decode().split('"id":"')[1].split('"')[0]
    return {
        "conversation_id": conversation,
        "item_id": item,
        "container_id": container,
        "container_file_id": file["id"],
        "response_id": response,
    }


def our_description() -> Any:
    """What the server says of itself, without the headers that every request has."""
    document = json.loads(json.dumps(describe()))
    for path in document["paths"].values():
        for each in path.values():
            each["parameters"] = [p for p in each.get("parameters", []) if p["in"] != "header"]
    return document


def official_description(path: Path) -> Any:
    """What OpenAI says of the same paths, beside some that are not served."""
    if not path.exists():
        pytest.skip(f"the official specification is not at {path}")
    document = yaml.load(path.read_text(), yaml.CSafeLoader)
    document["paths"] = {f"/v1{path}": each for path, each in document["paths"].items()}
    return document


def operations(document: Any) -> list[APIOperation]:
    """All operations of a description; those that delete come last."""
    found = [each.ok() for each in schemathesis.openapi.from_dict(document).get_all_operations()]
    return sorted(found, key=lambda each: (each.method == "delete", each.path))


def requests(
    operation: APIOperation, mode: GenerationMode, real: dict[str, str]
) -> st.SearchStrategy[Case]:
    """Requests of one mode to things that exist, and, fewer, to things that do not."""
    names = [each.name for each in operation.path_parameters]
    ids = dict(real)
    if "run_id" in names:
        ids["thread_id"] = ids["waiting_thread_id"]
    if "container_id" in names:
        ids["file_id"] = ids["container_file_id"]
    known = {name: ids[name] for name in names if name in ids}
    exact = operation.as_strategy(mode, headers=HEADERS, path_parameters=known or None)
    return st.one_of(exact, exact, operation.as_strategy(mode, headers=HEADERS)).map(
        lambda case: of_an_assistant(case, real["assistant_id"])
    )


def of_an_assistant(case: Case, assistant_id: str) -> Case:
    """The request, with an assistant that exists where it names one at all."""
    if isinstance(case.body, dict) and isinstance(case.body.get("assistant_id"), str):
        case.body["assistant_id"] = assistant_id
    return case


def check(server: Server, session: Session, case: Case) -> None:
    """Send a request; the answer is none of our faults, has OpenAI's shape, and fits the specification."""
    # Sent by ourselves: the library's own call stops reading a stream after a while.
    sent = case.as_transport_kwargs(base_url=server.url.removesuffix("/v1"), headers=HEADERS)
    answer = session.request(**sent, timeout=60)
    note(case.as_curl_command())
    note(f"{answer.status_code} {answer.content[:2000]!r}")
    wire = Wire()
    path = answer.request.path_url.partition("?")[0]
    headers = httpx.Headers(dict(answer.headers))
    wire.exchanges = [
        Exchange(
            method=case.method,
            path=path,
            status=answer.status_code,
            headers=headers,
            body=bytearray(answer.content),
            complete=True,
        )
    ]
    judge(wire)
    if not wire.last.streamed and not path.endswith("/content"):
        assert isinstance(json.loads(answer.content), dict)


@pytest.fixture
def session() -> Iterator[Session]:
    """A client that reads every answer to its end."""
    with Session() as session:
        yield session


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_is_an_error_of_ours_or_answered_out_of_shape(
    server: Server, session: Session, real: dict[str, str], mode: GenerationMode
) -> None:
    for operation in operations(our_description()):
        if mode is GenerationMode.POSITIVE or may_be_wrong(operation):
            send_many(requests(operation, mode, real), lambda case: check(server, session, case))


@pytest.mark.parametrize(
    "path", [specification.PATH, response_stream.PATH], ids=lambda each: each.stem
)
def test_no_request_that_the_official_specification_allows_is_an_error_of_ours(
    server: Server, session: Session, real: dict[str, str], path: Path
) -> None:
    for operation in operations(official_description(path)):
        drawn = requests(operation, GenerationMode.POSITIVE, real)
        send_many(drawn, lambda case: check(server, session, case))


def send_many(drawn: st.SearchStrategy[Case], send: Callable[[Case], None]) -> None:
    """Send a few requests, always the same, or many others."""
    long = settings.get_current_profile_name() == "long"

    @given(drawn)
    @settings(
        max_examples=settings.default.max_examples if long else EXAMPLES,
        derandomize=not long,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def each(case: Case) -> None:
        send(case)

    each()


def may_be_wrong(operation: APIOperation) -> bool:
    """Whether there is anything in a request that could break its description."""
    parts: list[Iterable[Any]] = [operation.query, operation.body]
    return any(list(part) for part in parts)
