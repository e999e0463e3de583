"""A failure: what ended a cell, with what its frames and its code say about it. All of it is untrusted."""

import importlib.util
import itertools
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from types import FrameType
from typing import Any

_MESSAGE = 4000  # characters of a message that are looked at
_ERRORS = 20
_FRAMES = 60
_LONGEST_PATH = 1000
_STRINGS = 40
_NAME = 80  # characters of a quoted name
_LIST = 600  # characters of quoted names together
# What libraries call the file that they were given.
_PATH_NAMES = (
    "filepath_or_buffer", "io", "path_or_buf", "path_or_buffer", "path_or_fp", "path_or_file", "path_or_bytes",
    "path_or_filelike", "stream", "fp", "filename", "file", "fname", "path", "filepath", "source", "f", "fh",
    "pkg_file", "docx", "pptx", "name", "uri",
)  # fmt: skip
_SCHEME = re.compile(r"^(?:sandbox:|file://)/*", re.IGNORECASE)
_STRING = re.compile(r"""(['"])([^'"\n]{1,300}\.\w{1,8})\1""")


class Failure:
    """What ended a cell.

    Args:
        error: the exception that the reader sees last.
        cell: the code of the cell.
    """

    def __init__(self, error: BaseException, cell: str) -> None:
        self.chain = list(itertools.islice(_chain(error), _ERRORS))
        """The error and those it came from, newest first."""
        self.error = error
        """The one of these that is looked at."""
        self.message = ""
        """What that one says, cut."""
        self.cell = cell
        self._frames: list[FrameType] | None = None

    def look_at(self, error: BaseException) -> None:
        """Go on with an error of the chain."""
        self.error = error
        self.message = str(error)[:_MESSAGE]

    @property
    def frames(self) -> list[FrameType]:
        """The frames of all errors, innermost first."""
        if self._frames is None:
            self._frames = [frame for error in self.chain for frame in _frames(error)][:_FRAMES]
        return self._frames

    @property
    def modules(self) -> set[str]:
        """The packages whose code was running."""
        names = (frame.f_globals.get("__name__", "") for frame in self.frames)
        return {name.partition(".")[0] for name in names if isinstance(name, str)}

    def runs_in(self, *modules: str) -> bool:
        """Return whether code of one of these packages was running."""
        return not self.modules.isdisjoint(modules)

    def find(self, kind: str, names: Iterable[str] = ("self", "obj", "data", "df", "frame")) -> Any:
        """Return the innermost local of one of these names whose class has this name; None where there is none."""
        wanted = tuple(names)
        for frame in self.frames:
            for name in wanted:
                value = frame.f_locals.get(name)
                if any(each.__name__ == kind for each in type(value).__mro__):
                    return value
        return None

    def find_with(self, attribute: str, names: Iterable[str] = ("self",)) -> Any:
        """Return the attribute of the innermost local of one of these names that has it."""
        for frame in self.frames:
            for name in names:
                if (value := getattr(frame.f_locals.get(name), attribute, None)) is not None:
                    return value
        return None

    def paths(self) -> Iterator[str]:
        """Yield paths that the failing call may have been about, the likeliest first."""
        seen: set[str] = set()
        for path in self._candidates():
            if isinstance(path, str) and 0 < len(path) <= _LONGEST_PATH and path not in seen:
                seen.add(path)
                yield path

    def files(self) -> Iterator[str]:
        """Yield those of these that are plain files."""
        return (path for path in map(without_scheme, self.paths()) if is_file(path))

    def file(self) -> str | None:
        """Return the first of these that is a plain file."""
        return next(self.files(), None)

    def _candidates(self) -> Iterator[object]:
        yield getattr(self.error, "filename", None)
        for frame in self.frames:
            for name in _PATH_NAMES:
                value = frame.f_locals.get(name)
                if isinstance(value, PurePath):
                    yield str(value)
                yield value if isinstance(value, str) else getattr(value, "name", None)
        for match in list(_STRING.finditer(self.cell))[:_STRINGS]:
            yield match[2]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _frames(error: BaseException) -> list[FrameType]:
    frames: list[FrameType] = []
    trace = error.__traceback__
    while trace is not None and len(frames) < _FRAMES:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    return frames[::-1]


def without_scheme(path: str) -> str:
    """Return a path without the `sandbox:` or `file://` that makes a link of it."""
    return _SCHEME.sub("/", path)


def is_file(path: str) -> bool:
    """Return whether a plain file is there."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def read_head(path: str, count: int, *, end: bool = False) -> bytes:
    """Return the first bytes of a plain file, or the last; empty where it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return b""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return b""
        return os.pread(descriptor, count, max(0, status.st_size - count) if end else 0)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def has(module: str) -> bool:
    """Return whether a module can be imported here."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):
        return False


def quote(name: object) -> str:
    """Return a name as data: short, in quotes, without control characters."""
    text = name if isinstance(name, str) else repr(name)
    text = text if len(text) <= _NAME else f"{text[: _NAME - 3]}..."
    return repr(text) if isinstance(name, str) else text


def quote_all(names: Iterable[object]) -> str:
    """Return names as data, as many as there is room for, and how many more there are."""
    quoted: list[str] = []
    room, left_out = _LIST, 0
    for name in names:
        text = quote(name)
        room -= len(text) + 2
        if room < 0:
            left_out += 1
        else:
            quoted.append(text)
    return ", ".join(quoted) + (f" and {left_out} more" if left_out else "")
