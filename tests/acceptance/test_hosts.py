"""Two machines with sessions and one with the API, as an operator sets them up, over mTLS on this machine."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI

from assistd.db.cluster import seats
from assistd.db.database import Database
from tests.acceptance.conftest import Ask, Talk
from tests.live import children
from tests.live.fixtures import StartServer
from tests.live.scrape import Scrape, free_address
from tests.live.server import Server, wait_until
from tests.upstream import Upstream

pytestmark = pytest.mark.local_state


class Joined:
    """The process of `assistd host --join`."""

    def __init__(self, host_id: str, folder: Path, api: str, *options: str) -> None:
        self.id = host_id
        self._command = [
            *(sys.executable, "-m", "assistd", "host"),
            *("--join", api, "--listen", "127.0.0.1:0", "--memory-mib", "640"),
            *options,
        ]
        self._environment = {
            **os.environ,
            "ASSISTD_DATA_DIR": str(folder / f"data-{host_id}"),
            "ASSISTD_HOSTS_CERTIFICATES": str(folder / f"certs/host-{host_id}"),
        }
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = children.start(
            self._command,
            signal.SIGTERM,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stdout.readline().startswith(f"assistd host {self.id} listens on")

    def end(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            assert self.process.stdout
            self.process.stdout.close()
            self.process = None


def make_certificates(folder: Path, *hosts: str) -> None:
    """Make certificates of the API and of hosts, as an operator does."""
    command = [sys.executable, "-m", "assistd", "certs", *hosts, "--folder", folder]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr


@pytest.fixture
def api(start_server: StartServer, tmp_path: Path) -> Server:
    """A server whose sessions are on other machines."""
    make_certificates(tmp_path / "certs", "gpu-1", "gpu-2")
    return start_server(hosts_listen=free_address(), hosts_certificates=tmp_path / "certs/api")


@pytest.fixture
def hosts(api: Server, tmp_path: Path) -> Iterator[list[Joined]]:
    """Two of them."""
    made = [
        Joined(each, tmp_path, api.environment["ASSISTD_HOSTS_LISTEN"])
        for each in ("gpu-1", "gpu-2")
    ]
    for each in made:
        each.start()
    wait_until(lambda: api.command("hosts", "list").count(" up ") == 2, "both hosts")
    yield made
    for each in made:
        each.end(signal.SIGTERM)


def where(api: Server, thread_id: str) -> str:
    """The host of a thread's session."""
    data = Path(api.environment["ASSISTD_DATA_DIR"])
    database = Database(f"sqlite:///{data / 'assistd.sqlite3'}")
    try:
        seat = database.run_sync(seats.find, thread_id)
        assert seat
        return seat.host_id
    finally:
        database.close()


def row(api: Server, host_id: str) -> str:
    """What is listed of a host."""
    listed = api.command("hosts", "list").splitlines()
    return next(each for each in listed if each.startswith(host_id))


def test_threads_are_served_by_hosts_from_any_server_and_go_on_where_one_dies(
    api: Server,
    hosts: list[Joined],
    start_server: StartServer,
    tmp_path: Path,
    connect: Callable[[Server], OpenAI],
    ask_at: Ask,
    upstream: Upstream,
) -> None:
    talk = ask_at(api, "Look.")
    file = talk.client.files.create(file=("in.csv", b"a,b\n1,2\n"), purpose="assistants")
    use = [{"file_id": file.id, "tools": [{"type": "code_interpreter"}]}]
    talk.say("At this.", attachments=use)
    read = f"x = open('/mnt/data/{file.id}').read(); open('out.txt', 'w').write('kept'); print(x)"
    upstream.code(read)
    run = talk.run()
    assert (run.status, talk.logs(run.id)) == ("completed", ["a,b\n1,2\n\n"])
    other = start_server(
        beside=api, hosts_listen=free_address(), hosts_certificates=tmp_path / "certs/api"
    )
    again = Talk(connect(other), talk.wire, talk.assistant_id, talk.thread_id)
    upstream.code("print(len(x))")
    run = again.run()
    assert again.logs(run.id) == ["8\n"], "the variables are where the session is"
    dying = where(api, talk.thread_id)
    next(each for each in hosts if each.id == dying).end(signal.SIGKILL)
    upstream.code("print(open('out.txt').read(), 'x' in globals())")
    run = again.run()
    assert (run.status, again.logs(run.id)) == ("completed", ["kept False\n"])
    assert where(api, talk.thread_id) != dying


def test_a_run_says_that_no_host_is_up(
    start_server: StartServer, tmp_path: Path, ask_at: Ask, upstream: Upstream
) -> None:
    make_certificates(tmp_path / "certs")
    alone = start_server(
        hosts_listen=free_address(), hosts_certificates=tmp_path / "certs/api", queue_seconds=1
    )
    talk = ask_at(alone, "Compute.")
    upstream.code("print(1)")
    run = talk.run()
    assert run.status == "failed"
    assert run.last_error.code == "server_error"
    assert "No sandbox host can be reached" in run.last_error.message


def test_a_call_that_runs_while_its_host_dies_is_told_to_the_model(
    api: Server, hosts: list[Joined], ask_at: Ask, upstream: Upstream
) -> None:
    talk = ask_at(api, "Compute.")
    upstream.code("import time; print('began', flush=True); time.sleep(60)")
    upstream.code("print('again')")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(talk.run)
        wait_until(lambda: "1 of" in api.command("hosts", "list"), "the session")
        dying = where(api, talk.thread_id)
        wait_until(lambda: upstream.requests, "the question")
        next(each for each in hosts if each.id == dying).end(signal.SIGKILL)
        run = running.result(60)
    assert run.status == "completed"
    assert talk.logs(run.id)[-1] == "again\n"


def test_a_host_that_is_stopped_finishes_the_call_that_runs(
    api: Server, hosts: list[Joined], ask_at: Ask, upstream: Upstream
) -> None:
    talk = ask_at(api, "Compute.")
    upstream.code("x = 5; import time; time.sleep(3); print('finished')")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(talk.run)
        wait_until(lambda: "1 of" in api.command("hosts", "list"), "the session")
        stopped = where(api, talk.thread_id)
        next(each for each in hosts if each.id == stopped).end(signal.SIGTERM)
        run = running.result(60)
    assert (run.status, talk.logs(run.id)) == ("completed", ["finished\n"])
    assert stopped not in api.command("hosts", "list"), "it left"
    upstream.code("print('elsewhere', x)")
    run = talk.run()
    assert (run.status, talk.logs(run.id)) == ("completed", ["elsewhere 5\n"])
    assert where(api, talk.thread_id) != stopped


def test_a_drained_host_is_left_by_the_next_run(
    api: Server, hosts: list[Joined], ask_at: Ask, upstream: Upstream
) -> None:
    talk = ask_at(api, "Compute.")
    upstream.code("x = 1; print(x)")
    talk.run()
    drained = where(api, talk.thread_id)
    api.command("hosts", "drain", drained, "--minutes", "0")
    wait_until(lambda: "0 of" in row(api, drained), "the end of its sessions")
    upstream.code("print(x)")
    run = talk.run()
    assert (run.status, talk.logs(run.id)) == ("completed", ["1\n"]), "its variables went along"
    assert where(api, talk.thread_id) != drained


def test_variables_outlive_the_api_and_all_hosts(
    api: Server,
    hosts: list[Joined],
    connect: Callable[[Server], OpenAI],
    ask_at: Ask,
    upstream: Upstream,
) -> None:
    talk = ask_at(api, "Compute.")
    upstream.code("x = 7; print(x)")
    talk.run()
    port = int(api.url.split(":")[2].split("/")[0])
    api.stop()
    for each in hosts:
        each.end(signal.SIGKILL)
    api.start(port)
    for each in hosts:
        each.start()
    wait_until(lambda: api.command("hosts", "list").count(" up ") == 2, "both hosts")
    again = Talk(connect(api), talk.wire, talk.assistant_id, talk.thread_id)
    upstream.code("print(x)")
    run = again.run()
    assert (run.status, again.logs(run.id)) == ("completed", ["7\n"])


@pytest.mark.parametrize("setting", ["hosts_listen", "sandbox_socket"])
def test_a_server_in_front_of_hosts_has_no_use_for_an_interpreter_of_its_own(
    setting: str, start_server: StartServer, tmp_path: Path
) -> None:
    certificates = tmp_path / "certs"
    make_certificates(certificates)
    (tmp_path / "file").touch()
    server = start_server(
        cache_dir=tmp_path / "file" / "no folder can be here",
        hosts_certificates=certificates / "api",
        **{setting: free_address() if setting == "hosts_listen" else tmp_path / "no host yet"},
    )
    assert httpx.get(f"{server.url.removesuffix('/v1')}/health/live").status_code == 200


def test_a_session_lives_on_while_the_api_is_killed_and_started_again(
    api: Server,
    hosts: list[Joined],
    connect: Callable[[Server], OpenAI],
    ask_at: Ask,
    upstream: Upstream,
) -> None:
    talk = ask_at(api, "Compute.")
    upstream.code("x = object(); y = (n for n in range(3)); print(id(x))")
    run = talk.run()
    (known,) = talk.logs(run.id)
    port = int(api.url.split(":")[2].split("/")[0])
    api.kill()
    api.start(port)
    again = Talk(connect(api), talk.wire, talk.assistant_id, talk.thread_id)
    wait_until(lambda: api.command("hosts", "list").count(" up ") == 2, "both hosts")
    upstream.code("print(id(x)); next(y)")
    run = again.run()
    assert (run.status, again.logs(run.id)) == ("completed", [known + "0"]), "the same session"


def test_a_container_moves_off_a_drained_host_with_its_variables(
    api: Server,
    hosts: list[Joined],
    connect: Callable[[Server], OpenAI],
    upstream: Upstream,
) -> None:
    client = connect(api)
    container = client.containers.create(name="c")

    def run(code: str) -> str:
        upstream.code(code)
        upstream.say("Done.")
        tool: Any = {"type": "code_interpreter", "container": container.id}
        client.responses.create(model="gpt-4o", input="Go on.", tools=[tool])
        return str(upstream.last.messages[-1]["content"])

    run("x = [1]; y = {'x': x}")
    drained = where(api, container.id)
    api.command("hosts", "drain", drained, "--minutes", "0")
    wait_until(lambda: "0 of" in row(api, drained), "the end of its sessions")
    assert "True" in run("print(y['x'] is x)")
    assert where(api, container.id) != drained


def test_a_host_gives_out_metrics_where_its_operator_wants_them(
    api: Server, tmp_path: Path, ask_at: Ask, upstream: Upstream
) -> None:
    address = free_address()
    joins_at = api.environment["ASSISTD_HOSTS_LISTEN"]
    host = Joined("gpu-1", tmp_path, joins_at, "--metrics-listen", address)
    host.start()
    try:
        wait_until(lambda: " up " in api.command("hosts", "list"), "the host")
        upstream.code("print(1)")
        assert ask_at(api, "Compute.").run().status == "completed"
        seen = Scrape(httpx.get(f"http://{address}/metrics").text)
        assert (seen["sessions_opened_total"], seen["sessions_live"]) == (1, 1)
        assert seen["sessions_limit"] > 1
        assert "\nprocess_resident_memory_bytes " in seen.text
    finally:
        host.end(signal.SIGTERM)
