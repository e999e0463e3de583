"""Sessions in memory that run no code: for tests of what stands on the sandbox.

A function of the test plays the interpreter. Everything else keeps the promises of `base`, as far as
memory can: the conformance suite runs against these sessions and the real ones alike.
"""

import asyncio
import dataclasses
import errno
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, suppress

from assistd import clock, ids
from assistd.sandbox.base import (
    OPERATOR,
    BusyError,
    Changes,
    DataFile,
    Execution,
    HostLostError,
    Limits,
    Logs,
    Output,
    SandboxError,
    Session,
    Tenant,
    UnsafeFileError,
)
from assistd.sandbox.session.scan import check_path
from assistd.sandbox.session.transcript import join_logs


@dataclasses.dataclass(slots=True)
class Cell:
    """One call, as the function that plays the interpreter sees it.

    Args:
        code: what is to run.
        variables: those of the session; they last as long as it does.
        files: what stands in /mnt/data: path -> bytes; None is something that is no plain file.
        show: shows an output.
        aliases: further names that the code may open files under: alias -> path.
        die: ends the session, as code can.
    """

    code: str
    variables: dict[str, object]
    files: dict[str, bytes | None]
    show: Callable[[Output], None]
    aliases: Mapping[str, str]
    die: Callable[[], None]

    def print(self, text: str) -> None:
        """Show text as `print` would, without an end of line."""
        self.show(Logs(text))

    def read(self, name: str) -> bytes:
        """Return what stands under a name in /mnt/data, or under an alias that the code has in it.

        Raises:
            FileNotFoundError: nothing does.
        """
        data = self.files.get(self.aliases.get(name, name))
        if data is None:
            raise FileNotFoundError(name)
        return data


Play = Callable[[Cell], Awaitable[None]]
"""Plays the interpreter: what it raises is shown as a traceback would be, CancelledError interrupts it."""


async def _ignore(_: Cell) -> None:
    """Run nothing, show nothing."""


class FakeSessions:
    """Sessions in memory; implements `Sessions`.

    Args:
        play: plays the interpreter; the default shows nothing for any code.
        limits: of each session.
        max_sessions: how many keys may have a live session at once.
        added: the packages that it says new sessions import.
        on_closed: awaited with a key and its session when that session is over.
    """

    def __init__(
        self,
        play: Play = _ignore,
        *,
        limits: Limits | None = None,
        max_sessions: int = 100,
        added: tuple[str, ...] = (),
        on_closed: Callable[[str, Session], Awaitable[None]] | None = None,
    ) -> None:
        self.added = added
        self.on_closed = on_closed
        self._play = play
        self._limits = limits or Limits()
        self._most = max_sessions
        self._live: dict[str, tuple[Tenant, FakeSession]] = {}
        self._opening = asyncio.Lock()
        self._is_closed = False
        self.is_ready = False

    def begin(self) -> None:
        """Begin to start, which takes no time; see `Sessions.begin`."""
        self.is_ready = True

    async def start(self) -> None:
        """Start; see `Sessions.start`."""
        self.begin()

    async def open(self, key: str, tenant: Tenant = OPERATOR) -> "FakeSession":
        """Return the live session of `key`, or open one; see `Sessions.open`."""
        if self._is_closed:
            raise SandboxError("the sandbox is shutting down")
        self.begin()
        async with self._opening:
            if key in self._live and self._live[key][1].alive:
                session = self._live[key][1]
            else:
                await self._close(key)
                await self._make_room(tenant)
                memory = tenant.memory_bytes or self._limits.memory_bytes
                limits = dataclasses.replace(self._limits, memory_bytes=memory)
                session = FakeSession(self._play, limits)
                self._live[key] = (tenant, session)
            session.used_at = clock.now()
            return session

    async def drop(self, key: str) -> None:
        """Close the session of `key`, if it has one."""
        async with self._opening:
            await self._close(key)

    async def close(self) -> None:
        """Close every session; see `Sessions.close`."""
        self._is_closed = True
        for key in list(self._live):
            await self.drop(key)

    def lose_host(self) -> None:
        """Lose every session that is live, as if its host could not be reached any more."""
        for _, session in self._live.values():
            session.lose_host()

    async def _make_room(self, tenant: Tenant) -> None:
        """Close the session that idled longest where there are as many as there may be."""
        own = {key for key, (owner, _) in self._live.items() if owner.id == tenant.id}
        if tenant.max_sessions is not None and len(own) >= tenant.max_sessions:
            keys = own
        elif len(self._live) >= self._most:
            keys = set(self._live)
        else:
            return
        idle = [key for key in keys if not self._live[key][1].busy]
        if not idle:
            raise BusyError("All sessions are in use.")
        await self._close(min(idle, key=lambda one: self._live[one][1].used_at))

    async def _close(self, key: str) -> None:
        if key in self._live:
            _, session = self._live.pop(key)
            await session.close()
            if self.on_closed is not None:
                await self.on_closed(key, session)


class FakeSession:
    """One session in memory; implements `Session`. Opened by `FakeSessions`."""

    def __init__(self, play: Play, limits: Limits) -> None:
        self.id = ids.new("sess")
        self.limits = limits
        self.used_at = clock.now()
        self.is_fresh = True
        self._play = play
        self._lock = asyncio.Lock()
        self._users = 0
        self._variables: dict[str, object] = {}
        self._files: dict[str, bytes | None] = {}
        self._told: dict[str, bytes] = {}
        self._aliases: dict[str, str] = {}
        self._reason: str | None = None
        self._is_lost = False
        self._died = asyncio.Event()
        self._playing: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether its interpreter runs."""
        return self._reason is None

    @property
    def busy(self) -> bool:
        """Whether a call runs or waits, or somebody reserved it."""
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
                return Execution("dead", (), (self._explain_end(),))
            self.is_fresh = False
            outputs: list[Output] = []
            playing = self._begin(code, outputs, on_output)
            limit = self.limits.call_seconds if seconds is None else seconds
            try:
                async with asyncio.timeout(limit):
                    await self._end_of(playing)
            except TimeoutError:
                await self._interrupt(playing)
                status = "interrupted" if self.alive else "timeout"
                _show(outputs, on_output, Logs("KeyboardInterrupt", "error"))
                note = f"The code was stopped after {limit:g} s, the time limit of a call."
                return Execution(status, tuple(join_logs(outputs)), (note,))
            except asyncio.CancelledError:
                await self._interrupt(playing)
                raise
            if not self.alive:
                playing.cancel()
                return Execution("dead", tuple(join_logs(outputs)), (self._explain_end(),))
            failed = playing.exception()
            if failed is not None:
                _show(outputs, on_output, Logs(f"{type(failed).__name__}: {failed}", "error"))
            return Execution("error" if failed else "ok", tuple(join_logs(outputs)))

    def _begin(
        self,
        code: str,
        outputs: list[Output],
        on_output: Callable[[Output], None] | None,
    ) -> asyncio.Task[None]:
        cell = Cell(
            code,
            self._variables,
            self._files,
            lambda output: _show(outputs, on_output, output),
            {alias: path for alias, path in self._aliases.items() if alias in code},
            lambda: self._kill("the code ended it"),
        )

        async def play() -> None:
            await self._play(cell)

        self._playing = asyncio.create_task(play(), name="fake session")
        self._playing.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._playing

    async def _end_of(self, playing: asyncio.Task[None]) -> None:
        """Wait for the end of a cell, or of the session."""
        death = asyncio.create_task(self._died.wait())
        try:
            await asyncio.wait([playing, death], return_when=asyncio.FIRST_COMPLETED)
        finally:
            death.cancel()

    async def _interrupt(self, playing: asyncio.Task[None]) -> None:
        """Ask a cell to stop, and end the session if it does not; heeds no cancellation meanwhile."""
        playing.cancel()
        loop = asyncio.get_running_loop()
        patience = loop.call_later(
            self.limits.interrupt_grace_seconds, self._kill, "it did not heed an interrupt"
        )
        while self.alive and not playing.done():
            with suppress(asyncio.CancelledError):
                await self._end_of(playing)
        patience.cancel()

    async def put(
        self, path: str, source: AsyncIterable[bytes], *, aliases: Sequence[str] = ()
    ) -> None:
        """Write a file below /mnt/data; see `Session.put`."""
        check_path(path)
        for alias in aliases:
            check_path(alias, most_depth=1)
        async with self.reserving():
            data = b"".join([chunk async for chunk in source])
            self._require_host()
            folders = [path[:at] for at, letter in enumerate(path) if letter == "/"]
            if any(folder in self._files for folder in folders) or self._is_folder(path):
                raise UnsafeFileError(f"{path!r} is not a plain file")
            others = sum(len(one) for name, one in self._files.items() if one and name != path)
            if others + len(data) > self.limits.data_room:
                raise OSError(errno.ENOSPC, "No space left on device")
            self._files[path] = self._told[path] = data
            self._aliases |= dict.fromkeys(aliases, path)

    async def remove(self, path: str) -> None:
        """Remove a file below /mnt/data; see `Session.remove`."""
        check_path(path)
        async with self.reserving():
            self._require_host()
            self._files.pop(path, None)
            self._told.pop(path, None)

    def _is_folder(self, path: str) -> bool:
        return any(name.startswith(f"{path}/") for name in self._files)

    async def aliases(self) -> Mapping[str, str]:
        """Return the aliases of files that stand there; see `Session.aliases`."""
        here = self._plain_files()
        return {alias: path for alias, path in self._aliases.items() if path in here}

    async def changes(self) -> Changes:
        """Return what became of /mnt/data since the last time; see `Session.changes`."""
        told, self._told = self._told, self._plain_files()
        odd = [path for path, data in self._files.items() if data is None]
        news = {path: data for path, data in self._told.items() if told.get(path) != data}
        return Changes(
            tuple(DataFile(path, len(data)) for path, data in sorted(news.items())),
            tuple(sorted(told.keys() - self._told.keys())),
            tuple(f"{path!r} is not given to the user: it is no plain file" for path in odd),
        )

    def _plain_files(self) -> dict[str, bytes]:
        self._require_host()
        return {path: data for path, data in self._files.items() if data is not None}

    async def files(self) -> tuple[DataFile, ...]:
        """Return every plain file below /mnt/data; see `Session.files`."""
        here = self._plain_files()
        return tuple(DataFile(path, len(data)) for path, data in sorted(here.items()))

    async def read_small(self, files: Sequence[DataFile], most: int) -> dict[str, bytes]:
        """Return many plain files at once; see `Session.read_small`."""
        here = self._plain_files()
        allowed = {each.path: min(each.size, most) for each in files if each.path in here}
        return {path: here[path] for path, size in allowed.items() if len(here[path]) <= size}

    async def read(self, path: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a plain file below /mnt/data; see `Session.read`."""
        check_path(path)
        self._require_host()
        data = self._files.get(path)
        if data is None:
            raise UnsafeFileError(f"{path!r} is not a plain file")
        yield data

    @asynccontextmanager
    async def reserving(self) -> AsyncGenerator[None]:
        """Keep the session from being closed to make room; see `Session.reserving`."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self.used_at = clock.now()

    async def close(self) -> None:
        """End the session and forget its files; harmless when called twice."""
        self._kill("it was closed")
        if self._playing is not None and not self._playing.done():
            self._playing.cancel()
            await asyncio.wait([self._playing], timeout=self.limits.interrupt_grace_seconds)
        for each in (self._variables, self._files, self._told, self._aliases):
            each.clear()

    def lose_host(self) -> None:
        """End the session, and keep its files from being read."""
        self._is_lost = True
        self._kill("its host was lost")

    def _require_host(self) -> None:
        """Raise HostLostError where the host of the session was lost."""
        if self._is_lost:
            raise HostLostError("the host of this session was lost")

    def _kill(self, reason: str) -> None:
        if self._reason is None:
            self._reason = reason
            self._died.set()

    def _explain_end(self) -> str:
        return f"The Python process ended: {self._reason}."


def _show(
    outputs: list[Output], on_output: Callable[[Output], None] | None, output: Output
) -> None:
    outputs.append(output)
    if on_output:
        on_output(output)
