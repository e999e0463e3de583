"""A disk that is full fails the upload or the call, and never the server."""

import shutil

import openai
import pytest

from tests.acceptance.conftest import Ask
from tests.live.fixtures import ConnectClient, StartServer
from tests.upstream import Upstream

MIB = 1 << 20


@pytest.mark.local_state
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare, which mounts a small disk")
def test_a_full_disk_fails_the_upload_or_the_call_and_never_the_server(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(disk_mib=12)
    talk = ask_at(server)
    files = talk.client.files
    with pytest.raises(openai.InternalServerError) as refused:
        files.create(file=("large.bin", b"x" * (16 * MIB)), purpose="vision")
    assert refused.value.status_code == 507
    assert refused.value.body == {
        "message": "The server's disk is full; nothing was stored. Free some space and try again.",
        "type": "server_error",
        "param": None,
        "code": None,
    }
    assert talk.wire.sent("POST", "/files") == 1, "a full disk will not empty within seconds"

    upstream.code("open('/mnt/data/large.bin', 'wb').write(b'x' * (16 << 20)); print('written')")
    upstream.say("I could not keep it.")
    run = talk.run()
    assert run.status == "completed"
    assert "/mnt/data/large.bin could not be kept" in upstream.last.messages[-1]["content"]
    assert talk.answer.attachments == []

    kept = files.create(file=("small.bin", b"x" * MIB), purpose="vision")
    assert files.content(kept.id).read() == b"x" * MIB
    talk.say("Again.")
    assert talk.run().status == "completed"


@pytest.mark.long
@pytest.mark.local_state
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare, which mounts a small disk")
def test_a_disk_without_room_for_the_index_fails_the_file_with_the_reason(
    start_server: StartServer, connect: ConnectClient
) -> None:
    client = connect(start_server(disk_mib=24))
    text = " ".join(f"word{number}" for number in range(500_000)).encode()
    store = client.vector_stores.create()
    failed = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("large.txt", text)
    )
    assert failed.status == "failed"
    assert failed.last_error
    assert failed.last_error.code == "server_error"
    assert failed.last_error.message.startswith("The server's disk is full")
    client.files.delete(failed.id)
    kept = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("small.txt", b"Filip likes cake.")
    )
    assert kept.status == "completed"
    (result,) = client.vector_stores.search(store.id, query="cake").data
    assert result.file_id == kept.id
