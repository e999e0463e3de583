"""Uploads under way count for the storage of their project, from their start to their end, however they end."""

import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from urllib.parse import urlsplit

import httpx
import pytest

from assistd.db import projects
from tests.live.fixtures import StartServer
from tests.live.server import Server, wait_until
from tests.live.tenants import client_of, database_of, new_project
from tests.live.wire import Wire

pytestmark = pytest.mark.cluster

MIB = 1 << 20
HEAD = b'--b\r\ncontent-disposition: form-data; name="%s"; filename="a"\r\n\r\n'
PURPOSE = b'--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
END = b"\r\n--b--\r\n"


class Tenant:
    """A project that may keep three MiB, on a server where a dead process counts for a second."""

    def __init__(self, server: Server, wire: Wire) -> None:
        self.server = server
        self.project, self.key = new_project(server, storage_bytes=3 * MIB)
        self.http = client_of(server, self.key, wire)

    def stored(self) -> int:
        """The bytes that count for its storage."""
        with database_of(self.server) as database:
            return database.run_sync(projects.storage_bytes, self.project)

    def upload(self, size: int) -> httpx.Response:
        """Upload a file."""
        return self.http.post(
            "files", files={"file": ("a", b"a" * size)}, data={"purpose": "batch"}
        )

    def begin(self, path: str, field: str, length: int | None) -> socket.socket:
        """Begin to send a form whose length is told, or which comes in chunks."""
        where = urlsplit(self.server.url)
        connection = socket.create_connection((where.hostname, where.port), timeout=60)
        how = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
        connection.sendall(
            f"POST /v1/{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {self.key}\r\n"
            f"content-type: multipart/form-data; boundary=b\r\n{how}\r\n\r\n".encode()
        )
        head = PURPOSE + HEAD % field.encode()
        connection.sendall(head if length is not None else chunk(head))
        return connection


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def is_refused(answer: httpx.Response) -> bool:
    """Whether a project has no room left; anything but that and a success is a failure."""
    if answer.status_code == 400:
        assert "exceeded your file storage quota" in answer.json()["error"]["message"]
        return True
    assert answer.status_code == 200, answer.text
    return False


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("keeping"), None, local_model="none", lease_seconds=1)
    yield server.start()
    server.stop()


@pytest.fixture
def tenant(keeping: Server, wire: Wire) -> Iterator[Tenant]:
    tenant = Tenant(keeping, wire)
    with tenant.http:
        yield tenant


def test_an_upload_counts_with_all_its_bytes_before_they_come_and_until_it_breaks_off(
    tenant: Tenant,
) -> None:
    with closing(tenant.begin("files", "file", 2 * MIB)) as connection:
        connection.sendall(b"a")
        wait_until(lambda: tenant.stored() > 2 * MIB - 5000, "the bytes of the upload count")
        assert is_refused(tenant.upload(2 * MIB))
        assert not is_refused(tenant.upload(MIB // 2))
    wait_until(lambda: tenant.stored() == MIB // 2, "the bytes count no more")
    assert not is_refused(tenant.upload(2 * MIB))


def test_an_upload_counts_for_as_long_as_it_lasts_and_then_as_a_file(tenant: Tenant) -> None:
    length = len(PURPOSE + HEAD % b"file") + 2 * MIB + len(END)
    with closing(tenant.begin("files", "file", length)) as connection:
        connection.sendall(b"a" * MIB)
        wait_until(lambda: tenant.stored() > MIB, "the bytes of the upload count")
        for _ in range(5):  # leases of a second, and looks at them
            assert is_refused(tenant.upload(2 * MIB))
            connection.settimeout(1)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.sendall(b"a" * 2000)
        connection.settimeout(60)
        connection.sendall(b"a" * (MIB - 10_000) + END)
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
    assert tenant.stored() == 2 * MIB
    assert not is_refused(tenant.upload(MIB)), "the room is not used to the last byte"
    assert is_refused(tenant.upload(1))


def test_bytes_of_an_upload_that_does_not_say_its_length_count_as_they_come(
    tenant: Tenant,
) -> None:
    with closing(tenant.begin("files", "file", None)) as connection:
        connection.sendall(chunk(b"a" * (2 * MIB)))
        wait_until(lambda: tenant.stored() >= MIB, "the bytes that came count")
        assert is_refused(tenant.upload(2 * MIB))
        for _ in range(2):
            connection.sendall(chunk(b"a" * MIB))
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 400 ")
    wait_until(lambda: tenant.stored() == 0, "the bytes count no more")


def test_a_part_under_way_counts_like_a_file(tenant: Tenant) -> None:
    about = {"filename": "a", "purpose": "batch", "mime_type": "text/plain", "bytes": 4 * MIB}
    upload = tenant.http.post("uploads", json=about).json()["id"]
    with closing(tenant.begin(f"uploads/{upload}/parts", "data", 2 * MIB)):
        wait_until(lambda: tenant.stored() > 2 * MIB - 5000, "the bytes of the part count")
        part = {"data": ("a", b"a" * (2 * MIB))}
        assert is_refused(tenant.http.post(f"uploads/{upload}/parts", files=part))
    wait_until(lambda: tenant.stored() == 0, "the bytes count no more")
    assert not is_refused(tenant.http.post(f"uploads/{upload}/parts", files=part))
    assert tenant.stored() == 2 * MIB


def test_what_comes_to_one_server_counts_on_the_others_and_not_for_long_after_it_was_killed(
    tenant: Tenant, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Server(
        tmp_path_factory.mktemp("other"), None, state=tenant.server.state, local_model="none",
        lease_seconds=1,
    )  # fmt: skip
    mine, tenant.server = tenant.server, other.start()
    with closing(tenant.begin("files", "file", 2 * MIB)):
        wait_until(lambda: tenant.stored() > MIB, "the bytes of the upload count")
        assert is_refused(tenant.upload(2 * MIB))
        other.kill()
    tenant.server = mine
    wait_until(lambda: not is_refused(tenant.upload(2 * MIB)), "the room of the dead server")


def test_a_form_that_goes_on_behind_its_file_without_an_end_is_refused(
    start_server: StartServer, wire: Wire
) -> None:
    tenant = Tenant(start_server(upload_mib=1), wire)
    with tenant.http, closing(tenant.begin("files", "file", None)) as connection:
        connection.sendall(chunk(b"a" + END))
        with suppress(ConnectionError):  # it does not wait for all of it
            for _ in range(64):
                connection.sendall(chunk(b"e" * MIB))
        assert connection.recv(16).startswith(b"HTTP/1.1 413 ")
