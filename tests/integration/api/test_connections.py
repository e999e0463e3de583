"""Connections: what a client may cost before its request is whole, and who is slow but lives."""

import json
import re
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import httpx
import pytest

from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import API_KEY, Server, wait_until
from tests.upstream import Upstream

KEY = f"authorization: Bearer {API_KEY}\r\n"
BETA = "openai-beta: assistants=v2\r\n"


@pytest.fixture(scope="module")
def impatient(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: Upstream
) -> Iterator[Server]:
    """A server that waits for a request, and for a client to take its answer, for two seconds."""
    folder = tmp_path_factory.mktemp("impatient")
    server = Server(folder, shared_upstream.url, request_seconds=2, answer_seconds=2)
    yield server.start()
    server.stop()


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname, where.port), timeout=30) as connection:
        yield connection


def all_of(connection: socket.socket) -> bytes:
    """What comes until the server hangs up."""
    got = b""
    with suppress(ConnectionResetError):  # we were still sending when it did
        while more := connection.recv(1 << 16):
            got += more
    return got


def post(path: str, *headers: str) -> bytes:
    return f"POST /v1/{path} HTTP/1.1\r\nhost: x\r\n{''.join(headers)}\r\n".encode()


def timed_out(answer: bytes) -> str:
    """The message of an answer that is a 408 in OpenAI's shape."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"x-request-id: req_" in head
    error = json.loads(body)["error"]
    assert list(error) == ["message", "type", "param", "code"]
    return error["message"]


@pytest.mark.parametrize("filler", [b"x-a: " + b"a" * 900 + b"\r\n", b"a" * 900])
def test_a_head_without_an_end_is_refused_from_anybody(server: Server, filler: bytes) -> None:
    with connected(server) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nx-b: b")
        with suppress(ConnectionError):  # it does not wait for all of it
            for _ in range(10_000):
                connection.sendall(filler)
            pytest.fail("nine megabytes of head were taken")


@pytest.mark.parametrize("filler", [b"x-a: " + b"a" * 900 + b"\r\n", b"a" * 900])
def test_trailers_without_an_end_are_refused(server: Server, filler: bytes) -> None:
    with connected(server) as connection:
        connection.sendall(post("threads", KEY, BETA, "transfer-encoding: chunked\r\n"))
        connection.sendall(b"2\r\n{}\r\n0\r\nx-b: b")
        with suppress(ConnectionError):
            for _ in range(10_000):
                connection.sendall(filler)
            pytest.fail("nine megabytes of trailers were taken")


def test_many_requests_on_one_connection_are_each_within_bounds(raw: httpx.Client) -> None:
    for _ in range(100):
        assert raw.get("models", headers={"x-a": "a" * 4000}).status_code == 200
        assert raw.post("threads", json={"metadata": {}}).status_code == 200


def test_what_is_no_http_is_refused_in_openais_shape(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(b"hello\r\n\r\n")
        head, _, body = all_of(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["type"] == "invalid_request_error"


def test_a_head_that_does_not_come_is_waited_for_no_longer(impatient: Server) -> None:
    with connected(impatient) as silent, connected(impatient) as slow:
        slow.sendall(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-a: ")
        while not select.select([slow], [], [], 0.1)[0]:
            slow.sendall(b"a")  # a byte now and then does not help
        assert timed_out(all_of(slow)) == "The head of your request did not come within 2 seconds."
        assert all_of(silent) == b""


@pytest.mark.parametrize(
    "begun",
    [
        post("threads", KEY, BETA, "content-length: 10\r\n") + b'{"met',
        post("threads", KEY, BETA, "transfer-encoding: chunked\r\n") + b"2\r\n{}\r\n0\r\nx-a: ",
        post(
            "files",
            KEY,
            "content-length: 900\r\n",
            "content-type: multipart/form-data; boundary=b\r\n",
        )
        + b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
    ],
    ids=["json", "trailers", "file"],
)
def test_a_body_that_stalls_is_waited_for_no_longer(impatient: Server, begun: bytes) -> None:
    with connected(impatient) as connection:
        connection.sendall(begun)
        assert timed_out(all_of(connection)).startswith("The body of your request did not come")


def test_who_is_refused_and_goes_on_is_hung_up_on_without_a_second_answer(
    impatient: Server,
) -> None:
    with connected(impatient) as connection:
        connection.sendall(post("threads", BETA, "content-length: 10\r\n") + b'{"met')
        answer = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_an_upload_that_is_slow_but_steady_lives(impatient: Server) -> None:
    part = b'--b\r\ncontent-disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    body = part % (b"purpose", b"", b"assistants")
    body += part % (b"file", b'; filename="a"', b"a" * 20_000) + b"--b--\r\n"
    kind = "content-type: multipart/form-data; boundary=b\r\n"
    with connected(impatient) as connection:
        connection.sendall(post("files", KEY, kind, f"content-length: {len(body)}\r\n"))
        for at in range(0, len(body), 1000):
            connection.sendall(body[at : at + 1000])
            time.sleep(0.25)  # five seconds in all, more than twice the patience
        head = connection.recv(1 << 16)
    assert head.startswith(b"HTTP/1.1 200 ")


def test_a_stream_outlives_every_patience_whatever_its_client_says_meanwhile(
    impatient: Server, connect: ConnectClient, upstream: Upstream
) -> None:
    gate = upstream.hold("Hel", "lo")
    client = connect(impatient)
    assistant = client.beta.assistants.create(model="gpt-4o", instructions="x")
    body = json.dumps({"assistant_id": assistant.id, "stream": True}).encode()
    with connected(impatient) as connection:
        head = post("threads/runs", KEY, BETA, f"content-length: {len(body)}\r\n")
        connection.sendall(head + body + b"\r\n")  # as old browsers ended a body
        gate.wait_reached()
        connection.sendall(b"GET /v1/mod")  # the next request, too early
        time.sleep(4)
        gate.release()
        answer = b""
        while b"[DONE]" not in answer:
            more = connection.recv(1 << 16)
            assert more, answer
            answer += more
    assert b"event: thread.run.completed" in answer


@pytest.mark.parametrize("before", ["", "GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"])
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("CONNECT example.com:443", 405),
        ("OPTIONS *", 405),
        ("GET http://example.com", 404),
        ("GET http://a:b:c/", 400),
        ("GET /\xff", 400),
        ("POST http:///", 400),
    ],
)
def test_a_target_that_is_no_path_is_answered_in_openais_shape(
    server: Server, before: str, asked: str, status: int
) -> None:
    with connected(server) as connection:
        if before:
            connection.sendall(before.encode())
            refused = b""
            while not refused.endswith(b"\n}"):
                refused += connection.recv(1 << 16)
            assert refused.startswith(b"HTTP/1.1 401 ")
        lines = f"{asked} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        connection.sendall(lines.encode("latin-1"))
        head, _, body = all_of(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"x-request-id: req_" in head
    assert list(json.loads(body)["error"]) == ["message", "type", "param", "code"]
    assert "Traceback" not in server.log


def test_a_connection_that_wants_to_speak_something_else_is_closed_behind_its_answer(
    server: Server,
) -> None:
    with connected(server) as connection:
        upgrade = "connection: upgrade\r\nupgrade: websocket\r\n"
        connection.sendall(f"GET /v1/models HTTP/1.1\r\nhost: x\r\n{KEY}{upgrade}\r\n".encode())
        answer = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer


def test_a_large_head_is_refused_also_where_its_end_comes_with_the_last_of_it(
    server: Server,
) -> None:
    with connected(server) as connection:
        large = "".join(f"x-{n}: {'a' * 9000}\r\n" for n in range(13))
        connection.sendall(f"GET /v1/models HTTP/1.1\r\nhost: x\r\n{KEY}{large}\r\n".encode())
        answer = all_of(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"head is larger than 65536 bytes" in answer


def test_large_trailers_are_refused_also_where_their_end_comes_with_the_last_of_them(
    server: Server,
) -> None:
    with connected(server) as connection:
        connection.sendall(post("threads", KEY, BETA, "transfer-encoding: chunked\r\n"))
        large = "".join(f"x-{n}: {'a' * 9000}\r\n" for n in range(13))
        connection.sendall(f"2\r\n{{}}\r\n0\r\n{large}\r\n".encode())
        assert all_of(connection).startswith(b"HTTP/1.1 400 ")


def test_an_upload_of_less_than_a_kib_per_second_is_cut_off(impatient: Server) -> None:
    kind = "content-type: multipart/form-data; boundary=b\r\n"
    with connected(impatient) as connection:
        head = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
        length = len(head) + 24 * 350
        connection.sendall(post("files", KEY, kind, f"content-length: {length}\r\n") + head)
        for _ in range(24):  # twelve seconds, six times the patience
            if select.select([connection], [], [], 0.5)[0]:
                break
            connection.sendall(b"a" * 350)
        assert timed_out(all_of(connection)).startswith("The body of your request did not come")


def holds_connection_of(server: Server, port: int) -> bool:
    """Whether the server still has the connection that comes from a port."""
    found = server.process.net_connections("tcp")
    return any(each.raddr and each.raddr.port == port for each in found)


@contextmanager
def asked_for_more_than_fits(
    server: Server, connect: ConnectClient, upstream: Upstream, what: str
) -> Iterator[socket.socket]:
    """A connection on which an answer comes that is larger than what the kernel holds."""
    client = connect(server)
    if what == "download":
        file = client.files.create(file=("a.jsonl", b"a" * (40 << 20)), purpose="batch")
        request = f"GET /v1/files/{file.id}/content HTTP/1.1\r\nhost: x\r\n{KEY}\r\n".encode()
    else:
        upstream.say(*["x" * 100_000] * 120)
        assistant = client.beta.assistants.create(model="gpt-4o", instructions="x")
        body = json.dumps({"assistant_id": assistant.id, "stream": True}).encode()
        request = post("threads/runs", KEY, BETA, f"content-length: {len(body)}\r\n") + body
    with connected(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(request)
        yield connection


@pytest.mark.parametrize("what", ["download", "stream"])
def test_an_answer_that_nobody_reads_is_given_up_and_its_connection_closed(
    impatient: Server, connect: ConnectClient, upstream: Upstream, what: str
) -> None:
    with asked_for_more_than_fits(impatient, connect, upstream, what) as connection:
        port = connection.getsockname()[1]
        assert connection.recv(10) == b"HTTP/1.1 2"
        wait_until(lambda: not holds_connection_of(impatient, port), "the end of the connection")


def test_an_answer_that_is_read_slowly_is_not_given_up(
    impatient: Server, connect: ConnectClient, upstream: Upstream
) -> None:
    with asked_for_more_than_fits(impatient, connect, upstream, "download") as connection:
        for _ in range(12):  # six seconds, three times the patience
            assert connection.recv(20_000)
            time.sleep(0.5)
        assert holds_connection_of(impatient, connection.getsockname()[1])


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect"])
def test_the_api_is_not_described_to_anybody(server: Server, path: str) -> None:
    answer = httpx.get(server.url.removesuffix("/v1") + path)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == f"Invalid URL (GET {path})"


def test_where_the_operator_wants_it_described_nothing_comes_from_elsewhere(
    start_server: StartServer,
) -> None:
    url = start_server(docs=True).url.removesuffix("/v1")
    assert "/v1/assistants" in httpx.get(f"{url}/openapi.json").json()["paths"]
    page = httpx.get(f"{url}/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == "default-src 'none'"
    assert "<code>/v1/assistants/{assistant_id}</code>" in page.text
    assert not re.search(r"<script|<link|<img|src=|https?:", page.text)
    assert httpx.get(f"{url}/redoc").status_code == 404
