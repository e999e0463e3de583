"""What the processes of one server with workers share: sockets, and the numbers that each has counted."""

import asyncio
import fcntl
import mmap
import os
import socket
import struct
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from assistd import metrics
from assistd.instruments import Readings, merge_readings, take_readings
from assistd.periodic import Duty, repeating

WRITE_SECONDS = 1.0
"""How often a process writes down what it counted."""

_HEADER = struct.Struct("<QQ")  # where the newest readings begin, and their length
_HALVES = (1 << 12, 1 << 24)


class Board:
    """Memory in which one process writes its readings now and then, and others read the newest that are whole.

    It is there as long as a process has it open, also when its writer was killed.

    Args:
        descriptor: of the memory; None: it is made.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        made = os.memfd_create("assistd numbers") if descriptor is None else descriptor
        self.descriptor = made
        self._half = 0

    def write(self, readings: Readings) -> None:
        """Put readings in place of those before."""
        text = readings.to_json()
        self._half = 1 - self._half
        start = _HALVES[self._half]
        os.pwrite(self.descriptor, text, start)
        os.pwrite(self.descriptor, _HEADER.pack(start, len(text)), 0)

    def read(self) -> Readings | None:
        """Return the newest; None where there are none."""
        header = os.pread(self.descriptor, _HEADER.size, 0)
        start, length = _HEADER.unpack(header) if header else (0, 0)
        return Readings.from_json(os.pread(self.descriptor, length, start)) if length else None

    def clear(self) -> None:
        """Take the readings away."""
        os.ftruncate(self.descriptor, 0)


class Boards:
    """The boards of all processes of a server, and the numbers of those that have ended.

    Args:
        count: how many processes write.
    """

    def __init__(self, count: int) -> None:
        self._boards = [Board() for _ in range(count)]
        self._ended = Board()

    def make_inheritable(self, number: int) -> int:
        """Return the descriptor of a board, for a program that a fork becomes; see `writing_down`."""
        descriptor = self._boards[number].descriptor
        os.set_inheritable(descriptor, True)  # noqa: FBT003  its name
        return descriptor

    def write(self, number: int) -> None:
        """Write down the numbers of this process.

        Args:
            number: which of the processes it is.
        """
        self._boards[number].write(take_readings())

    def gather(self, number: int) -> Readings:
        """Return the numbers of all: of this process now, and what the others wrote last."""
        others = [board for each, board in enumerate(self._boards) if each != number]
        with self._locking(fcntl.LOCK_SH):
            found = [board.read() for board in (*others, self._ended)]
        return merge_readings(take_readings(), [each for each in found if each])

    def bury(self, number: int) -> None:
        """Add the numbers of a process that has ended to those of the others that have; for the supervisor."""
        with self._locking(fcntl.LOCK_EX):
            if readings := self._boards[number].read():
                self._ended.write(
                    merge_readings(self._ended.read() or Readings(), [readings.bury()])
                )
                self._boards[number].clear()

    @contextmanager
    def _locking(self, kind: int) -> Generator[None]:
        """Have nobody read while numbers move from one board to another: they would be there twice, or not at all."""
        fcntl.lockf(self._ended.descriptor, kind)
        try:
            yield
        finally:
            fcntl.lockf(self._ended.descriptor, fcntl.LOCK_UN)


class Drain:
    """How far workers are with stopping: they end together, so that whoever still comes is served by each.

    Args:
        count: how many workers there are.
    """

    def __init__(self, count: int) -> None:
        # Whether all are to stop; and for each, whether it lives and something is active there.
        self._memory = mmap.mmap(-1, 1 + count)

    def begin(self) -> None:
        """Say that all workers are to stop, not one by itself; for the supervisor."""
        self._memory[0] = 1

    def note(self, number: int, active: int) -> bool:
        """Note how much is active in a worker; return whether it can end.

        Args:
            number: which of the workers it is.
            active: jobs and responses; 0 for one that has ended.
        """
        self._memory[1 + number] = active > 0
        return active == 0 and not (self._memory[0] and any(self._memory[1:]))


@asynccontextmanager
async def writing_down(descriptor: int | None) -> AsyncGenerator[None]:
    """Write the numbers of this process down as long as the block lasts, without what workers count themselves.

    Args:
        descriptor: of a board; None: nobody wants them.
    """
    if descriptor is None:
        yield
        return
    board = Board(descriptor)

    async def write() -> None:
        readings = take_readings()
        readings.distributions.pop(metrics.SESSION_CLAIM_SECONDS.name, None)
        await asyncio.to_thread(board.write, readings)

    async with repeating(Duty("numbers of a host", write, WRITE_SECONDS)):
        yield
    await write()


@dataclass(frozen=True, slots=True)
class Group:
    """What a worker has of the others.

    Args:
        number: which of the workers this is, from 0.
        count: how many workers there are.
        boards: where it writes down what it counted.
        drain: how far the others are with stopping.
        models: the socket of the process that has the built-in models.
        metrics_listener: where to give out the metrics of all, if anywhere.
    """

    number: int
    count: int
    boards: Boards
    drain: Drain
    models: Path
    metrics_listener: socket.socket | None
