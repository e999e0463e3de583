"""Folders that hostile code has filled: how they are emptied, however deep or locked they are."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from assistd.sandbox.guest.shared import syscalls

_RESOLVE = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_SYMLINKS | syscalls.RESOLVE_NO_MAGICLINKS


def remove(path: str) -> None:
    """Remove a folder and all below it; nobody may be writing there any more.

    Folders are brought up to the top one after the other, so that neither the depth of the tree nor
    the length of its paths matters; links are removed, never followed.

    Raises:
        OSError: something in it cannot be removed.
    """
    try:
        top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        brought = 0
        while found := _empty(top, top, 0):
            for name in found:
                brought += _dissolve(top, name, brought)
    finally:
        os.close(top)
    os.rmdir(path)


def remove_session(path: str) -> None:
    """Remove a dead session's folder, and the one above when it was the last that was kept there.

    Raises:
        OSError: something in it cannot be removed.
    """
    remove(path)
    with contextlib.suppress(OSError):  # the zygote lives, or other sessions have folders there
        os.rmdir(os.path.dirname(path))


def _dissolve(top: int, name: str, brought: int) -> int:
    """Remove the folder `name`; what folders it holds go to the top, under numbers from `brought` on."""
    os.chmod(name, 0o700, dir_fd=top)
    folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
    try:
        found = _empty(folder, top, brought)
    finally:
        os.close(folder)
    os.rmdir(name, dir_fd=top)
    return len(found)


def _empty(folder: int, top: int, brought: int) -> list[str]:
    """Unlink all that is no folder; bring the folders to the top and return their names there."""
    with os.scandir(folder) as entries:
        listed = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    moved: list[str] = []
    for name, is_folder in listed:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
        elif folder == top:
            moved.append(name)
        else:
            unique = f".{brought + len(moved)}.{os.getpid()}"
            os.chmod(name, 0o700, dir_fd=folder)  # else it cannot be told who is above it now
            os.rename(name, unique, src_dir_fd=folder, dst_dir_fd=top)
            moved.append(unique)
    return moved


def count_used(path: str, most: int) -> tuple[int, int]:
    """Return bytes on the disk and entries below a folder, while code may be writing there.

    Stops beyond `most` entries; a tree deeper than a path can name counts as more than that.
    """
    total = entries = 0
    todo = ["."]
    top = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        while todo and entries <= most:
            prefix = todo.pop()
            for name, status in _list(top, prefix):
                entries += 1
                total += status.st_blocks * 512
                if stat.S_ISDIR(status.st_mode):
                    todo.append(f"{prefix}/{name}")
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        entries = most + 1
    finally:
        os.close(top)
    return total, entries


def _list(top: int, path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the entries of a folder below `top`; it is unlocked where code had locked it."""
    try:
        folder = _open(top, path)
    except (FileNotFoundError, NotADirectoryError):
        return  # it is gone, or something else by now
    except OSError as error:
        if error.errno == errno.ELOOP:
            return  # a link by now
        raise
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    yield entry.name, entry.stat(follow_symlinks=False)
    finally:
        os.close(folder)


def _open(top: int, path: str) -> int:
    try:
        return syscalls.openat2(top, path, os.O_RDONLY | os.O_DIRECTORY, resolve=_RESOLVE)
    except PermissionError:
        locked = syscalls.openat2(top, path, os.O_PATH | os.O_DIRECTORY, resolve=_RESOLVE)
        try:
            os.chmod(f"/proc/self/fd/{locked}", 0o700)
        finally:
            os.close(locked)
        return syscalls.openat2(top, path, os.O_RDONLY | os.O_DIRECTORY, resolve=_RESOLVE)
