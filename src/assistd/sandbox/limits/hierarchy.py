"""The trees of control groups of a host, in the two versions of the kernel's interface.

A `Hierarchy` hides which files of which version a limit is written to. The files are described in the
kernel's Documentation/admin-guide, cgroup-v1 and cgroup-v2.rst.
"""

import contextlib
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, Self

WANTED = frozenset({"memory", "pids", "cpu"})

_FREEZE = "cgroup.freeze"
_V1_SHARES = 512  # of all sessions together; a process that is in no group has 1024
_V2_WEIGHT = 50  # a group has 100
_PERIOD_US = 100_000
_SOCKETS = "memory.kmem.tcp.limit_in_bytes"  # in version 1, of TCP and UDP; version 2 counts them as memory
_V1_SOCKET_BYTES = 32 << 20
_REMOVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Hierarchy(ABC):
    """One group in a tree of control groups.

    Args:
        controllers: which of `WANTED` limit what is in it; none where the group can only be frozen.
        folder: the group's folder in the mounted tree.
    """

    controllers: frozenset[str]
    folder: Path

    version: ClassVar[Literal[1, 2]]
    events: ClassVar[str]  # the file that counts kills for memory, with the memory controller

    @property
    @abstractmethod
    def members(self) -> str:
        """The file that a process of one thread joins by, and that lists the members."""

    @property
    def is_threaded(self) -> bool:
        """Whether its members are threads, not processes."""
        return False

    @property
    def can_freeze(self) -> bool:
        """Whether the kernel can freeze the group."""
        return os.path.exists(f"{self.folder}/{_FREEZE}")

    @property
    def exists(self) -> bool:
        """Whether the folder is a control group."""
        return (self.folder / "cgroup.procs").exists()

    def at(self, folder: Path) -> Self:
        """Return the group of the same tree that has this folder."""
        return replace(self, folder=folder)

    def children(self) -> list[Path]:
        """Return the folders of the groups right below; none where the group is gone."""
        try:
            return [path for path in self.folder.iterdir() if path.is_dir()]
        except FileNotFoundError:
            return []

    @abstractmethod
    def prepare(self) -> Self:
        """Make this new group ready to be the parent of sessions' groups.

        Returns:
            The group with the controllers that it can hand down.

        Raises:
            OSError: the host refuses.
        """

    def limit(self, memory_bytes: int, processes: int | None, cores: float | None) -> None:
        """Write the limits of a session; None is no limit.

        Raises:
            OSError: the host refuses.
        """
        files = self._memory_files(memory_bytes) if "memory" in self.controllers else {}
        if "pids" in self.controllers and processes is not None:
            files["pids.max"] = str(processes)
        if "cpu" in self.controllers and cores is not None:
            files |= self._cpu_files(int(cores * _PERIOD_US))
        for name, text in files.items():
            write(self.folder, name, text)

    def raise_memory(self, memory_bytes: int) -> None:
        """Raise the limit on memory.

        Raises:
            OSError: the host refuses.
        """
        files = self._memory_files(memory_bytes) if "memory" in self.controllers else {}
        for name in reversed(files):  # version 1 wants memory with swap not below memory alone
            write(self.folder, name, files[name])

    @abstractmethod
    def _memory_files(self, memory_bytes: int) -> dict[str, str]:
        """Return the texts for a limit on memory by file, in the order in which a limit is lowered."""

    @abstractmethod
    def _cpu_files(self, quota_us: int) -> dict[str, str]:
        """Return the texts for a share of the processor by file; microseconds of `_PERIOD_US`."""

    def freeze(self) -> None:
        """Stop every member, whatever it does, until `thaw`; SIGKILL ends it all the same.

        Raises:
            OSError: the host refuses.
        """
        write(self.folder, _FREEZE, "1")

    def thaw(self) -> None:
        """Let the members run on.

        Raises:
            OSError: the host refuses.
        """
        write(self.folder, _FREEZE, "0")

    def refuse_forks(self) -> None:
        """Let no member start another one, as far as the host lets us."""
        if "pids" in self.controllers:
            with contextlib.suppress(OSError):
                write(self.folder, "pids.max", "0")

    def remove(self) -> None:
        """Kill the members and remove the group; blocks until that is done.

        Raises:
            OSError: the group cannot be removed, or a member does not end.
        """
        deadline = time.monotonic() + _REMOVE_SECONDS
        while True:
            try:
                os.rmdir(self.folder)
            except FileNotFoundError:
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                self._kill()
                time.sleep(0.001)
            else:
                return

    def _kill(self) -> None:
        if not self.is_threaded and (self.folder / "cgroup.kill").exists():
            write(self.folder, "cgroup.kill", "1")
            return
        listed = self.members if self.is_threaded else "cgroup.procs"
        for pid in read(f"{self.folder}/{listed}").split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


class VersionOne(Hierarchy):
    """A group of version 1, which has one tree for each controller or for a few of them."""

    __slots__ = ()
    version = 1
    events = "memory.oom_control"

    @property
    def members(self) -> str:
        """The file `tasks`, which takes the writing thread alone.

        Moving a whole process by `cgroup.procs` waits for a grace period of the kernel (14 ms here).
        """
        return "tasks"

    def prepare(self) -> Self:
        """Give the group its weight.

        Raises:
            OSError: the host refuses.
        """
        if "cpu" in self.controllers:
            write(self.folder, "cpu.shares", str(_V1_SHARES))
        if os.path.exists(f"{self.folder}/{_SOCKETS}"):
            # As long as one group has a limit, the kernel need not patch its code for the next one.
            write(self.folder, _SOCKETS, "-1")
        return self

    def limit(self, memory_bytes: int, processes: int | None, cores: float | None) -> None:
        """Write the limits of a session, also the one on what its sockets hold; None is no limit.

        Raises:
            OSError: the host refuses.
        """
        super().limit(memory_bytes, processes, cores)
        if os.path.exists(f"{self.folder}/{_SOCKETS}"):
            write(self.folder, _SOCKETS, str(_V1_SOCKET_BYTES))

    def _memory_files(self, memory_bytes: int) -> dict[str, str]:
        files = {"memory.limit_in_bytes": str(memory_bytes)}
        with_swap = "memory.memsw.limit_in_bytes"
        if os.path.exists(f"{self.folder}/{with_swap}"):
            files[with_swap] = str(memory_bytes)
        return files

    def _cpu_files(self, quota_us: int) -> dict[str, str]:
        return {"cpu.cfs_period_us": str(_PERIOD_US), "cpu.cfs_quota_us": str(quota_us)}


class VersionTwo(Hierarchy):
    """A group of version 2, which has one tree for all controllers.

    Where version 1 has the controllers, the tree of version 2 beside it has none, and freezes all the
    same. Its groups are threaded there: one thread joins such a group without waiting for all of the host.
    """

    __slots__ = ()
    version = 2
    events = "memory.events"

    @property
    def is_threaded(self) -> bool:
        """Whether its members are threads: where it limits nothing."""
        return not self.controllers

    @property
    def members(self) -> str:
        """The file that a process of one thread joins by, and that lists the members."""
        return "cgroup.threads" if self.is_threaded else "cgroup.procs"

    def prepare(self) -> Self:
        """Hand the controllers down to the group and through it, and give it its weight.

        Raises:
            OSError: the host refuses.
        """
        if self.is_threaded:
            write(self.folder, "cgroup.type", "threaded")
            return self
        for name in sorted(self.controllers - self._read_offered()):
            # Refused where processes are in the group above, or to ordinary users.
            with contextlib.suppress(OSError):
                write(self.folder.parent, "cgroup.subtree_control", f"+{name}")
        given = self._read_offered()
        if not given:
            raise PermissionError("no controller is handed down")
        names = " ".join(f"+{name}" for name in sorted(given))
        write(self.folder, "cgroup.subtree_control", names)
        if "cpu" in given:
            write(self.folder, "cpu.weight", str(_V2_WEIGHT))
        return replace(self, controllers=given)

    def _read_offered(self) -> frozenset[str]:
        return WANTED & set(read(f"{self.folder}/cgroup.controllers").split())

    def limit(self, memory_bytes: int, processes: int | None, cores: float | None) -> None:
        """Write the limits of a session; None is no limit.

        Raises:
            OSError: the host refuses.
        """
        if self.is_threaded:
            write(self.folder, "cgroup.type", "threaded")
        super().limit(memory_bytes, processes, cores)

    def _memory_files(self, memory_bytes: int) -> dict[str, str]:
        files = {"memory.max": str(memory_bytes)}
        if os.path.exists(f"{self.folder}/memory.swap.max"):
            files["memory.swap.max"] = "0"
        return files

    def _cpu_files(self, quota_us: int) -> dict[str, str]:
        return {"cpu.max": f"{quota_us} {_PERIOD_US}"}


def find(mountinfo: str, own: str) -> Iterator[Hierarchy]:
    """Yield the group of this process in each tree that has a wanted controller or can freeze.

    Args:
        mountinfo: the text of /proc/self/mountinfo.
        own: the text of /proc/self/cgroup.
    """
    paths: dict[str, str] = {}
    for line in own.splitlines():
        _, names, path = line.split(":", 2)
        paths |= dict.fromkeys(names.split(","), path)
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        root, mounted_at = before.split()[3:5]
        kind, _, options = after.split(maxsplit=2)
        if kind == "cgroup2" and "" in paths:
            folder = _locate(mounted_at, root, paths[""])
            names = read(f"{folder}/cgroup.controllers").split()
            yield VersionTwo(WANTED & set(names), folder)
        elif kind == "cgroup":
            names = [name for name in options.split(",") if name in paths]
            if controllers := WANTED & set(names):
                yield VersionOne(controllers, _locate(mounted_at, root, paths[names[0]]))


def _locate(mounted_at: str, root: str, path: str) -> Path:
    """Return the folder of the group `path` in a tree that is mounted from its group `root` on."""
    inside = os.path.relpath(path, root)
    if inside.startswith(".."):
        return Path(mounted_at)
    return Path(os.path.normpath(f"{mounted_at}/{inside}"))


def write(folder: Path, name: str, text: str) -> None:
    """Write a file of a group; a file that the kernel did not make is not made here.

    Raises:
        OSError: the host refuses.
    """
    file = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def read(path: str) -> str:
    """Return a kernel file's text; empty where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
