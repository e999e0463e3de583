"""Files: uploads of every kind, whole and broken; what they look like, and who may read them."""

import socket
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import openai
import pytest
from openai import OpenAI

from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import API_KEY, Server, wait_until
from tests.live.wire import Wire


def error(answer: httpx.Response) -> dict[str, Any]:
    """The error of an answer."""
    return answer.json()["error"]


@pytest.mark.every_backend
def test_a_file_has_its_keys_in_the_recorded_order(client: OpenAI, wire: Wire) -> None:
    client.files.create(file=("a.csv", b"a,b\n1,2\n"), purpose="assistants")
    body = wire.last.json
    assert list(body) == [
        "object",
        "id",
        "purpose",
        "filename",
        "bytes",
        "created_at",
        "expires_at",
        "status",
        "status_details",
    ]
    assert body["id"].startswith("file-")
    assert len(body["id"]) == len("file-") + 22
    assert (body["bytes"], body["status"], body["filename"]) == (8, "processed", "a.csv")
    assert client.files.wait_for_processing(body["id"]).status == "processed"


@pytest.mark.parametrize(
    "name",
    [
        "你好.txt",
        "📈 a b.csv",
        'qu"ote.txt',
        "back\\slash",
        "text/csv",
        "no extension",
        "a;b=c.txt",
        "%41.txt",
        "x" * 300,
    ],
)
@pytest.mark.every_backend
def test_files_of_any_name_come_back_under_it(client: OpenAI, name: str) -> None:
    made = client.files.create(file=(name, b"x"), purpose="user_data")
    assert made.filename == name
    assert client.files.retrieve(made.id).filename == name


def test_a_name_encoded_as_rfc_5987_says_is_understood(raw: httpx.Client) -> None:
    body = (
        b'--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nvision\r\n'
        b'--b\r\ncontent-disposition: form-data; name="file"; filename="x.txt"; '
        b"filename*=UTF-8''%E4%BD%A0%E5%A5%BD.txt\r\n\r\nabc\r\n--b--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=b"}
    made = raw.post("files", content=body, headers=headers)
    assert made.status_code == 200, made.text
    assert made.json()["filename"] in {"你好.txt", "x.txt"}
    assert made.json()["bytes"] == 3


@pytest.mark.every_backend
def test_an_empty_file_is_a_file(client: OpenAI) -> None:
    made = client.files.create(file=("empty", b""), purpose="vision")
    assert made.bytes == 0
    assert client.files.content(made.id).read() == b""


@pytest.mark.every_backend
def test_a_large_file_streams_in_and_out(client: OpenAI, server: Server) -> None:
    content = bytes(range(256)) * (1 << 18)
    before = server.process.memory_info().rss
    made = client.files.create(file=("large.bin", content), purpose="vision")
    assert made.bytes == len(content) == 64 << 20
    assert client.files.content(made.id).read() == content
    assert server.process.memory_info().rss - before < 48 << 20, "it was held in memory"


def test_a_download_names_its_file_in_any_script(raw: httpx.Client) -> None:
    made = raw.post("files", files={"file": ('你"好.txt', b"x")}, data={"purpose": "vision"}).json()
    answer = raw.get(f"files/{made['id']}/content", headers={"accept": "application/binary"})
    assert answer.headers["content-type"] == "application/octet-stream"
    kind, plain, extended = answer.headers["content-disposition"].split("; ")
    assert kind == "attachment"
    assert plain.startswith('filename="')
    assert unquote(extended.removeprefix("filename*=UTF-8''")) == '你"好.txt'
    assert answer.headers["content-length"] == "1"


@pytest.mark.parametrize(
    ("purpose", "readable"),
    [
        ("assistants", False),
        ("user_data", False),
        ("vision", True),
        ("batch", True),
        ("fine-tune", True),
    ],
)
def test_which_uploads_may_be_downloaded(client: OpenAI, purpose: Any, readable: bool) -> None:
    made = client.files.create(file=("a", b"x"), purpose=purpose)
    if readable:
        assert client.files.content(made.id).read() == b"x"
        return
    with pytest.raises(openai.BadRequestError) as refused:
        client.files.content(made.id)
    message = f"Not allowed to download files of purpose: {purpose}"
    assert refused.value.body["message"] == message  # type: ignore[index]


@pytest.mark.every_backend
def test_files_are_listed_by_purpose(client: OpenAI) -> None:
    one = client.files.create(file=("a", b"x"), purpose="fine-tune")
    two = client.files.create(file=("b", b"x"), purpose="user_data")
    listed = {each.id for each in client.files.list(purpose="fine-tune")}
    assert one.id in listed
    assert two.id not in listed
    assert {one.id, two.id} <= {each.id for each in client.files.list()}


def test_a_purpose_that_is_wrong_or_missing_is_refused(raw: httpx.Client) -> None:
    file = {"file": ("a", b"x")}
    answer = raw.post("files", files=file, data={"purpose": "world_domination"})
    assert answer.status_code == 400
    message = (
        "'world_domination' is not one of ['fine-tune', 'assistants', 'batch', 'user_data', "
        "'vision', 'evals'] - 'purpose'"
    )
    assert answer.json() == {
        "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": "purpose",
            "code": None,
        },
        "detail": {"message": message, "code": None},
    }
    assert raw.post("files", files=file, data={"purpose": "assistants_output"}).status_code == 400
    answer = raw.post("files", files=file)
    assert error(answer)["message"] == "Missing required parameter: 'purpose'."


def test_a_form_without_a_file_or_with_two_is_refused(raw: httpx.Client) -> None:
    answer = raw.post("files", files={"purpose": (None, b"vision")})
    assert answer.status_code == 400
    assert error(answer)["message"] == "Missing required parameter: 'file'."
    assert error(answer)["param"] == "file"
    two = [("file", ("a", b"x")), ("file", ("b", b"y"))]
    answer = raw.post("files", files=two, data={"purpose": "vision"})
    assert answer.status_code == 400
    assert "Only one 'file'" in error(answer)["message"]


@pytest.mark.local_state
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"purpose": "vision"}'),
        ("multipart/form-data", b"--b\r\n"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"nonsense"),
        ("multipart/form-data; boundary=b", b"--b\r\nno header\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--other\r\n\r\nx\r\n--other--\r\n"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
        ),
        ("", b"x"),
    ],
)
def test_bodies_that_are_no_whole_form_are_refused_and_nothing_is_kept(
    raw: httpx.Client, server: Server, kind: str, body: bytes
) -> None:
    before = blobs(server)
    answer = raw.post("files", content=body, headers={"content-type": kind})
    assert answer.status_code == 400, answer.text
    assert error(answer)["message"]
    assert blobs(server) <= before


def blobs(server: Server) -> set[str]:
    """The names of all files in the store."""
    return {path.name for path in (server.folder / "data/blobs").rglob("*") if path.is_file()}


@pytest.mark.local_state
def test_an_upload_that_breaks_off_leaves_nothing_behind(raw: httpx.Client, server: Server) -> None:
    before = blobs(server)
    address = urlsplit(server.url)
    head = (
        f"POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {API_KEY}\r\n"
        "content-type: multipart/form-data; boundary=b\r\ncontent-length: 100000\r\n\r\n"
        '--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nabc'
    )
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head.encode())
    assert raw.get("files?limit=1").status_code == 200
    wait_until(lambda: blobs(server) <= before, "the removal of what had come")


@pytest.mark.local_state
@pytest.mark.every_backend
def test_a_file_that_is_too_large_is_refused_while_it_comes(
    start_server: StartServer, connect: ConnectClient
) -> None:
    server = start_server(upload_mib=1)
    client = connect(server)
    made = client.files.create(file=("a", b"x" * (1 << 20)), purpose="vision")
    assert made.bytes == 1 << 20
    for size in (24 << 20, (1 << 20) + 1):
        with pytest.raises(openai.APIStatusError) as refused:
            client.files.create(file=("a", b"x" * size), purpose="vision")
        assert refused.value.status_code == 413
    assert refused.value.body == {
        "message": f"The file is larger than the limit of {1 << 20} bytes.",
        "type": "invalid_request_error",
        "param": "file",
        "code": None,
    }
    assert len(client.files.list().data) == 1
    assert len(blobs(server)) == 1


@pytest.mark.every_backend
def test_a_body_that_cannot_be_kept_is_refused_before_it_comes(
    raw: httpx.Client, server: Server
) -> None:
    before = blobs(server)
    address = urlsplit(server.url)
    head = (
        f"POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {API_KEY}\r\n"
        "content-type: multipart/form-data; boundary=b\r\ncontent-length: 600000000\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = b""
        while b'"error"' not in answer or not answer.endswith(b"}"):
            more = connection.recv(1 << 16)
            assert more, answer
            answer += more
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"larger than the limit of 536870912 bytes" in answer
    assert blobs(server) <= before


def test_the_days_of_a_file_can_be_numbered(client: OpenAI, raw: httpx.Client) -> None:
    made = client.files.create(
        file=("a", b"x"),
        purpose="vision",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert made.expires_at == made.created_at + 3600
    for seconds in ("60", "x", "9999999"):
        data = {
            "purpose": "vision",
            "expires_after[anchor]": "created_at",
            "expires_after[seconds]": seconds,
        }
        answer = raw.post("files", files={"file": ("a", b"x")}, data=data)
        assert answer.status_code == 400
        assert error(answer)["param"] == "expires_after[seconds]"


@pytest.mark.local_state
def test_deleting_a_file_frees_its_bytes(client: OpenAI, server: Server) -> None:
    before = blobs(server)
    one, two = (
        client.files.create(file=(name, b"of no other test"), purpose="vision") for name in "ab"
    )
    assert len(blobs(server) - before) == 1
    assert client.files.delete(one.id).deleted
    assert client.files.content(two.id).read() == b"of no other test"
    assert client.files.delete(two.id).deleted
    assert blobs(server) <= before


@pytest.mark.local_state
def test_a_file_whose_bytes_are_gone_answers_404_and_not_half_an_answer(
    raw: httpx.Client, server: Server
) -> None:
    before = blobs(server)
    content = b"that will be gone"
    made = raw.post("files", files={"file": ("a", content)}, data={"purpose": "vision"}).json()
    (blob,) = blobs(server) - before
    (server.folder / f"data/blobs/files/{blob}").unlink()
    answer = raw.get(f"files/{made['id']}/content")
    assert answer.status_code == 404
    assert error(answer)["message"] == f"No such File object: {made['id']}"
    assert raw.delete(f"files/{made['id']}").status_code == 200


@pytest.mark.parametrize(
    "tail",
    [
        '--X\r\nContent-Disposition: form-data; name="file"; filename="2"\r\n\r\nb\r\n--X--\r\n',
        '--X\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nnone\r\n--X--\r\n',
        '--X\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n' + "p" * 70_000,
        "--X\r\nConten",
    ],
)
@pytest.mark.local_state
def test_an_upload_that_breaks_behind_its_file_leaves_no_bytes(
    raw: httpx.Client, server: Server, tail: str
) -> None:
    before = set((server.folder / "data/blobs").rglob("*"))
    head = '--X\r\nContent-Disposition: form-data; name="file"; filename="1"\r\n\r\na\r\n'
    answer = raw.post(
        "files",
        content=(head + tail).encode(),
        headers={"content-type": "multipart/form-data; boundary=X"},
    )
    assert answer.status_code == 400
    assert set((server.folder / "data/blobs").rglob("*")) == before
