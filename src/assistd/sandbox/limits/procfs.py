"""What the kernel tells of a session's processes, in /proc."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from assistd.sandbox.guest.shared import syscalls

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(first: int) -> Iterator[int]:
    """Yield a process and all below it; orphans of a session come back to its first process."""
    todo = [first]
    while todo:
        pid = todo.pop()
        yield pid
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                    todo += [int(child) for child in file.read().split()]
        except OSError:
            continue  # it is gone


def peak_memory(pid: int) -> int:
    """Return the bytes of memory that a process had when it had most; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            peak = file.read().partition("VmHWM:")[2].split(maxsplit=1)
    except OSError:
        return 0
    return int(peak[0]) << 10 if peak else 0


def threads(pid: int) -> int:
    """Return how many threads a process has; 0 when it is gone."""
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def states(pid: int) -> set[str]:
    """Return the states of a process's threads, as letters (proc(5)); none when it is gone."""
    found: set[str] = set()
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found |= set(_stat(f"/proc/{pid}/task/{task}")[:1])
    except OSError:
        return found
    return found


def parent(pid: int) -> int | None:
    """Return the pid of a process's parent; None when it is gone."""
    stat = _stat(f"/proc/{pid}")
    return int(stat[1]) if stat else None


def cpu_seconds(pid: int) -> float:
    """Return the processors' time of a process and of those below it that ended; 0 when it is gone."""
    fields = _stat(f"/proc/{pid}")
    return sum(int(ticks) for ticks in fields[11:15]) / _TICKS


def _stat(folder: str) -> list[str]:
    """Return the fields of a `stat` from the state on; none when the process is gone."""
    try:
        with open(f"{folder}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


@contextmanager
def as_owner(pid: int) -> Generator[None]:
    """Look at a process as the user it belongs to, in this thread.

    A root without the right to trace others, as in a container, sees no more of them than their
    owner; but that it may be.
    """
    if os.geteuid() != 0:
        yield
        return
    try:
        syscalls.set_file_ids(os.stat(f"/proc/{pid}").st_uid)
        yield
    finally:
        syscalls.set_file_ids(0)
