"""A session is heard over its pipes and its socket; here the test is the session."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

import pytest

from assistd.sandbox.base import Limits, Logs
from assistd.sandbox.guest.shared import wire
from assistd.sandbox.guest.shared.wire import Kind, Writing
from assistd.sandbox.session.listener import Listener
from assistd.sandbox.session.transcript import Transcript
from assistd.sandbox.zygote.process_handle import ForeignProcess, Spawned

LIMITS = Limits(output_bytes=10_000, picture_bytes=10_000)
NONCE = "0123456789abcdef"
PREFIX = wire.mark_prefix(NONCE)


class Session:
    """The other end of a listener: what it sends, and what the listener made of it."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        ours, self.control = socket.socketpair()
        out, self.out = os.pipe()
        err, self.err = os.pipe()
        for each in (out, err):
            os.set_blocking(each, False)
        ours.setblocking(False)
        self.control.settimeout(20)
        self.signals: list[signal.Signals] = []
        process = ForeignProcess(self.signals.append)
        died, overgrown = loop.create_future(), loop.create_future()
        self.spawned = Spawned(
            1, process, ours, out, err, NONCE, None, None, None, None, died, overgrown
        )
        self.done: asyncio.Future[tuple[str, Mapping[str, Writing]]] = loop.create_future()
        self.fault: asyncio.Future[str] = loop.create_future()
        self.repairs: list[int] = []
        self.receiver = wire.Receiver(self.control)
        self.listener = Listener(
            self.spawned,
            LIMITS,
            on_done=lambda *ending: self.done.set_result(ending),
            on_repaired=self.repairs.append,
            on_fault=lambda why: self.fault.done() or self.fault.set_result(why),
        )
        self.transcript = Transcript(LIMITS, None)

    def begin(self, transcript: Transcript | None = None) -> None:
        """Have it run a call; the session reads the cell."""
        self.listener.begin(Kind.EXECUTE, 1, b"1 + 1", transcript or self.transcript)
        assert self.receiver.receive() == (Kind.EXECUTE, 1, b"1 + 1")

    def send(self, kind: Kind, number: int, payload: bytes = b"") -> None:
        self.control.sendall(wire.pack(kind, number, payload))

    def place(self, number: int) -> None:
        os.write(self.out, wire.mark_position(PREFIX, number))

    async def logs(self) -> list[tuple[str, str]]:
        """What the call showed, once it is done."""
        async with asyncio.timeout(20):
            await self.done
        outputs, _ = self.transcript.finish()
        return [(one.name, one.text) for one in outputs if isinstance(one, Logs)]


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    made = Session()
    yield made
    made.listener.close()
    made.spawned.close()
    made.control.close()
    for each in (made.out, made.err):
        with suppress(OSError):
            os.close(each)


async def test_all_that_was_written_before_the_end_is_heard(session: Session) -> None:
    session.begin()
    os.write(session.out, b"printed")
    session.send(Kind.DONE, 1, b"ok")
    assert await session.logs() == [("stdout", "printed")]
    assert session.done.result() == ("ok", {})


async def test_a_frame_is_shown_where_its_mark_stands_however_early_it_came(
    session: Session,
) -> None:
    session.begin()
    session.send(Kind.RESULT, 7, b"second")
    session.send(Kind.ERROR, 8, b"fourth")
    os.write(session.out, b"first\n")
    session.place(7)
    os.write(session.out, b"\nthird\n")
    session.place(8)
    session.send(Kind.DONE, 1, b"error")
    assert await session.logs() == [
        ("stdout", "first\n"),
        ("result", "second\n"),
        ("stdout", "\nthird\n"),
        ("error", "fourth"),
    ]


async def test_both_kinds_of_standard_error_are_heard(session: Session) -> None:
    session.begin()
    for chunk in wire.stderr_chunks(PREFIX, b"marked"):
        os.write(session.out, chunk)
    os.write(session.err, b" raw")
    session.send(Kind.DONE, 1, b"ok")
    assert await session.logs() == [("stderr", "marked raw")]


async def test_a_character_that_comes_in_halves_is_one(session: Session) -> None:
    session.begin()
    data = "数".encode()
    os.write(session.out, data[:1])
    await asyncio.sleep(0)
    os.write(session.out, data[1:])
    session.send(Kind.DONE, 1, b"ok")
    assert await session.logs() == [("stdout", "数")]


async def test_a_frame_whose_mark_never_came_is_shown_at_the_end(session: Session) -> None:
    session.begin()
    session.send(Kind.RESULT, 3, b"shown")
    session.send(Kind.DONE, 1, b"ok")
    assert await session.logs() == [("result", "shown")]


async def test_a_forged_mark_shows_nothing(session: Session) -> None:
    session.begin()
    session.place(99)
    os.write(session.out, b"a")
    session.send(Kind.DONE, 1, b"ok")
    assert await session.logs() == [("stdout", "a")]


async def test_what_is_written_between_calls_waits_for_the_next(session: Session) -> None:
    os.write(session.out, b"early ")
    session.begin()
    os.write(session.out, b"late")
    session.send(Kind.DONE, 1, b"ok")
    assert await session.logs() == [("stdout", "early late")]


async def test_files_left_open_and_repairs_are_told(session: Session) -> None:
    session.listener.begin(Kind.FLUSH, 2, b"", None)
    session.send(Kind.OPEN_FILES, 2, wire.pack_open_files({"a.csv": Writing.HELD}))
    session.send(Kind.DONE, 2, b"ok")
    async with asyncio.timeout(20):
        assert await session.done == ("ok", {"a.csv": Writing.HELD})


async def test_a_repair_is_told_once(session: Session) -> None:
    session.begin()
    session.send(Kind.REPAIRED, 1, b"\1")
    session.send(Kind.DONE, 1, b"ok")
    await session.logs()
    assert session.repairs == [1]


@pytest.mark.parametrize(
    "frames",
    [
        wire.pack(Kind.DONE, 2, b"ok"),
        wire.pack(Kind.DONE, 1, b"fine"),
        wire.pack(Kind.READY, 1),
        wire.pack(Kind.RESULT, 5, b"a") * 2,
        wire.pack(Kind.REPAIRED, 1, b"\1") * 2,
        wire.pack(Kind.REPAIRED, 1, b"\0"),
        wire.pack(Kind.OPEN_FILES, 1),
        wire.HEADER.pack(200, 1, 0),
        wire.HEADER.pack(Kind.RESULT, 1, 1 << 30),
    ],
)
async def test_what_breaks_the_protocol_is_a_fault(session: Session, frames: bytes) -> None:
    session.begin()
    session.control.sendall(frames)
    async with asyncio.timeout(20):
        assert "broke the protocol" in await session.fault
    assert not session.done.done()


async def test_a_socket_that_is_closed_is_a_fault(session: Session) -> None:
    session.begin()
    session.control.close()
    async with asyncio.timeout(20):
        assert "closed its control socket" in await session.fault


async def test_a_session_that_reads_slowly_gets_a_long_cell_whole(session: Session) -> None:
    code = b"x = 1\n" * 500_000
    session.listener.begin(Kind.EXECUTE, 1, code, session.transcript, ["a.csv", "数"])
    linked = await asyncio.to_thread(session.receiver.receive)
    assert linked
    assert wire.unpack_names(linked[2]) == ["a.csv", "数"]
    assert await asyncio.to_thread(session.receiver.receive) == (Kind.EXECUTE, 1, code)


async def test_a_pipe_that_code_closed_keeps_nothing_from_its_end(session: Session) -> None:
    session.begin()
    os.close(session.err)
    os.write(session.out, b"a")
    session.send(Kind.DONE, 1, b"ok")
    assert await session.logs() == [("stdout", "a")]
