"""The jail for hosts that refuse namespaces, as a container does by default.

Landlock leaves a session its own folder and what it must read; a stricter system call filter covers
what Landlock does not: sockets, other processes, an owner's rights. `docs/decisions/0013-*` says what
that cannot give.
"""

import json
import os
import resource
import signal
import socket
import stat
import sys
from collections.abc import Iterable

from assistd.sandbox.guest.shared import syscalls
from assistd.sandbox.guest.shared.constants import GUEST_FOLDER
from assistd.sandbox.guest.walls import (
    namespaces_inner,
    namespaces_outer,
    seccomp,
    without_namespaces,
)
from assistd.sandbox.guest.walls.base import Rules

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_MAKE_CHAR, _MAKE_BLOCK, _MAKE_SOCK = 1 << 6, 1 << 11, 1 << 9
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FIRST_RIGHTS = (1 << 13) - 1  # all that version 1 handles
_FOR_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_EVERYTHING = (_FIRST_RIGHTS | _REFER | _TRUNCATE) & ~(_MAKE_CHAR | _MAKE_BLOCK | _MAKE_SOCK)
_DEVICE = _READ_FILE | _WRITE_FILE
_BIND_AND_CONNECT_TCP = 3
_ABSTRACT_SOCKETS_AND_SIGNALS = 3
_SCOPES_VERSION = 6

_SYSTEM_FILES = (
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/uptime",
    "/proc/version",
    "/proc/filesystems",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/sys/kernel/mm/transparent_hugepage",
)
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
_NEEDED_CAPABILITIES = {"CHOWN": 0, "DAC_OVERRIDE": 1, "KILL": 5, "SETGID": 6, "SETUID": 7}
_SESSION_IDS = 60_000
_RESERVED_IDS = 1000  # the last ones: `nobody` and its neighbours
_MESSAGE_BYTES = 1 << 16


def main(control: int) -> None:
    """See whether this host gives what the jail is made of; then become the zygote in it."""
    channel = socket.socket(fileno=control)
    request = json.loads(channel.recv(_MESSAGE_BYTES))
    uid_base = own_ids(int(request["uid_base"]))
    if (reason := _obstacle(uid_base)) is not None:
        channel.send(json.dumps({"event": "failed", "message": reason}).encode())
        sys.exit(1)
    without_namespaces.keep(channel, "landlock", uid_base)


def _obstacle(uid_base: int | None) -> str | None:
    """Return why the jail cannot be built here; None where it can."""
    version = syscalls.landlock_version()
    if version == 0:
        return (
            "this kernel offers no Landlock: it takes Linux 5.13 or newer, `landlock` among the security "
            "modules at boot (`lsm=`), and a container runtime that lets it through"
        )
    if uid_base is None and syscalls.is_host_root(os.geteuid()):
        return namespaces_outer.refusal_of_host_root(_NEEDED_CAPABILITIES)
    if uid_base is None and version < _SCOPES_VERSION:
        return (
            "sessions would have this user's own id, and this kernel's Landlock cannot keep their signals "
            "in: take Linux 6.12 or newer, or run assistd as root, so that each session has its own id"
        )
    return None


def own_ids(wished: int) -> int | None:
    """Return the id before the first session's; None where this process cannot give each its own."""
    if os.geteuid() != 0 or not all(map(_may, _NEEDED_CAPABILITIES.values())):
        return None
    with open("/proc/self/uid_map", encoding="ascii") as file:
        mapped = [(int(line.split()[0]), int(line.split()[2])) for line in file]
    if any(
        first <= wished and wished + namespaces_outer.UIDS <= first + count
        for first, count in mapped
    ):
        return wished
    first, count = max(mapped, key=lambda one: one[1])
    base = (
        first + count - 1 - _RESERVED_IDS - _SESSION_IDS
    )  # a container with few ids: the last ones
    return base if base > first else None


def _may(capability: int) -> bool:
    """Return whether this process has a capability."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        effective = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff"))
    return bool(effective >> capability & 1)


class Landlock(without_namespaces.Hosted):
    """`Walls` that need no namespace."""

    def __init__(self, rules: Rules) -> None:
        super().__init__(rules)
        readable = [*namespaces_outer.readable_folders(), GUEST_FOLDER, self.warm, *_SYSTEM_FILES]
        readable += [f"/etc/{name}" for name in namespaces_outer.ETC]
        self._shared = _open_paths(readable, _READ)
        self._shared += _open_paths([f"/dev/{name}" for name in namespaces_outer.DEVICES], _DEVICE)
        self._passing = None if rules.uid_base is None else _right_to_pass(readable)
        owned = rules.uid_base is None or self._passing is not None
        host = seccomp.Host(without_namespaces.KEPT, guards_owned=owned)
        self._program = seccomp.assemble(host=host)

    def shut_in(self, number: int, control: int, out: int, err: int) -> list[int]:
        """Isolate this process for good; see `Walls.shut_in`."""
        base = self.rules.uid_base
        uid = None if base is None else base + number
        self.settle(uid)
        self._limit()
        if uid is None:
            syscalls.drop_capabilities()
        else:
            self._become(uid)
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)  # a change of id undoes it
        data = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._restrict(list(self.path_map.values()))
        carried = namespaces_inner.arrange_descriptors(control, out, err, data)
        os.dup2(carried[0], without_namespaces.KEPT)
        return carried

    def seal(self) -> None:
        """Put the filter in place: it lets nobody send a descriptor any more."""
        syscalls.install_filter(self._program)

    def _limit(self) -> None:
        """Limit this process. An id that others have, too, counts their processes among the session's."""
        others = 0
        if self.rules.uid_base is None:
            with open("/proc/loadavg", encoding="ascii") as file:
                others = int(file.read().split()[3].partition("/")[2])
        limits = namespaces_inner.limits_of(self.rules, self.own_data)
        namespaces_inner.set_limits(limits | {resource.RLIMIT_NPROC: self.rules.processes + others})

    def _become(self, uid: int) -> None:
        """Take an id of its own, and no right of root but the one to pass closed folders, if need be."""
        syscalls.drop_bounding_set(self._passing)
        syscalls.prctl(syscalls.PR_SET_KEEPCAPS, 0 if self._passing is None else 1)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        if self._passing is None:
            syscalls.drop_capabilities()
        else:
            syscalls.keep_capability(self._passing)
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)  # else its own /proc/self belongs to root

    def _restrict(self, own: list[str]) -> None:
        private = _open_paths(own, _EVERYTHING) + _open_paths([f"/proc/{os.getpid()}"], _READ)
        restrict_to([*self._shared, *private])


def restrict_to(parents: Iterable[tuple[int, int]]) -> None:
    """Leave this process these files and folders alone, and no network; for good.

    Args:
        parents: a descriptor of each, and the rights on it and below it.
    """
    version = syscalls.landlock_version()
    handled = _FIRST_RIGHTS
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        handled |= right if version >= since else 0
    network = _BIND_AND_CONNECT_TCP if version >= 4 else 0
    scopes = _ABSTRACT_SOCKETS_AND_SIGNALS if version >= _SCOPES_VERSION else 0
    ruleset = syscalls.landlock_ruleset(handled, network, scopes)
    for parent, rights in parents:
        syscalls.landlock_allow(ruleset, parent, rights & handled)
    syscalls.landlock_restrict(ruleset)


def allow_all_below(folder: str) -> list[tuple[int, int]]:
    """Open a private folder; return it with all rights on it, as `restrict_to` takes them."""
    return _open_paths([folder], _EVERYTHING)


def _open_paths(paths: Iterable[str], rights: int) -> list[tuple[int, int]]:
    """Open those of `paths` that exist; return their descriptors with the rights, of a file fewer."""
    found: list[tuple[int, int]] = []
    for path in paths:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, PermissionError):
            continue
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        found.append((descriptor, rights if is_folder else rights & _FOR_FILES))
    return found


def _right_to_pass(readable: Iterable[str]) -> int | None:
    """Return the capability that sessions need to reach what they may read; None where all may pass there.

    The interpreter may lie in the private home of root, whom sessions are not. What they may open
    is decided by Landlock, with that right as without it.
    """
    for path in readable:
        folder: str = os.path.realpath(path)
        while folder != "/":
            folder = os.path.dirname(folder)
            if os.path.isdir(folder) and not os.stat(folder).st_mode & 0o001:
                return _DAC_READ_SEARCH if _may(_DAC_READ_SEARCH) else _DAC_OVERRIDE
    return None
