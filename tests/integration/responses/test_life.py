"""The life of responses: kept, told again, cancelled, given up, deleted (contract, responses, section 5)."""

import httpx
import pytest
from openai import NotFoundError, OpenAI

from tests.integration.responses.conversing import CODE, WEATHER, ask, refuse, replay, stream
from tests.live.server import Server, wait_until
from tests.live.tenants import client_of, new_project
from tests.live.wire import Wire
from tests.upstream import Upstream

pytestmark = pytest.mark.every_size


def test_the_sdk_creates_retrieves_and_deletes(client: OpenAI, upstream: Upstream) -> None:
    upstream.say("Hello")
    made = client.responses.create(model="m", input="Hi", metadata={"a": "b"})
    assert made.output_text == "Hello"
    assert client.responses.retrieve(made.id) == made
    client.responses.delete(made.id)
    with pytest.raises(NotFoundError, match=f"Response with id '{made.id}' not found."):
        client.responses.retrieve(made.id)


def test_responses_trap_24_a_delete_is_told_by_the_name_of_the_recording(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.say("Hello")
    made = ask(raw)["id"]
    assert raw.delete(f"responses/{made}").json() == {
        "id": made, "object": "response.deleted", "deleted": True,
    }  # fmt: skip
    assert raw.delete(f"responses/{made}").status_code == 404


def test_what_is_not_stored_is_not_found(raw: httpx.Client, upstream: Upstream) -> None:
    upstream.say("Hello")
    made = ask(raw, store=False)
    assert made["store"] is False
    assert raw.get(f"responses/{made['id']}").status_code == 404
    assert refuse(raw, previous_response_id=made["id"])["code"] == "previous_response_not_found"


def test_responses_trap_59_a_response_of_another_project_is_unknown(
    raw: httpx.Client, upstream: Upstream, server: Server, wire: Wire
) -> None:
    upstream.say("Hello")
    made = ask(raw)["id"]
    with client_of(server, new_project(server)[1], wire) as other:
        assert other.get(f"responses/{made}").status_code == 404
        assert other.post(f"responses/{made}/cancel").status_code == 404
        assert other.delete(f"responses/{made}").status_code == 404


def test_responses_trap_02_a_function_is_answered_by_another_response(
    client: OpenAI, upstream: Upstream
) -> None:
    upstream.function("get_weather", {"city": "Rome"})
    first = client.responses.create(model="m", input="Weather?", tools=[WEATHER])  # type: ignore[list-item]
    (call,) = first.output
    assert first.status == "completed"
    assert call.type == "function_call"
    upstream.say("Sunny.")
    second = client.responses.create(
        model="m",
        previous_response_id=first.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "sun"}],
        tools=[WEATHER],  # type: ignore[list-item]
    )
    assert second.output_text == "Sunny."
    assert [each["role"] for each in upstream.last.body["messages"]] == [
        "user",
        "assistant",
        "tool",
    ]
    assert upstream.last.body["messages"][-1]["content"] == "sun"


def test_responses_trap_38_variables_and_files_live_on_in_the_container_of_the_chain(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code("x = 41")
    upstream.say("Kept.")
    first = ask(raw, tools=CODE)
    upstream.code("print(x + 1)")
    upstream.say("42.")
    second = ask(
        raw, tools=CODE, previous_response_id=first["id"], include=["code_interpreter_call.outputs"]
    )
    assert second["output"][0]["container_id"] == first["output"][0]["container_id"]
    assert second["output"][0]["outputs"] == [{"type": "logs", "logs": "42\n"}]


def test_a_background_response_is_polled_and_told_again(
    raw: httpx.Client, upstream: Upstream
) -> None:
    gate = upstream.hold("Hel", "lo")
    made = ask(raw, background=True)
    assert (made["status"], made["output"]) == ("queued", [])
    path = f"responses/{made['id']}"
    assert raw.delete(path).json()["error"]["message"] == "Cannot delete an in-flight response."
    gate.release()
    wait_until(lambda: raw.get(path).json()["status"] == "completed", "the response is done")
    assert raw.get(path).json()["output"][0]["content"][0]["text"] == "Hello"
    refused = raw.get(path, params={"stream": "true"}).json()["error"]
    assert refused["message"].endswith("was not created with stream=true.")
    assert refused["param"] == "stream"


def test_responses_trap_04_a_stream_is_told_again_with_the_same_numbers(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.say("Hel", "lo")
    events = stream(raw, background=True)
    path = events[0].data["response"]["id"]
    assert [each.data["sequence_number"] for each in events] == list(range(len(events)))
    assert replay(raw, path) == events
    assert replay(raw, path, starting_after=0) == events[1:]
    assert replay(raw, path, starting_after=4) == events[5:]
    assert replay(raw, path, starting_after=len(events)) == []


def test_responses_trap_47_a_cancelled_response_has_no_output_and_its_stream_failed(
    raw: httpx.Client, upstream: Upstream
) -> None:
    gate = upstream.silence()
    body = {"model": "m", "input": "Hi", "stream": True, "background": True}
    with raw.stream("POST", "responses", json=body) as answer:
        lines = answer.iter_lines()
        next(lines)
        response_id = next(lines).split('"id":"')[1].split('"')[0]
    cancelled = raw.post(f"responses/{response_id}/cancel").json()
    assert (cancelled["status"], cancelled["output"], cancelled["usage"]) == ("cancelled", [], None)
    assert raw.post(f"responses/{response_id}/cancel").json() == cancelled
    assert raw.get(f"responses/{response_id}").json() == cancelled
    last = replay(raw, response_id)[-1]
    assert last.name == "response.failed"
    assert last.data["response"]["status"] == "cancelled"
    gate.release()


def test_responses_trap_48_what_is_over_or_not_in_the_background_is_not_cancelled(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.say("Hello")
    made = ask(raw)["id"]
    refused = raw.post(f"responses/{made}/cancel").json()["error"]
    assert refused["message"] == "Cannot cancel a synchronous response."
    upstream.say("Hello")
    made = stream(raw, background=True)[0].data["response"]["id"]
    refused = raw.post(f"responses/{made}/cancel").json()["error"]
    assert refused["message"] == "Cannot cancel a completed response."
    refused = raw.get(f"responses/{ask(raw)['id']}", params={"stream": "true"}).json()["error"]
    assert "was not created with background=true" in refused["message"]
