"""What a session promises: its limits, its outcome and its errors are part of the interface.

Knows nothing of assistants, file ids, HTTP or SQL.
"""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from assistd.errors import AssistdError
from assistd.sandbox.measures import Use
from assistd.sandbox.overview import Overview, Wall
from assistd.sandbox.snapshot import KeepsVariables
from assistd.units import MIB

JailName = Literal["namespaces", "landlock", "gvisor", "dangerously_unconfined"]
JailChoice = Literal["auto", "namespaces", "landlock", "gvisor", "dangerously_unconfined"]


@dataclass(frozen=True, slots=True)
class Runsc:
    """Which gVisor the jail `gvisor` starts.

    Args:
        program: runsc, by path or by its name on the PATH.
        platform: how it catches system calls (`systrap`, `kvm`, `ptrace`); None is its own choice.
    """

    program: str = "runsc"
    platform: str | None = None


class SandboxError(AssistdError):
    """The sandbox itself failed (not the code in it): no session can be had, or the host is broken."""


class BusyError(SandboxError):
    """Every session that may be live is in use, and none came free in time: try again later."""


class HostLostError(SandboxError):
    """The host of a session cannot be reached any more; the session and its unread files are gone."""


class ClosedError(SandboxError):
    """The sessions were closed from here: they open no more. Their host may well have others."""

    def __init__(self) -> None:
        super().__init__("the sandbox is shutting down")


class UnsafeFileError(AssistdError):
    """A path below /mnt/data is not a plain file that may be read or written."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one session may use. Bytes and seconds unless the name says otherwise."""

    call_seconds: float = 120.0
    interrupt_grace_seconds: float = 2.0
    memory_bytes: int = 1024 * MIB
    processes: int = 64
    open_files: int = 512
    data_bytes: int = 1024 * MIB
    data_inodes: int = 20_000
    tmp_bytes: int = 256 * MIB
    tmp_inodes: int = 20_000
    output_bytes: int = 256 * 1024
    pictures: int = 20
    picture_bytes: int = 16 * MIB
    picture_pixels: int = 50_000_000
    session_seconds: float = 3600.0
    idle_seconds: float = 3600.0
    freeze_seconds: float = 2.0

    @property
    def data_room(self) -> int:
        """Bytes that /mnt/data may hold.

        Files are memory too. So that a runaway file ends with "No space left" and not with the
        session, no folder alone may take all of the memory.
        """
        return min(self.data_bytes, self.memory_bytes * 3 // 4)

    @property
    def tmp_room(self) -> int:
        """Bytes that /tmp may hold; the home folder may hold as many."""
        return min(self.tmp_bytes, self.memory_bytes // 4)


@dataclass(frozen=True, slots=True)
class Tenant:
    """For whom sessions are opened, and what they may have.

    Args:
        id: the tenant's name (a project's id).
        max_sessions: live sessions at once; None is the host's default.
        memory_bytes: the memory of each session; None is that of `Limits`.
    """

    id: str
    max_sessions: int | None = None
    memory_bytes: int | None = None


OPERATOR = Tenant("operator")  # whoever runs assistd, and asks for sessions without a project


@dataclass(frozen=True, slots=True)
class Logs:
    """Text that a notebook would show, in the order it was written."""

    text: str
    name: Literal["stdout", "stderr", "result", "error"] = "stdout"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was shown; `data` holds the bytes of a PNG."""

    data: bytes


Output = Logs | Picture


@dataclass(frozen=True, slots=True)
class Execution:
    """The outcome of one call.

    Args:
        status: `ok`; `error` (the code raised); `interrupted` (over its time or asked to stop, state
            kept); `timeout` (did not heed the interrupt and was killed); `dead` (the session died).
        outputs: logs and pictures in the order they appeared; neighbouring logs of one name are joined.
        notes: sentences for the model: which limit was hit, what was cut, what was lost.
        repaired: the code that ran, where the code that was given was no Python but for a slip.
        repairs: which repairs made it, by the numbers of `guest.shared.repair`.
    """

    status: Literal["ok", "error", "interrupted", "timeout", "dead"]
    outputs: tuple[Output, ...]
    notes: tuple[str, ...] = ()
    repaired: str | None = None
    repairs: int = 0

    @property
    def session_lost(self) -> bool:
        """Whether the session is gone and with it every variable."""
        return self.status in {"timeout", "dead"}

    @property
    def logs(self) -> str:
        """All text outputs as one string."""
        return "".join(output.text for output in self.outputs if isinstance(output, Logs))


@dataclass(frozen=True, slots=True)
class DataFile:
    """A plain file below /mnt/data.

    Args:
        path: relative, valid UTF-8, without `..`.
        size: bytes that a reader gets.
        is_sparse: whether it has holes, which take no room in /mnt/data.
        inode: what the names of one file (hard links) have in common; None where it has one name.
    """

    path: str
    size: int
    is_sparse: bool = field(default=False, compare=False)
    inode: tuple[int, int] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of /mnt/data since it was last looked at.

    Args:
        files: plain files that were written, changed or renamed, sorted by path.
        removed: paths of files that were there and are no more, sorted.
        notes: sentences for the model: which files are not among them, and why.
    """

    files: tuple[DataFile, ...] = ()
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Session(KeepsVariables, Protocol):
    """One live interpreter with its /mnt/data. One call at a time; calls queue.

    It may be on another host: what is known of it without waiting is as of the last answer. When that
    host is lost, the session is no longer `alive`, `execute` returns an outcome `dead`, `close` is
    harmless, and everything else that is awaited raises `HostLostError`.
    """

    id: str
    limits: Limits

    @property
    def alive(self) -> bool:
        """Whether its interpreter runs."""
        ...

    @property
    def is_fresh(self) -> bool:
        """Whether it has run no cell yet: then it knows nothing, and what it was given may be incomplete."""
        ...

    async def execute(
        self,
        code: str,
        *,
        seconds: float | None = None,
        on_output: Callable[[Output], None] | None = None,
    ) -> Execution:
        """Run one cell and return its outcome; never raises for anything the code does.

        Args:
            code: the cell, as the model wrote it.
            seconds: wall time; None is the limit of the session.
            on_output: called with each output as it appears.

        Cancelling the awaiting task interrupts the code, then kills the session after the grace time,
        and returns only when neither runs any more.
        """
        ...

    async def put(
        self, path: str, source: AsyncIterable[bytes], *, aliases: Sequence[str] = ()
    ) -> None:
        """Write a file below /mnt/data, replacing what stands there. Not reported by `changes`.

        Args:
            path: relative to /mnt/data.
            source: its bytes. Where the jail can, a `StoredFile` is linked instead of copied, and
                what code does to it is done to a copy.
            aliases: other names for it: a cell that has one in its code finds a link to the file
                under it, which Python's listings leave out, unless code made a file of that name.

        Raises:
            UnsafeFileError: the path leads outside, or through something the code planted.
            OSError: no room is left (ENOSPC).
        """
        ...

    async def remove(self, path: str) -> None:
        """Remove a plain file below /mnt/data; one that is not there is no error. Not reported by `changes`.

        Raises:
            UnsafeFileError: the path leads outside, or through something the code planted.
        """
        ...

    async def changes(self) -> Changes:
        """Return what was written, changed, renamed or removed since the last call of `changes`.

        A file that code still writes is left out until it is finished, and one that a failed call
        broke off is left out until it changes. Works after the death of the session, until `close`.
        """
        ...

    async def files(self) -> tuple[DataFile, ...]:
        """Return every plain file below /mnt/data, sorted by path."""
        ...

    async def read_small(self, files: Sequence[DataFile], most: int) -> dict[str, bytes]:
        """Return many plain files at once, by path, each whole.

        Left out is what has more bytes than `most` or than it had, or is no plain file: `read` tells.
        """
        ...

    def read(self, path: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a plain file below /mnt/data, at most the size it had when it was opened.

        Raises:
            UnsafeFileError: it is a link, a device, a FIFO, or leads outside.
        """
        ...

    @property
    def remembered(self) -> bytes:
        """What its users noted last, as of the last `reserving` or `remember`; empty at first."""
        ...

    async def remember(self, data: bytes) -> None:
        """Note something of the session for whoever reserves it next, in place of what was noted before.

        Raises:
            ValueError: it is more than `remembered.MOST_BYTES`.
        """
        ...

    def reserving(self) -> AbstractAsyncContextManager[None]:
        """Reserve it from its opening to its last file read.

        Others who reserve it wait, in whichever process, and nobody in line gets its place meanwhile.
        """
        ...

    async def close(self) -> None:
        """End every process of the session and free its memory; harmless when called twice."""
        ...


class Sessions(Protocol):
    """The live sessions of a host, or of many: one per key.

    Made, started and closed by whoever composes the program. When a host is lost, `open` returns a
    session on another one or raises `HostLostError`, which the sessions that lived there raise, too;
    `on_closed` is awaited for them as for any other.
    """

    on_closed: Callable[[str, Session], Awaitable[None]] | None
    """Awaited with a key and its session when that session is over, for whatever reason."""

    on_ending: Callable[[str, Session], Awaitable[None]] | None
    """Awaited with a key and its live session before that is closed by plan: it idled, its hour is over,
    another one needs its place, its host stops, or `retire` or `close` was called. Its time is bounded."""

    @property
    def added(self) -> tuple[str, ...]:
        """The packages that new sessions import beside the built-in ones."""
        ...

    @property
    def jail(self) -> JailName | None:
        """What isolates sessions; None until it is known, and where nothing does."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether sessions can be opened at once; until then, `open` waits."""
        ...

    def describe(self) -> Overview:
        """Return who has a session, and who waits for one."""
        ...

    async def examine(self) -> tuple[Wall, ...]:
        """Look from outside which walls stand around a session; empty where nothing can be seen.

        Raises:
            SandboxError: no session can be had to look at.
        """
        ...

    def begin(self) -> None:
        """Begin to start, and return at once; harmless when called again."""
        ...

    async def start(self) -> None:
        """Begin to start, unless that was done, and wait until sessions can be had.

        Raises:
            StartupError: there will be none; the message says what to do.
        """
        ...

    async def close(self) -> None:
        """Close every session and what it needs; nothing of them is left. Harmless when called again.

        Sessions of a host that serves other processes, too, live on.
        """
        ...

    async def open(self, key: str, tenant: Tenant = OPERATOR) -> Session:
        """Return the live session of `key`; a fresh one where it has none, it died, or its hour is over.

        Args:
            key: whose session; a key belongs to one tenant.
            tenant: for whom; its sessions are counted together.

        Raises:
            BusyError: the tenant or the host has as many as it may, all in use.
            ClosedError: `close` was called.
            HostLostError: the host that would serve it cannot be reached.
            SandboxError: no session can be had now; the message says why.
        """
        ...

    async def drop(self, key: str) -> None:
        """Close the session of `key`, if it has one."""
        ...

    async def retire(self, key: str) -> None:
        """Close the session of `key`, if it has one, as if its hour were over: see `on_ending`."""
        ...

    async def measure(self, key: str) -> Use | None:
        """Return what the live session of `key` takes now; None where it has none."""
        ...

    def count_before(self, key: str) -> int | None:
        """Return how many wait for a session before `key` does; None where it does not wait."""
        ...
