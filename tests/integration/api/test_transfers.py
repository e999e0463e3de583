"""Large bodies, in and out: whole at any pace, and nothing is held for a client that went away."""

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.live.server import API_KEY, Server, wait_until

_SIZE = 24 << 20  # more than sockets hold


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    """A connection that takes little at a time."""
    where = urlsplit(server.url)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        connection.settimeout(30)
        connection.connect((where.hostname, where.port))
        yield connection


def request(method: str, path: str, *headers: str) -> bytes:
    lines = (f"{method} /v1/{path} HTTP/1.1", "host: x", f"authorization: Bearer {API_KEY}")
    return "\r\n".join([*lines, *headers, "", ""]).encode()


def head_of(connection: socket.socket) -> bytes:
    """The head of the next answer, and no byte behind it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, head
        head += byte
    return head


def body_of(connection: socket.socket, size: int) -> bytes:
    body = b""
    while len(body) < size and (more := connection.recv(size - len(body))):
        body += more
    return body


def uploaded(raw: httpx.Client, data: bytes) -> str:
    answer = raw.post("files", data={"purpose": "vision"}, files={"file": ("a", data)})
    return answer.json()["id"]


def open_blobs(server: Server) -> list[Path]:
    """The stored files that the server has open."""
    targets: list[Path] = []
    for link in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            targets.append(link.readlink())
    return [each for each in targets if each.parent.name == "files"]


def test_who_reads_slowly_gets_every_byte_and_the_next_answer(
    server: Server, raw: httpx.Client
) -> None:
    data = os.urandom(_SIZE)
    path = f"files/{uploaded(raw, data)}/content"
    with connected(server) as connection:
        connection.sendall(request("GET", path) * 2)
        for _ in range(2):
            assert f"content-length: {_SIZE}\r\n".encode() in head_of(connection)
            digest = hashlib.sha256()
            for _ in range(0, _SIZE, 1 << 20):
                digest.update(body_of(connection, 1 << 20))
            assert digest.digest() == hashlib.sha256(data).digest()
    wait_until(lambda: not open_blobs(server), "the file is closed")


@pytest.mark.local_state
def test_who_leaves_in_the_middle_of_a_download_leaves_no_file_open(
    server: Server, raw: httpx.Client
) -> None:
    path = f"files/{uploaded(raw, bytes(_SIZE))}/content"
    for leave in (socket.SHUT_RDWR, socket.SHUT_WR):  # the latter goes on listening, in vain
        with connected(server) as connection:
            connection.sendall(request("GET", path))
            assert head_of(connection).startswith(b"HTTP/1.1 200 ")
            wait_until(lambda: open_blobs(server), "the file is open")
            connection.shutdown(leave)
            wait_until(lambda: not open_blobs(server), "the file is closed")
    assert "Traceback" not in server.log
    assert raw.get(path).status_code == 200


def test_requests_behind_a_large_body_are_answered_in_their_turn(server: Server) -> None:
    part = b'--b\r\ncontent-disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
    form = part % (b"purpose", b"", b"vision")
    form += part % (b"file", b'; filename="a"', os.urandom(3 << 20)) + b"--b--\r\n"
    kind, length = "content-type: multipart/form-data; boundary=b", f"content-length: {len(form)}"
    upload = request("POST", "files", kind, length) + form
    with connected(server) as connection:
        connection.sendall((upload + request("GET", "files")) * 2 + request("GET", "nowhere"))
        for expected in (b"200", b"200", b"200", b"200", b"404"):
            head = head_of(connection)
            assert head.split(b" ", 2)[1] == expected
            size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            assert len(body_of(connection, size)) == size
