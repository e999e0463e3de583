"""Control groups: the kernel limits what a session takes of memory, processes and processor.

They are made wherever this process may write: as root, or in a subtree that was delegated to its user
(systemd's `Delegate=yes`). One group holds all sessions and has less weight than the server; below it
each session has a group, all of equal weight.

Sessions are frozen by version 2 alone: what version 1 froze cannot even be killed (decision 0050).
"""

import contextlib
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

from assistd.sandbox.limits import hierarchy
from assistd.sandbox.limits.hierarchy import Hierarchy

_EVENTS_BYTES = 1024
_PREFIX = "assistd"
_numbers = itertools.count()


class ControlGroup:
    """The groups of one session, or of a sandbox of many, one in each hierarchy; made by `ControlGroups`."""

    def __init__(self, groups: tuple[Hierarchy, ...]) -> None:
        self._groups = groups
        counting = (one for one in groups if "memory" in one.controllers)
        self._events = next((f"{one.folder}/{one.events}" for one in counting), None)
        self._events_file: int | None = None
        self._freezer = next((one for one in groups if one.can_freeze), None)

    def open_members(self) -> list[int]:
        """Open the files that a process of one thread joins by writing `0`.

        Returns:
            Their descriptors, for the caller to close.

        Raises:
            OSError: the host refuses.
        """
        opened: list[int] = []
        try:
            for group in self._groups:
                path = f"{group.folder}/{group.members}"
                opened.append(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
        except OSError:
            for file in opened:
                os.close(file)
            raise
        return opened

    def add(self, pid: int) -> None:
        """Move a process into the group; what it forks from then on is in it, too.

        Raises:
            OSError: the host refuses.
        """
        for group in self._groups:
            hierarchy.write(group.folder, "cgroup.procs", str(pid))

    def raise_memory(self, memory_bytes: int) -> None:
        """Raise the limit on memory.

        Raises:
            OSError: the host refuses.
        """
        for group in self._groups:
            group.raise_memory(memory_bytes)

    @property
    def can_freeze(self) -> bool:
        """Whether `freeze` works: the kernel has it since Linux 5.2."""
        return self._freezer is not None

    def freeze(self) -> None:
        """Stop every process in the group, whatever it does, until `thaw`; SIGKILL ends it all the same.

        Raises:
            OSError: the host refuses.
        """
        assert self._freezer is not None
        self._freezer.freeze()

    def thaw(self) -> None:
        """Let the processes run on.

        Raises:
            OSError: the host refuses.
        """
        assert self._freezer is not None
        self._freezer.thaw()

    def count_oom_kills(self) -> int:
        """Return how many of its processes the kernel killed because its memory was used up.

        Asked after every call, so the file is opened once.
        """
        if self._events is None:
            return 0
        try:
            if self._events_file is None:
                self._events_file = os.open(self._events, os.O_RDONLY | os.O_CLOEXEC)
            text = os.pread(self._events_file, _EVENTS_BYTES, 0)
        except OSError:
            return 0
        return int(text.partition(b"oom_kill ")[2].split(b"\n", 1)[0] or 0)

    def remove(self) -> None:
        """Kill what is still in the group, and remove it; blocks until that is done.

        Raises:
            OSError: it cannot be removed.
        """
        if self._events_file is not None:
            os.close(self._events_file)
            self._events_file = self._events = None
        for group in self._groups:
            group.refuse_forks()  # nothing is born while it is emptied
        for group in self._groups:
            group.remove()


class ControlGroups:
    """The parent of all sessions' groups; `open` makes it and `close` leaves nothing of it.

    Args:
        cores: how many processors' time a session may use; None is all.
        use: whether to make groups at all, where this host lets us.
    """

    def __init__(self, cores: float | None = None, *, use: bool = True) -> None:
        self._cores = cores
        self._use = use
        self._parents: tuple[Hierarchy, ...] = ()
        self._asides: list[Path] = []
        self._made = itertools.count()

    def open(self) -> None:
        """Make the parent in each hierarchy that lets us, and remove what a dead server left there."""
        if not self._use:
            return
        mounted, own = map(hierarchy.read, ("/proc/self/mountinfo", "/proc/self/cgroup"))
        for tree in hierarchy.find(mounted, own):
            _remove_stale(tree)
            parent = _make_parent(tree)
            if parent is None and tree.version == 2 and (aside := _step_aside(tree.folder)):
                self._asides.append(aside)
                parent = _make_parent(tree)
            if parent is not None:
                self._parents += (parent,)

    @property
    def controllers(self) -> frozenset[str]:
        """Which of `WANTED` are in force."""
        return frozenset(name for parent in self._parents for name in parent.controllers)

    @property
    def can_freeze(self) -> bool:
        """Whether the group of a session can be frozen."""
        return any(parent.can_freeze for parent in self._parents)

    def make(self, memory_bytes: int, processes: int) -> ControlGroup:
        """Make the groups of one session.

        Raises:
            OSError: the host refuses (no more groups may be made, or ours were taken away).
        """
        return self._make(self._parents, memory_bytes, processes, self._cores)

    def make_for_sandbox(self, memory_bytes: int) -> ControlGroup | None:
        """Make the group of a sandbox with a kernel of its own, which counts all else; None where it cannot be.

        Raises:
            OSError: the host refuses.
        """
        parents = [parent for parent in self._parents if "memory" in parent.controllers]
        return self._make(parents, memory_bytes) if parents else None

    def _make(
        self,
        parents: Iterable[Hierarchy],
        memory_bytes: int,
        processes: int | None = None,
        cores: float | None = None,
    ) -> ControlGroup:
        name = str(next(self._made))
        groups: list[Hierarchy] = []
        try:
            for parent in parents:
                group = parent.at(parent.folder / name)
                os.mkdir(group.folder)
                groups.append(group)
                group.limit(memory_bytes, processes, cores)
        except OSError:
            for group in groups:
                group.remove()
            raise
        return ControlGroup(tuple(groups))

    def close(self) -> None:
        """Remove every group of ours, and kill what is in them.

        Raises:
            OSError: one cannot be removed.
        """
        for parent in self._parents:
            for folder in parent.children():
                parent.at(folder).remove()
            parent.remove()
        self._parents = ()
        while self._asides:
            _step_back(self._asides.pop())


def _make_parent(tree: Hierarchy) -> Hierarchy | None:
    """Make our group in this process's own one, else in the nearest above that lets us; None in none."""
    name = f"{_sign()}-{next(_numbers)}"
    while tree.exists:
        parent = tree.at(tree.folder / name)
        try:
            os.mkdir(parent.folder)
            try:
                return parent.prepare()
            except OSError:
                os.rmdir(parent.folder)
        except OSError:
            pass  # not ours to write; perhaps the one above
        tree = tree.at(tree.folder.parent)
    return None


def _step_aside(folder: Path) -> Path | None:
    """Move this process out of its own group into one below it; None where it is not there alone.

    In version 2 a group hands controllers down only while no process is in it. This is what a service
    is to do whose group was delegated to it (https://systemd.io/CGROUP_DELEGATION).
    """
    if hierarchy.read(f"{folder}/cgroup.procs").split() != [str(os.getpid())]:
        return None
    aside = folder / f"{_sign()}-server"
    try:
        os.mkdir(aside)
        hierarchy.write(aside, "cgroup.procs", str(os.getpid()))
    except OSError:
        return None
    return aside


def _step_back(aside: Path) -> None:
    """Undo `_step_aside`, with the processes that were started meanwhile."""
    given = hierarchy.read(f"{aside.parent}/cgroup.subtree_control").split()
    hierarchy.write(aside.parent, "cgroup.subtree_control", " ".join(f"-{name}" for name in given))
    for pid in hierarchy.read(f"{aside}/cgroup.procs").split():
        hierarchy.write(aside.parent, "cgroup.procs", pid)
    os.rmdir(aside)


def _sign() -> str:
    """Return what the names of this process's groups begin with, unlike those of a later process of its id."""
    started = _stat("self")[19]
    return f"{_PREFIX}-{os.stat('/proc/self/ns/pid').st_ino}-{os.getpid()}-{started}"


def _remove_stale(tree: Hierarchy) -> None:
    """Remove the empty groups that servers left which were killed, here and above."""
    space = str(os.stat("/proc/self/ns/pid").st_ino)
    while tree.exists:
        for found in tree.children():
            match found.name.split("-"):
                case [prefix, of_space, pid, started, _] if (prefix, of_space) == (_PREFIX, space):
                    if _stat(pid)[19:20] == [started]:
                        continue
                    for below in (*tree.at(found).children(), found):
                        with contextlib.suppress(OSError):  # somebody else removes it, or is in it
                            os.rmdir(below)
                case _:
                    pass
        tree = tree.at(tree.folder.parent)


def _stat(pid: str) -> list[str]:
    """Return the fields of /proc/<pid>/stat from the state on; none when the process is gone."""
    return hierarchy.read(f"/proc/{pid}/stat").rpartition(")")[2].split()
