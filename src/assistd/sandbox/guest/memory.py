"""How much memory sessions hold, seen from inside their own kernel: the server cannot look into gVisor.

gVisor tells what all of it uses, and of a process its resident pages, but not how many of them it
shares with others. So a session is over its limit when its pages are, and when those of all others
do not explain what is used.
"""

import os
import time
from collections.abc import Mapping

_PAGE = os.sysconf("SC_PAGE_SIZE")
_FOLDERS = ("tmp", "home/sandbox", "dev/shm")
LOOK_SECONDS = 0.2
_REST = 2  # rest this many times as long as a look took


class Watch:
    """Looks at the sessions of a zygote, which is warm when this is made.

    Args:
        usage: the file that tells the bytes that all of this kernel uses.
        counters: the folder with a control group for each session.
        roots: the folder with the root of each session.
    """

    def __init__(self, usage: str, counters: str, roots: str) -> None:
        self._usage = usage
        self._counters = counters
        self._roots = roots
        self._base = self._used()
        self._shared = _resident(os.getpid())  # what a session has from the zygote at its birth
        self._next_look = 0.0

    def overgrown(self, limits: Mapping[int, int]) -> list[int]:
        """Which sessions hold too much; none where it looked just now.

        Args:
            limits: the bytes that each may hold, by its number.
        """
        began = time.monotonic()
        if began < self._next_look:
            return []
        found = self._look(limits) if limits else []
        ended = time.monotonic()
        self._next_look = ended + max(LOOK_SECONDS, _REST * (ended - began))
        return found

    def _look(self, limits: Mapping[int, int]) -> list[int]:
        used = self._used() - self._base
        if used <= min(limits.values()):
            return []
        own = {number: self._held(number, self._shared) for number in limits}
        everything = sum(own.values())
        found = [
            number
            for number, limit in limits.items()
            if own[number] > limit and used - (everything - own[number]) > limit
        ]
        if not found and used > sum(limits.values()):
            found = self._largest(limits)
        return found

    def _largest(self, limits: Mapping[int, int]) -> list[int]:
        """The session with the most pages, its copies of the zygote's too, if they exceed its limit.

        What a session held that just died may still be counted as used: the others are innocent of it.
        """
        held = {number: self._held(number, 0) for number in limits}
        largest = max(held, key=lambda number: held[number] / limits[number])
        return [largest] if held[largest] > limits[largest] else []

    def _used(self) -> int:
        with open(self._usage, encoding="ascii") as file:
            return int(file.read())

    def _held(self, number: int, shared: int) -> int:
        """Bytes that a session holds, as if its processes shared nothing but `shared` with the zygote."""
        try:
            with open(f"{self._counters}/{number}/cgroup.procs", encoding="ascii") as file:
                pids = file.read().split()
        except OSError:
            return 0  # it is gone
        total = sum(max(0, _resident(int(pid)) - shared) for pid in pids)
        for folder in _FOLDERS:
            try:
                status = os.statvfs(f"{self._roots}/{number}/{folder}")
            except OSError:
                continue  # not mounted yet
            total += (status.f_blocks - status.f_bfree) * status.f_bsize
        return total


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * _PAGE
    except OSError:
        return 0  # it is gone
