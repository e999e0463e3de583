"""Uploads in parts: put together in the order the client names, checked, cancelled, and never held in memory."""

import hashlib
import io
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import Server

WORDS = [b"one ", b"two ", b"three"]


def begin(raw: httpx.Client, size: int, **fields: Any) -> str:
    """A pending upload; its path."""
    body = {"filename": "a.txt", "purpose": "batch", "bytes": size, "mime_type": "text/plain"}
    answer = raw.post("uploads", json=body | fields)
    assert answer.status_code == 200, answer.text
    return f"uploads/{answer.json()['id']}"


def add(raw: httpx.Client, upload: str, data: bytes) -> httpx.Response:
    """Send a part."""
    return raw.post(f"{upload}/parts", files={"data": ("upload", data)})


def parts(raw: httpx.Client, upload: str, *each: bytes) -> list[str]:
    """Send parts; their ids."""
    return [add(raw, upload, data).json()["id"] for data in each]


def complete(raw: httpx.Client, upload: str, part_ids: list[str], **fields: Any) -> httpx.Response:
    """Complete an upload."""
    return raw.post(f"{upload}/complete", json={"part_ids": part_ids, **fields})


def said(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Status, message and param of an error."""
    error = answer.json()["error"]
    return answer.status_code, error["message"], error["param"]


def blobs(server: Server) -> set[Path]:
    """All files in the store."""
    return {path for path in (server.folder / "data/blobs").rglob("*") if path.is_file()}


def test_the_helper_of_the_sdk_uploads_a_file_in_parts(client: OpenAI, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    path = tmp_path / "numbers.bin"
    path.write_bytes(content)
    upload = client.uploads.upload_file_chunked(
        file=path,
        mime_type="application/octet-stream",
        purpose="batch",
        part_size=300_000,
        md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
    )
    assert upload.status == "completed"
    assert upload.file
    assert (upload.file.filename, upload.file.bytes) == ("numbers.bin", len(content))
    assert client.files.content(upload.file.id).read() == content
    assert client.files.retrieve(upload.file.id) == upload.file


async def test_the_async_helper_of_the_sdk_uploads_bytes(async_client: AsyncOpenAI) -> None:
    upload = await async_client.uploads.upload_file_chunked(
        file=b"abcdefg", filename="a.txt", bytes=7, mime_type="text/plain", purpose="vision",
        part_size=3,
    )  # fmt: skip
    assert upload.file
    assert (await async_client.files.content(upload.file.id)).content == b"abcdefg"


def test_trap_51_a_pending_upload_has_no_file_and_a_completed_one_has_one_of_the_same_second(
    raw: httpx.Client,
) -> None:
    body = {"filename": "你好.txt", "purpose": "batch", "bytes": 13, "mime_type": "text/plain"}
    pending = raw.post("uploads", json=body).json()
    keys = ["id", "object", "bytes", "created_at", "filename", "purpose", "status", "expires_at"]
    assert list(pending) == keys
    assert (pending["object"], pending["status"]) == ("upload", "pending")
    assert pending["expires_at"] == pending["created_at"] + 3600
    upload = f"uploads/{pending['id']}"
    sent = [add(raw, upload, word).json() for word in WORDS]
    assert list(sent[0]) == ["id", "object", "created_at", "upload_id"]
    assert (sent[0]["object"], sent[0]["upload_id"]) == ("upload.part", pending["id"])
    done = complete(raw, upload, [part["id"] for part in sent]).json()
    assert list(done) == [*keys, "file"]
    assert {**done, "status": "pending", "file": None} == {**pending, "file": None}
    assert done["status"] == "completed"
    assert done["file"]["filename"] == "你好.txt"
    assert done["file"]["created_at"] == pending["created_at"]
    assert raw.get(f"files/{done['file']['id']}").json() == done["file"]


@pytest.mark.local_state
def test_the_order_of_part_ids_is_the_order_of_the_bytes_and_parts_may_be_left_out(
    raw: httpx.Client, server: Server
) -> None:
    before = blobs(server)
    upload = begin(raw, 9)
    one, _, three = parts(raw, upload, *WORDS)
    file = complete(raw, upload, [three, one]).json()["file"]
    assert raw.get(f"files/{file['id']}/content").content == b"threeone "
    assert len(blobs(server) - before) == 1, "parts are still there"


@pytest.mark.every_size
@pytest.mark.every_backend
def test_parts_that_come_at_the_same_time_are_all_kept(raw: httpx.Client) -> None:
    pieces = [bytes([65 + n]) * 50_000 for n in range(8)]
    upload = begin(raw, 400_000)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda data: add(raw, upload, data), pieces))
    file = complete(raw, upload, [each.json()["id"] for each in answers]).json()["file"]
    assert raw.get(f"files/{file['id']}/content").content == b"".join(pieces)


@pytest.mark.local_state
def test_an_upload_whose_bytes_are_not_those_promised_stays_pending(
    raw: httpx.Client, server: Server
) -> None:
    upload = begin(raw, 13)
    sent = parts(raw, upload, *WORDS)
    held = blobs(server)
    message = "Expected the parts to have 13 bytes together, got 8."
    assert said(complete(raw, upload, sent[:2])) == (400, message, "part_ids")
    status, message, param = said(complete(raw, upload, sent, md5="0" * 32))
    assert (status, param) == (400, "md5")
    right = hashlib.md5(b"".join(WORDS), usedforsecurity=False).hexdigest()
    assert message == f"The MD5 of the parts is {right}, not {'0' * 32}."
    assert blobs(server) == held
    assert complete(raw, upload, sent, md5=right.upper()).json()["status"] == "completed"


def test_part_ids_that_are_unknown_or_named_twice_are_refused(raw: httpx.Client) -> None:
    upload, other = begin(raw, 4), begin(raw, 4)
    (mine,), (theirs,) = parts(raw, upload, b"ab"), parts(raw, other, b"ab")
    id_ = upload.removeprefix("uploads/")
    for part_ids, words in (
        ([mine, mine], f"Invalid 'part_ids[1]': '{mine}' is named twice."),
        ([mine, theirs], f"Invalid 'part_ids[1]': '{theirs}' is not a part of {id_}."),
        ([mine, "part_x"], f"Invalid 'part_ids[1]': 'part_x' is not a part of {id_}."),
    ):
        assert said(complete(raw, upload, part_ids)) == (400, words, "part_ids[1]")


@pytest.mark.local_state
def test_a_cancelled_upload_takes_nothing_more_and_its_parts_are_freed(
    client: OpenAI, raw: httpx.Client, server: Server
) -> None:
    before = blobs(server)
    upload = begin(raw, 13)
    id_ = upload.removeprefix("uploads/")
    sent = parts(raw, upload, *WORDS)
    assert len(blobs(server) - before) == 3
    assert client.uploads.cancel(id_).status == "cancelled"
    assert blobs(server) <= before
    message = f"Upload {id_} has status 'cancelled'; it must be 'pending'."
    assert said(add(raw, upload, b"x")) == (400, message, None)
    assert said(complete(raw, upload, sent)) == (400, message, None)
    assert said(raw.post(f"{upload}/cancel")) == (400, message, None)
    assert blobs(server) <= before


@pytest.mark.every_size
@pytest.mark.every_backend
def test_a_completed_upload_is_completed_once_and_tells_all_who_ask(raw: httpx.Client) -> None:
    upload = begin(raw, 200_000)
    sent = parts(raw, upload, *[b"x" * 50_000] * 4)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: complete(raw, upload, sent), range(4)))
    answers.append(complete(raw, upload, sent))
    assert [each.status_code for each in answers] == [200] * 5
    (named,) = (
        each for each in raw.get("files?purpose=batch").json()["data"] if each["bytes"] == 200_000
    )
    assert all(each.json() == answers[0].json() for each in answers)
    assert answers[0].json()["file"] == named
    message = f"Upload {upload.rpartition('/')[2]} has status 'completed'; it must be 'pending'."
    assert said(complete(raw, upload, sent[::-1])) == (400, message, None)
    assert raw.get(f"files/{named['id']}/content").content == b"x" * 200_000


@pytest.mark.local_state
def test_bytes_are_put_together_once_however_many_ask(raw: httpx.Client, server: Server) -> None:
    size = 24 << 20
    upload = begin(raw, size)
    sent = parts(raw, upload, b"x" * size)
    most = len(blobs(server)) + 1
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(complete, raw, upload, sent) for _ in range(8)]
        while not all(each.done() for each in answers):
            assert len(blobs(server)) <= most, "copies are made that nobody will use"
            time.sleep(0.005)
    assert {each.result().status_code for each in answers} == {200}


def test_an_empty_file_needs_no_part(raw: httpx.Client) -> None:
    file = complete(raw, begin(raw, 0), []).json()["file"]
    assert file["bytes"] == 0
    assert raw.get(f"files/{file['id']}/content").content == b""


def test_the_file_lives_as_long_as_was_said_when_the_upload_began(raw: httpx.Client) -> None:
    upload = begin(raw, 0, expires_after={"anchor": "created_at", "seconds": 7200})
    file = complete(raw, upload, []).json()["file"]
    assert file["expires_at"] == file["created_at"] + 7200


@pytest.mark.local_state
def test_a_part_of_more_than_64_mib_and_more_parts_than_the_file_needs_are_refused(
    raw: httpx.Client, server: Server
) -> None:
    before = blobs(server)
    upload = begin(raw, 100 << 20)
    status, _, param = said(add(raw, upload, b"x" * ((64 << 20) + 1)))
    assert (status, param) == (413, "data")
    small = begin(raw, 4)
    assert [add(raw, small, b"abcd").status_code for _ in range(3)] == [200, 200, 400]
    assert raw.post(f"{small}/cancel").status_code == 200
    assert blobs(server) <= before


def test_parts_survive_a_server_that_is_killed(
    start_server: StartServer, connect: ConnectClient
) -> None:
    server = start_server()
    client = connect(server)
    upload = client.uploads.create(
        filename="a", purpose="batch", bytes=sum(map(len, WORDS)), mime_type="text/plain"
    )
    sent = [client.uploads.parts.create(upload.id, data=("p", word)).id for word in WORDS]
    server.kill()
    client = connect(server.start())
    file = client.uploads.complete(upload.id, part_ids=sent).file
    assert file
    assert client.files.content(file.id).read() == b"one two three"


def test_parts_count_for_the_storage_of_their_project_until_they_are_freed(
    start_server: StartServer, connect: ConnectClient
) -> None:
    client = connect(start_server(project_storage_mib=1))

    def start() -> str:
        about = {"filename": "a", "purpose": "batch", "mime_type": "text/plain"}
        return client.uploads.create(bytes=600_000, **about).id  # type: ignore[arg-type]

    first, second = start(), start()
    data = ("part", b"x" * 600_000)
    part = client.uploads.parts.create(first, data=data)
    with pytest.raises(openai.BadRequestError, match="exceeded your file storage quota"):
        client.uploads.parts.create(second, data=data)
    file = client.uploads.complete(first, part_ids=[part.id]).file
    assert file
    with pytest.raises(openai.BadRequestError, match="exceeded your file storage quota"):
        client.uploads.parts.create(second, data=data)
    client.files.delete(file.id)
    client.uploads.parts.create(second, data=data)
    client.uploads.cancel(second)
    client.uploads.parts.create(start(), data=data)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"purpose": "user_data"}, "purpose", "invalid_value"),
        ({"purpose": "assistants_output"}, "purpose", "invalid_value"),
        ({"bytes": -1}, "bytes", "integer_below_min_value"),
        ({"bytes": (8 << 30) + 1}, "bytes", "integer_above_max_value"),
        ({"bytes": 1 << 80}, "bytes", "integer_above_max_value"),
        ({"bytes": "4"}, "bytes", "invalid_type"),
        ({"filename": ""}, "filename", "string_below_min_length"),
        ({"mime_type": None}, "mime_type", "invalid_type"),
        ({"size": 4}, "size", "unknown_parameter"),
        ({"expires_after": {"anchor": "now", "seconds": 3600}}, "expires_after.anchor", "invalid_value"),
        ({"expires_after": {"anchor": "created_at", "seconds": 60}}, "expires_after.seconds", "integer_below_min_value"),
    ],
)  # fmt: skip
def test_bodies_of_uploads_that_are_wrong_say_where_and_why(
    raw: httpx.Client, fields: dict[str, Any], param: str, code: str
) -> None:
    body = {"filename": "a", "purpose": "batch", "bytes": 4, "mime_type": "text/plain"}
    answer = raw.post("uploads", json=body | fields)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == (param, code), error["message"]


def test_parts_must_be_forms_with_data(raw: httpx.Client) -> None:
    upload = begin(raw, 4)
    for answer in (
        raw.post(f"{upload}/parts", content=b"abcd"),
        raw.post(f"{upload}/parts", files={"file": ("a", b"abcd")}),
    ):
        status, message, _ = said(answer)
        assert status == 400
        assert "data" in message


def test_unknown_uploads_answer_404_and_no_beta_header_is_needed(
    raw: httpx.Client, connect: ConnectClient, server: Server
) -> None:
    client = connect(server)
    message = "No such Upload object: upload_x"
    assert said(add(raw, "uploads/upload_x", b"a")) == (404, message, "upload_id")
    with pytest.raises(openai.NotFoundError, match=message):
        client.uploads.complete("upload_x", part_ids=[])
    with pytest.raises(openai.NotFoundError, match=message):
        client.uploads.cancel("upload_x")


def test_a_large_upload_is_put_together_without_being_held_in_memory(
    start_server: StartServer, connect: ConnectClient
) -> None:
    server = start_server()
    client = connect(server)
    piece = bytes(range(256)) * (1 << 17)  # 32 MiB
    before = server.process.memory_info().rss
    upload = client.uploads.create(
        filename="big.bin", purpose="batch", bytes=3 * len(piece), mime_type="x/y"
    )
    sent = [
        client.uploads.parts.create(upload.id, data=("upload", io.BytesIO(piece))).id
        for _ in range(3)
    ]
    done = client.uploads.complete(upload.id, part_ids=sent)
    assert server.process.memory_info().rss - before < 40 << 20, "it was held in memory"
    assert done.file
    assert done.file.bytes == 3 * len(piece)
    digest = hashlib.sha256(client.files.content(done.file.id).read()).hexdigest()
    assert digest == hashlib.sha256(piece * 3).hexdigest()
