"""Who goes away, or cancels: the work stops within a second, and what it held is free (responses, 5.4 and 5.5)."""

import httpx
import pytest

from tests.integration.responses.conversing import (
    CODE,
    Reader,
    ask,
    find_id,
    is_free,
    leaving,
    refuse,
)
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import API_KEY, Server, named, running, wait_until
from tests.live.tenants import client_of
from tests.live.wire import Wire
from tests.upstream import Upstream

SOON = 2  # seconds: one, and one for a machine that is busy with other tests
SLEEPING = "import time\ntime.sleep(600)"
STUBBORN = (
    "import time\nwhile True:\n  try:\n    time.sleep(600)\n  except BaseException:\n    pass"
)


def _in_container(raw: httpx.Client) -> list[dict[str, str]]:
    """The tool with a new container of its own."""
    container = raw.post("containers", json={"name": "c"}).json()["id"]
    return [{"type": "code_interpreter", "container": container}]


def _run(raw: httpx.Client, upstream: Upstream, tools: list[dict[str, str]], code: str) -> str:
    """What code prints there."""
    upstream.clear()
    upstream.code(code)
    upstream.say("Done.")
    made = ask(raw, tools=tools, include=["code_interpreter_call.outputs"])
    logs: str = made["output"][0]["outputs"][0]["logs"]
    return logs


@pytest.mark.parametrize("streams", [True, False])
def test_responses_trap_03_leaving_ends_the_question_and_frees_the_conversation(
    streams: bool, raw: httpx.Client, upstream: Upstream, server: Server
) -> None:
    conversation = raw.post("conversations", json={}).json()["id"]
    gate = upstream.silence()
    with leaving(server, stream=streams, conversation=conversation):
        gate.wait_reached()
        assert refuse(raw, conversation=conversation)["code"] == "conversation_locked"
    assert upstream.last.wait_disconnected(SOON)
    wait_until(lambda: is_free(raw, conversation), "the conversation is free", SOON)
    upstream.say("Hello")
    assert ask(raw, conversation=conversation)["status"] == "completed"
    listed = raw.get(f"conversations/{conversation}/items", params={"order": "asc"}).json()
    said = [each["content"][0]["text"] for each in listed["data"]]
    assert said == ["Is it free?", "Hi", "Hello"], "nothing is kept of what was given up"


@pytest.mark.parametrize("streams", [True, False])
def test_leaving_stops_code_and_frees_its_session(
    streams: bool, raw: httpx.Client, upstream: Upstream, server: Server
) -> None:
    tools, name = _in_container(raw), f"sleeping-{streams}"
    upstream.code(named(name, f"x = 41\n{SLEEPING}"))
    before = len(server.log)
    with leaving(server, stream=streams, tools=tools):
        wait_until(lambda: running(server, name), "the code runs")
    wait_until(lambda: '"given up"' in server.log[before:], "the response is given up", SOON)
    assert _run(raw, upstream, tools, "print(x + 1)") == "42\n"


def test_leaving_frees_the_conversation_before_stubborn_code_is_killed(
    raw: httpx.Client, upstream: Upstream, server: Server
) -> None:
    conversation = raw.post("conversations", json={}).json()["id"]
    upstream.code(named("stubborn", STUBBORN))
    with leaving(server, stream=True, tools=CODE, conversation=conversation):
        wait_until(lambda: running(server, "stubborn"), "the code runs")
        assert refuse(raw, conversation=conversation)["code"] == "conversation_locked"
    wait_until(lambda: is_free(raw, conversation), "the conversation is free", SOON)
    wait_until(lambda: not running(server, "stubborn"), "the code is killed")


def test_leaving_gives_up_the_place_in_the_queue_for_a_session(
    start_server: StartServer, upstream: Upstream, wire: Wire
) -> None:
    server = start_server(max_sessions=1)
    with client_of(server, API_KEY, wire) as raw:
        conversation = raw.post("conversations", json={}).json()["id"]
        upstream.code(named("busy", SLEEPING))
        busy = ask(raw, tools=CODE, background=True)["id"]
        wait_until(lambda: running(server, "busy"), "the only session is in use")
        upstream.code("print('never')")
        waiting = Reader(server, tools=CODE, conversation=conversation, background=True)
        waiting.wait_for("code_interpreter_call.interpreting")
        upstream.code("print('nor this')")
        before = len(server.log)
        with leaving(server, tools=CODE, stream=True):
            upstream.wait_for_request(3)
        wait_until(lambda: '"given up"' in server.log[before:], "it is given up", SOON)
        cancelled = raw.post(f"responses/{find_id(waiting.text)}/cancel").json()
        assert cancelled["status"] == "cancelled"
        wait_until(lambda: is_free(raw, conversation), "the conversation is free", SOON)
        assert raw.post(f"responses/{busy}/cancel").json()["status"] == "cancelled"
        assert _run(raw, upstream, _in_container(raw), "print('free')") == "free\n"
        assert waiting.end()[-1].startswith("event: response.failed\n")


def test_cancelling_stops_code_and_frees_its_session(
    raw: httpx.Client, upstream: Upstream, server: Server
) -> None:
    """Responses, trap 47."""
    tools = _in_container(raw)
    upstream.code(named("cancelled", f"x = 41\n{SLEEPING}"))
    reader = Reader(server, tools=tools, background=True)
    wait_until(lambda: running(server, "cancelled"), "the code runs")
    response_id = find_id(reader.text)
    cancelled = raw.post(f"responses/{response_id}/cancel").json()
    assert (cancelled["status"], cancelled["output"]) == ("cancelled", [])
    assert '"status":"cancelled"' in reader.end()[-1]
    assert _run(raw, upstream, tools, "print(x + 1)") == "42\n"
    assert raw.get(f"responses/{response_id}").json() == cancelled


@pytest.mark.every_backend
def test_another_server_cancels_what_this_one_does(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    server = start_server()
    other = start_server(beside=server)
    upstream.code(named("stubborn", STUBBORN))
    made = connect(server).responses.create(
        model="m",
        input="Hi",
        tools=CODE,  # type: ignore[arg-type]
        background=True,
    )
    wait_until(lambda: running(server, "stubborn"), "the code runs")
    assert connect(other).responses.cancel(made.id).status == "cancelled"
    wait_until(lambda: not running(server, "stubborn"), "the code is killed")
    assert connect(server).responses.retrieve(made.id).status == "cancelled"


def test_what_is_cancelled_at_once_is_cancelled_for_good(
    raw: httpx.Client, upstream: Upstream, server: Server
) -> None:
    """Queued, or hardly begun."""
    upstream.silence(times=None)  # whichever of them comes so far as to ask
    for _ in range(5):
        made = ask(raw, background=True)["id"]
        assert raw.post(f"responses/{made}/cancel").json()["status"] == "cancelled"
        assert raw.get(f"responses/{made}").json()["status"] == "cancelled"
        assert raw.delete(f"responses/{made}").status_code == 200


def test_what_went_wrong_is_not_cancelled(raw: httpx.Client, upstream: Upstream) -> None:
    """Responses, trap 48."""
    upstream.error(400, "No.")
    failed = ask(raw, background=True)["id"]
    wait_until(lambda: raw.get(f"responses/{failed}").json()["status"] == "failed", "it failed")
    error = raw.post(f"responses/{failed}/cancel").json()["error"]
    assert error["message"] == "Cannot cancel a failed response."
    upstream.say("So lo", finish="length")
    cut = ask(raw, background=True, max_output_tokens=16)["id"]
    wait_until(lambda: raw.get(f"responses/{cut}").json()["status"] == "incomplete", "it is cut")
    assert "'incomplete'" in raw.post(f"responses/{cut}/cancel").json()["error"]["message"]
