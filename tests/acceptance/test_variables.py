"""Variables outlive the planned end of their session, on both doors, with the unmodified SDK."""

import time
from typing import Any

import httpx
import pytest
from openai import OpenAI

from tests.acceptance.conftest import Ask, Talk
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import Server, wait_until
from tests.upstream import Upstream

DEFINE = (
    "import pandas as pd\n"
    "df = pd.DataFrame({'month': [1, 2, 3], 'revenue': [10.0, 20.0, 30.0]})\n"
    "def total():\n    return df.revenue.sum()\n"
    "gen = (n for n in range(3))"
)


def run_code(talk: Talk, upstream: Upstream, code: str) -> str:
    """Have the model run a cell; its logs."""
    talk.say("Go on.")
    upstream.code(code)
    upstream.say("Done.")
    run = talk.run()
    assert run.status == "completed", run.last_error
    return talk.logs(run.id)[-1]


class Chat:
    """A conversation at one of the two doors, in which each message runs a cell.

    Args:
        door: `threads` or `containers`.
        client: the SDK's.
        upstream: what answers for the model.
    """

    def __init__(self, door: str, client: OpenAI, upstream: Upstream) -> None:
        self.client = client
        self._upstream = upstream
        self._assistant_id = ""
        if door == "threads":
            tools: Any = [{"type": "code_interpreter"}]
            self._assistant_id = client.beta.assistants.create(model="gpt-4o", tools=tools).id
            self._id = client.beta.threads.create().id
        else:
            self._id = client.containers.create(name="c").id
        self.path = f"{door}/{self._id}"

    def run(self, code: str) -> str:
        """Have the model run a cell; what it is told of it."""
        self._upstream.code(code)
        self._upstream.say("Done.")
        if self._assistant_id:
            self.client.beta.threads.messages.create(self._id, role="user", content="Go on.")
            self.client.beta.threads.runs.create_and_poll(
                thread_id=self._id, assistant_id=self._assistant_id
            )
        else:
            tool: Any = {"type": "code_interpreter", "container": self._id}
            self.client.responses.create(model="gpt-4o", input="Go on.", tools=[tool])
        return str(self._upstream.last.messages[-1]["content"])

    def is_kept(self, server: Server) -> bool:
        """Whether its variables are kept, for its session is over."""
        url = f"{server.url.removesuffix('/v1')}/assistd/{self.path}/variables"
        headers = {"Authorization": f"Bearer {self.client.api_key}"}
        return httpx.get(url, headers=headers).status_code == 200


@pytest.mark.parametrize("door", ["threads", "containers"])
def test_a_conversation_goes_on_after_every_planned_end(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream, door: str
) -> None:
    server = start_server(container_memory_mib=4096, idle_seconds=2)
    chat = Chat(door, connect(server), upstream)
    chat.run(DEFINE)
    ended = ask_for_session(server, chat.client, chat.path).json()
    wait_until(lambda: time.time() > ended["ends_at"] + 1, "the end of a session that idles")
    told = chat.run("df['more'] = 1; print(total())")
    assert "60.0" in told
    assert "not restored: gen" in told
    assert ask_for_session(server, chat.client, chat.path).json()["id"] != ended["id"]
    ask_for_session(server, chat.client, chat.path, memory_limit="4g")
    assert "60.0 3" in chat.run("print(total(), df.more.sum())")
    server.stop()
    server.start()
    chat.client = connect(server)
    told = chat.run("print(total(), df.more.sum())")
    assert "60.0 3" in told
    assert "not restored: gen" not in told, "it was told once; the session after had none"


def test_a_session_of_another_server_is_resized_within_seconds_and_its_variables_stay(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    one = start_server(container_memory_mib=4096)
    chat = Chat("threads", connect(one), upstream)
    chat.run(DEFINE)
    other = start_server(beside=one, container_memory_mib=4096)
    chat.client = connect(other)
    resized = ask_for_session(other, chat.client, chat.path, memory_limit="4g")
    assert (resized.status_code, resized.json()["status"]) == (200, "none")
    wait_until(lambda: chat.is_kept(other), "the end of the session at the first server")
    assert "60.0" in chat.run("print(total())")
    state = ask_for_session(other, chat.client, chat.path).json()
    assert state["memory_limit_bytes"] >= 4 << 30


def test_variables_of_a_library_that_is_gone_cost_only_themselves(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    server = start_server()
    chat = Chat("threads", connect(server), upstream)
    chat.run(
        "import os, sys\nos.makedirs('/tmp/old')\n"
        "open('/tmp/old/gone.py', 'w').write('class Thing: pass')\n"
        "open('/tmp/old/changed.py', 'w').write('class Thing: pass')\n"
        "sys.path.append('/tmp/old')\nimport gone, changed\n"
        "x, y, z, table = gone.Thing(), changed.Thing(), 5, {'z': [6]}"
    )
    server.stop()
    server.start()
    chat.client = connect(server)
    told = chat.run("print(z, table, [n for n in ('x', 'y', 'gone', 'changed') if n in globals()])")
    assert "5 {'z': [6]} []" in told
    (missing,) = [line for line in told.splitlines() if "not restored" in line]
    assert set(missing.split("not restored: ")[1].rstrip(")]. ").split(", ")) >= {"x", "y"}


def test_a_session_that_keeps_a_stopping_server_waiting_costs_no_other_its_variables(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    server = start_server(snapshot_closing_seconds=1, snapshot_seconds=60)
    hostile = Chat("threads", connect(server), upstream)
    hostile.run(
        "import signal, time\nclass Slow:\n    def __reduce__(self):\n"
        "        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
        "        while True: time.sleep(60)\nslow = Slow()"
    )
    chat = Chat("threads", connect(server), upstream)
    chat.run(DEFINE)
    server.stop()
    assert "sessions ended without their variables" in server.log
    server.start()
    chat.client = connect(server)
    assert "60.0" in chat.run("print(total())")


def look(server: Server, talk: Talk, method: str = "GET") -> httpx.Response:
    """What is kept of a thread's variables."""
    return httpx.request(
        method,
        f"{server.url.removesuffix('/v1')}/assistd/threads/{talk.thread_id}/variables",
        headers={"Authorization": f"Bearer {talk.client.api_key}"},
    )


@pytest.mark.every_backend
def test_variables_are_back_after_the_server_was_started_again(
    start_server: StartServer, ask_at: Ask, connect: ConnectClient, upstream: Upstream
) -> None:
    server = start_server()
    talk = ask_at(server)
    run_code(talk, upstream, DEFINE)
    server.stop()
    server.start()
    talk = Talk(connect(server), talk.wire, talk.assistant_id, talk.thread_id)
    logs = run_code(talk, upstream, "print(total(), len(df))")
    told = str(upstream.last.messages[-1]["content"])
    assert "60.0 3" in logs
    assert "variables" in told
    assert "df" in told
    assert "not restored: gen" in told


def test_variables_are_back_when_another_session_took_the_place_of_theirs(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(max_sessions=1)
    talk = ask_at(server)
    run_code(talk, upstream, DEFINE)
    run_code(ask_at(server), upstream, "print(1)")
    shown = look(server, talk).json()
    assert "df" in {name for each in shown["variables"] for name in each["names"]}
    assert [each["name"] for each in shown["left_out"]] == ["gen"]
    assert shown["bytes"] > 0
    assert "60.0" in run_code(talk, upstream, "print(total())")


def test_variables_are_no_file_and_go_with_their_thread(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(max_sessions=1)
    talk = ask_at(server)
    run_code(talk, upstream, "x = 5")
    run_code(ask_at(server), upstream, "print(1)")
    assert not talk.client.files.list().data
    assert look(server, talk, "DELETE").status_code == 200
    assert look(server, talk).status_code == 404
    assert "False" in run_code(talk, upstream, "print('x' in globals())")
    talk.client.beta.threads.delete(talk.thread_id)
    assert look(server, talk).status_code == 404


def ask_for_session(server: Server, client: OpenAI, path: str, **body: object) -> httpx.Response:
    """Look at the session of a thread or a container, or with a body give it another one."""
    return httpx.request(
        "POST" if body else "GET",
        f"{server.url.removesuffix('/v1')}/assistd/{path}/session",
        headers={"Authorization": f"Bearer {client.api_key}"},
        json=body or None,
    )


def test_more_memory_is_given_to_a_thread_and_its_variables_stay(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(container_memory_mib=4096)
    talk = ask_at(server)
    run_code(talk, upstream, DEFINE)
    path = f"threads/{talk.thread_id}"
    for refused in ({"memory_limit": "3g"}, {"memory_limit": "64g"}, {"memory": "4g"}):
        assert ask_for_session(server, talk.client, path, **refused).status_code == 400
    answered = ask_for_session(server, talk.client, path, memory_limit="4g")
    assert (answered.status_code, answered.json()["status"]) == (200, "none")
    assert "60.0" in run_code(talk, upstream, "print(total())")
    state = ask_for_session(server, talk.client, path).json()
    assert state["memory_limit_bytes"] >= 4 << 30
    assert (state["billed"], state["price"]) == (True, 0.12)
    run_code(talk, upstream, "print(1)")
    assert ask_for_session(server, talk.client, path).json()["id"] == state["id"]


def test_a_project_can_do_without(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(max_sessions=1)
    talk = ask_at(server)
    told = server.command("projects", "limit", "default", "--no-keep-variables")
    assert "keep_variables False" in told
    run_code(talk, upstream, DEFINE)
    run_code(ask_at(server), upstream, "print(1)")
    assert look(server, talk).status_code == 404
    assert "False" in run_code(talk, upstream, "print('df' in globals())")
    told = server.command("projects", "limit", "default", "--keep-variables")
    assert "keep_variables True" in told
    run_code(talk, upstream, DEFINE)
    run_code(ask_at(server), upstream, "print(1)")
    assert look(server, talk).status_code == 200


def test_a_long_call_is_kept_where_that_is_wanted_also_over_a_kill(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(snapshot_after_seconds=1)
    talk = ask_at(server)
    run_code(talk, upstream, "x = 5")
    assert look(server, talk).status_code == 404
    run_code(talk, upstream, "import time; time.sleep(1.1); y = 6")
    assert look(server, talk).status_code == 200
    run_code(talk, upstream, "import os; os._exit(1)")
    assert "5 6" in run_code(talk, upstream, "print(x, y)")


def test_variables_outlive_a_server_of_several_processes(
    start_server: StartServer, ask_at: Ask, connect: ConnectClient, upstream: Upstream
) -> None:
    server = start_server(workers=2)
    talk = ask_at(server)
    run_code(talk, upstream, DEFINE)
    server.stop()
    server.start()
    talk = Talk(connect(server), talk.wire, talk.assistant_id, talk.thread_id)
    assert "60.0" in run_code(talk, upstream, "print(total())")


def test_a_container_has_them_too_and_gets_more_memory(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    server = start_server(container_memory_mib=4096)
    client = connect(server)
    container = client.containers.create(name="c")
    path = f"containers/{container.id}"

    def run(code: str) -> str:
        upstream.code(code)
        upstream.say("Done.")
        tool: Any = {"type": "code_interpreter", "container": container.id}
        client.responses.create(model="gpt-4o", input="Go on.", tools=[tool])
        return str(upstream.last.messages[-1]["content"])

    run(DEFINE)
    assert ask_for_session(server, client, path, memory_limit="4g").json()["status"] == "none"
    assert client.containers.retrieve(container.id).to_dict()["memory_limit"] == "4g"
    told = run("print(total())")
    assert "60.0" in told
    assert "not restored: gen" in told
    assert ask_for_session(server, client, path).json()["price"] == 0.12
    server.stop()
    server.start()
    client = connect(server)
    assert "60.0 3" in run("print(total(), len(df))")
    client.containers.delete(container.id)
    assert ask_for_session(server, client, path).status_code == 404


def test_a_project_without_room_keeps_nothing_and_says_so(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(max_sessions=1)
    talk = ask_at(server)
    server.command("projects", "limit", "default", "--storage-mib", "1")
    run_code(talk, upstream, "x = bytes(range(256)) * 20_000")
    run_code(ask_at(server), upstream, "print(1)")
    shown = look(server, talk).json()
    assert (shown["bytes"], shown["variables"]) == (0, [])
    assert "no room" in shown["left_out"][0]["reason"]
    assert "False" in run_code(talk, upstream, "print('x' in globals())")
    assert "not restored: x" in str(upstream.last.messages[-1]["content"])


@pytest.mark.local_state
def test_variables_that_were_damaged_cost_nothing_but_themselves(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(max_sessions=1)
    talk = ask_at(server)
    run_code(talk, upstream, "x, y = 5, list(range(10_000)); open('kept.txt', 'w').write('file')")
    run_code(ask_at(server), upstream, "print(1)")
    blobs = [each for each in (server.folder / "data/blobs").rglob("*") if each.is_file()]
    largest = max(blobs, key=lambda each: each.stat().st_size)
    data = largest.read_bytes()
    largest.chmod(0o600)
    largest.write_bytes(data[:-2000] + bytes(2000))
    logs = run_code(talk, upstream, "print(x, 'y' in globals(), open('kept.txt').read())")
    assert "5 False file" in logs
    assert "not restored: y" in str(upstream.last.messages[-1]["content"])
