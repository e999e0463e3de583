"""The server's end of a snapshot: takes the variables of a session as bytes, and gives them to a later one.

Whatever comes is untrusted (docs/sandbox-protocol.md, Snapshots): number, names and bytes are bounded, and the
pickles are never loaded here. All of it blocks, and runs in a thread while no call listens to the session.
"""

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from assistd.sandbox.base import HostLostError
from assistd.sandbox.guest.shared import wire
from assistd.sandbox.guest.shared.wire import Kind, WireError
from assistd.sandbox.snapshot import MOST_NAMES, SavedSession, Section, clean_reason, is_name

_MOST_NAMES_BYTES = 1 << 20
_READ_BYTES = 1 << 18


class Deadline:
    """The time that a session has from now on to give its variables, or to take some.

    Args:
        seconds: how much.
        grace: how much more, once it was asked to stop.
        ask_to_stop: does that, from the thread that waits; None: its time is over at once.
    """

    def __init__(
        self, seconds: float, grace: float = 0, ask_to_stop: Callable[[], object] | None = None
    ) -> None:
        self._moment = time.monotonic() + seconds
        self._grace = grace
        self._ask_to_stop = ask_to_stop

    def wait(self, control: socket.socket, event: int) -> None:
        """Wait for an event of a socket.

        Raises:
            HostLostError: the time is over.
        """
        poll = select.poll()
        poll.register(control, event)
        while (left := self._moment - time.monotonic()) <= 0 or not poll.poll(left * 1000):
            if self._ask_to_stop is None:
                raise HostLostError("its time is over")
            self._ask_to_stop()
            self._ask_to_stop = None
            self._moment += self._grace


def receive(
    control: socket.socket, file: BinaryIO, most_bytes: int, deadline: Deadline
) -> SavedSession:
    """Have a session write what it keeps into a file.

    Args:
        control: its control socket, which nobody else reads.
        file: empty; sections stand in it one after the other, some of them replaced by later ones.
        most_bytes: what the sections may have in all.
        deadline: says when to stop.

    Returns:
        What came whole by then.
    """
    taking = _Taking(file, most_bytes)
    with contextlib.suppress(WireError, OSError, HostLostError):  # what came whole is what there is
        _send_all(control, wire.pack(Kind.SAVE, 0, wire.pack_size(most_bytes)), deadline)
        for kind, _, payload in _frames(control, deadline):
            if not taking.take(kind, payload):
                break
    file.flush()
    file.truncate(taking.start)
    return taking.snapshot


class _Taking:
    """Takes the frames of a session that saves its variables.

    Args:
        file: where sections go.
        most_bytes: what they may have in all; as much again, which later ones replaced, may stand there.
    """

    def __init__(self, file: BinaryIO, most_bytes: int) -> None:
        self._kept: dict[str, Section] = {}
        self._left: dict[str, str] = {}
        self._is_whole = False
        self.start = 0
        """Where the section begins that is under way."""
        self._size = 0
        self._file = file
        self._most_bytes = most_bytes

    def take(self, kind: Kind, payload: bytes) -> bool:
        """Take a frame; return whether more may come.

        Raises:
            WireError: it has no place here, or is beyond a bound.
        """
        match kind:
            case Kind.SECTION:
                self._size += len(payload)
                if self.start + self._size > 2 * self._most_bytes:
                    return False
                self._file.write(payload)
            case Kind.KEPT:
                self._keep(_read_names(payload))
            case Kind.LEFT:
                self._leave(*payload.partition(b"\0")[::2])
            case Kind.DONE:
                self._is_whole = payload == b"ok"
                return False
            case Kind.RESULT | Kind.ERROR | Kind.PICTURE:
                pass  # a thread of code shows something, though no call runs
            case _:
                raise WireError(f"{kind.name} amid a snapshot")
        return True

    @property
    def snapshot(self) -> SavedSession:
        """What came whole."""
        sections = {id(each): each for each in self._kept.values()}
        return SavedSession(tuple(sections.values()), self._left, self._is_whole)

    def _keep(self, names: tuple[str, ...]) -> None:
        """Take a section, in place of those that hold one of its variables."""
        self._require_room(len(names))
        for name in names:
            if earlier := self._kept.get(name):
                for each in earlier.names:
                    self._kept.pop(each, None)
        self._kept |= dict.fromkeys(names, Section(names, self.start, self._size))
        self.start, self._size = self.start + self._size, 0

    def _leave(self, name: bytes, why: bytes) -> None:
        """Take back a section; it is of a variable that is not kept, or of several that stand elsewhere."""
        if name:
            self._require_room(1)
            self._left[_read_name(name)] = clean_reason(why.decode(errors="replace"))
        self._file.seek(self.start)
        self._size = 0

    def _require_room(self, names: int) -> None:
        if len(self._kept) + len(self._left) + names > MOST_NAMES:
            raise WireError("more variables than a snapshot may hold")


def send(
    control: socket.socket, file: BinaryIO, sections: Sequence[Section], deadline: Deadline
) -> dict[str, str]:
    """Have a session load sections.

    Args:
        control: its control socket, which nobody else reads.
        file: a file of the kernel, with the sections.
        sections: which.
        deadline: says when to give up.

    Returns:
        Variables that are not back: name -> why, as the session says.

    Raises:
        HostLostError: the session did not answer in time or not by the protocol, and is of no more use.
    """
    lost: dict[str, str] = {}
    frames = _frames(control, deadline)
    for number, section in enumerate(sections):
        _send_all(control, wire.pack(Kind.RESTORE, number, wire.pack_size(section.size)), deadline)
        _send_file(control, file, section, deadline)
        try:
            kind, answered, why = next(frames)
        except (WireError, OSError) as error:
            raise HostLostError(str(error)) from error
        if kind is not Kind.RESTORED or answered != number:
            raise HostLostError("no answer to a section")
        if why:
            reason = clean_reason(why.decode(errors="replace"))
            lost.update(dict.fromkeys(section.names, reason))
    return lost


def _frames(control: socket.socket, deadline: Deadline) -> Iterator[tuple[Kind, int, bytes]]:
    """Yield the frames that come while there is time.

    Raises:
        HostLostError: it is over, or the session hung up.
        WireError: a frame is none.
    """
    frames = wire.Frames(wire.PART_BYTES)
    while True:
        deadline.wait(control, select.POLLIN)
        data = control.recv(_READ_BYTES)
        if not data:
            raise HostLostError("it hung up")
        yield from frames.feed(data)


def _send_all(control: socket.socket, data: bytes, deadline: Deadline) -> None:
    left = memoryview(data)
    while left:
        deadline.wait(control, select.POLLOUT)
        left = left[control.send(left) :]


def _send_file(
    control: socket.socket, file: BinaryIO, section: Section, deadline: Deadline
) -> None:
    start, end = section.start, section.start + section.size
    while start < end:
        deadline.wait(control, select.POLLOUT)
        sent = os.sendfile(control.fileno(), file.fileno(), start, end - start)
        if not sent:
            raise HostLostError("the snapshot is shorter than it was")
        start += sent


def _read_names(payload: bytes) -> tuple[str, ...]:
    names = payload.split(b"\0")
    if len(names) > MOST_NAMES or len(payload) > _MOST_NAMES_BYTES:
        raise WireError("names beyond number or measure")
    return tuple(dict.fromkeys(map(_read_name, names)))


def _read_name(name: bytes) -> str:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise WireError("a name that is no text") from None
    if not is_name(text):
        raise WireError("a name that is none")
    return text
