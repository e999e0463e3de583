"""The server's end of one session: runs cells one at a time and holds them to their limits."""

import asyncio
import contextlib
import re
import signal
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Mapping, Sequence

from assistd import clock, ids, metrics
from assistd.logs import Logger, failure
from assistd.sandbox.base import Changes, DataFile, Execution, Limits, Output
from assistd.sandbox.guest.shared.constants import SHM_BYTES
from assistd.sandbox.guest.shared.wire import Kind, Writing
from assistd.sandbox.limits import procfs
from assistd.sandbox.limits.cgroups import ControlGroup, ControlGroups
from assistd.sandbox.limits.freezer import Freezer
from assistd.sandbox.limits.memory_watch import Bound
from assistd.sandbox.remembered import require_rememberable
from assistd.sandbox.session.call import MOST_CODE_BYTES, Call, Status
from assistd.sandbox.session.data_folder import DataFolder
from assistd.sandbox.session.keeping import KeepingSession
from assistd.sandbox.session.listener import Ended, Listener
from assistd.sandbox.session.transcript import Transcript
from assistd.sandbox.zygote.client import Zygote
from assistd.sandbox.zygote.process_handle import Spawned, describe_exit

log = Logger()

_REHEARSE_SECONDS = 20.0
_CLOSE_SECONDS = 10.0
_FLUSH_SECONDS = 10.0
# In code that may hold back what it writes, the whole file even.
_WRITING = re.compile(r"(open|Workbook)\(")
_RESTARTED = "The session was restarted: all variables and imports are gone."


class GuestSession(KeepingSession):
    """A `Session` in a jail. Made by `open`."""

    def __init__(self, spawned: Spawned, limits: Limits, group: ControlGroup | None) -> None:
        self.id = ids.new("sess")
        self.opened_at = clock.now()
        self.used_at = self.opened_at
        self.remembered = b""
        self.has_run = asyncio.Event()
        """Set once it has run a cell."""
        self._loop = asyncio.get_running_loop()
        self._spawned = spawned
        self.limits = limits
        self._group = group
        self._killed = 0
        self._data = DataFolder(spawned.data, spawned.uid, spawned.lower, spawned.folder)
        self._lock = asyncio.Lock()
        self._reservation = asyncio.Lock()
        self._users = 0
        self._call: Call | None = None
        self._calls = 0
        self._writing: Mapping[str, Writing] = {}  # what the last call left open below /mnt/data
        self._may_write = False  # whether it may have left some that do not show
        self._failed = False  # whether the last call did
        self.was_parked = False
        """Whether it was opened before anybody asked."""
        self.ran_out_of_memory = False
        """Whether it ended because it held more memory than it may."""
        self._listener = Listener(
            spawned,
            limits,
            on_done=self._on_done,
            on_repaired=self._on_repaired,
            on_fault=self.kill,
        )
        self._reason: str | None = None
        self._closing: asyncio.Task[None] | None = None
        self.pid = spawned.process.pid()
        self._freezer: Freezer | None = (
            None  # another kernel's processes cannot be frozen from here
        )
        if self.pid is not None:
            spawned.step_back(self.pid)
            self._freezer = Freezer(self.pid, group, limits.freeze_seconds, self.kill)
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
            spawned = await zygote.spawn(limits, group)
        except BaseException:
            if group:
                await asyncio.shield(asyncio.to_thread(group.remove))
            raise
        return cls(spawned, limits, group)

    @property
    def alive(self) -> bool:
        """Whether its interpreter runs; False from the moment it is told to end."""
        return self._reason is None and not self._spawned.died.done()

    @property
    def is_fresh(self) -> bool:
        """Whether it has run no cell yet."""
        return self._calls == 0

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
        return self._lock.locked() or self._users > 0

    async def execute(
        self,
        code: str,
        *,
        seconds: float | None = None,
        on_output: Callable[[Output], None] | None = None,
    ) -> Execution:
        """Run one cell; see `Session.execute`."""
        async with self._lock:
            if not self.alive:
                return Execution("dead", (), (self._epitaph(),))
            payload = code.encode("utf-8", "replace")
            if len(payload) > MOST_CODE_BYTES:
                return Execution(
                    "error", (), (f"The code is longer than {MOST_CODE_BYTES} bytes.",)
                )
            self._calls += 1
            call = Call(
                number=self._calls,
                code=code,
                seconds=self.limits.call_seconds if seconds is None else seconds,
                transcript=Transcript(self.limits, on_output),
                finished=self._loop.create_future(),
            )
            linked = await self._data.link_named(code)
            self._may_write = self._may_write or _WRITING.search(code) is not None
            try:
                return await self._run(call, payload, linked=linked)
            finally:
                self.has_run.set()

    async def rehearse(self) -> None:
        """Run an empty cell that leaves no trace, so that the first real one finds its pages warm."""
        async with self._lock:
            if self.alive:
                transcript = Transcript(self.limits, None)
                finished = self._loop.create_future()
                call = Call(0, "None", _REHEARSE_SECONDS, transcript, finished)
                await self._run(call, b"None", Kind.REHEARSE)

    async def put(
        self, path: str, source: AsyncIterable[bytes], *, aliases: Sequence[str] = ()
    ) -> None:
        """Write a file below /mnt/data; see `Session.put`."""
        with self._using():
            await self._data.put(path, source, aliases)

    async def remove(self, path: str) -> None:
        """Remove a plain file below /mnt/data; see `Session.remove`."""
        with self._using():
            await self._data.remove(path)

    async def changes(self) -> Changes:
        """Return what became of /mnt/data since the last time; see `Session.changes`."""
        with self._using():
            if not (self._may_write or await self._data.has_changed()):
                return Changes()
            self._writing = await self._flush()
            self._may_write = bool(self._writing)
            return await self._data.changes(self._writing, failed=self._failed)

    async def _flush(self) -> Mapping[str, Writing]:
        """Have what code holds back put into its files; those that are still open, and how far."""
        async with self._lock:
            self._writing = {}
            if self.alive:
                await self._run(
                    Call(0, "", _FLUSH_SECONDS, None, self._loop.create_future()), b"", Kind.FLUSH
                )
            return self._writing

    async def files(self) -> tuple[DataFile, ...]:
        """Return what is below /mnt/data; see `Session.files`."""
        return await self._data.files()

    async def read_small(self, files: Sequence[DataFile], most: int) -> dict[str, bytes]:
        """Return many files below /mnt/data at once; see `Session.read_small`."""
        with self._using():
            return await self._data.read_small(files, most)

    async def read(self, path: str) -> AsyncGenerator[bytes]:
        """Yield the bytes of a file below /mnt/data; see `Session.read`."""
        with self._using():
            async for chunk in self._data.read(path):
                yield chunk

    async def remember(self, data: bytes) -> None:
        """Note something for its next user; see `Session.remember`."""
        self.remembered = require_rememberable(data)

    @contextlib.asynccontextmanager
    async def reserving(self) -> AsyncGenerator[None]:
        """Have it alone, and keep it from being taken for idle; see `Session.reserving`."""
        with self._using():
            async with self._reservation:
                yield

    @contextlib.contextmanager
    def _using(self) -> Generator[None]:
        """Keep it from being taken for idle."""
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
        if self.pid is not None and self.alive and not self.is_fresh:
            pids = list(procfs.tree(self.pid))
            metrics.SESSION_MEMORY_BYTES.observe(sum(map(procfs.peak_memory, pids)))
            metrics.SESSION_CPU_SECONDS.observe(sum(map(procfs.cpu_seconds, pids)))
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
        self.ran_out_of_memory = self.ran_out_of_memory or self.alive
        self.kill(self._memory_reason())

    def kill(self, reason: str) -> None:
        """End every process of the session now; a call that runs ends as `dead` with `reason`."""
        if self.alive:
            self._reason = reason
            self._spawned.process.signal(signal.SIGKILL)

    async def _run(
        self,
        call: Call,
        code: bytes,
        kind: Kind = Kind.EXECUTE,
        linked: Sequence[str] = (),
    ) -> Execution:
        self._call = call
        self._listener.begin(kind, call.number, code, call.transcript, linked)
        self._thaw()
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
            if kind is not Kind.REHEARSE:
                self._freeze_soon()
        if call.transcript and call.transcript.failure is not None:
            raise call.transcript.failure
        return execution

    def _overrun(self, call: Call) -> None:
        call.overran = True
        self._interrupt(call)

    def _interrupt(self, call: Call) -> None:
        """Ask the code to stop; end the session if it does not within the grace time."""
        if call.interrupted or call.finished.done():
            return
        call.interrupted = True
        self._spawned.process.signal(signal.SIGINT)
        grace = self.limits.interrupt_grace_seconds
        timer = self._loop.call_later(grace, self.kill, "it did not heed an interrupt")
        call.finished.add_done_callback(lambda _: timer.cancel())

    def _on_repaired(self, repairs: int) -> None:
        assert self._call is not None
        self._call.repairs = repairs

    def _on_done(self, ended: Ended, writing: Mapping[str, Writing]) -> None:
        """Finish the call: all that it showed is in its transcript."""
        call = self._call
        assert call is not None
        if call.transcript is None:
            self._writing = writing
            self._finish(call, ended, [])
            return
        notes: list[str] = []
        if call.overran:
            notes.append(
                f"The code was interrupted after {call.seconds:g} s, the time limit of a call. "
                "Variables are kept."
            )
        if self._was_short_of_memory():
            notes.append(f"A process of the code was ended: {self._memory_reason()}.")
        self._finish(call, "interrupted" if call.interrupted else ended, notes)

    def _was_short_of_memory(self) -> bool:
        """Return whether the kernel ended a process for that since we last looked."""
        killed = self._group.count_oom_kills() if self._group else 0
        known, self._killed = self._killed, killed
        return killed > known

    def _memory_reason(self) -> str:
        limit = self.limits.memory_bytes >> 20
        return f"it used more than its memory limit of {limit} MiB (the files it wrote count)"

    def _epitaph(self) -> str:
        """Return why a session is over that was told to end, or did so by itself."""
        return f"The Python process ended: {self._reason}. {_RESTARTED}"

    def _on_death(self, died: asyncio.Future[int]) -> None:
        if self._freezer is not None:
            self._freezer.close()
        told = self._reason is not None
        if not told:
            short = self._was_short_of_memory()
            self.ran_out_of_memory = short
            self._reason = self._memory_reason() if short else describe_exit(died.result())
        call = self._call
        if call is not None and not call.finished.done():
            self._listener.drain()
            if call.overran and told:
                note = f"The code did not stop within its time limit of {call.seconds:g} s and was ended."
                self._finish(call, "timeout", [f"{note} {_RESTARTED}"])
            else:
                self._finish(call, "dead", [self._epitaph()])
        self._listener.close()
        self._spawned.close()

    def _finish(self, call: Call, status: Status, notes: list[str]) -> None:
        if call.transcript is not None:
            self._failed = status != "ok"
        call.finish(status, notes, was_short=self.ran_out_of_memory)
