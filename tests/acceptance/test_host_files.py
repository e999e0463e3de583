"""Files that clients upload, in sessions on another machine: how they come there, and how often."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from openai import OpenAI

from tests.acceptance.conftest import Ask, Talk
from tests.acceptance.test_hosts import Joined
from tests.live.backends import Backend
from tests.live.fixtures import StartServer
from tests.live.scrape import free_address, scrape
from tests.live.server import Server, wait_until
from tests.live.tenants import new_project
from tests.live.wire import Wire
from tests.upstream import Upstream

pytestmark = pytest.mark.every_backend

ROWS = b"a,b\n" + b"1,2\n" * 600_000
READ = "d = open('/mnt/data/{}', 'rb').read(); print(len(d), d[:3])"
WRITE = "open('/mnt/data/out.bin', 'wb').write(bytes(2 << 20)); print(1)"


@pytest.fixture
def api(start_server: StartServer, tmp_path: Path) -> Server:
    """A server whose sessions are on one other machine."""
    command = [sys.executable, "-m", "assistd", "certs", "gpu-1", "--folder", tmp_path / "certs"]
    subprocess.run(command, check=True, capture_output=True)
    return start_server(
        hosts_listen=free_address(),
        hosts_certificates=tmp_path / "certs/api",
        metrics_listen=free_address(),
    )


@pytest.fixture
def host(api: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Joined]:
    """That machine: it knows the store by no setting."""
    for name in os.environ:
        if name.startswith(("AWS_", "ASSISTD_BLOBS", "ASSISTD_DATABASE")):
            monkeypatch.delenv(name)
    made = Joined("gpu-1", tmp_path, api.environment["ASSISTD_HOSTS_LISTEN"])
    made.start()
    wait_until(lambda: " up " in api.command("hosts", "list"), "the host")
    yield made
    made.end(signal.SIGTERM)


def counts(api: Server) -> dict[str, int]:
    """How many files came to hosts in which way."""
    found = scrape(api)
    ways = ("store", "kept", "server")
    return {way: int(found.sum("files_to_hosts_total", way=way)) for way in ways}


def read_in_a_new_thread(talk: Talk, upstream: Upstream, file_id: str) -> Talk:
    """Have code read a file in a thread of its own."""
    thread = talk.client.beta.threads.create()
    new = Talk(talk.client, talk.wire, talk.assistant_id, thread.id)
    use = [{"file_id": file_id, "tools": [{"type": "code_interpreter"}]}]
    new.say("Look at this.", attachments=use)
    upstream.code(READ.format(file_id))
    run = new.run()
    assert (run.status, new.logs(run.id)) == ("completed", [f"{len(ROWS)} b'a,b'\n"])
    return new


def test_an_upload_comes_to_a_host_once_for_its_project(
    api: Server,
    host: Joined,
    ask_at: Ask,
    wire: Wire,
    upstream: Upstream,
    backend: Backend,
) -> None:
    has_store = backend == "postgres+s3"
    talk = ask_at(api, "Look.")
    file = talk.client.files.create(file=("in.csv", ROWS), purpose="assistants")
    read_in_a_new_thread(talk, upstream, file.id)
    once = {"store": int(has_store), "server": int(not has_store), "kept": 0}
    assert counts(api) == once
    read_in_a_new_thread(talk, upstream, file.id)
    again = talk.client.files.create(file=("same.csv", ROWS), purpose="assistants")
    read_in_a_new_thread(talk, upstream, again.id)
    assert counts(api) == {**once, "kept": 2}
    _, key = new_project(api)
    with httpx.Client(transport=wire.transport(), timeout=60) as http:
        other = OpenAI(base_url=api.url, api_key=key, http_client=http)
        assistant = other.beta.assistants.create(model="m", tools=[{"type": "code_interpreter"}])
        file = other.files.create(file=("in.csv", ROWS), purpose="assistants")
        read_in_a_new_thread(Talk(other, wire, assistant.id, ""), upstream, file.id)
    twice = {way: 2 * number for way, number in once.items()}
    assert counts(api) == {**twice, "kept": 2}


def test_what_code_wrote_comes_back_into_the_next_session(
    api: Server,
    host: Joined,
    ask_at: Ask,
    upstream: Upstream,
    backend: Backend,
    connect: Callable[[Server], OpenAI],
) -> None:
    talk = ask_at(api, "Write.")
    upstream.code(WRITE)
    assert talk.run().status == "completed"
    host.end(signal.SIGKILL)
    host.start()
    wait_until(lambda: " up " in api.command("hosts", "list"), "the host")
    upstream.code("print(len(open('/mnt/data/out.bin', 'rb').read()))")
    run = talk.run()
    assert (run.status, talk.logs(run.id)) == ("completed", [f"{2 << 20}\n"])
    way = "store" if backend == "postgres+s3" else "server"
    assert counts(api)[way] == 1
