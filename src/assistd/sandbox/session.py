"""The server's end of one session: sends cells, reads what they show, holds them to their limits."""

import asyncio
import codecs
import contextlib
import dataclasses
import fcntl
import os
import signal
import struct
import termios
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import structlog

from assistd import clock, ids
from assistd.logs import failure
from assistd.sandbox.base import DataFile, Execution, Limits, Output, SandboxError
from assistd.sandbox.cgroups import ControlGroup, ControlGroups
from assistd.sandbox.data import DataFolder
from assistd.sandbox.guest import folders, wire
from assistd.sandbox.guest.session import SHM_BYTES
from assistd.sandbox.guest.wire import Kind
from assistd.sandbox.memory import Bound
from assistd.sandbox.spawned import Spawned
from assistd.sandbox.transcript import Transcript
from assistd.sandbox.zygote import Zygote

Status = Literal["ok", "error", "interrupted", "timeout", "dead"]
Ended = Literal["ok", "error", "interrupted"]

log = structlog.get_logger()

_OPEN_SECONDS = 20.0
_CLOSE_SECONDS = 10.0
_HANG_UP_SECONDS = 0.5
_READ_BYTES = 1 << 16
_CODE_BYTES = 4 << 20
_FLOOD_BYTES = 1 << 20  # beside what a call shows
_FLOOD_PAUSE_SECONDS = 0.001  # after each read of _READ_BYTES: 60 MB/s at most
_FLOOD_REST = 2  # rest this many times as long as a read took: marks cost more than text
_FETCHES = 64  # reads until the frames of all marks in one read of the pipe must have come
_FRAME_COST = 4096  # what a frame costs beside its payload, so that empty ones are bounded
_STATUSES: dict[bytes, Ended] = {b"ok": "ok", b"error": "error", b"interrupted": "interrupted"}
_TEXT_KINDS: dict[Kind, Literal["result", "error"]] = {Kind.RESULT: "result", Kind.ERROR: "error"}
_RESTARTED = "The session was restarted: all variables and imports are gone."


@dataclasses.dataclass(slots=True)
class _Call:
    """The call that runs now."""

    number: int
    seconds: float
    transcript: Transcript
    finished: asyncio.Future[Execution]
    status: Ended | None = None
    taken: int = 0  # bytes from the pipes
    interrupted: bool = False
    overran: bool = False


class GuestSession:
    """A `Session` in a jail. Made by `open`."""

    def __init__(
        self, spawned: Spawned, data: int, limits: Limits, group: ControlGroup | None
    ) -> None:
        self.id = ids.new("sess")
        self.opened_at = clock.now()
        self.used_at = self.opened_at
        self.attached: dict[str, str] = {}
        self._loop = asyncio.get_running_loop()
        self._spawned = spawned
        self.limits = limits
        self._group = group
        self._killed = 0
        self._data = DataFolder(data, spawned.uid, spawned.lower, spawned.folder)
        self._turn = asyncio.Lock()
        self._users = 0
        self._call: _Call | None = None
        self._calls = 0
        self._unsent = b""
        self._frame_bytes = max(limits.picture_bytes, limits.output_bytes) + 4096
        self._frames = wire.Frames(self._frame_bytes)
        self._stash: dict[int, tuple[Kind, bytes]] = {}  # frames whose place was not seen yet
        self._stashed_bytes = 0
        self._control_waits = False
        self._marks = wire.Marks(spawned.nonce)
        new_decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {name: new_decoder("replace") for name in ("stdout", "stderr", "raw")}
        self._reason: str | None = None
        self._closing: asyncio.Task[None] | None = None
        self._readers = {
            spawned.control.fileno(): self._on_control,
            spawned.out: self._on_out,
            spawned.err: self._on_err,
        }
        self._heard: set[int] = set()  # of these, what the loop watches
        self.pid = spawned.process.pid()
        if self.pid is not None:
            spawned.step_back(self.pid)
        spawned.died.add_done_callback(self._on_death)
        spawned.overgrown.add_done_callback(lambda _: self.kill_for_memory())

    @classmethod
    async def open(
        cls, zygote: Zygote, limits: Limits, groups: ControlGroups | None = None
    ) -> "GuestSession":
        """Fork a session and wait until it has shut itself in.

        Args:
            zygote: who forks it.
            limits: its own.
            groups: where to make its control groups; None where it gets none.

        Raises:
            OSError: this host has no room for another session.
            SandboxError: it could not; the message says why.
        """
        group = groups.make(limits.memory_bytes, limits.processes) if groups else None
        try:
            spawned, data = await _spawn(zygote, limits, group)
        except BaseException:
            if group:
                await asyncio.shield(asyncio.to_thread(group.remove))
            raise
        return cls(spawned, data, limits, group)

    @property
    def alive(self) -> bool:
        """Whether its interpreter runs; False from the moment it is told to end."""
        return self._reason is None and not self._spawned.died.done()

    @property
    def running(self) -> bool:
        """Whether a cell runs now."""
        return self._call is not None

    @property
    def memory_bound(self) -> Bound:
        """What it may hold, in bytes."""
        limits = self.limits
        files = limits.data_room + 2 * limits.tmp_room + SHM_BYTES
        return Bound(limits.memory_bytes, files if self._spawned.folder is None else 0)

    @property
    def folder(self) -> str | None:
        """On the host, all that it can write; None where that is in memory and has limits of its own."""
        return self._spawned.folder

    @property
    def busy(self) -> bool:
        """Whether a call runs or waits, files go in or out, or somebody said that it is in use."""
        return self._turn.locked() or self._users > 0

    async def execute(
        self,
        code: str,
        *,
        seconds: float | None = None,
        on_output: Callable[[Output], None] | None = None,
    ) -> Execution:
        """Run one cell; see `Session.execute`."""
        async with self._turn:
            if not self.alive:
                return Execution("dead", (), (self._epitaph(),))
            payload = code.encode("utf-8", "replace")
            if len(payload) > _CODE_BYTES:
                return Execution("error", (), (f"The code is longer than {_CODE_BYTES} bytes.",))
            self._calls += 1
            call = _Call(
                number=self._calls,
                seconds=self.limits.call_seconds if seconds is None else seconds,
                transcript=Transcript(self.limits, on_output),
                finished=self._loop.create_future(),
            )
            return await self._run(call, payload)

    async def rehearse(self) -> None:
        """Run an empty cell that leaves no trace, so that the first real one finds its pages warm."""
        async with self._turn:
            if self.alive:
                transcript = Transcript(self.limits, None)
                finished = self._loop.create_future()
                await self._run(
                    _Call(0, _OPEN_SECONDS, transcript, finished), b"None", Kind.REHEARSE
                )

    async def put(
        self, path: str, source: AsyncIterator[bytes] | Path, *, alias: str | None = None
    ) -> None:
        """Write a file below /mnt/data; see `Session.put`."""
        with self.in_use():
            await self._data.put(path, source, alias)

    async def changed(self) -> tuple[DataFile, ...]:
        """What was written below /mnt/data since the last time; see `Session.changed`."""
        with self.in_use():
            return await self._data.changed()

    async def files(self) -> tuple[DataFile, ...]:
        """What is below /mnt/data; see `Session.files`."""
        return await self._data.files()

    async def read_small(self, files: Sequence[DataFile], most: int) -> dict[str, bytes]:
        """Many files below /mnt/data at once; see `Session.read_small`."""
        with self.in_use():
            return await self._data.read_small(files, most)

    async def read(self, path: str) -> AsyncIterator[bytes]:
        """The bytes of a file below /mnt/data; see `Session.read`."""
        with self.in_use():
            async for chunk in self._data.read(path):
                yield chunk

    @contextlib.contextmanager
    def in_use(self) -> Generator[None]:
        """Keep the session from being taken for idle; see `Session.in_use`."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self.used_at = clock.now()

    async def close(self) -> None:
        """End every process of the session and free its memory, also when the caller is cancelled.

        Harmless when called twice.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="sandbox closing")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self.kill("it was closed")
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await asyncio.shield(self._spawned.died)
        except TimeoutError:
            log.error("session does not end", session_id=self.id)
        try:
            await self._data.close()
        except OSError as error:
            log.error("files of a session not removed", session_id=self.id, **failure(error))
        if self._group is not None:
            group, self._group = self._group, None
            try:
                await asyncio.to_thread(group.remove)
            except OSError as error:  # the next start of a server tries again
                log.error("control group not removed", session_id=self.id, **failure(error))

    def kill_for_memory(self) -> None:
        """End it, and say that it held more memory than it may."""
        self.kill(self._memory_reason())

    def kill(self, reason: str) -> None:
        """End every process of the session now; a call that runs ends as `dead` with `reason`."""
        if self.alive:
            self._reason = reason
            self._spawned.process.signal(signal.SIGKILL)

    async def _run(self, call: _Call, code: bytes, kind: Kind = Kind.EXECUTE) -> Execution:
        self._call = call
        self._listen()
        self._send(wire.pack(kind, call.number, code))
        timer = self._loop.call_later(call.seconds, self._overrun, call)
        self.used_at = clock.now()
        try:
            execution = await asyncio.shield(call.finished)
        except asyncio.CancelledError:
            self._interrupt(call)
            while not call.finished.done():
                with contextlib.suppress(asyncio.CancelledError):  # it is being heeded
                    await asyncio.wait([call.finished])
            raise
        finally:
            self.used_at = clock.now()
            timer.cancel()
            self._call = None
        if call.transcript.failure is not None:
            raise call.transcript.failure
        return execution

    def _overrun(self, call: _Call) -> None:
        call.overran = True
        self._interrupt(call)

    def _interrupt(self, call: _Call) -> None:
        """Ask the code to stop; end the session if it does not within the grace time."""
        if call.interrupted or call.finished.done():
            return
        call.interrupted = True
        self._spawned.process.signal(signal.SIGINT)
        grace = self.limits.interrupt_grace_seconds
        timer = self._loop.call_later(grace, self.kill, "it did not heed an interrupt")
        call.finished.add_done_callback(lambda _: timer.cancel())

    def _send(self, data: bytes) -> None:
        self._unsent += data
        self._flush()

    def _flush(self) -> None:
        """Send what the socket takes, the rest when it is writable."""
        try:
            sent = self._spawned.control.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # it is dying
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._loop.add_writer(self._spawned.control, self._flush)
        else:
            self._loop.remove_writer(self._spawned.control)

    def _listen(self) -> None:
        """Hear of what is written while a call runs."""
        for source in self._readers.keys() - self._heard:
            self._hear(source)

    def _is_due(self, source: int) -> bool:
        """Whether to read now: between calls what is written waits, and blocks its writer.

        Who writes then is heard of once. So calls do not pay for being listened to, one by one.
        """
        if self._call is not None and not self._call.finished.done():
            return True
        self._ignore(source)
        return False

    def _hear(self, source: int) -> None:
        self._heard.add(source)
        self._loop.add_reader(source, self._readers[source])

    def _ignore(self, source: int) -> None:
        self._heard.discard(source)
        self._loop.remove_reader(source)

    def _deafen(self) -> None:
        for source in self._readers:
            self._ignore(source)
        self._loop.remove_writer(self._spawned.control)

    def _on_out(self) -> None:
        if not self._is_due(self._spawned.out):
            return
        started = time.monotonic()
        data = _read(self._spawned.out)
        if data is None:
            return
        if not data:
            self._ignore(self._spawned.out)  # code closed every end of it
            return
        self._take(self._marks.feed(data))
        self._settle()
        self._slow_down(self._spawned.out, len(data), started)

    def _on_err(self) -> None:
        if not self._is_due(self._spawned.err):
            return
        started = time.monotonic()
        data = _read(self._spawned.err)
        if data is None:
            return
        if not data:
            self._ignore(self._spawned.err)
            return
        self._write("stderr", "raw", data)
        self._slow_down(self._spawned.err, len(data), started)

    def _slow_down(self, source: int, count: int, started: float) -> None:
        """Let a flood that nobody will see wait, so that it does not take the server's time."""
        call = self._call
        if call is None or call.finished.done():
            return
        call.taken += count
        if call.taken < self.limits.output_bytes + _FLOOD_BYTES:
            return
        pause = max(_FLOOD_PAUSE_SECONDS, _FLOOD_REST * (time.monotonic() - started))
        self._ignore(source)
        self._loop.call_later(pause, self._resume, call, source)

    def _resume(self, call: _Call, source: int) -> None:
        if not call.finished.done():
            self._hear(source)

    def _on_control(self) -> None:
        control = self._spawned.control.fileno()
        if not self._is_due(control):
            return
        if self._is_stash_full():
            self._ignore(control)  # until the pipe shows their places
            self._control_waits = True
            return
        self._fetch()
        self._settle()

    def _is_stash_full(self) -> bool:
        """Whether there are more frames without a place than a correct session sends ahead."""
        return self._stashed_bytes > self._frame_bytes

    def _fetch(self) -> bool:
        """Read frames; False when there is nothing more to read now."""
        try:
            data = self._spawned.control.recv(_READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            # It died, which is heard of presently, or it closed the socket, and is of no more use.
            self._ignore(self._spawned.control.fileno())
            self._loop.call_later(_HANG_UP_SECONDS, self.kill, "it closed its control socket")
            return False
        try:
            for kind, number, payload in self._frames.feed(data):
                self._on_frame(kind, number, payload)
        except wire.WireError as error:
            self.kill(f"it broke the protocol ({error})")
            return False
        return True

    def _on_frame(self, kind: Kind, number: int, payload: bytes) -> None:
        call = self._call
        if kind in _TEXT_KINDS or kind is Kind.PICTURE:
            if number in self._stash:
                raise wire.WireError(f"two frames for the place {number}")
            self._stash[number] = (kind, payload)
            self._stashed_bytes += len(payload) + _FRAME_COST
        elif kind is Kind.DONE and call is not None and number == call.number:
            call.status = _STATUSES.get(payload)
            if call.status is None:
                raise wire.WireError("a status that is none")
        else:
            raise wire.WireError(f"{kind.name} {number} out of turn")

    def _settle(self) -> None:
        """End the call once its DONE is there: all it wrote is in the pipes by then."""
        call = self._call
        if call is None or call.status is None or call.finished.done():
            return
        self._drain()
        notes: list[str] = []
        if call.overran:
            notes.append(
                f"The code was interrupted after {call.seconds:g} s, the time limit of a call. "
                "Variables are kept."
            )
        if self._was_short_of_memory():
            notes.append(f"A process of the code was ended: {self._memory_reason()}.")
        self._finish(call, "interrupted" if call.interrupted else call.status, notes)

    def _was_short_of_memory(self) -> bool:
        """Whether the kernel ended a process for that since we last looked."""
        killed = self._group.killed() if self._group else 0
        known, self._killed = self._killed, killed
        return killed > known

    def _memory_reason(self) -> str:
        limit = self.limits.memory_bytes >> 20
        return f"it used more than its memory limit of {limit} MiB (the files it wrote count)"

    def _epitaph(self) -> str:
        """Why a session is over that was told to end, or did so by itself."""
        return f"The Python process ended: {self._reason}. {_RESTARTED}"

    def _on_death(self, died: asyncio.Future[int]) -> None:
        told = self._reason is not None
        if not told:
            short = self._was_short_of_memory()
            self._reason = self._memory_reason() if short else _exit_reason(died.result())
        call = self._call
        if call is not None and not call.finished.done():
            self._drain()
            if call.overran and told:
                note = f"The code did not stop within its time limit of {call.seconds:g} s and was ended."
                self._finish(call, "timeout", [f"{note} {_RESTARTED}"])
            else:
                self._finish(call, "dead", [self._epitaph()])
        self._deafen()
        self._spawned.close()

    def _finish(self, call: _Call, status: Status, notes: list[str]) -> None:
        outputs, cuts = call.transcript.finish()
        if not call.finished.done():
            call.finished.set_result(Execution(status, outputs, (*notes, *cuts)))

    def _drain(self) -> None:
        """Take what is in the pipes at this moment, and what found no place in them."""
        with contextlib.suppress(OSError):
            for data in _available(self._spawned.out):
                self._take(self._marks.feed(data))
            self._take(self._marks.flush())
            for data in _available(self._spawned.err):
                self._write("stderr", "raw", data)
        for number in sorted(self._stash):
            self._place(number)

    def _take(self, pieces: Iterable[wire.Piece]) -> None:
        """Write and show what came through the pipe in one read.

        The frame of a mark was sent before it. So it is in the socket by now, among few others; of a
        forged mark there is none, however many frames the code sends meanwhile.
        """
        fetches = _FETCHES
        for piece in pieces:
            if piece[0] != "place":
                self._write(piece[0], piece[0], piece[1])
                continue
            while piece[1] not in self._stash and fetches and not self._is_stash_full():
                fetches -= 1
                if not self._fetch():
                    break
            self._place(piece[1])

    def _write(self, name: Literal["stdout", "stderr"], decoder: str, data: bytes) -> None:
        if self._call is not None:
            self._call.transcript.write(name, self._decoders[decoder].decode(data))

    def _place(self, number: int) -> None:
        found = self._stash.pop(number, None)
        if found is None or self._call is None:
            return
        kind, payload = found
        self._stashed_bytes -= len(payload) + _FRAME_COST
        if self._control_waits:
            self._control_waits = False
            self._hear(self._spawned.control.fileno())
        if kind is Kind.PICTURE:
            self._call.transcript.picture(payload)
        else:
            text = payload.decode("utf-8", "replace")
            self._call.transcript.write(_TEXT_KINDS[kind], text)


async def _spawn(zygote: Zygote, limits: Limits, group: ControlGroup | None) -> tuple[Spawned, int]:
    """A session that is ready, and its data folder; none is left where that fails."""
    spawned = await zygote.spawn(limits, group)
    data = -1 if spawned.data is None else spawned.data
    try:
        async with asyncio.timeout(_OPEN_SECONDS):
            data = await spawned.receive_data_folder()
    except BaseException as error:
        spawned.process.signal(signal.SIGKILL)
        spawned.close()
        if data >= 0:
            os.close(data)
        if spawned.lower is not None:
            spawned.lower.remove()
        if spawned.folder is not None:
            await asyncio.shield(spawned.died)
            await asyncio.to_thread(folders.remove_session, spawned.folder)
        if isinstance(error, TimeoutError):
            raise SandboxError("a new session did not get ready in time") from error
        raise
    return spawned, data


def _read(source: int) -> bytes | None:
    """What is there, b"" at the end, None when nothing is there now."""
    try:
        return os.read(source, _READ_BYTES)
    except BlockingIOError:
        return None


def _available(source: int) -> Iterator[bytes]:
    """What is in a pipe now, and no byte that is written while it is read."""
    left = struct.unpack("i", fcntl.ioctl(source, termios.FIONREAD, bytes(4)))[0]
    while left > 0:
        data = os.read(source, min(left, _READ_BYTES))
        if not data:
            return
        left -= len(data)
        yield data


def _exit_reason(code: int) -> str:
    """What an exit code says to a reader."""
    if code >= 0:
        return f"it exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"it was killed by {name}"
