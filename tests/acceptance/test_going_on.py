"""A run whose server is killed at a bad moment goes on, and does nothing twice without a word of it."""

from collections.abc import Callable
from typing import Any

import pytest
from openai import OpenAI

from tests.acceptance.conftest import Ask, Talk, weather
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import Server, named, running, wait_until
from tests.upstream import Upstream
from tests.upstream_answers import Code, Function

pytestmark = pytest.mark.cluster

APPEND = "open('/mnt/data/ran.txt', 'a').write('{0}\\n'); print('{0}')"
READ = "print(open('/mnt/data/ran.txt').read())"
TOOLS = [{"type": "code_interpreter"}, weather()]


def hanging(name: str) -> str:
    """Code that appends to the file, and never ends."""
    return named(name, f"{APPEND.format(name)}\nimport time; time.sleep(600)")


Begin = Callable[[], tuple[Server, Talk]]
Reopen = Callable[[Server, Talk], Talk]


@pytest.fixture
def begin(start_server: StartServer, ask_at: Ask) -> Begin:
    """A server and a thread there."""

    def started() -> tuple[Server, Talk]:
        server = start_server(lease_seconds=1)
        return server, ask_at(server, tools=TOOLS)

    return started


@pytest.fixture
def die(connect: ConnectClient) -> Reopen:
    """Kills a server, and starts it again; the thread there."""

    def killed(server: Server, talk: Talk) -> Talk:
        server.kill()
        server.start()
        client: OpenAI = connect(server)
        return Talk(client, talk.wire, talk.assistant_id, talk.thread_id)

    return killed


def messages_of(upstream: Upstream, number: int) -> list[Any]:
    """What the model was told in one of its requests."""
    return upstream.requests[number].messages


@pytest.mark.every_backend
def test_between_two_turns_the_same_question_is_asked_again(
    begin: Begin, die: Reopen, upstream: Upstream
) -> None:
    server, talk = begin()
    upstream.code(APPEND.format("once"))
    upstream.silence()
    run = talk.start()
    upstream.wait_for_request(2)
    asked = messages_of(upstream, 1)
    upstream.code(READ)
    upstream.say("Done.")
    talk = die(server, talk)
    done = talk.poll(run.id)
    assert done.status == "completed"
    assert talk.logs(run.id) == ["once\n", "once\n\n"], "it ran once, and its file was kept"
    assert messages_of(upstream, 2) == asked
    assert done.usage.total_tokens == 3 * 30
    assert talk.answer.content[0].text.value == "Done."


@pytest.mark.every_backend
def test_a_message_that_was_cut_off_is_said_anew_and_the_model_hears_of_one(
    begin: Begin, die: Reopen, upstream: Upstream
) -> None:
    server, talk = begin()
    upstream.hold("Hel", "lo")
    run = talk.start()
    wait_until(lambda: len(talk.messages()) == 2, "the message")
    upstream.say("Hello.")
    talk = die(server, talk)
    assert talk.poll(run.id).status == "completed"
    assert [step.status for step in talk.steps(run.id)] == ["failed", "completed"]
    assert [each.status for each in talk.messages()][1:] == ["incomplete", "completed"]
    talk.say("And?")
    assert talk.run().status == "completed"
    said = [each["content"] for each in upstream.last.messages if each["role"] == "assistant"]
    assert said == ["Hello."]


@pytest.mark.every_backend
def test_code_that_was_cut_off_is_told_and_not_run_again(
    begin: Begin, die: Reopen, upstream: Upstream
) -> None:
    server, talk = begin()
    upstream.code(APPEND.format("first"))
    upstream.code(hanging("cut"))
    run = talk.start()
    wait_until(lambda: running(server, "cut"), "the code runs")
    upstream.code(READ)
    upstream.say("Done.")
    talk = die(server, talk)
    assert talk.poll(run.id).status == "completed"
    first, cut, read = talk.logs(run.id)
    assert first == "first\n"
    assert "stopped before this call came to its end" in cut
    assert read == "first\n\n", "what was cut off did not run again"
    assert "was not repeated" in upstream.requests[2].messages[-1]["content"]
    assert {step.status for step in talk.steps(run.id)} == {"completed"}


@pytest.mark.every_backend
def test_of_several_calls_one_is_done_one_cut_off_and_one_not_run(
    begin: Begin, die: Reopen, upstream: Upstream
) -> None:
    server, talk = begin()
    upstream.call(
        Code(APPEND.format("one")),
        Code(hanging("two")),
        Code(APPEND.format("three")),
        Function("get_weather", {"city": "A"}),
    )
    run = talk.start()
    wait_until(lambda: running(server, "two"), "the second call runs")
    talk = die(server, talk)
    waiting = talk.poll(run.id)
    assert waiting.status == "requires_action"
    one, two, three = talk.logs(run.id)
    assert one == "one\n"
    assert "came to its end" in two
    assert "nothing of it was run" in three
    (call,) = waiting.required_action.submit_tool_outputs.tool_calls
    upstream.code(READ)
    upstream.say("Sun.")
    done = talk.client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id,
        thread_id=talk.thread_id,
        tool_outputs=[{"tool_call_id": call.id, "output": "sun"}],
    )
    assert done.status == "completed"
    assert talk.logs(run.id)[3] == "one\n\n"


@pytest.mark.local_state
def test_files_that_were_being_stored_do_not_make_their_code_run_again(
    begin: Begin, die: Reopen, upstream: Upstream
) -> None:
    server, talk = begin()
    upstream.code(
        f"{APPEND.format('once')}\n"
        "for n in range(60): open(f'/mnt/data/{n}.bin', 'wb').write(bytes([n]) * 2_000_000)"
    )
    run = talk.start()
    blobs = server.folder / "data/blobs"

    def stored() -> int:
        return sum(each.is_file() for each in blobs.rglob("*"))

    wait_until(lambda: stored() > 0, "the first file")
    upstream.say("Done.")
    talk = die(server, talk)
    done = talk.poll(run.id)
    assert done.status == "completed"
    (log,) = talk.logs(run.id)
    assert log.count("once") <= 1
    assert log.startswith(("once", "[The server was stopped"))


def test_a_run_that_kills_its_servers_is_ended_at_last(
    begin: Begin, die: Reopen, upstream: Upstream
) -> None:
    server, talk = begin()
    for _ in range(4):
        upstream.silence()
    run = talk.start()
    for death in range(1, 5):
        upstream.wait_for_request(death)
        talk = die(server, talk)
    failed = talk.poll(run.id)
    assert failed.status == "failed"
    assert failed.last_error.code == "server_error"
    assert "died" in failed.last_error.message
    talk.say("Again.")
    assert talk.run().status == "completed"
