"""The death of a server in the middle of its responses in the background (contract, responses, section 5)."""

from typing import Any

import httpx
import pytest

from tests.integration.responses.conversing import CODE, OUTPUTS, WEATHER, Reader, find_id, replay
from tests.live.fixtures import StartServer
from tests.live.server import API_KEY, Server, named, running, wait_until
from tests.live.tenants import client_of
from tests.live.wire import Event, Wire
from tests.upstream import Upstream
from tests.upstream_answers import Code, Function

pytestmark = [pytest.mark.every_backend, pytest.mark.cluster]

APPEND = "open('/mnt/data/ran.txt', 'a').write('{0}\\n'); print('{0}')"
READ = "print(open('/mnt/data/ran.txt').read())"


def hanging(name: str) -> str:
    """Code that appends to the file, and never ends."""
    return named(name, f"{APPEND.format(name)}\nimport time; time.sleep(600)")


class Mortal:
    """A server that dies, and the client of it that lives now."""

    def __init__(self, server: Server, wire: Wire) -> None:
        self.server = server
        self._wire = wire

    def connect(self) -> httpx.Client:
        """A client of the server, wherever it listens now."""
        return client_of(self.server, API_KEY, self._wire)

    def begin(self, **asked: Any) -> str:
        """Begin a response whose events nobody wants; its id."""
        body = {"model": "m", "input": "Hi", "background": True, "tools": CODE} | asked
        with self.connect() as raw:
            return raw.post("responses", json=body).json()["id"]

    def die(self) -> None:
        """Die, and start again."""
        self.server.kill()
        self.server.start()

    def wait_for_end(self, response_id: str) -> dict[str, Any]:
        """The response, once it has ended."""
        with self.connect() as raw:
            path, query = f"responses/{response_id}", {"include[]": OUTPUTS}

            def get() -> dict[str, Any]:
                return raw.get(path, params=query).json()

            wait_until(lambda: get()["status"] not in {"queued", "in_progress"}, "its end", 40)
            return get()

    def replay(self, response_id: str, **query: Any) -> list[Event]:
        """The events of a response, to its end."""
        with self.connect() as raw:
            return replay(raw, response_id, **query)


@pytest.fixture
def mortal(start_server: StartServer, wire: Wire) -> Mortal:
    """A server whose jobs are taken over soon."""
    return Mortal(start_server(lease_seconds=2), wire)


def logs(response: dict[str, Any]) -> list[str]:
    """What each call of code printed."""
    return [
        "".join(each["logs"] for each in item["outputs"])
        for item in response["output"]
        if item["type"] == "code_interpreter_call"
    ]


def assert_one_story(before: str, events: list[Event], response: dict[str, Any]) -> None:
    """Nothing that was told is taken back, no number is missing, and the end is what was told."""
    assert [each.data["sequence_number"] for each in events] == list(range(len(events)))
    told = [frame for frame in before.split("\n\n")[:-1] if not frame.startswith(":")]
    assert [frame.split("\n")[0][7:] for frame in told] == [e.name for e in events[: len(told)]]
    added = [e.data["item"]["id"] for e in events if e.name == "response.output_item.added"]
    done = [e.data["item"] for e in events if e.name == "response.output_item.done"]
    assert added == [item["id"] for item in done] == [item["id"] for item in response["output"]]
    assert events[-1].name == f"response.{response['status']}"


def test_text_that_was_cut_off_stays_and_is_said_anew(mortal: Mortal, upstream: Upstream) -> None:
    with mortal.connect() as raw:
        conversation = raw.post("conversations", json={}).json()["id"]
    upstream.hold("Hel", "lo")
    reader = Reader(mortal.server, background=True, conversation=conversation)
    before = reader.wait_for("output_text.delta")
    response_id = find_id(before)
    upstream.say("Hello.")
    mortal.die()
    ended = mortal.wait_for_end(response_id)
    assert ended["status"] == "completed"
    cut, said = ended["output"]
    assert (cut["status"], cut["content"][0]["text"]) == ("incomplete", "Hel")
    assert (said["status"], said["content"][0]["text"]) == ("completed", "Hello.")
    assert ended["usage"]["total_tokens"] == 30
    events = mortal.replay(response_id)
    assert_one_story(before, events, ended)
    assert mortal.replay(response_id, starting_after=4) == events[5:]
    with mortal.connect() as raw:
        body = {"model": "m", "input": "And?", "conversation": conversation}
        assert raw.post("responses", json=body).json()["status"] == "completed"
    said_to_model = [e["content"] for e in upstream.last.messages if e["role"] == "assistant"]
    assert said_to_model == ["Hello."]


@pytest.mark.parametrize("streams", [True, False])
def test_code_that_was_cut_off_is_told_and_not_run_again(
    streams: bool, mortal: Mortal, upstream: Upstream
) -> None:
    upstream.code(APPEND.format("first"))
    upstream.call(Code(hanging("cut")), Code(APPEND.format("never")))
    before = ""
    if streams:
        reader = Reader(mortal.server, background=True, tools=CODE, include=OUTPUTS)
        response_id = find_id(reader.wait_for("response.queued"))
    else:
        response_id = mortal.begin()
    wait_until(lambda: running(mortal.server, "cut"), "the code runs")
    if streams:
        before = reader.text
    upstream.code(READ)
    upstream.say("Done.")
    mortal.die()
    ended = mortal.wait_for_end(response_id)
    assert ended["status"] == "completed", ended
    first, cut, read = logs(ended)
    assert first == "first\n"
    assert "stopped before this call came to its end" in cut
    assert read == "first\n\n", "what was cut off did not run again"
    assert [item["status"] for item in ended["output"]] == [
        "completed",
        "failed",
        "completed",
        "completed",
    ]
    assert len({each.get("container_id") for each in ended["output"][:3]}) == 1
    told = [each["content"] for each in upstream.requests[2].messages if each["role"] == "tool"]
    assert [text.startswith("first") for text in told] == [True, False]
    assert "was not repeated" in told[1]
    assert ended["usage"]["total_tokens"] == 4 * 30
    if streams:
        assert_one_story(before, mortal.replay(response_id), ended)


def test_between_two_turns_the_same_question_is_asked_again(
    mortal: Mortal, upstream: Upstream
) -> None:
    upstream.code(APPEND.format("once"))
    upstream.silence()
    response_id = mortal.begin(input="What?")
    asked = upstream.wait_for_request(2).messages
    upstream.code(READ)
    mortal.die()
    ended = mortal.wait_for_end(response_id)
    assert upstream.requests[2].messages == asked
    assert ended["status"] == "completed"
    assert logs(ended) == ["once\n", "once\n\n"]


def test_a_function_that_was_told_is_left_to_the_client(mortal: Mortal, upstream: Upstream) -> None:
    upstream.call(Function("get_weather", {"city": "A"}), Code(hanging("cut")))
    response_id = mortal.begin(tools=[*CODE, WEATHER])
    wait_until(lambda: running(mortal.server, "cut"), "the code runs")
    mortal.die()
    ended = mortal.wait_for_end(response_id)
    assert ended["status"] == "completed"
    kinds = [(item["type"], item["status"]) for item in ended["output"]]
    assert kinds == [("function_call", "completed"), ("code_interpreter_call", "failed")]
    assert len(upstream.requests) == 1


def test_a_response_that_kills_its_servers_is_ended_at_last(
    mortal: Mortal, upstream: Upstream
) -> None:
    for _ in range(4):
        upstream.hold("Hel", "lo")
    reader = Reader(mortal.server, background=True)
    response_id = find_id(reader.wait_for("response.queued"))
    for death in range(1, 5):
        upstream.wait_for_request(death)
        mortal.die()
    ended = mortal.wait_for_end(response_id)
    assert ended["status"] == "failed"
    assert "died" in ended["error"]["message"]
    events = mortal.replay(response_id)
    assert_one_story("", events, ended)
    assert [each.name for each in events[-2:]] == ["error", "response.failed"]


def test_a_server_that_stops_gives_its_responses_back(mortal: Mortal, upstream: Upstream) -> None:
    upstream.hold("Hel", "lo")
    reader = Reader(mortal.server, background=True)
    response_id = find_id(reader.wait_for("output_text.delta"))
    mortal.server.stop()
    before = "\n\n".join(reader.end()) + "\n\n"
    assert "response.failed" not in before
    upstream.say("Hello.")
    mortal.server.start()
    ended = mortal.wait_for_end(response_id)
    assert ended["status"] == "completed"
    assert_one_story(before, mortal.replay(response_id), ended)
