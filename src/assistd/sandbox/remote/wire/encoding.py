"""Makes messages of what a host and its sessions say."""

import asyncio
import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from assistd.sandbox.base import (
    BusyError,
    Changes,
    ClosedError,
    DataFile,
    Execution,
    HostLostError,
    Limits,
    Output,
    Picture,
    SandboxError,
    Sessions,
    UnsafeFileError,
)
from assistd.sandbox.measures import Use
from assistd.sandbox.overview import Wall
from assistd.sandbox.remote.seats import SeatLostError
from assistd.sandbox.remote.wire import sandbox_pb2 as pb
from assistd.sandbox.remote.wire.calls import CHUNK_BYTES, VERSION
from assistd.sandbox.session.call import Status
from assistd.sandbox.session.transcript import Name

_T = TypeVar("_T")

STATUSES: dict[Status, pb.Executed.Status] = {
    "ok": pb.Executed.OK,
    "error": pb.Executed.RAISED,
    "interrupted": pb.Executed.INTERRUPTED,
    "timeout": pb.Executed.TIMEOUT,
    "dead": pb.Executed.DEAD,
}
NAMES: dict[Name, pb.Output.Name] = {
    "stdout": pb.Output.STDOUT,
    "stderr": pb.Output.STDERR,
    "result": pb.Output.RESULT,
    "error": pb.Output.ERROR,
}


def encode_failure(error: BaseException) -> pb.Failure:
    """Return what the other end is told of an error."""
    match error:
        case asyncio.CancelledError():
            return pb.Failure(kind=pb.Failure.CANCELLED)
        case BusyError():
            kind = pb.Failure.BUSY
        case HostLostError() | ClosedError():
            kind = pb.Failure.LOST
        case SeatLostError():
            kind = pb.Failure.SEAT
        case SandboxError():
            kind = pb.Failure.SANDBOX
        case UnsafeFileError():
            kind = pb.Failure.UNSAFE
        case OSError(errno=int() as number):
            return pb.Failure(kind=pb.Failure.SYSTEM, message=os.strerror(number), number=number)
        case _:
            return pb.Failure(kind=pb.Failure.FAULT, message=type(error).__name__)
    return pb.Failure(kind=kind, message=_as_utf8(str(error)))


def encode_limits(limits: Limits) -> pb.Limits:
    """Return the limits of a session."""
    return pb.Limits(**dataclasses.asdict(limits))


def encode_outputs(outputs: Iterable[Output]) -> list[pb.Output]:
    """Return what was shown."""
    return [
        pb.Output(picture=output.data)
        if isinstance(output, Picture)
        else pb.Output(text=_as_utf8(output.text), name=NAMES[output.name])
        for output in outputs
    ]


def encode_execution(execution: Execution, outputs: Iterable[Output]) -> pb.Executed:
    """Return the outcome of a call, with the outputs that were not sent yet."""
    return pb.Executed(
        status=STATUSES[execution.status],
        outputs=encode_outputs(outputs),
        notes=map(_as_utf8, execution.notes),
        repairs=execution.repairs,
    )


def encode_file(file: DataFile) -> pb.DataFile:
    """Return a file below /mnt/data."""
    made = pb.DataFile(path=file.path, size=file.size, is_sparse=file.is_sparse)
    if file.inode is not None:
        made.device, made.inode = file.inode
    return made


def encode_files(files: Sequence[DataFile]) -> Iterator[pb.Listed]:
    """Yield files below /mnt/data, in parts."""
    for some in cut_files(files):
        yield pb.Listed(files=map(encode_file, some), has_more=True)
    yield pb.Listed()


def encode_changes(changes: Changes) -> Iterator[pb.Listed]:
    """Yield what became of /mnt/data, in parts."""
    for removed in cut(changes.removed, lambda path: len(path) * 4):
        yield pb.Listed(removed=removed, has_more=True)
    for some in cut_files(changes.files):
        yield pb.Listed(files=map(encode_file, some), has_more=True)
    yield pb.Listed(notes=map(_as_utf8, changes.notes))


def encode_contents(contents: dict[str, bytes]) -> Iterator[pb.Contents]:
    """Yield small files, in parts."""
    for some in cut(list(contents.items()), lambda item: len(item[0]) * 4 + len(item[1])):
        made = [pb.Content(path=path, data=data) for path, data in some]
        yield pb.Contents(contents=made, has_more=True)
    yield pb.Contents()


def cut_files(files: Sequence[DataFile]) -> Iterator[list[DataFile]]:
    """Yield files in lists whose paths fit into a message."""
    return cut(files, lambda file: len(file.path) * 4)


def cut(items: Sequence[_T], size: Callable[[_T], int]) -> Iterator[list[_T]]:
    """Yield items in lists of about a message's size."""
    some: list[_T] = []
    left = CHUNK_BYTES
    for item in items:
        some.append(item)
        left -= size(item)
        if left <= 0:
            yield some
            some, left = [], CHUNK_BYTES
    if some:
        yield some


def encode_state(sessions: Sessions) -> pb.State:
    """Return what is known of a host without asking."""
    overview = sessions.describe()
    waiting = [
        pb.Waiting(
            key=each.key,
            tenant_id=each.tenant_id,
            seconds=each.seconds,
            before=sessions.count_before(each.key),
        )
        for each in overview.waiting
    ]
    return pb.State(
        version=VERSION,
        is_ready=sessions.is_ready,
        jail=sessions.jail or "",
        added=sessions.added,
        overview=pb.Overview(
            live=[pb.LiveSession(**dataclasses.asdict(each)) for each in overview.live],
            waiting=waiting,
            warm=overview.warm,
            most=overview.most,
            limitations=overview.limitations,
        ),
    )


def encode_use(use: Use | None) -> pb.Measured:
    """Return what a session takes."""
    return pb.Measured(use=use and pb.Use(**dataclasses.asdict(use)))


def encode_walls(walls: Iterable[Wall]) -> pb.Examined:
    """Return the walls around sessions."""
    return pb.Examined(walls=[pb.Wall(**dataclasses.asdict(wall)) for wall in walls])


def _as_utf8(text: str) -> str:
    """Return text without what no UTF-8 has."""
    return text.encode("utf-8", "replace").decode()
