"""What sessions without mounts of their own write to the host's disk, and how many processes they have.

Where there are no namespaces, the kernel limits single files only, and counts processes by user id.
A watch adds them up, and ends a session that has more than it may, a moment late.
"""

import asyncio
import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterable
from typing import Protocol

from assistd.sandbox.base import Limits
from assistd.sandbox.guest.shared import folders
from assistd.sandbox.limits import procfs, schedule

_MAPPED = re.compile(r"([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) (\S+ \d+) +/.* \(deleted\)$")


class Watched(schedule.Watched, Protocol):
    """A session, as far as its folder goes."""

    limits: Limits

    @property
    def folder(self) -> str | None:
        """On the host, all that it can write; None where that has limits of its own."""
        ...

    def kill(self, reason: str) -> None:
        """End it."""
        ...


async def watch(sessions: Callable[[], Iterable[Watched]]) -> None:
    """End every session that writes more, or has more processes, than it may; for ever.

    Args:
        sessions: those that live now; for who is looked at when see `beats.due`.
    """
    async for due in schedule.due(lambda: (one for one in sessions() if one.folder is not None)):
        for first, one in due.items():
            assert one.folder is not None
            excess = await asyncio.to_thread(find_excess, one.folder, first, one.limits)
            if excess is not None:
                one.kill(excess)


def find_excess(folder: str, first: int, limits: Limits) -> str | None:
    """Return what a session has too much of, in words; None where it keeps within its limits.

    Args:
        folder: its folder on the host.
        first: its first process.
        limits: its own.
    """
    pids = list(procfs.tree(first))
    if sum(map(procfs.threads, pids)) > limits.processes:
        return f"it had more than {limits.processes} processes and threads"
    try:
        hidden = _count_unnamed(folder, pids)
        room = os.statvfs(folder)
        for name, path, most in (
            ("data", "/mnt/data", limits.data_room),
            ("tmp", "/tmp", limits.tmp_room),  # noqa: S108
        ):
            written, entries = folders.count_used(f"{folder}/{name}", limits.data_inodes)
            if entries > limits.data_inodes:
                return f"it made more than {limits.data_inodes} files and folders in {path}"
            unseen = most if hidden is None and room.f_bavail * room.f_frsize < most else 0
            if written + (hidden or 0) + unseen > most:
                return f"it wrote more than {most >> 20} MiB to {path}"
    except FileNotFoundError:
        return None  # it is gone
    return None


def _count_unnamed(folder: str, pids: Iterable[int]) -> int | None:
    """Return bytes of files that have no name any more but are still open or mapped; None: cannot be told."""
    device = os.stat(folder).st_dev
    found: dict[object, int] = {}
    try:
        for pid in pids:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError), procfs.as_owner(pid):
                for name in os.listdir(f"/proc/{pid}/fd"):
                    with contextlib.suppress(FileNotFoundError):
                        status = os.stat(f"/proc/{pid}/fd/{name}")
                        if status.st_nlink == 0 and stat.S_ISREG(status.st_mode):
                            found[status.st_dev, status.st_ino] = (
                                status.st_blocks * 512 if status.st_dev == device else 0
                            )
                with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
                    _count_mapped(file, folder, found)
    except PermissionError:
        return None
    return sum(found.values())


def _count_mapped(lines: Iterable[str], folder: str, found: dict[object, int]) -> None:
    for line in lines:
        if folder in line and (mapped := _MAPPED.match(line.rstrip("\n"))):
            first, last, offset, inode = mapped.groups()
            end = int(offset, 16) + int(last, 16) - int(first, 16)
            found[inode] = max(found.get(inode, 0), end)
