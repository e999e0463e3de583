"""Sessions: one per thread with its state, dying without harm, metered only when code ran."""

import re

import pytest

from tests.acceptance.conftest import Ask, Talk
from tests.live import stream
from tests.live.fixtures import StartServer
from tests.live.server import Server, named, running, wait_until
from tests.upstream import Code, Upstream


def compute(talk: Talk, upstream: Upstream, *codes: str) -> list[str]:
    """Run these in one run, one after the other; their logs."""
    for code in codes:
        upstream.code(code)
    upstream.say("Done.")
    talk.say("Compute.")
    run = talk.run()
    assert run.status == "completed", run.last_error
    return talk.logs(run.id)


def metered(server: Server) -> list[str]:
    """The threads that were billed for a session."""
    lines = server.command("usage", "--sessions").splitlines()
    return [
        found[0] for line in lines if "$" in line and (found := re.findall(r"thread_\w+", line))
    ]


@pytest.mark.every_size
def test_variables_live_on_between_the_runs_of_a_thread(ask: Ask, upstream: Upstream) -> None:
    talk = ask()
    compute(talk, upstream, "import math\nx = 20")
    assert compute(talk, upstream, "x += 1", "print(x, math.floor(2.5))") == ["", "21 2\n"]


@pytest.mark.every_size
def test_threads_share_no_variables(ask: Ask, upstream: Upstream) -> None:
    one, two = ask(), ask()
    compute(one, upstream, "x = 1")
    assert compute(two, upstream, "print('x' in globals())") == ["False\n"]


@pytest.mark.every_size
def test_trap_45_sessions_are_metered_once_per_thread_and_only_when_code_ran(
    ask: Ask, server: Server, upstream: Upstream
) -> None:
    silent, one, two = ask(), ask(), ask()
    silent.run()
    compute(one, upstream, "x = 1", "x = 2")
    compute(one, upstream, "x = 3")
    compute(two, upstream, "import os\nos._exit(1)", "print('again')")
    threads = metered(server)
    assert threads.count(one.thread_id) == 1
    assert threads.count(two.thread_id) == 1
    assert silent.thread_id not in threads


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import os\nos._exit(3)", id="exit"),
        pytest.param("import ctypes\nctypes.string_at(0)", id="segfault"),
        pytest.param("import ctypes\nctypes.CDLL(None).abort()", id="abort"),
    ],
)
def test_the_death_of_a_session_is_told_to_the_model_and_the_run_goes_on(
    ask: Ask, upstream: Upstream, code: str
) -> None:
    talk = ask()
    write = "open('/mnt/data/kept.txt', 'w').write('kept'); x = 1"
    after = "print(open('/mnt/data/kept.txt').read(), 'x' in globals())"
    logs = compute(talk, upstream, write, code, after)
    told = [each["content"] for each in upstream.last.messages if each["role"] == "tool"]
    assert "died" in told[1] or "ended" in told[1] or "restarted" in told[1], told[1]
    assert "new session" in told[2]
    assert "kept False" in logs[2]
    run_steps = [step.status for step in talk.steps(talk.answer.run_id)]
    assert run_steps == ["completed"] * 4


def told(upstream: Upstream) -> list[str]:
    """What the model was told of the code calls of the last run."""
    messages = upstream.last.messages
    last = max(place for place, message in enumerate(messages) if message["role"] == "user")
    return [each["content"] for each in messages[last:] if each["role"] == "tool"]


def test_sessions_have_limits_of_memory_time_output_disk_and_number(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(memory_mib=400, call_seconds=1, output_kib=8, data_mib=4)
    talk = ask_at(server)
    hungry = "x = bytearray(2_000_000_000)"
    slow = "import time\nprint('before', flush=True)\ntime.sleep(60)"
    stubborn = "sum(range(10**13))"  # hours within C, which asks for no signals
    logs = compute(
        talk, upstream, hungry, "print('still here')", slow, stubborn, "print('x' * 50_000)"
    )
    heard = told(upstream)
    assert "memory" in heard[0].lower()
    assert "still here" in logs[1]
    assert "before" in logs[2]
    assert "time" in heard[2].lower()
    assert "time" in heard[3].lower()
    assert len(logs[4]) < 10_000
    assert "left out" in heard[4]

    talk.client.beta.threads.delete(talk.thread_id)

    talk = ask_at(server)
    fill = "for n in range(3): open(f'/mnt/data/{n}', 'wb').write(b'y' * (2 << 20))"
    (logs_of_fill,) = compute(talk, upstream, fill)
    assert "No space left" in logs_of_fill
    big = talk.client.files.create(file=("big.bin", b"x" * (1 << 19)), purpose="assistants")
    attachment = {"file_id": big.id, "tools": [{"type": "code_interpreter"}]}
    upstream.code("print('well')")
    talk.say("See the file.", attachments=[attachment])
    run = talk.run()
    assert run.status == "completed"
    assert "big.bin could not be put into /mnt/data" in upstream.last.messages[-1]["content"]


def test_a_session_ends_after_its_hour_and_the_next_call_opens_another(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(session_seconds=2)
    talk = ask_at(server)
    compute(talk, upstream, "x = 1; open('/mnt/data/a.txt', 'w').write('a')")
    wait_until(lambda: _over(talk, upstream), "the end of the session")


def _over(talk: Talk, upstream: Upstream) -> bool:
    (logs,) = compute(talk, upstream, "print(x, open('/mnt/data/a.txt').read())")
    assert "1 a" in logs, "whichever session it is, variables and files are there"
    return "This is a new session" in upstream.last.messages[-1]["content"]


def test_threads_compute_at_the_same_time(ask: Ask, upstream: Upstream) -> None:
    talks = [ask(f"Question {number}.") for number in range(4)]
    for number in range(4):
        upstream.code(f"print({number} * 11)", when=f"Question {number}.")
        upstream.say("Done.", when=f"Question {number}.")
    runs = [talk.start() for talk in talks]
    for number, (talk, run) in enumerate(zip(talks, runs, strict=True)):
        assert talk.poll(run.id).status == "completed"
        assert talk.logs(run.id) == [f"{number * 11}\n"]


@pytest.mark.every_size
def test_deleting_a_thread_ends_its_session(ask: Ask, server: Server, upstream: Upstream) -> None:
    talk = ask()
    compute(talk, upstream, named("its_code", "x = 1"))
    assert running(server, "its_code")
    talk.client.beta.threads.delete(talk.thread_id)
    wait_until(lambda: not running(server, "its_code"), "the end of the session")


def test_parallel_code_calls_that_kill_the_session_do_not_stop_the_turn(
    ask: Ask, upstream: Upstream
) -> None:
    talk = ask()
    upstream.call(Code("import os\nos._exit(1)"), Code("print('next')"))
    upstream.say("Done.")
    run = talk.run()
    assert run.status == "completed"
    assert "next" in talk.logs(run.id)[1]


def test_a_run_waits_for_a_session_while_all_are_in_use_and_then_fails(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(max_sessions=1, queue_seconds=0.5)
    busy, other = ask_at(server), ask_at(server)
    upstream.code(named("busy", "import time\ntime.sleep(600)"), when="busy")
    busy.say("Be busy.")
    run = busy.start()
    wait_until(lambda: running(server, "busy"), "the busy session")
    upstream.code("print(1)", pieces=1, when="other")
    other.say("The other one.")
    events = other.stream()
    assert stream.names(events) == [
        *stream.RUN_BEGINS,
        *stream.tool_step(2, "failed"),
        "thread.run.failed",
        *stream.DONE,
    ]
    error = stream.one(events, "thread.run.failed")["last_error"]
    assert error["code"] == "rate_limit_exceeded"
    assert "sessions of this host are in use" in error["message"]
    assert stream.one(events, "thread.run.step.failed")["last_error"] == error
    busy.client.beta.threads.runs.cancel(run.id, thread_id=busy.thread_id)
