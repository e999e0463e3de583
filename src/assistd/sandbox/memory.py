"""How much memory a session holds, all its processes together, and which sessions hold too much.

Beside this stands RLIMIT_DATA (`guest/session.py`), which gives one process a MemoryError in time;
the watch is for what many processes, or shared memory, take together.
"""

import os
from collections.abc import Callable, Iterable, Iterator

_PAGE = os.sysconf("SC_PAGE_SIZE")
_COUNTED = ("Pss_Anon:", "Pss_Shmem:")


def over_limit(pids: Iterable[int], limit: int) -> list[int]:
    """Those of the sessions, named by their first process, that hold more than `limit` bytes.

    Resident memory is a cheap alarm only: it counts what is shared with the zygote once per process,
    and would kill the innocent. The proportional share decides.
    """
    return [pid for pid in pids if _is_over(pid, limit, _resident) and _is_over(pid, limit, _share)]


def _is_over(first: int, limit: int, measure: Callable[[int], int]) -> bool:
    """Whether a session's processes measure more than `limit`; looks no further than it must."""
    total = 0
    for pid in _tree(first):
        total += measure(pid)
        if total > limit:
            return True
    return False


def _resident(pid: int) -> int:
    return _statm(pid)[0]


def _share(pid: int) -> int:
    """The anonymous and shared memory of a process, divided among those that map it."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii", errors="replace") as file:
            return sum(int(line.split()[1]) << 10 for line in file if line.startswith(_COUNTED))
    except PermissionError:
        resident, with_file = _statm(pid)
        return resident - with_file  # it hides its maps: count what it shares as its own
    except OSError:
        return 0  # it is gone


def _statm(pid: int) -> tuple[int, int]:
    """Resident bytes of a process, and how many of them belong to files or shared memory."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            fields = file.read().split()
    except OSError:
        return (0, 0)
    return int(fields[1]) * _PAGE, int(fields[2]) * _PAGE


def _tree(first: int) -> Iterator[int]:
    """A process and all below it; orphans of a session come back to its first process."""
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
