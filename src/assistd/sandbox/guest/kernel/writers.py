"""What code still writes when a cell ends: what Python holds back goes into the files, the rest is named.

The server asks for it where a cell may have written something, so that the usual cell pays nothing.
Objects of a session may be hostile: their real type is asked, never what they say of themselves, and
whatever their methods do is contained.
"""

import contextlib
import fcntl
import functools
import gc
import io
import os
import re
import stat
import sys
import weakref
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from types import FrameType, TracebackType
from typing import Any

from assistd.sandbox.guest.shared.wire import Writing
from assistd.sandbox.guest.walls.namespaces_outer import DATA

_DESCRIPTORS = "/proc/self/fd"
_FLAGS_BYTES = 256
_FILE: type = io.IOBase.__mro__[1]  # written in C: what every file object of Python derives from
_BUFFERED = (io.BufferedWriter, io.BufferedRandom)
_WORKBOOKS = "xlsxwriter.workbook"  # makes its file when that is closed, not before
_CELL = "<ipython-input"
_WRITE = re.compile("to_|save|write|dump|export|mimsave|mimwrite|imsave|imwrite|build|output")

Files = Iterable[tuple[str, Writing]]


class Writers:
    """Who writes below /mnt/data in this session.

    Args:
        folder: /mnt/data, by a path that the kernel knows.
        alone: whether every process in /proc is one of this session.
    """

    def __init__(self, folder: str, *, alone: bool) -> None:
        self._folder = folder
        self._alone = alone
        self._workbooks: weakref.WeakSet[Any] | None = None  # of a module that is not loaded yet

    @functools.cached_property
    def _prefix(self) -> str:
        """How paths of files below /mnt/data begin, as the kernel tells them."""
        return f"{os.path.realpath(self._folder)}/"

    def flush(self) -> dict[str, Writing]:
        """Put into the files what Python holds back.

        An interrupt ends it early: what was not flushed then counts as unfinished.

        Returns:
            Files that are still open for writing: path below /mnt/data -> how far it is.
        """
        files: dict[str, Writing] = {}
        try:
            for look in (self._held_by_children, self._flush_own, self._unwritten_workbooks):
                with contextlib.suppress(Exception):  # of hostile objects
                    files.update(look())
        except KeyboardInterrupt:
            return files
        return files

    def find_raised(self, error: BaseException) -> dict[str, Writing]:
        """Return files that a function was to write which raised: it has the path among its variables."""
        files: dict[str, Writing] = {}
        for frame in _library_frames(error.__traceback__):
            if _WRITE.match(frame.f_code.co_name):
                for value in list(frame.f_locals.values()):
                    if (path := self._below(value)) is not None:
                        files[path] = Writing.RAISED
        return files

    def _flush_own(self) -> Files:
        held = dict(self._open_files(_DESCRIPTORS))
        states = dict.fromkeys(held, Writing.HELD)
        if held:
            with contextlib.suppress(KeyboardInterrupt):  # what was not flushed stays unfinished
                _flush_hdf5()
                _flush_writers(states)
                _pass_mapped(held, states, self._prefix)
        files: dict[str, Writing] = {}
        for descriptor, path in held.items():  # of several descriptors, the worst counts
            if files.get(path, Writing.FLUSHED) is Writing.FLUSHED:
                files[path] = states[descriptor]
        return files.items()

    def _open_files(self, descriptors: str) -> Iterator[tuple[int, str]]:
        """Yield descriptors that write to a plain file below /mnt/data, and its path there."""
        for name in os.listdir(descriptors):
            with contextlib.suppress(OSError):  # closed meanwhile, or the listing's own
                if descriptors == _DESCRIPTORS:
                    flags = fcntl.fcntl(int(name), fcntl.F_GETFL)
                else:
                    flags = _read_flags(f"{os.path.dirname(descriptors)}/fdinfo/{name}")
                if not flags & os.O_ACCMODE:
                    continue
                path = os.readlink(f"{descriptors}/{name}")
                if path.startswith(self._prefix):
                    status = os.stat(f"{descriptors}/{name}")
                    if stat.S_ISREG(status.st_mode) and status.st_nlink:
                        yield int(name), path.removeprefix(self._prefix)

    def _held_by_children(self) -> Files:
        """Return files that other processes of the session have open, where this one sees no others."""
        own = str(os.getpid())
        for pid in os.listdir("/proc") if self._alone and _has_children() else ():
            if pid.isdigit() and pid != own:
                with contextlib.suppress(OSError):  # it is gone
                    for _, path in self._open_files(f"/proc/{pid}/fd"):
                        yield path, Writing.FLUSHED

    def _unwritten_workbooks(self) -> Files:
        """Return files of workbooks that were not closed."""
        if _WORKBOOKS not in sys.modules:
            return
        if self._workbooks is None:
            self._workbooks = _follow_workbooks()
        for workbook in list(self._workbooks):
            path = self._below(workbook.filename)
            if path is not None and not workbook.fileclosed:
                yield path, Writing.HELD

    def _below(self, value: object) -> str | None:
        """Return the path below /mnt/data that a value names; None where it names none."""
        if not issubclass(type(value), str | PurePath):
            return None
        path = os.path.normpath(os.path.join(os.getcwd(), str(value)))
        for prefix in (self._prefix, f"{DATA}/"):
            if path.startswith(prefix):
                return path.removeprefix(prefix)
        return None


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except OSError:
        return False
    return True


def _read_flags(fdinfo: str) -> int:
    file = os.open(fdinfo, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(file, _FLAGS_BYTES).partition(b"flags:")[2].split()[0], 8)
    finally:
        os.close(file)


def _flush_hdf5() -> None:
    """Have every open HDF5 file complete on disk; of some, nothing but a dataset is held any more."""
    if "h5py" not in sys.modules:
        return
    h5f = sys.modules["h5py"].h5f
    flushed: set[bytes] = set()
    for held in h5f.get_obj_ids(types=h5f.OBJ_FILE | h5f.OBJ_GROUP | h5f.OBJ_DATASET):
        with contextlib.suppress(Exception):  # it is open for reading, or in memory
            if (name := h5f.get_name(held)) not in flushed:
                flushed.add(name)
                h5f.flush(held)


def _flush_writers(states: dict[int, Writing]) -> None:
    """Flush the file objects of these descriptors, the outer ones first, and note how that went."""
    kinds: dict[int, bool] = {}  # by id: the hash of a type may be code's own
    found: list[Any] = []
    things: list[object] = gc.get_objects()  # of this session: what was there before is frozen
    for thing in things:
        kind = type(thing)
        is_file = kinds.get(id(kind))
        if is_file is None:
            is_file = kinds[id(kind)] = issubclass(kind, _FILE)
        if is_file:
            found.append(thing)
    for file in sorted(found, key=lambda one: issubclass(type(one), _BUFFERED)):
        _flush(file, states)


def _pass_mapped(held: dict[int, str], states: dict[int, Writing], prefix: str) -> None:
    """Take files that are in memory as flushed: what is written there is in the file at once.

    A map has a descriptor of its own, which no Python object tells.
    """
    if Writing.HELD not in states.values():
        return
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
        mapped = {line.rstrip("\n").partition(prefix)[2] for line in file if " rw-s " in line}
    for descriptor, path in held.items():
        if path in mapped and states[descriptor] is Writing.HELD:
            states[descriptor] = Writing.FLUSHED


def _flush(file: Any, states: dict[int, Writing]) -> None:
    try:
        descriptor = file.fileno()
        is_ours = descriptor in states
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  it is closed, has no descriptor, or is hostile
        return
    if not is_ours:
        return
    try:
        file.flush()
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  no room is left, for one: the server is told
        states[descriptor] = Writing.FAILED
    else:
        if states[descriptor] is Writing.HELD:
            states[descriptor] = Writing.FLUSHED


def _library_frames(trace: TracebackType | None) -> Iterator[FrameType]:
    """Yield the frames of a traceback that are not the cell's own."""
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_CELL):
            yield trace.tb_frame
        trace = trace.tb_next


def _follow_workbooks() -> "weakref.WeakSet[Any]":
    """Return all workbooks of xlsxwriter, those that are made later, too."""
    kind = sys.modules[_WORKBOOKS].Workbook
    known = weakref.WeakSet[Any](one for one in gc.get_objects() if issubclass(type(one), kind))

    def make(cls: type[object], *_: object, **__: object) -> object:
        workbook = object.__new__(cls)
        known.add(workbook)
        return workbook

    kind.__new__ = make
    return known
