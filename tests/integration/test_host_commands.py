"""`assistd host` and `assistd hosts`: what they refuse, and what an operator sees on a narrow terminal."""

import socket
from pathlib import Path

import grpc.aio
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from assistd.cli.main import cli
from assistd.db.cluster import hosts
from assistd.errors import StartupError
from assistd.hosting import Beat, Order
from assistd.sandbox.fake import FakeSessions
from assistd.sandbox.remote import tls
from assistd.sandbox.remote.certificates import API_ROLE, Authority, host_role
from assistd.sandbox.remote.fleet.beating import Beating
from assistd.sandbox.remote.fleet.control import ControlClient
from assistd.sandbox.remote.seats import SeatedSessions
from assistd.sandbox.remote.tls import Credentials
from assistd.settings import Settings
from assistd.wiring.fleet import listen
from assistd.wiring.storage import migrated_database
from tests.conformance import cells

AUTHORITY = Authority.create()
BEAT = Beat("gpu-1", 1e9, "10.77.0.12:8486", "1.0", (1, 4), 120_000, 100)


def credentials(role: str) -> Credentials:
    pair = AUTHORITY.issue(role, days=1)
    return Credentials(AUTHORITY.pair.certificate, pair.certificate, pair.key)


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("", "no address"),
        ("10.77.0.1", "'10.77.0.1'"),
        ("ipv4:10.0.0.1:8485,10.0.0.4", "'10.0.0.4'"),
        ("ipv6:[::1]", "'[::1]'"),
        ("dns:///api", "'api'"),
        ("api:0", "'api:0'"),
        ("https://api:8485", "'https://api:8485'"),
    ],
)
def test_a_host_that_would_join_nowhere_is_refused(target: str, named: str) -> None:
    done = CliRunner().invoke(cli, ["host", "--join", target])
    assert done.exit_code == 1
    assert named in done.stderr
    assert "10.0.0.1:8485" in done.stderr


@pytest.mark.parametrize(
    "target",
    [
        "10.77.0.1:8485",
        "[::1]:8485",
        "ipv4:10.0.0.1:8485,10.0.0.4:8485",
        "ipv6:[::1]:8485,[::2]:8485",
        "dns:///api.example:8485",
        "unix:/run/assistd/hosts",
    ],
)
def test_where_a_host_may_join(
    target: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    joined: list[str] = []
    monkeypatch.setenv("ASSISTD_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("assistd.cli.main.prepare_interpreter", lambda _: Path("python"))
    monkeypatch.setattr("assistd.cli.host.run_joined_host", lambda *a: joined.append(a[2].api))
    done = CliRunner().invoke(cli, ["host", "--join", target])
    assert (done.exit_code, joined) == (0, [target]), done.stderr


def test_hosts_are_listed_whole_and_their_absence_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ASSISTD_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("assistd.cli.console.out.width", 80)
    none = CliRunner().invoke(cli, ["hosts", "list"])
    assert none.stdout == ""
    assert "No host has joined" in none.stderr
    assert "ASSISTD_HOSTS_LISTEN" in none.stderr
    monkeypatch.setenv("ASSISTD_HOSTS_LISTEN", "127.0.0.1:8485")
    assert "not set" not in CliRunner().invoke(cli, ["hosts", "list"]).stderr
    with migrated_database(Settings()) as database:
        database.run_sync(hosts.beat, BEAT)
    head, line = CliRunner().invoke(cli, ["hosts", "list"]).stdout.splitlines()
    assert head.split()[0] == "host"
    assert line.endswith("  10.77.0.12:8486")
    assert len(line) <= 80


async def test_a_host_tells_when_it_joins_is_not_answered_and_is_drained() -> None:
    orders: list[Order | OSError] = [
        OSError("unavailable: refused"),
        OSError("unavailable: refused"),
        Order(),
        Order(is_draining=True, closes_in=600.04),
        Order(is_draining=True, closes_in=599.0),
        Order(),
        TimeoutError(),
        Order(),
    ]

    async def send(_: Beat) -> Order:
        order = orders.pop(0)
        if isinstance(order, OSError):
            raise order
        return order

    sessions = FakeSessions(cells.play)
    beating = Beating(sessions, SeatedSessions(sessions), lambda _: BEAT, send, "10.0.0.1:8485")
    with capture_logs() as lines:
        while orders:
            await beating.beat()
    silent = {"event": "nobody answers the sandbox host", "log_level": "warning"}
    told = {"log_level": "info", "event": "sandbox host is draining", "closes_in_seconds": 600.0}
    api = {"api": "10.0.0.1:8485"}
    assert lines == [
        {**silent, **api, "reason": "unavailable: refused"},
        {"event": "sandbox host joined", "log_level": "info", **api},
        told,
        {"event": "sandbox host is draining no more", "log_level": "info"},
        {**silent, **api, "reason": "no answer in 3 seconds"},
        {"event": "sandbox host is heard again", "log_level": "info", **api},
    ]


async def test_a_beat_to_a_port_where_nobody_listens_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    async with credentials(host_role("gpu-1")).open_channel(address, API_ROLE, []) as channel:
        with pytest.raises(OSError, match=r"unavailable: .*refused") as failed:
            await ControlClient(channel).beat(BEAT)
    assert len(str(failed.value)) <= 300


async def test_why_nobody_can_listen_is_said() -> None:
    own = credentials(API_ROLE)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for wrong, reason in (
            (address, "another program has the port"),
            ("192.0.2.1:8485", "not one of this machine"),
            ("127.0.0.1:x", "ADDRESS:PORT"),
        ):
            with pytest.raises(StartupError, match=reason) as failed:
                listen(grpc.aio.server(), wrong, own)
            assert "GRPC" not in str(failed.value)


def test_certificates_that_cannot_be_used_are_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(StartupError, match=r"tls\.crt is of api, and none of a host"):
        credentials(API_ROLE).read_host_id()

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(StartupError, match=rf"ca\.crt: the user {tls._find_user()} may not read"):
        Credentials.load(tmp_path)
