"""Responses in the background: read again while they run and after, from any server (responses, 5.3 and 6.10)."""

from typing import Any

import httpx
import pytest
from openai import BadRequestError
from sqlalchemy import Connection, update

from assistd.db import tables
from assistd.db.transaction import transaction
from tests.integration.responses.conversing import Reader, find_id
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import API_KEY, wait_until
from tests.live.tenants import database_of
from tests.live.wire import Wire
from tests.upstream import Upstream

KEY = {"authorization": f"Bearer {API_KEY}"}

pytestmark = pytest.mark.every_backend


def test_readers_join_at_any_number_on_any_server_while_it_runs(
    start_server: StartServer, upstream: Upstream
) -> None:
    """Responses, traps 4 and 5: what they get is to the byte what the first reader gets."""
    server = start_server()
    servers = [server, start_server(beside=server)]
    gate = upstream.hold("Hel", "lo, ", "world")
    first = Reader(server, background=True)
    gate.wait_reached()
    response_id = find_id(first.wait_for("output_text.delta"))
    known = first.text.count("event: ")
    numbers: list[Any] = [None, 0, 3, known - 1, known, 1000]
    joined = {
        (at, number): Reader(
            each, response_id, **({} if number is None else {"starting_after": number})
        )
        for at, each in enumerate(servers)
        for number in numbers
    }
    for (_, number), reader in joined.items():
        if number in {None, 0, 3}:
            reader.wait_for("output_text.delta")
    gate.release()
    frames = first.end()
    assert frames[-1].startswith("event: response.completed\n")
    for (at, number), reader in joined.items():
        assert reader.end() == frames[0 if number is None else number + 1 :], (at, number)
    late = [Reader(each, response_id) for each in servers * 2]
    assert [each.end() for each in late] == [frames] * 4


def test_what_was_said_last_is_read_though_the_model_pauses(
    start_server: StartServer, upstream: Upstream
) -> None:
    server = start_server()
    gate = upstream.hold("Hel", "lo, ", "world", after=2)
    reader = Reader(server, background=True)
    gate.wait_reached()
    reader.wait_for('"lo, "')
    gate.release()
    assert reader.end()[-1].startswith("event: response.completed\n")


def test_a_client_that_comes_back_goes_on_with_what_it_missed(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream, wire: Wire
) -> None:
    """Leaving changes nothing in the background, and the SDK filters by itself (responses, trap 5)."""
    server = start_server()
    gate = upstream.hold("Hel", "lo")
    client = connect(server)
    made = client.responses.create(model="m", input="Hi", background=True, stream=True)
    seen = [next(made), next(made)]
    made.close()
    gate.wait_reached()
    gate.release()
    response_id = seen[0].response.id  # type: ignore[union-attr]
    again = client.responses.retrieve(response_id, stream=True, starting_after=1)
    rest = list(again)
    assert [each.sequence_number for each in rest] == list(range(2, 2 + len(rest)))
    assert rest[-1].type == "response.completed"
    with client.responses.stream(response_id=response_id, starting_after=1) as events:
        assert [each.sequence_number for each in events] == [e.sequence_number for e in rest]
        assert events.get_final_response().output_text == "Hello"


def test_ten_minutes_after_the_end_events_are_refused(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    server = start_server()
    upstream.say("Hello")
    client = connect(server)
    response_id = ""
    for event in client.responses.create(model="m", input="Hi", background=True, stream=True):
        response_id = response_id or event.response.id  # type: ignore[union-attr]
    assert list(client.responses.retrieve(response_id, stream=True))
    server.stop()
    with database_of(server) as database:
        database.run_sync(_let_minutes_pass, response_id, 11)
    client = connect(server.start())

    url, query = f"{server.url}/responses/{response_id}", {"stream": "true"}
    wait_until(lambda: httpx.get(url, params=query, headers=KEY).is_error, "the events are gone")
    with pytest.raises(BadRequestError, match="it ended more than 10 minutes ago") as refused:
        client.responses.retrieve(response_id, stream=True)
    assert refused.value.param == "stream"
    assert client.responses.retrieve(response_id).output_text == "Hello"


@transaction(writes=True)
def _let_minutes_pass(connection: Connection, response_id: str, minutes: int) -> None:
    """Have it that a response ended earlier than it did."""
    columns = tables.responses.c
    earlier = columns.events_until - 60 * minutes
    passed = update(tables.responses).where(columns.id == response_id)
    connection.execute(passed.values(events_until=earlier))
