"""What the server holds of a session's process: its descriptors and the news of its end."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from assistd.sandbox.base import SandboxError
from assistd.sandbox.guest.shared import folders, wire
from assistd.sandbox.guest.shared.constants import OOM_SCORE
from assistd.sandbox.zygote.lowerdir import Lower

_OPEN_SECONDS = 20.0
_FIRST_MESSAGE_BYTES = 1 << 16
_FDINFO_BYTES = 1024
_GROUP_NICE = "5"  # a third of the server's weight


class Process(Protocol):
    """The first process of a session, as far as the server reaches it."""

    def pid(self) -> int | None:
        """Return its process id in the server's namespace; None where it has none there, -1 when it is gone."""
        ...

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; SIGKILL ends every process of its session."""
        ...

    def close(self) -> None:
        """Let it go."""
        ...


@dataclass(frozen=True, slots=True)
class HostProcess:
    """A process of this kernel, held by its descriptor."""

    pidfd: int

    def pid(self) -> int | None:
        """Return its process id; see `Process.pid`."""
        file = os.open(f"/proc/self/fdinfo/{self.pidfd}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = os.read(file, _FDINFO_BYTES)
        finally:
            os.close(file)
        return int(text.partition(b"\nPid:")[2].split()[0])

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; see `Process.signal`."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.pidfd)


@dataclass(frozen=True, slots=True)
class ForeignProcess:
    """A process of another kernel: only its zygote reaches it.

    Args:
        ask: sends the zygote the signal to pass on.
    """

    ask: Callable[[signal.Signals], None]

    def pid(self) -> int | None:
        """Return Return None: this kernel does not know it."""
        return None

    def signal(self, number: signal.Signals) -> None:
        """Have it sent a signal; see `Process.signal`."""
        self.ask(number)

    def close(self) -> None:
        """Do nothing: nothing is held."""


@dataclass(frozen=True, slots=True)
class Spawned:
    """A session's process, as the zygote handed it over; `close` lets its descriptors go.

    Args:
        number: the zygote's name for it.
        process: its first process.
        control: the socket for frames; its first message may bring the data folder.
        out: the read end of the pipe for output, with marks.
        err: the read end of the pipe for raw standard error.
        nonce: what its marks carry.
        uid: its id on the host where the server is root, else None.
        lower: its overlay lowerdir; None where files are copied into it.
        data: a descriptor of its data folder; -1 until its first message brings that.
        folder: on the host, all that it can write; None where that goes with its mounts.
        died: done, with its exit code (negative: the signal), when none of its processes is left.
        overgrown: done when its zygote finds that it holds more memory than it may.
    """

    number: int
    process: Process
    control: socket.socket
    out: int
    err: int
    nonce: str
    uid: int | None
    lower: Lower | None
    data: int
    folder: str | None
    died: asyncio.Future[int]
    overgrown: asyncio.Future[None]

    def step_back(self, pid: int) -> None:
        """Let the server go first, and be killed last, in ways that the session cannot do for itself.

        Best effort. Some kernels weigh no process groups, and only root may set many of them at once;
        what root says of being killed is also the least that code may say later.

        Args:
            pid: that of its first process.
        """
        for name, text in (("autogroup", _GROUP_NICE), ("oom_score_adj", str(OOM_SCORE))):
            with contextlib.suppress(OSError):
                file = os.open(f"/proc/{pid}/{name}", os.O_WRONLY | os.O_CLOEXEC)
                try:
                    os.write(file, text.encode())
                finally:
                    os.close(file)

    def close(self) -> None:
        """Close every descriptor but that of the data folder."""
        self.control.close()
        self.process.close()
        for descriptor in (self.out, self.err):
            os.close(descriptor)

    async def await_walls(self) -> "Spawned":
        """Wait until it has isolated itself; nothing is left of it where that fails.

        Returns:
            Itself, with a descriptor of its data folder.

        Raises:
            SandboxError: it could not; the message says why.
        """
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                return replace(self, data=await self.receive_data_folder())
        except BaseException as error:
            await self._end()
            if isinstance(error, TimeoutError):
                raise SandboxError("a new session did not get ready in time") from error
            raise

    async def receive_data_folder(self) -> int:
        """Return the descriptor of its data folder, from a message that it sent before any code ran.

        Raises:
            SandboxError: it could not isolate itself, or died.
        """
        await self._await_first_message()
        try:
            message, descriptors, _, _ = socket.recv_fds(self.control, _FIRST_MESSAGE_BYTES, 1)
        except (BlockingIOError, ConnectionError):
            message, descriptors = b"", []
        if len(message) < wire.HEADER.size:
            raise SandboxError("a new session died before it was ready")
        kind, version, length = wire.HEADER.unpack_from(message)
        found = [*descriptors, *([] if self.data < 0 else [self.data])]
        if kind == wire.Kind.READY and version == wire.VERSION and len(found) == 1:
            return found[0]
        for descriptor in descriptors:
            os.close(descriptor)
        reason = message[wire.HEADER.size :][:length].decode("utf-8", "replace")
        raise SandboxError(f"a new session could not shut itself in: {reason}")

    async def _await_first_message(self) -> None:
        loop = asyncio.get_running_loop()
        readable: asyncio.Future[None] = loop.create_future()
        loop.add_reader(self.control, lambda: readable.done() or readable.set_result(None))
        try:
            await asyncio.wait([readable, self.died], return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_reader(self.control)

    async def _end(self) -> None:
        """End it before it was used, and leave nothing of it."""
        self.process.signal(signal.SIGKILL)
        self.close()
        if self.data >= 0:
            os.close(self.data)
        if self.lower is not None:
            self.lower.remove()
        if self.folder is not None:
            await asyncio.shield(self.died)
            await asyncio.to_thread(folders.remove_session, self.folder)


def describe_exit(code: int) -> str:
    """Return what an exit code says to a reader."""
    if code >= 0:
        return f"it exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"it was killed by {name}"
