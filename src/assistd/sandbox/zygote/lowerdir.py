"""Overlay lowerdirs: what a session's /mnt/data shows below all that its code writes.

There is one for each session, beside the blobs, so that a stored file appears in a session by a hard
link instead of a copy. What mounts it there is `guest/walls/overlay.py`.
"""

import os
import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from assistd.sandbox.guest.shared.constants import FILES_UID, PROBES
from assistd.sandbox.held_folders import holding_folder


@contextmanager
def lower_folders(parent: Path) -> Generator[Path]:
    """Hold a folder for the overlay lowerdirs of this process; remove it at the end.

    Those of processes that died are removed now: a process holds a lock on its own.

    Args:
        parent: where they stand; must be on the file system of the blobs.
    """
    parent.mkdir(parents=True, exist_ok=True)
    parent.chmod(0o700)  # below it, everybody may read: sessions have ids of their own
    with holding_folder(parent) as folder:
        folder.chmod(0o755)
        yield folder


def for_zygote(folder: Path) -> Path:
    """Return a new folder for the sessions of one zygote, with probes for it to try (`overlay.obstacle`)."""
    stretch = folder / secrets.token_hex(4)
    probes = stretch / PROBES
    probes.mkdir(parents=True)
    for ids in ("range", "single"):
        (probes / ids).write_bytes(b"")
    with suppress(OSError):  # an ordinary user has no other id, and needs none
        _give_away(probes / "range")
    return stretch


def _give_away(path: Path) -> None:
    """Let sessions with ids of their own copy a file when they change it."""
    os.chmod(path, 0o666)  # noqa: S103  the folders above it are closed to everybody
    os.chown(path, FILES_UID, FILES_UID)


class Lower:
    """The overlay lowerdir of one session.

    Args:
        path: where it is made.
        owned: whether sessions have ids of their own on this host.
    """

    def __init__(self, path: Path, *, owned: bool) -> None:
        path.mkdir(mode=0o755)
        self._path = path
        self._owned = owned

    def link(self, blob: Path, name: str) -> os.stat_result:
        """Show a stored file as `name`; its bytes are never changed, its owner and mode may be.

        Raises:
            OSError: it is on another file system, has too many links, or the name is taken.
        """
        status = blob.stat()
        if self._owned and status.st_uid != FILES_UID:
            _give_away(blob)
        os.link(blob, self._path / name)
        return status

    def unlink(self, name: str) -> None:
        """Show `name` no more."""
        os.unlink(self._path / name)

    def remove(self) -> None:
        """Take the folder away, links and all; the files they lead to stay."""
        try:
            self._path.rmdir()  # most sessions are given no file, and `rmtree` looks at it five times
        except OSError:
            shutil.rmtree(self._path, ignore_errors=True)
