"""How much memory a session holds, all its processes and files together: where no control group counts.

Beside this stands RLIMIT_DATA (`guest/walls/namespaces_inner.py`), which gives one process a MemoryError in time;
the watch is for what many processes, shared memory or files take together.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from assistd.sandbox.limits import procfs, schedule

_PAGE = os.sysconf("SC_PAGE_SIZE")
_COUNTED = ("Pss_Anon:", "Pss_Shmem:")
_FOLDERS = ("mnt/data", "tmp", "home/sandbox", "dev/shm")


@dataclass(frozen=True, slots=True)
class Bound:
    """What a session may hold, in bytes.

    Args:
        total: of memory, its files included.
        files: the most that its folders take of it; 0 where they are not in memory.
    """

    total: int
    files: int


class Watched(schedule.Watched, Protocol):
    """A session, as far as its memory goes."""

    @property
    def memory_bound(self) -> Bound:
        """What it may hold."""
        ...

    def kill_for_memory(self) -> None:
        """End it, and say that it held more."""
        ...


async def watch(sessions: Callable[[], Iterable[Watched]]) -> None:
    """End every session that holds more memory than it may, for ever.

    Args:
        sessions: those that live now; for who is looked at when see `beats.due`.
    """
    async for due in schedule.due(sessions):
        bounds = {pid: one.memory_bound for pid, one in due.items()}
        for pid in await asyncio.to_thread(over_limit, bounds) if bounds else ():
            due[pid].kill_for_memory()


def over_limit(bounds: Mapping[int, Bound]) -> list[int]:
    """Return those of the sessions, named by their first process, that hold more than they may.

    Resident memory is a cheap alarm only: it counts what is shared with the zygote once per process,
    and would kill the innocent. The proportional share decides.
    """
    return [
        pid
        for pid, bound in bounds.items()
        if _is_over(pid, bound, _resident) and _is_over(pid, bound, _share)
    ]


def measure(first: int, bound: Bound) -> int:
    """Return the bytes that a session holds, which is named by its first process."""
    parts = [_share(pid) for pid in procfs.tree(first)]
    files = _count_stored(first, bound.files)
    return sum(private for private, _ in parts) + max(files, sum(shared for _, shared in parts))


def _is_over(first: int, bound: Bound, measure: Callable[[int], tuple[int, int]]) -> bool:
    """Return whether a session measures more than it may; looks no further than it must.

    Processes may map files: of what they share and what the files hold, the larger counts.
    """
    files, private, shared = _count_stored(first, bound.files), 0, 0
    for pid in procfs.tree(first):
        of_private, of_shared = measure(pid)
        private += of_private
        shared += of_shared
        if private + max(shared, files) > bound.total:
            return True
    return private + files > bound.total


def _count_stored(first: int, most: int) -> int:
    """Return bytes of the files in a session's folders; where it hides them from us, the most there can be."""
    if not most:
        return 0
    total = 0
    for folder in _FOLDERS:
        try:
            status = os.statvfs(f"/proc/{first}/root/{folder}")
        except PermissionError:
            return most
        except OSError:
            return 0  # it is gone
        total += (status.f_blocks - status.f_bfree) * status.f_frsize
    return total


def _resident(pid: int) -> tuple[int, int]:
    """Return the resident bytes of a process that are its own or the zygote's, and those it may share."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            fields = file.read().split()
    except OSError:
        return (0, 0)  # it is gone
    resident, of_files = int(fields[1]) * _PAGE, int(fields[2]) * _PAGE
    return resident - of_files, of_files


def _share(pid: int) -> tuple[int, int]:
    """Return the anonymous and the shared memory of a process, divided among those that map it."""
    path = f"/proc/{pid}/smaps_rollup"
    try:
        # The owner may not read Python's own files: no codec can be loaded as him, and this one is.
        with procfs.as_owner(pid), open(path, encoding="utf-8", errors="replace") as file:
            lines = (line.split() for line in file)
            found = {line[0]: int(line[1]) << 10 for line in lines if line[0] in _COUNTED}
    except PermissionError:
        return _resident(pid)[0], 0  # it hides its maps: count what it shares as its own
    except OSError:
        return (0, 0)  # it is gone
    return found.get("Pss_Anon:", 0), found.get("Pss_Shmem:", 0)
