"""How much memory sessions hold, seen from inside their own kernel: the server cannot look into gVisor.

gVisor tells what all of it uses, and of a process its resident pages, but not how many of them it
shares with others. So a session is over its limit when its pages are, and when those of all others
do not explain what is used.

Where many processes of a session compute, each call of this one waits for its turn among theirs, while
they go on to take memory that all sessions have together. So a look makes few calls and is short: whom it
had no time to measure is over the limit when what it did measure does not explain what is used.
"""

import os
import time
from collections.abc import Collection, Mapping
from typing import NamedTuple

_PAGE = os.sysconf("SC_PAGE_SIZE")
_READ_BYTES = 1 << 16
_FOLDERS = ("tmp", "home/sandbox", "dev/shm")
_LOOK_SECONDS = 0.2  # and it rests at least as long as a look took
_MEASURE_SECONDS = 0.2  # the most that a look takes


class _Held(NamedTuple):
    """Bytes that a session holds, as if its processes shared nothing with each other.

    Args:
        own: beside what each process has from the zygote.
        all: with that, of which any page may have become a copy.
    """

    own: int
    all: int


class Watch:
    """Looks at the sessions of a zygote, which is warm when this is made.

    Args:
        usage: the file that tells the bytes that all of this kernel uses.
        counters: the folder with a control group for each session.
        roots: the folder with the root of each session.
    """

    def __init__(self, usage: str, counters: str, roots: str) -> None:
        self._usage = _open(usage)
        self._base = 0
        self._counters = counters
        self._roots = roots
        self._base = self._read_used()
        self._shared = _resident(os.getpid())  # what a session has from the zygote at its birth
        self._next_look = 0.0
        self._lists: dict[int, int] = {}  # of processes, by session: open as long as it lives

    def rest(self) -> float:
        """Return the seconds until it is time to look."""
        return max(0.0, self._next_look - time.monotonic())

    def overgrown(self, limits: Mapping[int, int]) -> list[int]:
        """Return which sessions hold too much; none where it looked just now.

        Args:
            limits: the bytes that each may hold, by its number.
        """
        began = time.monotonic()
        if began < self._next_look:
            return []
        found = self._look(limits) if limits else []
        ended = time.monotonic()
        self._next_look = ended + max(_LOOK_SECONDS, ended - began)
        return found

    def _look(self, limits: Mapping[int, int]) -> list[int]:
        deadline = time.monotonic() + _MEASURE_SECONDS
        used = self._read_used()
        if used <= min(limits.values()):
            return []
        processes = self._processes(limits)
        held: dict[int, _Held] = {}
        for number in sorted(limits, key=lambda one: len(processes[one])):
            one = self._measure(number, processes[number], deadline)
            if one is None:
                rest = {one: len(processes[one]) for one in limits.keys() - held.keys()}
                allowed = sum(limits[one] + self._shared for one in rest)
                unexplained = used - sum(one.all for one in held.values())
                return self._most_numerous(rest, used) if unexplained > allowed else []
            held[number] = one
        return self._over(limits, used, held)

    def _most_numerous(self, processes: Mapping[int, int], used: int) -> list[int]:
        """Return the session of most processes; none while what a dead one held is being given back.

        A process that is alone in its session is held to the limit by itself (RLIMIT_DATA).
        """
        most = max(processes, key=lambda number: processes[number])
        return [most] if processes[most] > 1 and self._read_used() >= used else []

    def _over(self, limits: Mapping[int, int], used: int, held: Mapping[int, _Held]) -> list[int]:
        everything = sum(one.own for one in held.values())
        found = [
            number
            for number, limit in limits.items()
            if held[number].own > limit and used - (everything - held[number].own) > limit
        ]
        if not found and used > sum(limits.values()):
            found = _largest({number: held[number].all / limits[number] for number in limits})
        return found

    def _read_used(self) -> int:
        """Return bytes, beside what the warm zygote does."""
        return int(os.pread(self._usage, _READ_BYTES, 0)) - self._base

    def _processes(self, numbers: Collection[int]) -> dict[int, list[bytes]]:
        """Return the ids of each session's processes."""
        for gone in self._lists.keys() - numbers:
            os.close(self._lists.pop(gone))
        found: dict[int, list[bytes]] = {}
        for number in numbers:
            if number not in self._lists:
                self._lists[number] = _open(f"{self._counters}/{number}/cgroup.procs")
            found[number] = os.pread(self._lists[number], _READ_BYTES, 0).split()
        return found

    def _measure(self, number: int, pids: list[bytes], deadline: float) -> _Held | None:
        """Return what a session holds; None where there is no time to find out."""
        own = everything = 0
        for pid in pids:
            if time.monotonic() > deadline:
                return None
            resident = _resident(int(pid))
            own += max(0, resident - self._shared)
            everything += resident
        files = 0
        for folder in _FOLDERS:
            try:
                status = os.statvfs(f"{self._roots}/{number}/{folder}")
            except OSError:
                continue  # not mounted yet
            files += (status.f_blocks - status.f_bfree) * status.f_bsize
        return _Held(own + files, everything + files)


def _largest(shares: Mapping[int, float]) -> list[int]:
    """Return the session that holds most of what it may, if that is more.

    What a session held that just died may still be counted as used: the others are innocent of it.
    """
    largest = max(shares, key=lambda number: shares[number])
    return [largest] if shares[largest] > 1 else []


def _resident(pid: int) -> int:
    try:
        file = _open(f"/proc/{pid}/statm")
    except OSError:
        return 0  # it is gone
    try:
        return int(os.read(file, _READ_BYTES).split()[1]) * _PAGE
    except OSError:
        return 0
    finally:
        os.close(file)


def _open(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
