"""Makes values of what a host says, which is believed no more than a session is: every bound holds here, too.

What breaks one is a `BreachError`: no correct host sends it, whatever the code in its sessions does.
"""

import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Sized
from typing import TypeVar, get_args

from assistd.sandbox.base import (
    BusyError,
    DataFile,
    Execution,
    HostLostError,
    JailName,
    Limits,
    Logs,
    Output,
    Picture,
    SandboxError,
    UnsafeFileError,
)
from assistd.sandbox.guest.shared import repair
from assistd.sandbox.measures import Use
from assistd.sandbox.overview import LiveSession, Overview, Waiting, Wall
from assistd.sandbox.remote.seats import SeatLostError
from assistd.sandbox.remote.wire import sandbox_pb2 as pb
from assistd.sandbox.remote.wire.encoding import NAMES, STATUSES
from assistd.sandbox.session.call import Status
from assistd.sandbox.session.scan import MOST_ENTRIES, check_path
from assistd.sandbox.session.transcript import PICTURES_AT_ONCE, Name, is_sane_picture, join_logs

_MOST_NOTES = 64
_MOST_NOTE_BYTES = 16 << 10
_MOST_NAME_BYTES = 1024
_MOST_NAMES = 20_000
_MOST_ERRNO = 4095
_MOST_FILES = 4 * MOST_ENTRIES  # that changed at once: those there were, and those there are
_CUT_BYTES = 1024  # the line that says that output was cut, and its breaks

_STATUSES: dict[int, Status] = {sent: status for status, sent in STATUSES.items()}
_NAMES: dict[int, Name] = {sent: name for name, sent in NAMES.items()}


class BreachError(Exception):
    """A host sent what no correct host sends."""


_M = TypeVar("_M")


def require_message(message: object, kind: type[_M]) -> _M:
    """Return a message that came; gRPC gives None for bytes that are none.

    Raises:
        BreachError: it is no message of that kind.
    """
    if not isinstance(message, kind):
        raise BreachError("bytes that are no message")
    return message


def require_reply(reply: pb.Reply, kind: str) -> pb.Reply:
    """Return a reply that must be of one kind.

    Raises:
        BreachError: it is of another.
    """
    if reply.WhichOneof("reply") != kind:
        raise BreachError("a reply to something else")
    return reply


_ERRORS = {
    pb.Failure.BUSY: BusyError,
    pb.Failure.UNSAFE: UnsafeFileError,
    pb.Failure.LOST: HostLostError,
    pb.Failure.SEAT: SeatLostError,
}


def make_error(failure: pb.Failure) -> Exception:
    """Return the error that a host tells."""
    message = failure.message[:_MOST_NOTE_BYTES]
    match failure.kind:
        case pb.Failure.SYSTEM if 0 < failure.number <= _MOST_ERRNO:
            return OSError(failure.number, os.strerror(failure.number))
        case pb.Failure.FAULT:
            return SandboxError(f"the sandbox host failed: {message}")
        case kind:
            return _ERRORS.get(kind, SandboxError)(message)


_S = TypeVar("_S", pb.Done, pb.Examined, pb.Part, pb.Restored, pb.SavePart)


def require_success(message: object, kind: type[_S]) -> _S:
    """Return a message that ends a call of its own, or is a part of what it gives.

    Raises:
        BreachError: it is no message of that kind.
        AssistdError, OSError: the failure that the host tells instead.
    """
    found = require_message(message, kind)
    if found.HasField("failure"):
        raise make_error(found.failure)
    return found


class Outputs:
    """What one call has shown so far, held to the limits of its session.

    Args:
        limits: of the session.
        on_output: called with each output; what it raises is kept as `failure`.
    """

    def __init__(self, limits: Limits, on_output: Callable[[Output], None] | None) -> None:
        self._on_output = on_output
        self._shown: list[Output] = []
        self._room = limits.output_bytes + _CUT_BYTES
        self._limits = limits
        self._pictures = limits.pictures
        self._picture_room = limits.picture_bytes * PICTURES_AT_ONCE
        self.failure: Exception | None = None

    def add(self, outputs: Iterable[pb.Output]) -> None:
        """Take more.

        Raises:
            BreachError: that is more than a call may show, or no output.
        """
        for each in outputs:
            output = self._check(each)
            self._shown.append(output)
            self._show(output)

    def join(self) -> tuple[Output, ...]:
        """Return all of it."""
        return tuple(join_logs(self._shown))

    def _check(self, output: pb.Output) -> Output:
        match output.WhichOneof("output"):
            case "text":
                self._room -= max(1, len(output.text.encode()))
                if self._room < 0:
                    raise BreachError("more output than a call may show")
                name = _NAMES.get(output.name)
                if name is None:
                    raise BreachError("an output of no known name")
                return Logs(output.text, name)
            case "picture":
                size = len(output.picture)
                self._pictures -= 1
                self._picture_room -= size
                if self._pictures < 0 or self._picture_room < 0:
                    raise BreachError("more pictures than a call may show")
                if not is_sane_picture(output.picture, self._limits):
                    raise BreachError("a picture that is none, or too large")
                return Picture(output.picture)
            case _:
                raise BreachError("an output that is none")

    def _show(self, output: Output) -> None:
        if self._on_output is None:
            return
        try:
            self._on_output(output)
        except Exception as error:  # noqa: BLE001  raised to the caller once the call is over
            self._on_output = None
            self.failure = error


def read_execution(executed: pb.Executed, code: str, outputs: Outputs) -> Execution:
    """Return the outcome of a call.

    Args:
        executed: as the host tells it.
        code: what was to run: what ran instead is made here from the numbers of repairs.
        outputs: all that it showed.
    """
    status = _STATUSES.get(executed.status)
    if status is None or not 0 <= executed.repairs <= repair.ALL:
        raise BreachError("an outcome that is none")
    repaired = repair.apply(code, executed.repairs) if executed.repairs else None
    notes = read_notes(executed.notes)
    return Execution(status, outputs.join(), notes, repaired, executed.repairs)


def read_notes(notes: Iterable[str]) -> tuple[str, ...]:
    """Return sentences for the model."""
    found = tuple(notes)
    if len(found) > _MOST_NOTES or any(len(note) > _MOST_NOTE_BYTES for note in found):
        raise BreachError("notes beyond number or measure")
    return found


class Listing:
    """Files below /mnt/data and paths that are gone, as they come in parts."""

    def __init__(self) -> None:
        self.files: dict[str, DataFile] = {}
        self.removed: set[str] = set()
        self.notes: list[str] = []

    def add(self, listed: pb.Listed) -> None:
        """Take a part.

        Raises:
            BreachError: there are more than a session may have, or a path leads outside.
        """
        for file in listed.files:
            path = read_path(file.path)
            inode = (file.device, file.inode) if file.HasField("device") else None
            self.files[path] = DataFile(path, file.size, is_sparse=file.is_sparse, inode=inode)
        self.removed.update(map(read_path, listed.removed))
        self.notes += listed.notes
        read_notes(self.notes)
        if max(len(self.files), len(self.removed)) > _MOST_FILES:
            raise BreachError("more files than a session may have")


def read_path(path: str) -> str:
    """Return a path below /mnt/data."""
    try:
        check_path(path)
    except UnsafeFileError:
        raise BreachError("a path that leads outside of /mnt/data") from None
    return path


def read_limits(limits: pb.Limits, most: Limits) -> Limits:
    """Return the limits of a session, with which its outputs are held.

    Args:
        limits: as the host tells them.
        most: what the API lets a session show, whatever a host says.

    Raises:
        BreachError: a host lets its sessions show more, or a number is none.
    """
    found = Limits(**{each.name: getattr(limits, each.name) for each in dataclasses.fields(Limits)})
    _require_finite(*(getattr(found, each.name) for each in dataclasses.fields(Limits)))
    for name in ("output_bytes", "pictures", "picture_bytes", "picture_pixels"):
        if getattr(found, name) > getattr(most, name):
            raise BreachError(f"limits of which `{name}` is higher than that of this server")
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """What is known of a host without asking it.

    Args:
        is_ready: whether sessions can be opened at once.
        jail: what isolates them.
        added: the packages that new sessions import beside the built-in ones.
        overview: who has one, and who waits.
        before: how many come before each of those who wait, by key.
    """

    is_ready: bool = False
    jail: JailName | None = None
    added: tuple[str, ...] = ()
    overview: Overview = dataclasses.field(default_factory=Overview)
    before: dict[str, int] = dataclasses.field(default_factory=dict[str, int])


def read_state(state: pb.State) -> State:
    """Return what a host tells of itself."""
    overview = state.overview
    _require_few(overview.live, overview.waiting, state.added, overview.limitations)
    _require_names(*state.added, *overview.limitations)
    jail = next((name for name in get_args(JailName) if name == state.jail), None)
    return State(
        is_ready=state.is_ready,
        jail=jail,
        added=tuple(state.added),
        overview=Overview(
            tuple(map(_read_live, overview.live)),
            tuple(map(_read_waiting, overview.waiting)),
            overview.warm,
            overview.most,
            tuple(overview.limitations),
        ),
        before={each.key: each.before for each in overview.waiting if each.HasField("before")},
    )


def _read_live(live: pb.LiveSession) -> LiveSession:
    _require_names(live.key, live.id, live.tenant_id)
    _require_finite(live.opened_at, live.used_at, live.ends_at)
    return LiveSession(
        live.key,
        live.id,
        live.tenant_id,
        live.is_busy,
        live.opened_at,
        live.used_at,
        live.ends_at,
        live.memory_limit_bytes,
    )


def _read_waiting(waiting: pb.Waiting) -> Waiting:
    _require_names(waiting.key, waiting.tenant_id)
    _require_finite(waiting.seconds)
    return Waiting(waiting.key, waiting.tenant_id, waiting.seconds)


def read_use(measured: pb.Measured) -> Use | None:
    """Return what a session takes."""
    if not measured.HasField("use"):
        return None
    use = measured.use
    _require_finite(use.opened_at, use.ends_at, use.cpu_seconds)
    return Use(
        use.opened_at,
        use.ends_at,
        use.memory_limit_bytes,
        use.memory_bytes if use.HasField("memory_bytes") else None,
        use.cpu_seconds if use.HasField("cpu_seconds") else None,
    )


def read_walls(examined: pb.Examined) -> tuple[Wall, ...]:
    """Return the walls around sessions."""
    _require_few(examined.walls)
    for each in examined.walls:
        _require_names(each.name, each.meaning)
    return tuple(
        Wall(each.name, each.stands, each.is_required, each.meaning) for each in examined.walls
    )


def read_name(name: str) -> str:
    """Return an id that a host gives."""
    if not name:
        raise BreachError("an id that is none")
    _require_names(name)
    return name


def _require_few(*lists: Sized) -> None:
    if any(len(each) > _MOST_NAMES for each in lists):
        raise BreachError("more of something than a host has")


def _require_names(*names: str) -> None:
    if any(len(name) > _MOST_NAME_BYTES for name in names):
        raise BreachError("a name that is too long")


def _require_finite(*numbers: float) -> None:
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        raise BreachError("a number that is none")
