"""Hears a session: its two output pipes and its control socket, put back into one order."""

import asyncio
import codecs
import contextlib
import dataclasses
import fcntl
import os
import struct
import termios
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Literal

from assistd.sandbox.base import Limits
from assistd.sandbox.guest.shared import repair, wire
from assistd.sandbox.guest.shared.wire import Kind
from assistd.sandbox.session.transcript import Transcript
from assistd.sandbox.zygote.process_handle import Spawned

Ended = Literal["ok", "error", "interrupted"]

_HANG_UP_SECONDS = 0.5
_READ_BYTES = 1 << 16
_FLOOD_BYTES = 1 << 20  # beside what a call shows
_FLOOD_PAUSE_SECONDS = 0.001  # after each read of _READ_BYTES: 60 MB/s at most
_FLOOD_REST = 2  # rest this many times as long as a read took: marks cost more than text
_FETCHES = 64  # reads until the frames of all marks in one read of the pipe must have come
_FRAME_COST = 4096  # what a frame costs beside its payload, so that empty ones are bounded
_STATUSES: dict[bytes, Ended] = {b"ok": "ok", b"error": "error", b"interrupted": "interrupted"}
_TEXT_KINDS: dict[Kind, Literal["result", "error"]] = {Kind.RESULT: "result", Kind.ERROR: "error"}


@dataclasses.dataclass(slots=True, eq=False)
class _Heard:
    """The call that runs.

    Args:
        number: of its frames.
        transcript: where what it shows goes; None where it only answers, and what threads write
            meanwhile waits for the next call.
        done: how it ended, once it says so.
        is_repaired: whether it said that its code was repaired.
        open_files: what it left open for writing, below /mnt/data.
        taken: bytes from the pipes.
    """

    number: int
    transcript: Transcript | None
    done: Ended | None = None
    is_repaired: bool = False
    open_files: Mapping[str, wire.Writing] | None = None
    taken: int = 0

    @property
    def expects_files(self) -> bool:
        """Whether it was asked for open files and has not answered."""
        return self.transcript is None and self.open_files is None


class Listener:
    """Writes what a session shows into the transcript of the call that runs, and says when it is done.

    Text comes through the pipes, results and pictures as frames through the control socket; marks in
    the pipe say the position of each frame (decision 0008). Whatever comes is untrusted: what breaks
    the protocol (docs/sandbox-protocol.md) ends the session, and a flood is slowed down.

    Args:
        spawned: whom to listen to.
        limits: its own.
        on_done: told how a call ended and what it left open for writing, when all it wrote is in
            its transcript.
        on_repaired: told which repairs were made to the code of the call that runs.
        on_fault: told why the session cannot go on.
    """

    def __init__(
        self,
        spawned: Spawned,
        limits: Limits,
        *,
        on_done: Callable[[Ended, Mapping[str, wire.Writing]], None],
        on_repaired: Callable[[int], None],
        on_fault: Callable[[str], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._spawned = spawned
        self._shown_bytes = limits.output_bytes
        self._on_done = on_done
        self._on_repaired = on_repaired
        self._on_fault = on_fault
        self._call: _Heard | None = None
        self._unsent = b""
        self._frame_bytes = max(limits.picture_bytes, limits.output_bytes) + 4096
        self._frames = wire.Frames(self._frame_bytes)
        self._stash: dict[int, tuple[Kind, bytes]] = {}  # frames whose position was not seen yet
        self._stashed_bytes = 0
        self._control_waits = False
        self._marks = wire.Marks(spawned.nonce)
        new_decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {name: new_decoder("replace") for name in ("stdout", "stderr", "raw")}
        self._control = spawned.control.fileno()
        self._readers = {
            self._control: self._on_control,
            spawned.out: partial(self._on_pipe, spawned.out, self._hear_out),
            spawned.err: partial(self._on_pipe, spawned.err, self._hear_err),
        }
        self._watched: set[int] = set()  # of these, by the loop

    def begin(
        self,
        kind: Kind,
        number: int,
        code: bytes,
        transcript: Transcript | None,
        linked: Sequence[str] = (),
    ) -> None:
        """Send a cell, and hear of what is written until it is done.

        Args:
            kind: of the frame.
            number: of the call.
            code: UTF-8.
            transcript: where what it shows goes; None where it only answers.
            linked: the names that were linked in /mnt/data for it.
        """
        self._call = _Heard(number, transcript)
        due = self._readers.keys() if transcript else {self._control}
        for source in due - self._watched:
            self._watch(source)
        if linked:
            self._unsent += wire.pack(Kind.LINKED, number, wire.pack_names(linked))
        self._unsent += wire.pack(kind, number, code)
        self._flush()

    def drain(self) -> None:
        """Take what is in the pipes at this moment, and what has no position in them."""
        with contextlib.suppress(OSError):
            for data in _available(self._spawned.out):
                self._take(self._marks.feed(data))
            self._take(self._marks.flush())
            for data in _available(self._spawned.err):
                self._hear_err(data)
        for number in sorted(self._stash):
            self._show(number)

    def pause(self) -> None:
        """Leave the control socket to somebody else until the next call."""
        self._ignore(self._control)

    def close(self) -> None:
        """Stop listening."""
        self._call = None
        for source in self._readers:
            self._ignore(source)
        self._loop.remove_writer(self._spawned.control)

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

    def _is_due(self, source: int) -> bool:
        """Return whether to read now: between calls what is written waits, and blocks its writer.

        Who writes then is heard of once. So calls do not pay for being listened to, one by one.
        """
        call = self._call
        if call is not None and (call.transcript is not None or source == self._control):
            return True
        self._ignore(source)
        return False

    def _watch(self, source: int) -> None:
        self._watched.add(source)
        self._loop.add_reader(source, self._readers[source])

    def _ignore(self, source: int) -> None:
        self._watched.discard(source)
        self._loop.remove_reader(source)

    def _on_pipe(self, source: int, hear: Callable[[bytes], None]) -> None:
        if not self._is_due(source):
            return
        started = time.monotonic()
        data = _read(source)
        if data is None:
            return
        if not data:
            self._ignore(source)  # code closed every end of it
            return
        hear(data)
        self._slow_down(source, len(data), started)

    def _hear_out(self, data: bytes) -> None:
        self._take(self._marks.feed(data))
        self._settle()

    def _hear_err(self, data: bytes) -> None:
        self._write("stderr", "raw", data)

    def _slow_down(self, source: int, count: int, started: float) -> None:
        """Let a flood that nobody will see wait, so that it does not take the server's time."""
        call = self._call
        if call is None:
            return
        call.taken += count
        if call.taken < self._shown_bytes + _FLOOD_BYTES:
            return
        pause = max(_FLOOD_PAUSE_SECONDS, _FLOOD_REST * (time.monotonic() - started))
        self._ignore(source)
        self._loop.call_later(pause, self._resume, call, source)

    def _resume(self, call: _Heard, source: int) -> None:
        if call is self._call:
            self._watch(source)

    def _on_control(self) -> None:
        if not self._is_due(self._control):
            return
        if self._is_stash_full():
            self._ignore(self._control)  # until the pipe shows their positions
            self._control_waits = True
            return
        self._fetch()
        self._settle()

    def _is_stash_full(self) -> bool:
        """Return whether there are more frames without a position than a correct session sends ahead."""
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
            self._ignore(self._control)
            self._loop.call_later(_HANG_UP_SECONDS, self._on_fault, "it closed its control socket")
            return False
        try:
            for kind, number, payload in self._frames.feed(data):
                self._on_frame(kind, number, payload)
        except wire.WireError as error:
            self._on_fault(f"it broke the protocol ({error})")
            return False
        return True

    def _on_frame(self, kind: Kind, number: int, payload: bytes) -> None:
        call = self._call
        if kind in _TEXT_KINDS or kind is Kind.PICTURE:
            if number in self._stash:
                raise wire.WireError(f"two frames for the position {number}")
            self._stash[number] = (kind, payload)
            self._stashed_bytes += len(payload) + _FRAME_COST
        elif kind is Kind.DONE and call is not None and number == call.number:
            call.done = _STATUSES.get(payload)
            if call.done is None:
                raise wire.WireError("a status that is none")
        elif kind is Kind.REPAIRED and call is not None and number == call.number:
            if call.is_repaired or not (len(payload) == 1 and 0 < payload[0] <= repair.ALL):
                raise wire.WireError("repairs that are none")
            call.is_repaired = True
            self._on_repaired(payload[0])
        elif kind is Kind.OPEN_FILES and call is not None and call.expects_files:
            call.open_files = wire.unpack_open_files(payload)
        else:
            raise wire.WireError(f"{kind.name} {number} out of turn")

    def _settle(self) -> None:
        """Tell the end of the call once its DONE is there: all it wrote is in the pipes by then."""
        call = self._call
        if call is not None and call.done is not None:
            if call.transcript is not None:
                self.drain()
            self._call = None
            self._on_done(call.done, call.open_files or {})

    def _take(self, pieces: Iterable[wire.Piece]) -> None:
        """Write and show what came through the pipe in one read.

        The frame of a mark was sent before it. So it is in the socket by now, among few others; of a
        forged mark there is none, however many frames the code sends meanwhile.
        """
        fetches = _FETCHES
        for piece in pieces:
            if piece[0] != "position":
                self._write(piece[0], piece[0], piece[1])
                continue
            while piece[1] not in self._stash and fetches and not self._is_stash_full():
                fetches -= 1
                if not self._fetch():
                    break
            self._show(piece[1])

    def _write(self, name: Literal["stdout", "stderr"], decoder: str, data: bytes) -> None:
        if self._call is not None and self._call.transcript is not None:
            self._call.transcript.write(name, self._decoders[decoder].decode(data))

    def _show(self, number: int) -> None:
        """Put what frame `number` shows at the end of the transcript."""
        transcript = self._call.transcript if self._call else None
        found = self._stash.pop(number, None) if transcript else None
        if found is None or transcript is None:
            return
        kind, payload = found
        self._stashed_bytes -= len(payload) + _FRAME_COST
        if self._control_waits:
            self._control_waits = False
            self._watch(self._control)
        if kind is Kind.PICTURE:
            transcript.picture(payload)
        else:
            text = payload.decode("utf-8", "replace")
            transcript.write(_TEXT_KINDS[kind], text)


def _read(source: int) -> bytes | None:
    """Return what is there, b"" at the end, None when nothing is there now."""
    try:
        return os.read(source, _READ_BYTES)
    except BlockingIOError:
        return None


def _available(source: int) -> Iterator[bytes]:
    """Yield what is in a pipe now, and no byte that is written while it is read."""
    left = struct.unpack("i", fcntl.ioctl(source, termios.FIONREAD, bytes(4)))[0]
    while left > 0:
        data = os.read(source, min(left, _READ_BYTES))
        if not data:
            return
        left -= len(data)
        yield data
