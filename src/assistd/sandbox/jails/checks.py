"""The checks of a jail: which walls stand around a live session, as the kernel shows them from outside."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistd.sandbox import host
from assistd.sandbox.guest.shared import syscalls

_PRIVATE_FOLDERS = ("/mnt/data", "/tmp", "/home/sandbox", "/dev/shm")  # noqa: S108  the session's
_FIRST_OWN_ID = 0x7000_0000
_CAPABILITY_SETS = ("Inh", "Prm", "Eff", "Bnd", "Amb")


@dataclass(frozen=True, slots=True)
class Check:
    """A look at one wall of a live session.

    Args:
        name: what it is.
        meaning: what it keeps, or, where it does not stand, what is open for want of it.
        stands: whether it is in force around the session whose first process is given.
        required: whether `serve` must not start without it.
    """

    name: str
    meaning: str
    stands: Callable[[int], bool]
    required: bool = True


def _is_apart(kind: str) -> Callable[[int], bool]:
    """Make a look at whether the session has a namespace of its own, of that kind."""
    return lambda pid: os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")


def _has(name: str, value: str) -> Callable[[int], bool]:
    return lambda pid: _status(pid).get(name) == value


def _is_limited(name: str) -> Callable[[int], bool]:
    """Make a look at whether a resource limit of that name is set."""

    def look(pid: int) -> bool:
        lines = Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
        line = next(line for line in lines if line.startswith(name))
        return line.removeprefix(name).split()[0] != "unlimited"

    return look


def _has_private_folders(pid: int) -> bool:
    mounts = _mounts(pid)
    return all(_is_in_memory(folder, mounts.get(folder, ())) for folder in _PRIVATE_FOLDERS)


def _is_in_memory(folder: str, mounted: Sequence[tuple[str, ...]]) -> bool:
    """Return whether all that is written to a folder stays in a tmpfs of limited size."""
    overlaid = f"upperdir={folder}/upper"
    return bool(mounted) and all(
        overlaid in options or any(option.startswith("size=") for option in options)
        for options in mounted
    )


def _has_no_capabilities(pid: int) -> bool:
    status = _status(pid)
    return all(int(status.get(f"Cap{one}", "1"), 16) == 0 for one in _CAPABILITY_SETS)


def _has_no_capabilities_in_force(pid: int) -> bool:
    return int(_status(pid).get("CapEff", "1"), 16) == 0


def _is_no_host_root(pid: int) -> bool:
    return not any(syscalls.is_host_root(int(uid)) for uid in _status(pid)["Uid"].split())


def _counts_processes(pid: int) -> bool:
    return _is_limited("Max processes")(pid) and host.kernel_version() >= (5, 14)


def _status(pid: int) -> dict[str, str]:
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _mounts(pid: int) -> dict[str, list[tuple[str, ...]]]:
    """Return the options of what is mounted at each path, the topmost last."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for line in Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        path, options = before.split()[4:6]
        every = (*options.split(","), *after.split()[-1].split(","))
        found.setdefault(path, []).append(every)
    return found


_OWN_NAMESPACES = {
    "user": "owns nothing outside of itself",
    "mnt": "has a file tree of its own",
    "pid": "sees no process but its own",
    "net": "has no network but its own loopback",
    "ipc": "shares no queue, semaphore or memory segment",
    "uts": "has a host name of its own",
    "cgroup": "does not see the host's control groups",
}
_NO_CAPABILITIES = Check(
    "no capabilities", "no right of root, not even inside", _has_no_capabilities
)
_NO_NEW_PRIVILEGES = Check(
    "no new privileges", "setuid programs do nothing", _has("NoNewPrivs", "1")
)
_FILTER = Check("system call filter", "much of the kernel is out of reach", _has("Seccomp", "2"))
_MEMORY = Check(
    "limit on memory", "one process; a watch counts them all", _is_limited("Max data size")
)
_OWN_ID = Check(
    "an id of its own",
    "sessions are apart by user id too; only a server that is root can give each one its own",
    lambda pid: os.stat(f"/proc/{pid}").st_uid >= _FIRST_OWN_ID,
    required=False,
)
_NO_HOST_ROOT = Check(
    "not the host's root",
    "whatever belongs to that user on the host, the kernel's settings first, is another's",
    _is_no_host_root,
)

NAMESPACES = (
    *(
        Check(f"{kind} namespace", f"the session {meaning}", _is_apart(kind))
        for kind, meaning in _OWN_NAMESPACES.items()
    ),
    Check(
        "read-only root",
        "system folders and the interpreter environment cannot be changed",
        lambda pid: "ro" in _mounts(pid)["/"][-1],
    ),
    Check(
        "private folders",
        "all it can write is in memory, bounded in bytes and inodes, and gone with it",
        _has_private_folders,
    ),
    Check(
        "read-only /proc",
        "the kernel's settings cannot be changed, whatever id the session has",
        lambda pid: "ro" in _mounts(pid)["/proc"][-1],
    ),
    _NO_CAPABILITIES,
    _NO_NEW_PRIVILEGES,
    _FILTER,
    Check("limit on processes", "processes are counted per session", _counts_processes),
    _MEMORY,
    _NO_HOST_ROOT,
    _OWN_ID,
)
# Nothing but limits holds: asked of it is what the safe ones have, so that `doctor` shows the lack.
RESOURCES_ONLY = NAMESPACES

LANDLOCK = (
    Check(
        "no new privileges, so that Landlock can hold",
        "it opens nothing but its folder, the system and the interpreter environment, read-only",
        _has("NoNewPrivs", "1"),
    ),
    _FILTER,
    Check(
        "limit on file size",
        "a watch counts all it writes, bytes and files",
        _is_limited("Max file size"),
    ),
    Check("limit on processes", "a watch counts them, too", _is_limited("Max processes")),
    _MEMORY,
    Check(
        "no capabilities",
        "no right of root; one to pass closed folders is kept where the interpreter lies in one",
        _has_no_capabilities_in_force,
        required=False,
    ),
    _NO_HOST_ROOT,
    _OWN_ID,
)


def _find_gvisor(outermost: int) -> int:
    """Return the kernel of gVisor, a process of the host, below a zygote's outermost process."""
    todo = [outermost]
    while todo:
        pid = todo.pop()
        if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"runsc-sandbox\0"):
            return pid
        for task in os.listdir(f"/proc/{pid}/task"):
            children = Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii")
            todo += map(int, children.split())
    raise ProcessLookupError("no gVisor was found below the zygote")


def _of_find_gvisor(stands: Callable[[int], bool]) -> Callable[[int], bool]:
    return lambda outermost: stands(_find_gvisor(outermost))


GVISOR = (
    Check(
        "a kernel of its own",
        "code meets gVisor, a program that shares no memory or files with the host's kernel; "
        "each project has one",
        lambda outermost: _find_gvisor(outermost) > 0,
    ),
    *(
        Check(f"{kind} namespace", f"gVisor {meaning}", _of_find_gvisor(_is_apart(kind)))
        for kind, meaning in _OWN_NAMESPACES.items()
    ),
    Check(
        "system call filter",
        "gVisor itself may ask the host's kernel for little",
        _of_find_gvisor(_FILTER.stands),
    ),
    Check(
        "no new privileges",
        "setuid programs do nothing for gVisor",
        _of_find_gvisor(_NO_NEW_PRIVILEGES.stands),
    ),
    Check(
        _NO_HOST_ROOT.name,
        "whatever belongs to that user on the host is another's than gVisor's",
        _of_find_gvisor(_NO_HOST_ROOT.stands),
    ),
    Check(
        "an id of its own",
        "gVisor is apart from the server by user id too; only a server that is root can give it one",
        _of_find_gvisor(_OWN_ID.stands),
        required=False,
    ),
)
