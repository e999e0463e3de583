"""What clients of this door send beside bodies, and what comes back beside them (contract, responses, section 1)."""

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.responses.conversing import ask
from tests.live.server import API_KEY, Server
from tests.live.wire import Wire
from tests.upstream import Upstream


@pytest.fixture
def plain(server: Server, wire: Wire) -> Iterator[httpx.Client]:
    """A client that sends no header but its key."""
    headers = {"authorization": f"Bearer {API_KEY}"}
    with httpx.Client(base_url=server.url, headers=headers, transport=wire.transport()) as client:
        yield client


@pytest.mark.parametrize("beta", [None, "assistants=v2", "responses=v1"])
def test_no_beta_header_is_needed_and_any_is_taken(
    beta: str | None, plain: httpx.Client, upstream: Upstream
) -> None:
    headers = {"openai-beta": beta} if beta else {}
    upstream.say("Hello")
    body = {"model": "m", "input": "Hi"}
    made = plain.post("responses", json=body, headers=headers)
    assert made.status_code == 200
    for path in (f"responses/{made.json()['id']}", "containers"):
        assert plain.get(path, headers=headers).status_code == 200
    assert plain.post("conversations", json={}, headers=headers).status_code == 200


def test_answers_have_the_headers_of_every_door(plain: httpx.Client, upstream: Upstream) -> None:
    upstream.say("Hello")
    made = plain.post("responses", json={"model": "m", "input": "Hi"})
    assert made.headers["content-type"] == "application/json"
    assert made.headers["x-request-id"].startswith("req_")
    assert made.headers["openai-version"] == "2020-10-01"
    assert int(made.headers["openai-processing-ms"]) >= 0


@pytest.mark.parametrize(
    "accept", ["application/json", "*/*", "application/binary", "application/octet-stream"]
)
def test_a_client_may_accept_what_it_likes(
    accept: str, plain: httpx.Client, upstream: Upstream
) -> None:
    """As SDKs do, and say of a delete that it brings JSON, without a body."""
    plain.headers.update({"accept": accept, "content-type": "application/json"})
    container = plain.post("containers", json={"name": "c"}).json()["id"]
    assert plain.delete(f"containers/{container}").json()["deleted"] is True
    gate = upstream.silence()
    response = ask(plain, background=True)["id"]
    assert plain.post(f"responses/{response}/cancel").json()["status"] == "cancelled"
    gate.release()
    assert plain.delete(f"responses/{response}").json()["deleted"] is True
    conversation = plain.post("conversations").json()["id"]
    assert plain.delete(f"conversations/{conversation}").json()["deleted"] is True
