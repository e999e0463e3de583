"""A sandbox host that hostile code has taken: whatever it sends, the API's end refuses it and lives on."""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from assistd.sandbox import remembered
from assistd.sandbox.base import (
    DataFile,
    HostLostError,
    Limits,
    SandboxError,
    Session,
    UnsafeFileError,
)
from assistd.sandbox.remote import remote_session
from assistd.sandbox.remote.remote_session import RemoteSession
from assistd.sandbox.remote.sessions import RemoteSessions
from assistd.sandbox.remote.wire import sandbox_pb2 as pb
from assistd.sandbox.remote.wire.calls import SERVICE, VERSION, list_channel_options
from assistd.sandbox.remote.wire.encoding import encode_limits
from assistd.sandbox.stored_file import Content, StoredObject
from assistd.units import MIB

LIMITS = Limits(output_bytes=1000, pictures=2, picture_bytes=4096, picture_pixels=10_000)

Send = Callable[[Any], Awaitable[None]]
Act = Callable[[Send], Awaitable[None]]


def png(width: int = 10, height: int = 10, size: int = 100) -> bytes:
    """The head of a picture, and as many bytes as are wanted."""
    head = b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + width.to_bytes(4) + height.to_bytes(4)
    return head + bytes(max(0, size - len(head)))


def executed(**fields: Any) -> pb.Reply:
    return pb.Reply(executed=pb.Executed(**{"status": pb.Executed.OK, **fields}))


def text(data: str, name: int = pb.Output.STDOUT) -> pb.Output:
    return pb.Output(text=data, name=name)  # pyright: ignore[reportArgumentType]


def shown(*outputs: pb.Output) -> pb.Reply:
    return pb.Reply(outputs=pb.Outputs(outputs=outputs))


def listed(*paths: str, **fields: Any) -> pb.Reply:
    files = [pb.DataFile(path=path, size=1) for path in paths]
    return pb.Reply(listed=pb.Listed(files=files, **fields))


class HostileHost:
    """A host whose every word a test chooses: bytes, or messages.

    Args:
        claimed: the answer to each claim, unless there is a `refusal`.
        act: what it sends when anything is asked of a session.
        state: what it says of itself.
    """

    def __init__(self) -> None:
        limits = encode_limits(LIMITS)
        self.claimed = pb.Claimed(
            version=VERSION, session_id="sess_1", limits=limits, seconds_left=1e6
        )
        self.refusal: pb.Failure | None = None
        self.act: Act | None = None
        self.state = pb.State(version=VERSION, is_ready=True)
        self.parts: list[pb.Part] = []
        self.done = pb.Done()
        self.saved: list[Any] = []
        self.restored: Any = pb.Restored()
        self.heard: list[bool] = []
        self.puts: list[pb.PutFile] = []

    def make_handler(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Live": grpc.stream_stream_rpc_method_handler(
                    self._live, pb.Request.FromString, _as_bytes
                ),
                "Watch": grpc.unary_stream_rpc_method_handler(
                    self._watch, pb.Hello.FromString, _as_bytes
                ),
                "Read": grpc.unary_stream_rpc_method_handler(
                    self._read, pb.ReadFile.FromString, _as_bytes
                ),
                "Save": grpc.unary_stream_rpc_method_handler(
                    self._save, pb.SaveSession.FromString, _as_bytes
                ),
                "Restore": grpc.stream_unary_rpc_method_handler(
                    self._restore, pb.RestorePart.FromString, _as_bytes
                ),
                "Put": grpc.stream_unary_rpc_method_handler(
                    self._put, pb.PutPart.FromString, _as_bytes
                ),
            },
        )

    async def _live(self, _: Any, context: Any) -> None:
        while isinstance(request := await context.read(), pb.Request):
            if request.HasField("claim"):
                refused = self.refusal and pb.Reply(failure=self.refusal)
                await context.write(refused or pb.Reply(claimed=self.claimed))
            elif request.HasField("heard"):
                self.heard.append(request.heard.is_kept)
            elif self.act is not None:
                await self.act(context.write)

    async def _watch(self, _: Any, context: Any) -> None:
        await context.write(self.state)
        await asyncio.sleep(3600)

    async def _read(self, _: Any, context: Any) -> None:
        for part in self.parts:
            await context.write(part)

    async def _save(self, _: Any, context: Any) -> None:
        for part in self.saved:
            await context.write(part)

    async def _restore(self, _: Any, __: Any) -> Any:
        return self.restored

    async def _put(self, parts: Any, _: Any) -> pb.Done:
        self.puts.append((await anext(aiter(parts))).file)
        return self.done  # without reading any more of it


def _as_bytes(message: Any) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()


class Rig:
    """A hostile host, the API's end of it, and what that end told."""

    def __init__(self, host: HostileHost, sessions: RemoteSessions) -> None:
        self.host = host
        self.sessions = sessions
        self.breaches: list[str] = []
        self.ended: list[str] = []
        sessions.on_breach = self.breaches.append
        sessions.on_closed = self._note_end

    async def _note_end(self, key: str, _: Session) -> None:
        self.ended.append(key)

    async def open(self) -> RemoteSession:
        return await self.sessions.open("key")

    def send(self, *messages: Any) -> None:
        """Have the host send this for whatever is asked."""

        async def act(send: Send) -> None:
            for message in messages:
                await send(message)

        self.host.act = act

    async def expect_breach(self, session: RemoteSession) -> None:
        """See that the session is lost, that this is told, and that the next one can be had."""
        async with asyncio.timeout(20):
            await session.has_ended.wait()
        assert not session.alive
        assert self.ended == ["key"]
        assert len(self.breaches) == 1
        with pytest.raises(HostLostError):
            await session.files()
        self.send(executed())
        assert (await (await self.open()).execute("1")).status == "ok"


@asynccontextmanager
async def serving(host: HostileHost, folder: Path) -> AsyncGenerator[RemoteSessions]:
    server = grpc.aio.server(options=[("grpc.max_send_message_length", -1)])
    server.add_generic_rpc_handlers((host.make_handler(),))
    server.add_insecure_port(f"unix:{folder}/s")
    await server.start()
    options = list_channel_options(LIMITS, keeps_alive=False)
    async with grpc.aio.insecure_channel(f"unix:{folder}/s", options=options) as channel:
        sessions = RemoteSessions(channel, limits=LIMITS, patience_seconds=1)
        yield sessions
        await sessions.close()
    await server.stop(0)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncGenerator[Rig]:
    host = HostileHost()
    async with serving(host, tmp_path) as sessions:
        yield Rig(host, sessions)


async def test_what_a_correct_host_sends_is_taken(rig: Rig) -> None:
    session = await rig.open()
    picture = png(100, 100, 4096)
    rig.send(
        shown(text("x" * 500)), shown(pb.Output(picture=picture)), executed(outputs=[text("y")])
    )
    execution = await session.execute("1")
    assert [type(one).__name__ for one in execution.outputs] == ["Logs", "Picture", "Logs"]
    assert not rig.breaches


OUTPUTS = {
    "more text than a call may show": [shown(text("x" * 3000))],
    "more text in many pieces": [shown(*[text("x" * 100)] * 10)] * 3,
    "text without an end": [shown(*[text("")] * 1000)] * 5,
    "a name that is none": [shown(text("x", 9))],
    "an output that is none": [shown(pb.Output())],
    "a picture that is none": [shown(pb.Output(picture=b"GIF89a"))],
    "a picture of too many pixels": [shown(pb.Output(picture=png(101, 100)))],
    "a picture without pixels": [shown(pb.Output(picture=png(0, 0)))],
    "a picture of too many bytes": [shown(pb.Output(picture=png(size=4097)))],
    "more pictures than a call shows": [shown(*[pb.Output(picture=png())] * 3)],
    "a status that is none": [executed(status=pb.Executed.UNKNOWN)],
    "repairs that are none": [executed(repairs=1 << 20)],
    "more notes than there are": [executed(notes=["x"] * 1000)],
    "a note that is too long": [executed(notes=["x" * (1 << 20)])],
    "a reply to something else": [listed("a")],
    "another claim": [pb.Reply(claimed=pb.Claimed(session_id="sess_2"))],
    "a reply that is none": [pb.Reply()],
    "a message of 64 MiB": [shown(pb.Output(picture=bytes(64 * MIB)))],
    "no message": [b"\xff\xff\xff\xff"],
    "text that is no UTF-8": [b"\x2a\x06\x0a\x04\x0a\x02\xff\xfe"],
}


@pytest.mark.parametrize("name", OUTPUTS)
async def test_outputs_beyond_the_bounds_of_a_call_lose_the_session(rig: Rig, name: str) -> None:
    session = await rig.open()
    rig.send(*OUTPUTS[name])
    execution = await session.execute("1")
    assert execution.status == "dead"
    assert sum(len(one) for one in execution.logs) <= 2024
    await rig.expect_breach(session)


async def test_frames_after_the_end_of_a_call_lose_the_session(rig: Rig) -> None:
    session = await rig.open()
    rig.send(executed(), shown(text("late")))
    assert (await session.execute("1")).status in {"ok", "dead"}
    await rig.expect_breach(session)


async def test_output_without_an_end_loses_the_session(rig: Rig) -> None:
    async def flood(send: Send) -> None:
        while True:
            await send(shown(text("x")))

    session = await rig.open()
    rig.host.act = flood
    assert (await session.execute("1")).status == "dead"
    await rig.expect_breach(session)


@pytest.mark.parametrize(
    "path",
    ["", ".", "..", "../a", "a/../../b", "/etc/passwd", "a//b", "n\0", "x" * 256, "d/" * 20 + "f"],
)
@pytest.mark.parametrize("act", ["changes", "files", "removed"])
async def test_a_path_that_leads_outside_loses_the_session(rig: Rig, path: str, act: str) -> None:
    session = await rig.open()
    rig.send(listed(removed=[path]) if act == "removed" else listed(path))
    with pytest.raises(HostLostError):
        await (session.files() if act == "files" else session.changes())
    await rig.expect_breach(session)


async def test_more_files_than_there_can_be_lose_the_session(rig: Rig) -> None:
    async def flood(send: Send) -> None:
        for part in range(1000):
            await send(listed(*(f"{part}-{n}" for n in range(1000)), has_more=True))

    session = await rig.open()
    rig.host.act = flood
    with pytest.raises(HostLostError):
        await session.files()
    await rig.expect_breach(session)


@pytest.mark.parametrize(
    "content",
    [
        pb.Content(path="a", data=b"12345"),
        pb.Content(path="other", data=b"1"),
        pb.Content(path="../a", data=b"1"),
    ],
)
async def test_files_that_were_not_asked_for_so_lose_the_session(
    rig: Rig, content: pb.Content
) -> None:
    session = await rig.open()
    rig.send(pb.Reply(contents=pb.Contents(contents=[content])))
    with pytest.raises(HostLostError):
        await session.read_small([DataFile("a", 4)], 100)
    await rig.expect_breach(session)


async def test_a_file_that_is_sent_twice_loses_the_session(rig: Rig) -> None:
    session = await rig.open()
    contents = [pb.Content(path="a", data=b"1")] * 2
    rig.send(pb.Reply(contents=pb.Contents(contents=contents)))
    with pytest.raises(HostLostError):
        await session.read_small([DataFile("a", 4)], 100)
    await rig.expect_breach(session)


async def test_more_than_can_be_remembered_loses_the_session(rig: Rig) -> None:
    session = await rig.open()
    data = bytes(remembered.MOST_BYTES + 1)
    rig.send(pb.Reply(reserved=pb.Reserved(edition=1, remembered=data)))
    with pytest.raises(HostLostError):
        async with session.reserving():
            pass
    await rig.expect_breach(session)


async def test_a_host_that_does_not_answer_loses_the_session(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_session, "REPLY_SECONDS", 0.1)
    session = await rig.open()
    assert (await session.execute("1", seconds=0.1)).status == "dead"
    await rig.expect_breach(session)


async def test_a_host_that_heeds_no_interrupt_does_not_hold_who_cancels(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistd.sandbox.remote.stream._CANCEL_SECONDS", 0.1)
    session = await rig.open()
    task = asyncio.create_task(session.execute("1"))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await rig.expect_breach(session)


@pytest.mark.parametrize(
    "fields", [{"data": b""}, {"data": bytes(MIB + 1)}, {}], ids=["empty", "large", "none"]
)
async def test_parts_of_files_are_held_to_their_measure(rig: Rig, fields: dict[str, Any]) -> None:
    session = await rig.open()
    rig.host.parts = [pb.Part(data=b"x"), pb.Part(**fields)]
    with pytest.raises(HostLostError):
        async for _ in session.read("a"):
            pass
    assert len(rig.breaches) == 1


async def test_an_answer_before_all_was_sent_is_heeded(rig: Rig) -> None:
    async def endless() -> AsyncGenerator[bytes]:
        while True:
            yield bytes(MIB)

    session = await rig.open()
    rig.host.done = pb.Done(failure=pb.Failure(kind=pb.Failure.UNSAFE, message="no"))
    with pytest.raises(UnsafeFileError, match="no"):
        await session.put("a", endless())


@pytest.mark.parametrize(
    "limits",
    [
        {"output_bytes": 1 << 60},
        {"pictures": 1000},
        {"picture_bytes": 1 << 40},
        {"picture_pixels": 1 << 40},
        {"call_seconds": math.nan},
        {"call_seconds": -1.0},
        {"session_seconds": math.inf},
    ],
    ids=str,
)
async def test_a_host_cannot_raise_what_its_sessions_may_show(
    rig: Rig, limits: dict[str, Any]
) -> None:
    for name, value in limits.items():
        setattr(rig.host.claimed.limits, name, value)
    with pytest.raises(HostLostError):
        await rig.open()
    assert len(rig.breaches) == 1


@pytest.mark.parametrize(
    "failure",
    [pb.Failure(kind=pb.Failure.SYSTEM, number=28), pb.Failure(kind=pb.Failure.UNSAFE)],
    ids=["system", "unsafe"],
)
async def test_whatever_a_claim_fails_with_is_a_fault_of_the_sandbox(
    rig: Rig, failure: pb.Failure
) -> None:
    rig.host.refusal = failure
    with pytest.raises(SandboxError):
        await rig.open()


@pytest.mark.parametrize("session_id", ["", "x" * 5000])
async def test_an_id_is_one(rig: Rig, session_id: str) -> None:
    rig.host.claimed.session_id = session_id
    with pytest.raises(HostLostError):
        await rig.open()


async def test_an_error_of_a_host_is_short_and_of_a_known_kind(rig: Rig) -> None:
    session = await rig.open()
    failed = pb.Failure(kind=99, message="x" * MIB)  # pyright: ignore[reportArgumentType]
    rig.send(pb.Reply(failure=failed))
    with pytest.raises(SandboxError) as raised:
        await session.files()
    assert len(str(raised.value)) < 20_000
    rig.send(pb.Reply(failure=pb.Failure(kind=pb.Failure.SYSTEM, number=1 << 30)))
    with pytest.raises(SandboxError):
        await session.files()


@pytest.mark.parametrize(
    "state",
    [
        pb.State(is_ready=True, added=["x" * 5000]),
        pb.State(is_ready=True, added=["x"] * 50_000),
        pb.State(
            is_ready=True,
            overview=pb.Overview(waiting=[pb.Waiting(key="k", tenant_id="t", seconds=math.nan)]),
        ),
        pb.State(
            is_ready=True, overview=pb.Overview(live=[pb.LiveSession(key="k", ends_at=math.inf)])
        ),
        b"\xff\xff\xff",
    ],
    ids=["long", "many", "no number", "no time", "no message"],
)
async def test_what_a_host_says_of_itself_is_bounded(rig: Rig, state: Any) -> None:
    rig.host.state = state
    rig.sessions.begin()
    await asyncio.sleep(0.3)
    assert not rig.sessions.is_ready
    assert rig.sessions.added == ()
    assert rig.sessions.describe().live == ()


async def test_a_jail_that_nobody_knows_is_none(rig: Rig) -> None:
    rig.host.state = pb.State(is_ready=True, jail="the strongest of all")
    await rig.sessions.start()
    assert rig.sessions.jail is None


def stored(data: bytes, url: str | None = "http://store/x?secret") -> StoredObject:
    """A file of a bucket."""

    async def sign() -> str | None:
        return url

    async def read() -> AsyncGenerator[bytes]:
        yield data

    return StoredObject(Content("p:key", len(data)), sign, read)


async def test_a_host_of_the_version_before_is_sent_bytes(rig: Rig) -> None:
    session = await rig.open()
    await session.put("in.bin", stored(b"x" * MIB))
    (put,) = rig.host.puts
    assert not put.HasField("stored")
    assert not rig.breaches


async def test_a_host_that_takes_nothing_is_told_twice_at_most(rig: Rig) -> None:
    rig.host.claimed.takes_contents = True
    rig.host.done = pb.Done(failure=pb.Failure(kind=pb.Failure.ABSENT, message="x" * 100_000))
    session = await rig.open()
    with pytest.raises(SandboxError):
        await session.put("in.bin", stored(b"x" * MIB))
    offered, sent = rig.host.puts
    assert (offered.stored.is_offered, offered.stored.url) == (True, "http://store/x?secret")
    assert (sent.stored.is_offered, sent.stored.url) == (False, "")
    assert offered.stored.key == sent.stored.key == "p:key"


async def test_a_small_file_without_a_url_is_sent_at_once(rig: Rig) -> None:
    rig.host.claimed.takes_contents = True
    session = await rig.open()
    await session.put("in.bin", stored(b"x", None))
    await session.put("in.bin", stored(b"x" * (MIB + 1), None))
    assert [put.stored.is_offered for put in rig.host.puts] == [False, True]
