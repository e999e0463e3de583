"""Folders that a process holds as long as it lives; what a killed one left behind, the next one removes."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


@contextmanager
def holding_folder(parent: Path, prefix: str = "") -> Generator[Path]:
    """Hold a new folder that its owner alone can enter; remove it at the end.

    Those that dead processes held are removed now: a process holds a lock on its own, and its forks
    hold it, too.

    Args:
        parent: where it stands.
        prefix: how its name begins, where others put things into `parent`, too.
    """
    _remove_dead(parent, prefix)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        with _locking(folder) as is_held:
            if is_held:
                try:
                    yield folder
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                return
        # Another process took it for a dead one's, in the moment before it was locked.


def _remove_dead(parent: Path, prefix: str) -> None:
    for folder in parent.glob(f"{prefix}*/"):
        with _locking(folder) as is_dead:
            if is_dead:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locking(folder: Path) -> Generator[bool]:
    """Try to lock a folder; False where another process holds it or has removed it, or another user owns it."""
    try:
        descriptor = os.open(folder, _FOLDER)
    except OSError:
        yield False
        return
    is_locked = os.fstat(descriptor).st_uid == os.geteuid()
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        is_locked = False
    try:
        yield is_locked and folder.exists()
    finally:
        os.close(descriptor)
