"""Hosts that join over mTLS: who is let in where, and sessions of a host as the API has them."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import grpc
import grpc.aio
import pytest

from assistd.db.database import Database
from assistd.engine.seating import SharedSeating
from assistd.errors import StartupError
from assistd.hosting import Beat
from assistd.periodic import repeating
from assistd.sandbox.base import Limits, Tenant
from assistd.sandbox.fake import FakeSessions
from assistd.sandbox.remote.certificates import API_ROLE, Authority, host_role
from assistd.sandbox.remote.channels import open_host
from assistd.sandbox.remote.fleet.beating import Beating
from assistd.sandbox.remote.fleet.control import ControlClient, ControlService
from assistd.sandbox.remote.fleet.fleet import Fleet
from assistd.sandbox.remote.server import HostService
from assistd.sandbox.remote.sessions import RemoteSessions
from assistd.sandbox.remote.tls import ApiOnly, Credentials
from assistd.sandbox.remote.wire import control_pb2 as pb
from assistd.sandbox.remote.wire.calls import list_channel_options, list_server_options
from assistd.settings import Settings
from assistd.wiring.fleet import load_credentials
from tests.conformance import cells

LIMITS = Limits()
AUTHORITY = Authority.create()


def credentials(role: str, authority: Authority = AUTHORITY) -> Credentials:
    """What a process of this role proves itself with."""
    pair = authority.issue(role, 1)
    return Credentials(AUTHORITY.pair.certificate, pair.certificate, pair.key)


class JoinedHost:
    """A host with sessions in memory that listens, and joins."""

    def __init__(self, host_id: str, api: str) -> None:
        self.id = host_id
        self.sessions = FakeSessions(cells.play, max_sessions=5)
        self.service = HostService(self.sessions)
        self.address = ""
        own = credentials(host_role(host_id))
        self._server = grpc.aio.server(
            options=list_server_options(LIMITS), interceptors=[ApiOnly()]
        )
        self._server.add_generic_rpc_handlers((self.service.make_handler(),))
        port = self._server.add_secure_port("127.0.0.1:0", own.make_server_credentials())
        self.address = f"127.0.0.1:{port}"
        self._channel = own.open_channel(api, API_ROLE, [])
        self.control = ControlClient(self._channel)
        self.beating = Beating(
            self.sessions, self.service.seated, self.make_beat, self.control.beat, api
        )

    def make_beat(self, sessions: dict[str, int] | None) -> Beat:
        return Beat(self.id, 1.0, self.address, "1.0", (1, 4), 4096, 5, sessions=sessions)

    async def start(self) -> None:
        await self._server.start()
        await self.sessions.start()

    async def kill(self) -> None:
        await self._server.stop(None)

    async def close(self) -> None:
        await self.sessions.close()
        await self._server.stop(None)
        await self._channel.close()


class Api:
    """A process of the API that hears hosts."""

    def __init__(self, database: Database) -> None:
        self.seating = SharedSeating(database)
        own = credentials(API_ROLE)
        self.fleet = Fleet(self.seating, lambda *host: open_host(own, LIMITS, *host))
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((ControlService(self.seating).make_handler(),))
        self.address = ""
        self._own = own

    async def start(self) -> None:
        port = self._server.add_secure_port("127.0.0.1:0", self._own.make_server_credentials())
        self.address = f"127.0.0.1:{port}"
        await self._server.start()

    async def close(self) -> None:
        await self.fleet.close()
        await self._server.stop(None)


@pytest.fixture
async def api(database: Database) -> AsyncGenerator[Api]:
    made = Api(database)
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def hosts(api: Api) -> AsyncGenerator[list[JoinedHost]]:
    made = [JoinedHost(f"gpu-{number}", api.address) for number in (1, 2)]
    for host in made:
        await host.start()
    async with repeating(*(duty for host in made for duty in host.beating.list_duties())):
        yield made
    for host in made:
        await host.close()


async def test_sessions_of_hosts_that_joined(api: Api, hosts: list[JoinedHost]) -> None:
    await api.fleet.start()
    session = await api.fleet.open("thread_a", Tenant("proj_1"))
    done = await session.execute(cells.TWO_STREAMS)
    assert (done.status, done.logs) == ("ok", "a\nb\nc\n")
    seat = await api.seating.find("thread_a")
    assert seat
    (host,) = (each for each in hosts if each.id == seat.host_id)
    assert host.service.seated.generations == {"thread_a": 1}
    assert await api.fleet.open("thread_a", Tenant("proj_1")) is session
    await api.fleet.drop("thread_a")
    assert not session.alive
    assert host.service.seated.generations == {}


async def test_a_host_that_dies_is_left_for_another(api: Api, hosts: list[JoinedHost]) -> None:
    await api.fleet.start()
    session = await api.fleet.open("thread_a", Tenant("proj_1"))
    seat = await api.seating.find("thread_a")
    assert seat
    running = asyncio.create_task(session.execute(cells.SLEEP))
    await asyncio.sleep(0.1)
    await next(each for each in hosts if each.id == seat.host_id).kill()
    assert (await running).status == "dead"
    again = await api.fleet.open("thread_a", Tenant("proj_1"))
    assert (await again.execute(cells.NOTHING)).status == "ok"
    moved = await api.seating.find("thread_a")
    assert moved
    assert (moved.host_id != seat.host_id, moved.generation) == (True, 2)


async def test_a_claim_of_a_later_seat_ends_the_session_of_an_earlier_one(
    api: Api, hosts: list[JoinedHost]
) -> None:
    async with open_host(credentials(API_ROLE), LIMITS, hosts[0].id, hosts[0].address) as sessions:
        old = await sessions.open("thread_a", generation=1)
        async with open_host(
            credentials(API_ROLE), LIMITS, hosts[0].id, hosts[0].address
        ) as others:
            new = await others.open("thread_a", generation=2)
            assert new.id != old.id
            while old.alive:
                await asyncio.sleep(0.01)
            assert (await old.execute(cells.NOTHING)).status == "dead"
            with pytest.raises(Exception, match="given to others"):
                await sessions.open("thread_a", generation=1)
            assert new.alive
            await sessions.drop("thread_a", generation=1)
            assert new.alive, "what ends the session of a seat leaves that of the next one alone"
            await others.drop("thread_a", generation=2)
            for over in (1, 2):
                with pytest.raises(Exception, match="given to others"):
                    await sessions.open("thread_a", generation=over)
            assert (await sessions.open("thread_a", generation=3)).is_fresh


async def test_a_session_that_is_open_here_is_not_taken_for_that_of_a_later_seat(
    hosts: list[JoinedHost],
) -> None:
    async with open_host(credentials(API_ROLE), LIMITS, hosts[0].id, hosts[0].address) as sessions:
        old = await sessions.open("thread_a", generation=1)
        running = asyncio.create_task(old.execute(cells.SLEEP))
        new = await sessions.open("thread_a", generation=3)
        assert (new.id != old.id, (await running).status) == (True, "dead")
        assert hosts[0].service.seated.generations == {"thread_a": 3}
        assert await sessions.open("thread_a", generation=3) is new


@pytest.mark.parametrize(
    ("role", "authority"),
    [(host_role("gpu-2"), AUTHORITY), ("admin", AUTHORITY), (API_ROLE, Authority.create())],
    ids=["another host", "an unknown role", "a foreign CA"],
)
async def test_a_host_lets_in_only_the_api(
    hosts: list[JoinedHost], role: str, authority: Authority
) -> None:
    own = credentials(role, authority)
    options = list_channel_options(LIMITS, keeps_alive=False)
    async with own.open_channel(hosts[0].address, host_role("gpu-1"), options) as channel:
        sessions = RemoteSessions(channel, limits=LIMITS, patience_seconds=0.1)
        with pytest.raises(Exception, match="reached"):
            await sessions.open("thread_a")
        await sessions.close()
    assert not hosts[0].sessions.describe().live


@pytest.mark.parametrize(
    ("role", "authority"),
    [(API_ROLE, AUTHORITY), ("host/", AUTHORITY), (host_role("gpu-3"), Authority.create())],
    ids=["the API", "no host", "a foreign CA"],
)
async def test_the_control_port_lets_in_only_hosts(
    api: Api, role: str, authority: Authority
) -> None:
    own = credentials(role, authority)
    async with own.open_channel(api.address, API_ROLE, []) as channel:
        with pytest.raises(OSError, match=r"denied|unavailable"):
            await ControlClient(channel).beat(Beat("gpu-3", 1.0, "x:1", "1", (1,), 64, 1))
    assert await api.seating.list_hosts() == []


async def test_a_host_speaks_only_of_itself(api: Api) -> None:
    own = credentials(host_role("gpu-3"))
    async with own.open_channel(api.address, API_ROLE, []) as channel:
        client, beat = ControlClient(channel), Beat("gpu-1", 1.0, "x:1", "1", (1,), 64, 1)
        for _ in range(3):
            await client.beat(beat)
        with pytest.raises(OSError, match="a second is enough"):
            await ControlClient(channel).beat(beat)
        await client.leave(2.0)
    assert [each.id for each in await api.seating.list_hosts()] == ["gpu-3"]


async def test_a_server_that_is_no_host_of_that_id_is_not_believed(
    api: Api, hosts: list[JoinedHost]
) -> None:
    async with open_host(credentials(API_ROLE), LIMITS, "gpu-2", hosts[0].address) as sessions:
        with pytest.raises(Exception, match="reached"):
            await sessions.open("thread_a")


@pytest.mark.parametrize(
    "beat",
    [
        pb.Beat(version=1, oldest=1, started_at=1.0, address=""),
        pb.Beat(version=1, oldest=1, started_at=1.0, address="a\nb"),
        pb.Beat(version=1, oldest=1, started_at=1.0, address="a" * 301),
        pb.Beat(version=1, oldest=1, started_at=1.0, address="a:1", tiers=[2]),
        pb.Beat(version=1, oldest=1, started_at=1.0, address="a:1", mib=1 << 40),
        pb.Beat(version=1, oldest=1, started_at=1.0, address="a:1", most=1 << 20),
        pb.Beat(version=1, oldest=1, started_at=1.0, address="a:1", sessions={"k" * 65: 1}),
        pb.Beat(version=1, oldest=1, address="a:1", started_at=float("nan")),
        pb.Beat(version=9, oldest=9, started_at=1.0, address="a:1"),
    ],
)
async def test_a_beat_that_no_correct_host_sends_is_refused(api: Api, beat: pb.Beat) -> None:
    own = credentials(host_role("gpu-3"))
    async with own.open_channel(api.address, API_ROLE, []) as channel:
        call = channel.unary_unary(
            "/assistd.control.v1.Control/Beat", pb.Beat.SerializeToString, pb.Order.FromString
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(beat)
    assert refused.value.code() in {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
    }
    assert await api.seating.list_hosts() == []


def test_certificates_that_are_missing_are_named(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(StartupError, match="ASSISTD_HOSTS_CERTIFICATES"):
        load_credentials(settings)
    with pytest.raises(StartupError, match=r"ca\.crt"):
        Credentials.load(tmp_path)
    with pytest.raises(StartupError, match="none of a host"):
        credentials(API_ROLE).read_host_id()
    assert credentials(host_role("gpu-1")).read_host_id() == "gpu-1"
