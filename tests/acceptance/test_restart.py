"""A server that dies or is stopped in the middle of a run loses nothing it has acknowledged; the run goes on."""

import time

import pytest
from openai import OpenAI

from tests.acceptance.conftest import Ask, Listener, Talk, weather
from tests.live import stream
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import Server, wait_until
from tests.upstream import Upstream

pytestmark = pytest.mark.cluster


def moved(talk: Talk, client: OpenAI) -> Talk:
    """The same thread, at a server that was started again."""
    return Talk(client, talk.wire, talk.assistant_id, talk.thread_id)


def again(server: Server, talk: Talk, connect: ConnectClient) -> Talk:
    """Start the server again, over the same data."""
    server.start()
    return moved(talk, connect(server))


Pair = tuple[Server, Talk, Talk]


@pytest.fixture
def pair(start_server: StartServer, ask_at: Ask, connect: ConnectClient) -> Pair:
    """One of two servers over the same data, a thread there, and that thread at the other."""
    one = start_server(lease_seconds=1)
    two = start_server(lease_seconds=1, beside=one)
    talk = ask_at(one)
    return one, talk, moved(talk, connect(two))


@pytest.mark.every_backend
def test_a_run_whose_server_was_killed_goes_on_and_nothing_acknowledged_is_lost(
    start_server: StartServer, ask_at: Ask, connect: ConnectClient, upstream: Upstream
) -> None:
    server = start_server(lease_seconds=1)
    talk = ask_at(server, tools=[{"type": "code_interpreter"}, weather()])
    file = talk.client.files.create(file=("a.txt", b"kept"), purpose="vision")
    upstream.code("open('/mnt/data/b.txt', 'w').write('b'); x = 41; print('done')")
    upstream.hold("Hel", "lo")
    run = talk.start()
    wait_until(lambda: upstream.requests[1:] and len(talk.messages()) == 2, "the answer")
    waiting = ask_at(server, "Wait.", tools=[weather()])
    upstream.function("get_weather", {"city": "A"}, when="Wait.")
    waits = waiting.run()
    server.kill()

    talk = again(server, talk, connect)
    assert talk.poll(run.id).status == "completed"
    steps = talk.steps(run.id)
    assert [step.status for step in steps] == ["completed", "failed", "completed"]
    assert steps[0].step_details.tool_calls[0].code_interpreter.outputs[0].logs == "done\n"
    assert "stopped" in steps[1].last_error.message
    _, broken_off, said = talk.messages()
    assert (broken_off.status, said.status) == ("incomplete", "completed")
    assert broken_off.incomplete_details.reason == "run_failed"
    assert said.attachments == broken_off.attachments != []
    assert talk.client.files.content(file.id).read() == b"kept"

    # A run that waits for its client does not mind.
    waiting = moved(waiting, talk.client)
    calls = waiting.get(waits.id).required_action.submit_tool_outputs.tool_calls
    outputs = [{"tool_call_id": calls[0].id, "output": "sun"}]
    done = talk.client.beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=waits.id, thread_id=waiting.thread_id, tool_outputs=outputs
    )
    assert done.status == "completed"

    # Files that code wrote come back in the new session; variables do not, and the model is told.
    talk.say("Go on.")
    upstream.code("print(open('/mnt/data/b.txt').read(), 'x' in globals())")
    upstream.say("Fine.")
    run = talk.run()
    (output,) = talk.steps(run.id)[0].step_details.tool_calls[0].code_interpreter.outputs
    assert "b False" in output.logs
    assert "new session" in upstream.last.messages[-1]["content"]


@pytest.mark.every_backend
def test_a_server_that_is_killed_at_any_moment_leaves_no_run_open_and_no_answer_lost(
    start_server: StartServer, ask_at: Ask, connect: ConnectClient
) -> None:
    server = start_server(lease_seconds=1)
    blocks = ["```python\nimport time\nfor n in range(5): print(n); time.sleep(0.05)\n```"] * 3
    for pause in (0.02, 0.3):
        talks = [ask_at(server, "\n".join(blocks), model="direct") for _ in range(2)]
        started = [(talk, talk.start(metadata={"kept": "yes"})) for talk in talks]
        time.sleep(pause)
        server.kill()
        server.start()
        client = connect(server)
        for before, run in started:
            talk = moved(before, client)
            done = talk.poll(run.id)
            assert done.metadata == {"kept": "yes"}
            assert done.status == "completed"
            assert all(step.status in {"completed", "failed"} for step in talk.steps(run.id))
            assert talk.messages()[0].content[0].text.value == "\n".join(blocks)
            talk.say("Next.")
            assert talk.run().status == "completed"


def test_a_server_that_is_stopped_gives_its_runs_back_and_says_so(
    start_server: StartServer, ask_at: Ask, connect: ConnectClient, upstream: Upstream
) -> None:
    server = start_server()
    computing = ask_at(server, "Compute.")
    upstream.code("import time\ntime.sleep(600)", when="Compute.")
    computes = computing.start()
    talk = ask_at(server)
    upstream.hold("Hel", "lo")
    listener = Listener(talk)
    listener.wait_for("thread.message.delta")
    upstream.wait_for_request(2)
    server.stop()
    events = listener.end("The run goes on")
    assert stream.names(events) == [
        *stream.RUN_BEGINS,
        *stream.message(1, "incomplete", "failed"),
        "error",  # behind which the SDK does not read
    ]
    talk = again(server, talk, connect)
    assert talk.poll(stream.one(events, "thread.run.created")["id"]).status == "completed"
    _, broken_off, said = talk.messages()
    assert (broken_off.status, said.status) == ("incomplete", "completed")
    assert broken_off.content[0].text.value == "Hel"
    computing = moved(computing, talk.client)
    assert computing.poll(computes.id).status == "completed"
    assert "stopped before" in computing.logs(computes.id)[0]
    talk.say("Again.")
    assert talk.run().status == "completed"


@pytest.mark.every_backend
def test_servers_of_one_data_folder_cancel_and_take_over_each_others_runs(
    pair: Pair, upstream: Upstream
) -> None:
    one, talk, seen = pair
    upstream.silence()
    run = talk.start()
    upstream.wait_for_request()
    assert seen.client.beta.threads.runs.cancel(run.id, thread_id=seen.thread_id).status == (
        "cancelling"
    )
    wait_until(lambda: seen.get(run.id).status == "cancelled", "the end")

    talk.say("Again.")
    upstream.hold("Hel", "lo")
    run = talk.start()
    upstream.wait_for_request(2)
    one.kill()
    assert seen.poll(run.id).status == "completed"


@pytest.mark.every_backend
def test_a_server_that_was_taken_for_dead_writes_no_more_to_its_run(
    pair: Pair, upstream: Upstream
) -> None:
    one, talk, seen = pair
    gate = upstream.hold("Hel", "lo")
    listener = Listener(talk)
    run_id = listener.wait_for("thread.run.in_progress").id
    listener.wait_for("thread.message.delta")
    one.suspend()
    wait_until(lambda: seen.get(run_id).status == "completed", "the take-over", 30)
    left = seen.messages()
    seen.say("Next.")  # the thread is free
    gate.release()
    one.resume()
    events = listener.end()
    assert stream.names(events)[-2:] == ["thread.run.completed", "done"]
    assert "thread.message.completed" not in stream.names(events)
    assert seen.messages()[: len(left)] == left


@pytest.mark.local_state
def test_the_first_start_makes_a_key_and_keeps_only_its_hash(start_server: StartServer) -> None:
    server = start_server(api_key="")
    lines = [server.read_line() for _ in range(2)]
    key = lines[0].rpartition(" ")[2]
    assert "shown this once" in lines[0]
    with OpenAI(base_url=server.url, api_key=key) as client:
        assert client.models.list().data
    stored = (server.folder / "data/assistd.sqlite3").read_bytes()
    assert key.encode() not in stored
    assert key not in server.log
