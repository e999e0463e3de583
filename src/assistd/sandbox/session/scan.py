"""Looks through a session's /mnt/data, within bounds: plain files, and what else has a name there."""

import dataclasses
import os
import re
import stat
from collections.abc import Iterator

from assistd.sandbox.base import UnsafeFileError
from assistd.sandbox.guest.shared import syscalls

TEMPORARY = ".assistd-put-"  # how the server's own files begin while they are being written
MOST_DEPTH = 16
MOST_ENTRIES = 20_000
RESOLVE = (
    syscalls.RESOLVE_BENEATH
    | syscalls.RESOLVE_NO_SYMLINKS
    | syscalls.RESOLVE_NO_MAGICLINKS
    | syscalls.RESOLVE_NO_XDEV
)
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK
LOOK = os.O_PATH | os.O_NOFOLLOW

_OTHERS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

# What systems and programs leave beside the files of their users.
_RUBBISH_FOLDERS = {"__MACOSX", "__pycache__", ".ipynb_checkpoints"}
_RUBBISH_FILES = re.compile(
    r"""
    \._.*           # macOS: what a file has beside its content
  | \.DS_Store      # macOS: how a folder is shown
  | Thumbs\.db      # Windows: small pictures of a folder's files
  | desktop\.ini    # Windows: how a folder is shown
  | ~\$.*           # Microsoft Office: who edits a document
  | \.~lock\..*\#   # LibreOffice: the same
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


@dataclasses.dataclass(slots=True)
class Found:
    """What was there.

    Args:
        files: path -> status of the plain files with proper names.
        others: path -> what it is instead, as a reader would say it.
        is_cut: whether there was more than is looked at.
    """

    files: dict[str, os.stat_result]
    others: dict[str, str]
    is_cut: bool = False


def scan(folder: int) -> Found:
    """Return everything below a folder, within bounds of number and depth; rubbish is left out.

    Args:
        folder: an O_PATH descriptor of it.
    """
    found = Found({}, {})
    todo = [("", 0)]
    entries = 0
    while todo:
        prefix, depth = todo.pop()
        if depth > MOST_DEPTH or entries >= MOST_ENTRIES:
            found.is_cut = True
            continue
        for name, status in _list(folder, prefix):
            entries += 1
            if entries > MOST_ENTRIES:
                found.is_cut = True
                break
            if stat.S_ISDIR(status.st_mode):
                if name not in _RUBBISH_FOLDERS and is_utf8(name):
                    todo.append((f"{prefix}{name}/", depth + 1))
            elif not _RUBBISH_FILES.fullmatch(name):
                _sort(found, prefix + name, status)
    return found


def _sort(found: Found, path: str, status: os.stat_result) -> None:
    if not is_utf8(path):
        found.others[path] = "a name that is no UTF-8"
    elif stat.S_ISREG(status.st_mode):
        found.files[path] = status
    else:
        found.others[path] = _OTHERS.get(stat.S_IFMT(status.st_mode), "no plain file")


def is_gone(folder: int, path: str) -> bool:
    """Return whether there is no plain file of this path below a folder; False where that cannot be told."""
    try:
        descriptor = syscalls.openat2(folder, path, LOOK, resolve=RESOLVE)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    try:
        return not stat.S_ISREG(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)


def unlink(folder: int, path: str) -> None:
    """Remove a file, or a link, of this path below a folder; nothing where there is none.

    Raises:
        OSError: a folder has the name, or something on the way is no folder of the session.
    """
    try:
        above = syscalls.openat2(folder, os.path.dirname(path) or ".", FOLDER, resolve=RESOLVE)
    except FileNotFoundError:
        return
    try:
        os.unlink(os.path.basename(path), dir_fd=above)
    except FileNotFoundError:
        return
    finally:
        os.close(above)


def is_utf8(name: str) -> bool:
    """Return whether a name can be told to anybody."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _list(top: int, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the entries of a folder; none of one that cannot be opened."""
    try:
        folder = syscalls.openat2(top, prefix or ".", FOLDER, resolve=RESOLVE)
    except OSError:
        return
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(TEMPORARY):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue  # gone meanwhile
                yield entry.name, status
    finally:
        os.close(folder)


def check_path(path: str, most_depth: int = MOST_DEPTH) -> None:
    """Raise UnsafeFileError unless `path` is relative and plain.

    Args:
        path: relative to /mnt/data.
        most_depth: the most names it may have.
    """
    parts = path.split("/")
    if not path or "\0" in path or not is_utf8(path) or {"", ".", ".."} & set(parts):
        raise UnsafeFileError(f"{path!r} is no path below /mnt/data")
    if len(parts) > most_depth or max(len(part.encode()) for part in parts) > 255:
        raise UnsafeFileError(f"{path[:80]!r}... is too long or too deep a path")
