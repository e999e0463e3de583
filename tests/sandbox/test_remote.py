"""Several processes of the API on one sandbox host: what each sees of the others, and of a broken link."""

import asyncio
import os
import stat
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import grpc.aio
import pytest

from assistd.errors import StartupError
from assistd.sandbox.base import ClosedError, HostLostError, Limits, SandboxError, Session, Tenant
from assistd.sandbox.fake import FakeSessions
from assistd.sandbox.fake_session import Cell
from assistd.sandbox.remote.channels import open_socket
from assistd.sandbox.remote.server import HostService
from assistd.sandbox.remote.sessions import RemoteSessions
from assistd.sandbox.remote.socket_folder import holding_socket, require_own_folder
from assistd.sandbox.remote.wire import calls
from assistd.sandbox.remote.wire import sandbox_pb2 as pb
from assistd.sandbox.remote.wire.calls import list_channel_options, list_server_options

LIMITS = Limits()


async def play(cell: Cell) -> None:
    """Play `sleep`, `set` and anything else, which shows itself."""
    if cell.code == "sleep":
        cell.print("began\n")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cell.variables["interrupted"] = True
            raise
    elif cell.code == "was it interrupted":
        cell.print(str(cell.variables.get("interrupted", False)))
    else:
        cell.print(cell.code)


class Rig:
    """A host over sessions in memory, and processes of the API that use it."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.socket = folder / "s"
        self.fake = FakeSessions(play, limits=LIMITS, max_sessions=2)
        self.ended: list[tuple[str, str]] = []
        self._stack = stack
        self._server: grpc.aio.Server | None = None

    async def serve(self) -> None:
        self._server = grpc.aio.server(options=list_server_options(LIMITS))
        self._server.add_generic_rpc_handlers((HostService(self.fake).make_handler(),))
        self._server.add_insecure_port(f"unix:{self.socket}")
        await self._server.start()

    async def stop(self) -> None:
        assert self._server
        await self._server.stop(0)

    async def connect(self, name: str = "") -> RemoteSessions:
        """What one process of the API has; the ends of sessions are told with its name."""
        sessions = await self._stack.enter_async_context(open_socket(self.socket, LIMITS))

        async def note_end(key: str, _: Session) -> None:
            self.ended.append((name, key))

        sessions.on_closed = note_end
        return sessions


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[Rig]:
    tmp_path.chmod(0o700)
    async with AsyncExitStack() as stack:
        rig = Rig(tmp_path, stack)
        await rig.serve()
        stack.push_async_callback(rig.stop)
        yield rig


async def until_it_runs(session: Session) -> asyncio.Task[object]:
    began = asyncio.Event()
    running = asyncio.create_task(session.execute("sleep", on_output=lambda _: began.set()))
    await began.wait()
    return running


async def test_processes_share_the_session_of_a_key(rig: Rig) -> None:
    one, other = await rig.connect(), await rig.connect()
    mine, yours = await one.open("key"), await other.open("key")
    assert (mine.id, yours.is_fresh) == (yours.id, True)
    async with mine.reserving():
        await mine.remember(b"note")
        await mine.execute("1")
    async with yours.reserving():
        assert (yours.remembered, yours.is_fresh) == (b"note", False)
        await yours.remember(b"another")
    async with mine.reserving():
        assert mine.remembered == b"another"


async def test_a_reservation_is_exclusive_among_processes(rig: Rig) -> None:
    mine = await (await rig.connect()).open("key")
    yours = await (await rig.connect()).open("key")
    order: list[str] = []

    async def use(session: Session, name: str) -> None:
        async with session.reserving():
            order.append(name)
            await session.execute("1")
            order.append(name)

    await asyncio.gather(use(mine, "a"), use(yours, "b"), use(mine, "c"), use(yours, "d"))
    assert order == [name for name in order[::2] for _ in range(2)]


async def test_who_waits_for_a_reservation_may_stop_waiting(rig: Rig) -> None:
    mine = await (await rig.connect()).open("key")
    yours = await (await rig.connect()).open("key")
    async with mine.reserving():
        waiting = asyncio.create_task(yours.reserving().__aenter__())
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with yours.reserving(), asyncio.timeout(20):
        assert (await yours.execute("1")).status == "ok"
    async with mine.reserving(), asyncio.timeout(20):
        pass


async def test_each_process_is_told_once_that_a_session_is_over(rig: Rig) -> None:
    one, other = await rig.connect("one"), await rig.connect("other")
    mine, yours = await one.open("key"), await other.open("key")
    await one.drop("key")
    async with asyncio.timeout(20):
        await yours.has_ended.wait()
    assert sorted(rig.ended) == [("one", "key"), ("other", "key")]
    assert not mine.alive
    assert not yours.alive
    assert await yours.files() == ()
    assert (await yours.execute("1")).status == "dead"
    assert (await other.open("key")).id != mine.id


async def test_a_process_that_ends_leaves_the_session_to_the_others(rig: Rig) -> None:
    one, other = await rig.connect("one"), await rig.connect("other")
    mine = await one.open("key")
    await mine.execute("1")
    await one.close()
    assert not mine.alive
    yours = await other.open("key")
    assert (yours.id, yours.is_fresh) == (mine.id, False)
    assert rig.ended == []


async def test_what_a_process_ran_is_interrupted_when_its_stream_breaks(rig: Rig) -> None:
    one, other = await rig.connect("one"), await rig.connect()
    mine = await one.open("key")
    yours = await other.open("key")
    await mine.execute("1")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(mine.reserving())
        running = await until_it_runs(mine)
        mine.stream._call.cancel()
        assert getattr(await running, "status", None) == "dead"
    async with asyncio.timeout(20), yours.reserving():
        assert (await yours.execute("was it interrupted")).logs == "True"
    await mine.has_ended.wait()
    assert rig.ended == [("one", "key")]


async def test_a_session_whose_introduction_breaks_off_is_closed(rig: Rig) -> None:
    one, other = await rig.connect(), await rig.connect("other")
    mine, yours = await one.open("key"), await other.open("key")
    with suppress(HostLostError):
        async with mine.reserving():
            mine.stream._call.cancel()
            await mine.has_ended.wait()
    async with asyncio.timeout(20):
        await yours.has_ended.wait()
    assert (await other.open("key")).id != mine.id


async def test_who_waits_for_a_session_may_stop_waiting(rig: Rig) -> None:
    sessions = await rig.connect()
    held = asyncio.Event()
    busy = rig.fake.open

    async def wait(key: str, tenant: Tenant) -> Session:
        held.set()
        await asyncio.sleep(60)
        return await busy(key, tenant)

    rig.fake.open = wait  # pyright: ignore[reportAttributeAccessIssue]
    opening = asyncio.create_task(sessions.open("key"))
    await held.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    rig.fake.open = busy
    assert (await sessions.open("key")).alive


async def test_a_claim_whose_connection_is_closed_from_here_tells_so_however_long_it_took(
    rig: Rig,
) -> None:
    asked = asyncio.Event()

    async def never(key: str, tenant: Tenant) -> Session:
        del key, tenant
        asked.set()
        await asyncio.sleep(60)
        raise AssertionError

    rig.fake.open = never  # pyright: ignore[reportAttributeAccessIssue]
    async with grpc.aio.insecure_channel(f"unix:{rig.socket}") as channel:
        sessions = RemoteSessions(channel, limits=LIMITS, patience_seconds=0)
        opening = asyncio.create_task(sessions.open("key"))
        await asked.wait()
        await sessions.close()
        with pytest.raises(ClosedError):
            await opening


async def test_a_host_that_closes_its_sessions_is_as_good_as_lost(rig: Rig) -> None:
    sessions = await rig.connect()
    await rig.fake.close()
    with pytest.raises(HostLostError, match="shutting down"):
        await sessions.open("key")


async def test_a_session_whose_hour_seems_over_is_asked_for_again(rig: Rig) -> None:
    sessions = await rig.connect()
    session = await sessions.open("key")
    session.extend(-1)
    assert await sessions.open("key") is session
    assert session.is_young


async def test_a_file_that_breaks_off_is_not_put(rig: Rig) -> None:
    """gRPC tells a host of a cancelled call as of one that ended."""
    session = await (await rig.connect()).open("key")

    async def broken() -> AsyncGenerator[bytes]:
        yield b"half"
        await asyncio.sleep(0)
        raise InterruptedError

    for _ in range(50):
        with pytest.raises(InterruptedError):
            await session.put("a.txt", broken())
    assert await session.files() == ()


async def test_a_host_that_starts_again_is_found(rig: Rig) -> None:
    sessions = await rig.connect("one")
    await sessions.start()
    session = await sessions.open("key")
    await rig.stop()
    async with asyncio.timeout(20):
        await session.has_ended.wait()
    with pytest.raises(HostLostError):
        await session.files()
    with pytest.raises(HostLostError):
        async with session.reserving():
            pass
    assert (await session.execute("1")).status == "dead"
    opening = asyncio.create_task(sessions.open("key"))
    await asyncio.sleep(0.2)
    await rig.fake.drop("key")
    await rig.serve()
    assert (await opening).id != session.id
    assert rig.ended == [("one", "key")]


async def test_a_host_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/none") as channel:
        sessions = RemoteSessions(channel, limits=LIMITS, patience_seconds=0.2)
        with pytest.raises(StartupError, match="cannot be reached"):
            await sessions.start()
        with pytest.raises(HostLostError):
            await sessions.open("key")
        await sessions.close()
        with pytest.raises(SandboxError):
            await sessions.open("key")


async def test_releases_that_do_not_follow_each_other_refuse_to_speak(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = await rig.connect()
    new = pb.Hello(version=9, oldest=8)
    monkeypatch.setattr("assistd.sandbox.remote.sessions.make_hello", lambda: new)
    with pytest.raises(SandboxError, match="releases"):
        await sessions.open("key")


@pytest.mark.parametrize(
    ("version", "oldest", "chosen"), [(2, 1, 2), (3, 2, 2), (1, 1, 1), (4, 3, None), (0, 0, None)]
)
def test_the_newest_version_of_both_is_spoken(
    monkeypatch: pytest.MonkeyPatch, version: int, oldest: int, chosen: int | None
) -> None:
    monkeypatch.setattr(calls, "VERSION", 2)
    monkeypatch.setattr(calls, "OLDEST_VERSION", 1)
    assert calls.choose_version(pb.Hello(version=version, oldest=oldest)) == chosen


async def test_a_link_that_is_cut_is_noticed(rig: Rig) -> None:
    """A proxy that forwards nothing more, and closes nothing either, is what a pulled cable is."""
    cut = asyncio.Event()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            if cut.is_set():
                await asyncio.sleep(3600)
            writer.write(data)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host_reader, host_writer = await asyncio.open_unix_connection(rig.socket)
        async with asyncio.TaskGroup() as group:
            group.create_task(forward(reader, host_writer))
            group.create_task(forward(host_reader, writer))

    proxy = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    options = list_channel_options(LIMITS, keeps_alive=True)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        sessions = RemoteSessions(channel, limits=LIMITS, patience_seconds=0.1)
        session = await sessions.open("key")
        running = await until_it_runs(session)
        cut.set()
        async with asyncio.timeout(20):
            assert getattr(await running, "status", None) == "dead"
        await sessions.close()
    proxy.close()


def test_a_socket_is_where_nobody_else_gets_at_it(tmp_path: Path) -> None:
    folder = tmp_path / "host"
    with holding_socket(folder / "s"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        with pytest.raises(StartupError, match="Another"), holding_socket(folder / "s"):
            pass
    (folder / "s").touch()
    with holding_socket(folder / "s"):
        assert not (folder / "s").exists(), "a host that was killed left it"
    folder.chmod(0o750)
    with pytest.raises(StartupError, match="nobody else"):
        require_own_folder(folder / "s")
    with pytest.raises(StartupError, match="longer"):
        require_own_folder(folder / ("s" * 200))
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(StartupError, match="nobody else"):
        require_own_folder(tmp_path / "link" / "s")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "host"
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, 12345)
    with pytest.raises(StartupError, match="nobody else"):
        require_own_folder(folder / "s")
