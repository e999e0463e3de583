"""One session in memory, whose interpreter a function of the test plays."""

import asyncio
import dataclasses
import errno
import json
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import BinaryIO

from assistd import clock, ids
from assistd.sandbox.base import (
    Changes,
    DataFile,
    Execution,
    HostLostError,
    Limits,
    Logs,
    Output,
    UnsafeFileError,
)
from assistd.sandbox.remembered import require_rememberable
from assistd.sandbox.session.scan import check_path
from assistd.sandbox.session.transcript import join_logs
from assistd.sandbox.snapshot import SavedSession, Section


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


class FakeSession:
    """One session in memory; implements `Session`. Opened by `FakeSessions`."""

    def __init__(self, play: Play, limits: Limits) -> None:
        self.id = ids.new("sess")
        self.limits = limits
        self.opened_at = self.used_at = clock.now()
        self.is_fresh = True
        self._play = play
        self.remembered = b""
        self._lock = asyncio.Lock()
        self._reservation = asyncio.Lock()
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
    def is_lost(self) -> bool:
        """Whether its host was lost."""
        return self._is_lost

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
        with self._using():
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
        with self._using():
            self._require_host()
            self._files.pop(path, None)
            self._told.pop(path, None)

    def _is_folder(self, path: str) -> bool:
        return any(name.startswith(f"{path}/") for name in self._files)

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

    async def remember(self, data: bytes) -> None:
        """Note something for its next user; see `Session.remember`."""
        require_rememberable(data)
        self._require_host()
        self.remembered = data

    def _require_life(self) -> None:
        if self._reason is not None:
            raise HostLostError(self._reason)

    async def save(self, file: BinaryIO, most_bytes: int, seconds: float) -> SavedSession:
        """Keep variables that JSON can hold; see `Session.save`."""
        self._require_life()
        sections: list[Section] = []
        left: dict[str, str] = {}
        for name, value in self._variables.items():
            try:
                data = json.dumps({name: value}).encode()
            except TypeError as error:
                left[name] = str(error)
                continue
            start = file.tell()
            if start + len(data) > most_bytes:
                left[name] = "too large"
                continue
            file.write(data)
            sections.append(Section((name,), start, len(data)))
        return SavedSession(tuple(sections), left, is_whole=True)

    async def restore(
        self, file: BinaryIO, sections: Sequence[Section], seconds: float
    ) -> Mapping[str, str]:
        """Take variables from JSON; see `Session.restore`."""
        self._require_life()
        lost: dict[str, str] = {}
        for section in sections:
            file.seek(section.start)
            try:
                self._variables.update(json.loads(file.read(section.size)))
            except ValueError as error:
                lost.update(dict.fromkeys(section.names, str(error)))
        return lost

    @asynccontextmanager
    async def reserving(self) -> AsyncGenerator[None]:
        """Have it alone, and keep it from being closed to make room; see `Session.reserving`."""
        self._require_host()
        with self._using():
            async with self._reservation:
                yield

    @contextmanager
    def _using(self) -> Generator[None]:
        """Keep it from being closed to make room."""
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
