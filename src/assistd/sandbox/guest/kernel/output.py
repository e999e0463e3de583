"""Where a cell's output goes: text into the pipe, everything shown as a frame with its position marked."""

# What takes a forked child's pictures lives in the interpreter environment, where types are not checked.
# pyright: reportMissingImports=false, reportUnknownMemberType=false

import io
import os
import socket
import threading
from collections.abc import Callable, Collection
from typing import Any

from assistd.sandbox.guest.kernel.snapshot import TooLargeError
from assistd.sandbox.guest.shared import wire


class Output:
    """The streams of one session and the frames that show results, errors and pictures.

    Args:
        pipe: descriptor of the pipe the server reads.
        nonce: the session's own; marks what is not plain output.
        control: the socket for frames; None while warming up, when nobody looks.
    """

    def __init__(self, pipe: int, nonce: str, control: socket.socket | None) -> None:
        self._pipe = pipe
        self._prefix = wire.mark_prefix(nonce)
        self._control = control
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._positions = 0
        self._sending = False  # whether the main thread is amid a frame
        self._interrupted = False
        self.stdout = self._open_stdout()
        self.stderr = self._open_stderr()
        os.register_at_fork(after_in_child=self._renew_lock)

    def reopen(self) -> None:
        """Make a stream that code closed anew."""
        if self.stdout.closed:
            self.stdout = self._open_stdout()
        if self.stderr.closed:
            self.stderr = self._open_stderr()

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt: now, or once the frame that is being sent is out."""
        if not self._sending:
            raise KeyboardInterrupt
        self._interrupted = True

    def flush(self) -> None:
        """Send what the streams still hold."""
        for stream in (self.stdout, self.stderr):
            if not stream.closed:
                stream.flush()

    def show(self, kind: wire.Kind, payload: bytes) -> None:
        """Send a frame that belongs here in the order of the output."""
        if self._control is None:
            return
        if os.getpid() != self._process:  # a forked child has no frames of its own
            if kind is wire.Kind.PICTURE:
                import shown_pictures  # noqa: PLC0415  of the environment, which tests may lack

                shown_pictures.leave(payload)
            return
        self.flush()
        with self._lock:
            self._positions += 1
            position = self._positions
            self.send(kind, position, payload)  # first: a mark always finds its frame there
            os.write(self._pipe, wire.mark_position(self._prefix, position))

    def send(self, kind: wire.Kind, number: int, payload: bytes = b"") -> None:
        """Send a frame, whole: an interrupt waits until it is out."""
        assert self._control is not None
        is_main = threading.current_thread() is threading.main_thread()
        with self._lock:
            self._sending = is_main
            try:
                self._control.sendall(wire.pack(kind, number, payload))
            finally:
                self._sending = False
        if self._interrupted:
            self._interrupted = False
            raise KeyboardInterrupt

    def _open_stdout(self) -> io.TextIOWrapper:
        return _stream(io.FileIO(self._pipe, "w", closefd=False))  # no Python code per line

    def _open_stderr(self) -> io.TextIOWrapper:
        return _stream(_Stderr(self._write_stderr))

    def _write_stderr(self, data: bytes) -> None:
        if not self.stdout.closed:
            self.stdout.flush()  # what was printed before stands before
        for chunk in wire.stderr_chunks(self._prefix, data):
            os.write(self._pipe, chunk)

    def _renew_lock(self) -> None:
        self._lock = threading.RLock()


class SectionSender:
    """Sends a snapshot (`snapshot.Sink`): small sections in one piece, large ones as they are made.

    Args:
        output: what sends.
        most_bytes: what all variables may take.
    """

    def __init__(self, output: Output, most_bytes: int) -> None:
        self._output = output
        self._room = most_bytes
        self._names: Collection[str] = ()
        self._sizes: dict[str, int] = {}  # of what was kept, by variable, or the first of several
        self._size = 0
        self._held = bytearray()

    def begin(self, names: Collection[str]) -> None:
        """Begin a section; see `Sink.begin`."""
        self._names, self._size = names, 0

    def write(self, data: Any, /) -> int:
        """Take more of a section; see `Sink.write`."""
        view = memoryview(data).cast("B")
        self._size += len(view)
        if self._size > self._room + sum(self._sizes.get(name, 0) for name in self._names):
            raise TooLargeError("it is larger than what may be kept")
        if len(self._held) + len(view) > wire.PART_BYTES:
            self._flush()
        if len(view) <= wire.PART_BYTES:
            self._held += view
        else:
            for start in range(0, len(view), wire.PART_BYTES):
                part = view[start : start + wire.PART_BYTES]
                self._output.send(wire.Kind.SECTION, 0, bytes(part))
        return len(view)

    def keep(self) -> None:
        """End a section; see `Sink.keep`."""
        self._flush()
        self._output.send(wire.Kind.KEPT, 0, wire.pack_names(self._names))
        for name in self._names:
            self._room += self._sizes.pop(name, 0)
        self._sizes[next(iter(self._names))] = self._size
        self._room -= self._size

    def leave(self, why: str) -> None:
        """End a section that is good for nothing; see `Sink.leave`."""
        self._held.clear()
        name = "" if len(self._names) > 1 else next(iter(self._names))  # several stand elsewhere
        self._output.send(wire.Kind.LEFT, 0, f"{name}\0{why}".encode("utf-8", "replace"))

    def _flush(self) -> None:
        if self._held:
            self._output.send(wire.Kind.SECTION, 0, bytes(self._held))
            self._held.clear()


class _Stderr(io.RawIOBase):
    """The bottom of standard error: hands bytes on to be marked."""

    name = "<stderr>"

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._hand_on = write

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        content = bytes(memoryview(data))  # pyright: ignore[reportArgumentType]
        self._hand_on(content)
        return len(content)

    def fileno(self) -> int:
        return 2


def _stream(raw: io.RawIOBase) -> io.TextIOWrapper:
    buffer = io.BufferedWriter(raw, 8192)
    return io.TextIOWrapper(buffer, "utf-8", errors="backslashreplace", line_buffering=True)
