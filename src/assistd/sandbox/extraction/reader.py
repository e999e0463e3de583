"""The server's end of the process that reads one document."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from assistd.errors import AssistdError
from assistd.sandbox.guest.shared import document
from assistd.sandbox.guest.shared.document import Failure, NonsenseError, Order, Reply

_GUEST = Path(__file__).parents[1] / "guest"
_WRITE_BYTES = 1 << 20
_CLOCK_SECONDS = 0.5  # by which the kernel's limit and its accounts differ at most
# All that it sees as environment. A heap for each thread would take most of its address space.
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKIO_WORKER_THREADS": "1",
}


class ReaderError(AssistdError):
    """The process could not begin, or was ended by somebody else; says why."""


class DeadlineError(AssistdError):
    """It took more time than it may."""


@dataclass(frozen=True, slots=True)
class _Process:
    """A reader: `pidfd` ends it, `reply` and standard input are the ends of its pipes."""

    process: subprocess.Popen[bytes]
    pidfd: int
    reply: int

    @classmethod
    def start(cls, order: Order, python: str) -> "_Process":
        reply, theirs = os.pipe2(os.O_CLOEXEC)
        command = [python, "-I", "-B", str(_GUEST), "extraction.reader", str(theirs), order.pack()]
        try:
            process = subprocess.Popen(
                command,
                bufsize=0,
                cwd="/",
                env=_ENVIRONMENT,
                pass_fds=[theirs],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            os.close(reply)
            raise ReaderError(f"{python} does not start: {error}") from error
        finally:
            os.close(theirs)
        return cls(process, os.pidfd_open(process.pid), reply)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        for descriptor in (self.pidfd, self.reply):
            os.close(descriptor)


async def read(
    order: Order, content: bytes, wall_seconds: float, python: str = sys.executable
) -> Reply | Failure:
    """Have a process of its own read a document; when this returns or raises, it is gone.

    Args:
        order: what it is told.
        content: of the document.
        wall_seconds: how long it may take.
        python: that has kreuzberg.

    Returns:
        What it replies; `broken` where it crashed.

    Raises:
        ReaderError: it could not begin, or somebody ended it; says why.
        DeadlineError: it took longer, or more of the processor.
    """
    reader = _Process.start(order, python)
    talk = asyncio.get_running_loop().run_in_executor(None, _talk, reader, order, content)
    try:
        async with asyncio.timeout(wall_seconds):
            return await asyncio.shield(talk)
    except TimeoutError as error:
        raise DeadlineError from error
    finally:
        reader.kill()  # which ends the talk
        await asyncio.wait([talk])
        reader.close()
        if not talk.cancelled():
            talk.exception()  # it is known here why it ended


def _talk(reader: _Process, order: Order, content: bytes) -> Reply | Failure:
    """Hand the document over and take the reply, in a thread; the process is reaped at the end."""
    try:
        _await_walls(reader.reply)
        _send(reader.process, content)
        reply = document.read_reply(lambda size: os.read(reader.reply, size), order.text_bytes)
    except EOFError:
        return _explain_end(_reap(reader), order)
    except NonsenseError:
        reply = "broken"
    except BaseException:
        reader.kill()
        _reap(reader)
        raise
    reader.kill()
    _reap(reader)
    return reply


def _await_walls(reply: int) -> None:
    first = os.read(reply, 1)
    if first != document.READY:
        reason = os.read(reply, document.MESSAGE_BYTES) if first else b"it ended without a word"
        raise ReaderError(reason.decode("utf-8", "replace"))


def _send(process: subprocess.Popen[bytes], content: bytes) -> None:
    assert process.stdin is not None
    with process.stdin as pipe, contextlib.suppress(BrokenPipeError):  # its end will tell why
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(pipe.fileno(), rest[:_WRITE_BYTES]) :]


def _explain_end(end: "_End", order: Order) -> Failure:
    """Return what the end of a process means that did not reply."""
    if end.seconds >= order.seconds - _CLOCK_SECONDS:
        raise DeadlineError
    if end.code == -signal.SIGKILL:
        raise ReaderError("it was killed: the host may have no memory left")
    return "memory" if end.most_bytes > order.memory_bytes / 2 else "broken"


@dataclass(frozen=True, slots=True)
class _End:
    """How a process ended.

    Args:
        code: its exit code; negative: the signal.
        seconds: of the processor.
        most_bytes: of memory that it had at once.
    """

    code: int
    seconds: float
    most_bytes: int


def _reap(reader: _Process) -> _End:
    """Wait for the process."""
    _, status, usage = os.wait4(reader.process.pid, 0)
    reader.process.returncode = os.waitstatus_to_exitcode(status)
    seconds = usage.ru_utime + usage.ru_stime
    return _End(reader.process.returncode, seconds, usage.ru_maxrss * 1024)
