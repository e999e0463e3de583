"""What a session of this host does so that a later one has its variables: the base of `GuestSession`."""

import asyncio
import contextlib
import signal
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, BinaryIO, TypeVar

from assistd.logs import Logger, failure
from assistd.sandbox.base import HostLostError, Limits
from assistd.sandbox.limits.freezer import Freezer
from assistd.sandbox.session import snapshots
from assistd.sandbox.session.listener import Listener
from assistd.sandbox.session.snapshots import Deadline
from assistd.sandbox.snapshot import SavedSession, Section
from assistd.sandbox.zygote.process_handle import Spawned

log = Logger()

# Threads of their own: a hostile session holds one for as long as it may take.
_THREADS = ThreadPoolExecutor(32, thread_name_prefix="variables")

_T = TypeVar("_T")


class KeepingSession(ABC):
    """Gives its variables away, and takes those of another session, while no call runs."""

    id: str
    limits: Limits
    _loop: asyncio.AbstractEventLoop
    _lock: asyncio.Lock
    _spawned: Spawned
    _listener: Listener
    _freezer: Freezer | None

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Whether its interpreter runs."""

    @abstractmethod
    def kill(self, reason: str) -> None:
        """End every process of the session now."""

    async def save(self, file: BinaryIO, most_bytes: int, seconds: float) -> SavedSession:
        """Write its variables into a file; see `Session.save`."""
        interrupt = partial(self._spawned.process.signal, signal.SIGINT)

        def receive(control: socket.socket) -> SavedSession:
            deadline = Deadline(
                seconds,
                self.limits.interrupt_grace_seconds,
                partial(self._loop.call_soon_threadsafe, interrupt),
            )
            return snapshots.receive(control, file, most_bytes, deadline)

        return await self._talk(receive, interrupt)

    async def restore(
        self, file: BinaryIO, sections: Sequence[Section], seconds: float
    ) -> Mapping[str, str]:
        """Load variables from a file; see `Session.restore`."""

        def send(control: socket.socket) -> Mapping[str, str]:
            return snapshots.send(control, file, sections, Deadline(seconds))

        try:
            return await self._talk(send, partial(self.kill, "its variables were not waited for"))
        except HostLostError as error:
            self.kill(f"its variables could not be restored: {error}")
            raise

    def _thaw(self) -> None:
        """Have it run on; what cannot is ended."""
        if self._freezer is not None:
            try:
                self._freezer.thaw()
            except OSError as error:
                log.error("session not thawed", session_id=self.id, **failure(error))
                self.kill("it could not be woken after a pause between calls")

    def _freeze_soon(self) -> None:
        """Have it stand still between calls."""
        if self._freezer is not None and self.alive:
            self._freezer.freeze_soon()

    async def _talk(self, work: Callable[[socket.socket], _T], stop: Callable[[], None]) -> _T:
        """Have a thread talk over the control socket; it has ended when this ends, also by a cancellation.

        Args:
            work: what it does; it blocks.
            stop: makes it end soon.

        Raises:
            HostLostError: the session is over.
        """
        async with self._lock:
            if not self.alive:
                raise HostLostError("it is over")
            self._listener.pause()
            self._thaw()
            with self._spawned.control.dup() as control:  # which outlives the session
                working = _THREADS.submit(work, control)
                done = asyncio.wrap_future(working)
                try:
                    return await asyncio.shield(done)
                except asyncio.CancelledError:
                    if not working.cancel():
                        stop()
                        await self._await_end(done)
                    raise
                finally:
                    self._freeze_soon()

    async def _await_end(self, done: asyncio.Future[Any]) -> None:
        grace = self.limits.interrupt_grace_seconds
        timer = self._loop.call_later(grace, self.kill, "it did not heed an interrupt")
        while not done.done():
            with contextlib.suppress(asyncio.CancelledError):  # it is being heeded
                await asyncio.wait([done])
        timer.cancel()
