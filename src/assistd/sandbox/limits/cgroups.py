"""Control groups: what a session takes of memory, processes and processor, held by the kernel.

Version 1 and 2 alike, wherever this process may write: as root, or in a subtree that was delegated to
its user (systemd's `Delegate=yes`). One group for all sessions, of less weight than the server; below
it one for each, of equal weight. Files: the kernel's Documentation/admin-guide/cgroup-v1 and -v2.

Sessions are frozen by version 2 alone: what version 1 froze cannot even be killed (decision 0050). Where
version 1 has the controllers, the tree of version 2 beside it has none, and freezes all the same. Its
groups are threaded there, for one thread joins such a group without waiting for all of the host.
"""

import contextlib
import itertools
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

WANTED = frozenset({"memory", "pids", "cpu"})

_EVENTS = {1: "memory.oom_control", 2: "memory.events"}
_EVENTS_BYTES = 1024
_FREEZE = "cgroup.freeze"
_PREFIX = "assistd"
_V1_SHARES = 512  # of all sessions together; a process that is in no group has 1024
_V2_WEIGHT = 50  # a group has 100
_PERIOD_US = 100_000
_SOCKETS = "memory.kmem.tcp.limit_in_bytes"  # in version 1, of TCP and UDP; version 2 counts them as memory
_V1_SOCKET_BYTES = 32 << 20
_REMOVE_SECONDS = 5.0
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A tree of control groups.

    Args:
        version: 1 or 2.
        controllers: which of `WANTED` this tree has; none where it can but freeze.
        folder: the group below which ours are made.
    """

    version: Literal[1, 2]
    controllers: frozenset[str]
    folder: Path

    @property
    def is_threaded(self) -> bool:
        """Whether its groups are of threads: those of version 2 that limit nothing."""
        return self.version == 2 and not self.controllers

    @property
    def members(self) -> str:
        """The file that a process of one thread joins by, and that lists who is in it."""
        if self.version == 1:
            return "tasks"
        return "cgroup.threads" if self.is_threaded else "cgroup.procs"


class ControlGroup:
    """The groups of one session, or of a sandbox of many, one in each hierarchy; made by `ControlGroups`."""

    def __init__(self, groups: tuple[Hierarchy, ...]) -> None:
        self._groups = groups
        self._events = next(
            (
                str(group.folder / _EVENTS[group.version])
                for group in groups
                if "memory" in group.controllers
            ),
            None,
        )
        self._events_file: int | None = None
        self._freezer = next((group.folder for group in groups if _can_freeze(group)), None)

    def doors(self) -> list[int]:
        """Descriptors through which a process of one thread joins by writing `0`; to be closed.

        In version 1 the file `tasks` takes the writer alone, which spares the grace period of the
        kernel (14 ms here) that moving a whole process by `cgroup.procs` waits for.
        """
        doors: list[int] = []
        try:
            for group in self._groups:
                path = f"{group.folder}/{group.members}"
                doors.append(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
        except OSError:
            for door in doors:
                os.close(door)
            raise
        return doors

    def add(self, pid: int) -> None:
        """Take a process in; what it forks from then on is in it, too.

        Raises:
            OSError: the host refuses.
        """
        for group in self._groups:
            _write(group.folder, "cgroup.procs", str(pid))

    def raise_memory(self, memory_bytes: int) -> None:
        """Let it have more memory than before.

        Raises:
            OSError: the host refuses.
        """
        for group in self._groups:
            files = _memory_files(group, memory_bytes)
            for name in reversed(files):  # version 1 wants memory with swap not below memory alone
                _write(group.folder, name, files[name])

    @property
    def can_freeze(self) -> bool:
        """Whether `freeze` works: the kernel has it since Linux 5.2."""
        return self._freezer is not None

    def freeze(self) -> None:
        """Have nothing in it run any more, whatever it does, until `thaw`; SIGKILL ends it all the same.

        Raises:
            OSError: the host refuses.
        """
        assert self._freezer is not None
        _write(self._freezer, _FREEZE, "1")

    def thaw(self) -> None:
        """Have what is in it run on.

        Raises:
            OSError: the host refuses.
        """
        assert self._freezer is not None
        _write(self._freezer, _FREEZE, "0")

    def killed(self) -> int:
        """How many of its processes the kernel ended because its memory was used up.

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
        """End whatever is still in it, and remove it; blocks until that is done.

        Raises:
            OSError: it cannot be removed.
        """
        if self._events_file is not None:
            os.close(self._events_file)
            self._events_file = self._events = None
        for group in self._groups:
            if "pids" in group.controllers:
                with contextlib.suppress(OSError):
                    _write(group.folder, "pids.max", "0")  # nothing is born while it is emptied
        for group in self._groups:
            _remove(group)


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
        for tree in _trees(_read("/proc/self/mountinfo"), _read("/proc/self/cgroup")):
            _remove_stale(tree.folder)
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
        return any(_can_freeze(parent) for parent in self._parents)

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
                folder = parent.folder / name
                os.mkdir(folder)
                group = Hierarchy(parent.version, parent.controllers, folder)
                groups.append(group)
                _limit(group, memory_bytes, processes, cores)
        except OSError:
            for group in groups:
                _remove(group)
            raise
        return ControlGroup(tuple(groups))

    def close(self) -> None:
        """Remove every group of ours, and end what is in them.

        Raises:
            OSError: one cannot be removed.
        """
        for parent in self._parents:
            for folder in _children(parent.folder):
                _remove(Hierarchy(parent.version, parent.controllers, folder))
            _remove(parent)
        self._parents = ()
        while self._asides:
            _step_back(self._asides.pop())


def _trees(mountinfo: str, own: str) -> Iterator[Hierarchy]:
    """The hierarchies that have a wanted controller, with this process's own group in each."""
    paths: dict[str, str] = {}
    for line in own.splitlines():
        _, names, path = line.split(":", 2)
        paths |= dict.fromkeys(names.split(","), path)
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        root, place = before.split()[3:5]
        kind, _, options = after.split(maxsplit=2)
        if kind == "cgroup2" and "" in paths:
            folder = _below(place, root, paths[""])
            names = _read(f"{folder}/cgroup.controllers").split()
            version = 2
        elif kind == "cgroup":
            names = [name for name in options.split(",") if name in paths]
            folder = _below(place, root, paths[names[0]] if names else "/")
            version = 1
        else:
            continue
        controllers = WANTED & set(names)
        if controllers or version == 2:
            yield Hierarchy(version, controllers, folder)


def _below(place: str, root: str, path: str) -> Path:
    """Where the group `path` stands in a tree that is mounted at `place` from its group `root` on."""
    inside = os.path.relpath(path, root)
    return Path(place) if inside.startswith("..") else Path(os.path.normpath(f"{place}/{inside}"))


def _make_parent(tree: Hierarchy) -> Hierarchy | None:
    """Make our group in this process's own one, else in the nearest above that lets us; None in none."""
    name = f"{_signature()}-{next(_numbers)}"
    folder = tree.folder
    while _is_group(folder):
        parent = Hierarchy(tree.version, tree.controllers, folder / name)
        try:
            os.mkdir(parent.folder)
            try:
                return _prepare_parent(parent)
            except OSError:
                os.rmdir(parent.folder)
        except OSError:
            pass  # not ours to write; perhaps the one above
        folder = folder.parent
    return None


def _step_aside(folder: Path) -> Path | None:
    """Move this process out of its own group into one below it; None where it is not there alone.

    In version 2 a group hands controllers down only while no process is in it. This is what a service
    is to do whose group was delegated to it (https://systemd.io/CGROUP_DELEGATION).
    """
    if _read(f"{folder}/cgroup.procs").split() != [str(os.getpid())]:
        return None
    aside = folder / f"{_signature()}-server"
    try:
        os.mkdir(aside)
        _write(aside, "cgroup.procs", str(os.getpid()))
    except OSError:
        return None
    return aside


def _step_back(aside: Path) -> None:
    """Undo `_step_aside`, with the processes that were started meanwhile."""
    given = _read(f"{aside.parent}/cgroup.subtree_control").split()
    _write(aside.parent, "cgroup.subtree_control", " ".join(f"-{name}" for name in given))
    for pid in _read(f"{aside}/cgroup.procs").split():
        _write(aside.parent, "cgroup.procs", pid)
    os.rmdir(aside)


def _can_freeze(group: Hierarchy) -> bool:
    return os.path.exists(f"{group.folder}/{_FREEZE}")


def _is_group(folder: Path) -> bool:
    return (folder / "cgroup.procs").exists()


def _prepare_parent(parent: Hierarchy) -> Hierarchy:
    """Give our group its weight, and in version 2 hand the controllers down to it and through it."""
    if parent.version == 1:
        if "cpu" in parent.controllers:
            _write(parent.folder, "cpu.shares", str(_V1_SHARES))
        if os.path.exists(f"{parent.folder}/{_SOCKETS}"):
            # As long as one group has a limit, the kernel need not patch its code for the next one.
            _write(parent.folder, _SOCKETS, "-1")
        return parent
    if parent.is_threaded:
        _write(parent.folder, "cgroup.type", "threaded")
        return parent
    given = WANTED & set(_read(f"{parent.folder}/cgroup.controllers").split())
    for name in sorted(parent.controllers - given):
        with contextlib.suppress(
            OSError
        ):  # refused where processes are in the group above, or to users
            _write(parent.folder.parent, "cgroup.subtree_control", f"+{name}")
    given = WANTED & set(_read(f"{parent.folder}/cgroup.controllers").split())
    if not given:
        raise PermissionError("no controller is handed down")
    _write(parent.folder, "cgroup.subtree_control", " ".join(f"+{name}" for name in sorted(given)))
    if "cpu" in given:
        _write(parent.folder, "cpu.weight", str(_V2_WEIGHT))
    return Hierarchy(2, given, parent.folder)


def _limit(group: Hierarchy, memory_bytes: int, processes: int | None, cores: float | None) -> None:
    """Write the limits of one session; None is no limit."""
    files = {"cgroup.type": "threaded"} if group.is_threaded else {}
    files |= _memory_files(group, memory_bytes)
    if os.path.exists(f"{group.folder}/{_SOCKETS}"):
        files[_SOCKETS] = str(_V1_SOCKET_BYTES)
    if "pids" in group.controllers and processes is not None:
        files["pids.max"] = str(processes)
    if "cpu" in group.controllers and cores is not None:
        quota = str(int(cores * _PERIOD_US))
        if group.version == 1:
            files |= {"cpu.cfs_period_us": str(_PERIOD_US), "cpu.cfs_quota_us": quota}
        else:
            files["cpu.max"] = f"{quota} {_PERIOD_US}"
    for name, text in files.items():
        _write(group.folder, name, text)


def _memory_files(group: Hierarchy, memory_bytes: int) -> dict[str, str]:
    """What is to stand in which files for a limit on memory, in the order in which it may be lowered."""
    if "memory" not in group.controllers:
        return {}
    first = group.version == 1
    files = {"memory.limit_in_bytes" if first else "memory.max": str(memory_bytes)}
    swap = "memory.memsw.limit_in_bytes" if first else "memory.swap.max"
    if os.path.exists(f"{group.folder}/{swap}"):
        files[swap] = str(memory_bytes if first else 0)  # with memory, or beside it
    return files


def _signature() -> str:
    """What the names of this process's groups begin with: told apart from a later one of its id."""
    started = _read("/proc/self/stat").rpartition(")")[2].split()[19]
    return f"{_PREFIX}-{os.stat('/proc/self/ns/pid').st_ino}-{os.getpid()}-{started}"


def _remove_stale(folder: Path) -> None:
    """Remove the empty groups of servers that died without a word, here and above."""
    space = str(os.stat("/proc/self/ns/pid").st_ino)
    while _is_group(folder):
        for found in _children(folder):
            match found.name.split("-"):
                case [prefix, of_space, pid, started, _] if (prefix, of_space) == (_PREFIX, space):
                    stat = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
                    if stat and stat[19] == started:
                        continue
                    for below in (*_children(found), found):
                        with contextlib.suppress(OSError):  # somebody else removes it, or is in it
                            os.rmdir(below)
                case _:
                    pass
        folder = folder.parent


def _remove(group: Hierarchy) -> None:
    """End what is in a group and remove it.

    Raises:
        OSError: it cannot be removed, or what is in it does not end.
    """
    deadline = time.monotonic() + _REMOVE_SECONDS
    while True:
        try:
            os.rmdir(group.folder)
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            _kill(group)
            time.sleep(0.001)
        else:
            return


def _kill(group: Hierarchy) -> None:
    if not group.is_threaded and (group.folder / "cgroup.kill").exists():
        _write(group.folder, "cgroup.kill", "1")
        return
    listed = group.members if group.is_threaded else "cgroup.procs"
    for pid in _read(f"{group.folder}/{listed}").split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def _children(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []


def _write(folder: Path, name: str, text: str) -> None:
    """Write a file of a group; one that the kernel did not make is not made here."""
    file = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def _read(path: str) -> str:
    """A kernel file's text; empty where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
