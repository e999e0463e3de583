"""How one response goes on from others: chains, conversations, references, files."""

from typing import Any

import httpx
import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests.integration.responses.conversing import CODE, OUTPUTS, WEATHER, ask, refuse
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import Server, wait_until
from tests.live.tenants import client_of, new_project
from tests.live.wire import Wire
from tests.upstream import Upstream

pytestmark = pytest.mark.every_backend


def _asked(upstream: Upstream) -> list[Any]:
    """What the model was asked last: each message's text."""
    return [each["content"] for each in upstream.last.body["messages"]]


def _texts(items: Any) -> list[str]:
    return [part.text for item in items if item.type == "message" for part in item.content]


def test_responses_trap_20_input_items_are_those_of_the_chain_newest_first(
    raw: httpx.Client, client: OpenAI, upstream: Upstream
) -> None:
    """Chains branch; instructions are those of one response."""
    upstream.say("one")
    first = client.responses.create(model="m", input="1", instructions="Be brief.")
    assert _asked(upstream) == ["Be brief.", "1"]
    upstream.say("two")
    second = client.responses.create(model="m", input="2", previous_response_id=first.id)
    assert _asked(upstream) == ["1", "one", "2"]
    upstream.say("two b")
    client.responses.create(model="m", input="2b", previous_response_id=first.id)
    assert _asked(upstream) == ["1", "one", "2b"]
    upstream.say("three")
    third = client.responses.create(model="m", input="3", previous_response_id=second.id)
    assert _asked(upstream) == ["1", "one", "2", "two", "3"]
    listed = client.responses.input_items.list(third.id, limit=2)
    assert _texts(listed) == ["3", "two", "2", "one", "1"]
    client.responses.delete(second.id)
    error = refuse(raw, previous_response_id=second.id)
    assert error["code"] == "previous_response_not_found"


def test_a_conversation_grows_and_is_told_in_full(
    raw: httpx.Client, client: OpenAI, upstream: Upstream
) -> None:
    conversation = client.conversations.create(items=[{"role": "user", "content": "0"}]).id
    upstream.say("one")
    first = client.responses.create(model="m", input="1", conversation=conversation)
    assert first.conversation
    assert first.conversation.id == conversation
    upstream.say("two")
    client.responses.create(model="m", input="2", conversation={"id": conversation})
    assert _asked(upstream) == ["0\n\n1", "one", "2"]
    listed = client.conversations.items.list(conversation, order="asc")
    assert _texts(listed) == ["0", "1", "one", "2", "two"]
    upstream.say("not kept")  # responses, trap 57
    client.responses.create(model="m", input="3", conversation=conversation, store=False)
    assert _asked(upstream)[-1] == "3"
    upstream.error(400, "No.")
    failed = f"responses/{ask(raw, input='4', conversation=conversation, background=True)['id']}"
    wait_until(lambda: raw.get(failed).json()["status"] == "failed", "the response has failed")
    assert _texts(client.conversations.items.list(conversation, order="asc"))[-1] == "two"
    client.responses.delete(first.id)
    assert _texts(client.conversations.items.list(conversation, order="asc"))[1] == "1"


def test_responses_trap_23_a_conversation_is_locked_until_its_response_ends(
    raw: httpx.Client, client: OpenAI, upstream: Upstream
) -> None:
    conversation = client.conversations.create().id
    gate = upstream.hold("Hel", "lo")
    made = ask(raw, conversation=conversation, background=True)
    upstream.wait_for_request()
    error = refuse(raw, conversation=conversation)
    assert error["code"] == "conversation_locked"
    with pytest.raises(BadRequestError, match="currently operating on this conversation"):
        client.conversations.items.create(conversation, items=[{"role": "user", "content": "x"}])
    assert not client.conversations.items.list(conversation).data
    gate.release()
    path = f"responses/{made['id']}"
    wait_until(lambda: raw.get(path).json()["status"] == "completed", "the response is done")
    assert _texts(client.conversations.items.list(conversation)) == ["Hello", "Hi"]


def test_calls_that_wait_must_be_answered(raw: httpx.Client, upstream: Upstream) -> None:
    upstream.function("get_weather", {"city": "Rome"})
    first = ask(raw, tools=[WEATHER])
    call_id = first["output"][0]["call_id"]
    error = refuse(raw, previous_response_id=first["id"])
    assert error["message"] == f"No tool output found for function call {call_id}."
    assert error["param"] == "input"


def test_responses_trap_25_references_stand_for_earlier_items(
    raw: httpx.Client, upstream: Upstream
) -> None:
    """The AI SDK sends nothing else."""
    upstream.code("x = 41")
    upstream.say("Kept.")
    first = ask(raw, tools=CODE)
    upstream.code("print(x + 1)")
    upstream.say("42.")
    references = [{"type": "item_reference", "id": each["id"]} for each in first["output"]]
    given = [{"role": "user", "content": "Hi"}, *references, {"role": "user", "content": "And?"}]
    second = ask(raw, tools=CODE, input=given, include=OUTPUTS)
    assert second["output"][0]["container_id"] == first["output"][0]["container_id"]
    assert second["output"][0]["outputs"] == [{"type": "logs", "logs": "42\n"}]
    error = refuse(raw, input=[{"type": "item_reference", "id": "rs_1"}])
    assert error["message"].startswith("Item with id 'rs_1' not found. Items are not persisted")


def test_responses_trap_38_what_a_client_keeps_itself_goes_on_as_well(
    raw: httpx.Client, upstream: Upstream
) -> None:
    """Whole items come back, with ids and outputs, and nothing was stored."""
    upstream.code("x = 41\nx")
    upstream.say("Kept.")
    first = ask(raw, tools=CODE, store=False, include=OUTPUTS)
    upstream.code("print(x + 1)")
    upstream.say("42.")
    given = [{"role": "user", "content": "Hi"}, *first["output"], {"role": "user", "content": "?"}]
    second = ask(raw, tools=CODE, store=False, include=OUTPUTS, input=given)
    assert second["output"][0]["outputs"] == [{"type": "logs", "logs": "42\n"}]


def test_a_file_in_the_input_is_opened_by_code(raw: httpx.Client, upstream: Upstream) -> None:
    upstream.code("print(open('a.csv').read())")
    upstream.say("Read.")
    part = {
        "type": "input_file",
        "filename": "a.csv",
        "file_data": "data:text/csv;base64,YSxiCjEsMgo=",
    }
    given = [{"role": "user", "content": [part]}]
    first = ask(raw, tools=CODE, include=OUTPUTS, input=given)
    assert first["output"][0]["outputs"] == [{"type": "logs", "logs": "a,b\n1,2\n\n"}]
    items = raw.get(f"responses/{first['id']}/input_items").json()["data"]
    (kept,) = items[0]["content"]
    assert set(kept) == {"type", "file_id", "filename"}
    assert raw.delete(f"files/{kept['file_id']}").status_code == 200
    upstream.say("Gone on.")
    assert ask(raw, tools=CODE, previous_response_id=first["id"])["status"] == "completed"


def test_nothing_of_another_project_is_gone_on_from(
    raw: httpx.Client, client: OpenAI, upstream: Upstream, server: Server, wire: Wire
) -> None:
    upstream.say("Hello")
    made = ask(raw)
    conversation = client.conversations.create().id
    with client_of(server, new_project(server)[1], wire) as other:
        error = refuse(other, previous_response_id=made["id"])
        assert error["code"] == "previous_response_not_found"
        error = refuse(other, conversation=conversation)
        assert error["message"] == f"Conversation with id '{conversation}' not found."
        error = refuse(other, input=[{"id": made["output"][0]["id"]}])
        assert "not found. Items are not persisted" in error["message"]
        assert other.get(f"responses/{made['id']}/input_items").status_code == 404


def test_chains_and_conversations_survive_the_death_of_the_server(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    server = start_server(lease_seconds=2)
    client = connect(server)
    conversation = client.conversations.create().id
    for said in ("one", "two"):
        upstream.say(said)
        client.responses.create(model="m", input="Hi", conversation=conversation)
    upstream.say("alone")
    alone = client.responses.create(model="m", input="Hi").id
    gate = upstream.silence()
    client.responses.create(model="m", input="?", conversation=conversation, background=True)
    upstream.wait_for_request(4)  # else the next process takes the silence
    server.kill()
    gate.release()
    upstream.say("three")
    server.start()
    client = connect(server)

    def is_free() -> bool:
        try:
            client.conversations.items.create(
                conversation, items=[{"role": "user", "content": "free"}]
            )
        except BadRequestError:
            return False
        return True

    wait_until(is_free, "the response of the dead server is over", 15)
    expected = ["Hi", "one", "Hi", "two", "?", "three", "free"]
    assert _texts(client.conversations.items.list(conversation, order="asc")) == expected
    upstream.clear()
    upstream.say("on")
    again = client.responses.create(model="m", input="!", previous_response_id=alone)
    assert _texts(client.responses.input_items.list(again.id)) == ["!", "alone", "Hi"]
    with pytest.raises(NotFoundError):
        client.conversations.retrieve("conv_0")
