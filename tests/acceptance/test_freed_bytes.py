"""Bytes are freed with the last that names them: files, sessions, a server that was killed."""

from pathlib import Path

import obstore
import pytest
from obstore.store import from_url

from tests.acceptance.conftest import Ask
from tests.acceptance.test_code_files import attach, compute, upload
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import Server, wait_until
from tests.upstream import Upstream

LARGE = b"large enough to be linked " * 100_000


def blobs(server: Server) -> list[str]:
    """The paths of the stored bytes, in the folder or the bucket."""
    state = server.state
    folder = f"file://{server.folder / 'data/blobs'}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in state.environment.items():
            patch.setenv(name, value)
        store = from_url(str(state.settings.get("blobs_url", folder)))
    return [each["path"] for each in obstore.list(store, "files").collect()]


def links(server: Server) -> list[Path]:
    """What is linked into sessions."""
    shown = (server.folder / "data/sessions").rglob("large.bin")
    return [path for path in shown if path.is_file()]


@pytest.mark.every_backend
def test_what_code_wrote_outlives_its_thread_and_goes_with_its_last_file(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server()
    talk = ask_at(server)
    compute(talk, upstream, "for n in 'ab': open(f'/mnt/data/{n}.txt', 'w').write('same')")
    assert len(blobs(server)) == 1
    talk.client.beta.threads.delete(talk.thread_id)
    one, two = talk.client.files.list(purpose="assistants_output").data
    talk.client.files.delete(one.id)
    assert talk.client.files.content(two.id).read() == b"same"
    talk.client.files.delete(two.id)
    assert blobs(server) == []


@pytest.mark.local_state
def test_a_killed_server_leaves_no_links_and_a_deleted_file_no_bytes(
    start_server: StartServer, ask_at: Ask, connect: ConnectClient, upstream: Upstream
) -> None:
    server = start_server()
    talk = ask_at(server)
    file = upload(talk, "large.bin", LARGE)
    attach(talk, file.id)
    size = "import os\nprint(os.path.getsize('/mnt/data/large.bin'))"
    assert compute(talk, upstream, size) == f"{len(LARGE)}\n"
    linked = links(server)
    server.kill()
    server.start()
    wait_until(lambda: links(server) == [], "what was left is removed")
    (blob,) = blobs(server)
    assert (server.folder / "data/blobs" / blob).stat().st_nlink == 1, linked
    connect(server).files.delete(file.id)
    wait_until(lambda: blobs(server) == [], "the bytes to be freed")
