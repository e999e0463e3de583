"""Examines a live session from outside: which walls really stand around it, and which do not."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assistd.errors import AssistdError
from assistd.sandbox import host
from assistd.sandbox.base import Limits
from assistd.sandbox.session import GuestSession
from assistd.sandbox.zygote import Jail, Zygote

_NAMESPACES = {
    "user": "owns nothing outside of itself",
    "mnt": "has a file tree of its own",
    "pid": "sees no process but its own",
    "net": "has no network but its own loopback",
    "ipc": "shares no queue, semaphore or memory segment",
    "uts": "has a host name of its own",
    "cgroup": "does not see the host's control groups",
}
_PRIVATE_FOLDERS = ("/mnt/data", "/tmp", "/home/sandbox", "/dev/shm")  # noqa: S108  the session's
_BACKED_BY_OWN_ID = 0x7000_0000


@dataclass(frozen=True, slots=True)
class Finding:
    """One wall.

    Args:
        name: what it is.
        stands: whether it is in force around the session that was examined.
        meaning: what it keeps, or, where it does not stand, what is open for want of it.
        required: whether `serve` must not start without it.
    """

    name: str
    stands: bool
    meaning: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What isolation this host gives.

    Args:
        jail: which jail was examined.
        failure: why no session could be started; None where one was.
        findings: the walls around it.
        remedies: what on the host would have to change, as far as it is known.
    """

    jail: Jail
    failure: str | None
    findings: tuple[Finding, ...]
    remedies: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether every wall that is required stands."""
        return self.failure is None and all(one.stands for one in self.findings if one.required)


async def examine(
    python: Path,
    *,
    limits: Limits | None = None,
    jail: Jail = "namespaces",
    lowers: Path | None = None,
) -> Diagnosis:
    """Start a session in `jail` and look at it through the kernel's eyes.

    Args:
        python: the interpreter of the interpreter environment.
        limits: of the session.
        jail: what shuts it in.
        lowers: this process's folder for lower folders; None where files are only copied.
    """
    limits = limits or Limits()
    try:
        zygote = await Zygote.start(python, limits, jail, lowers)
    except AssistdError as error:
        return Diagnosis(jail, str(error), (), tuple(host.remedies()))
    try:
        session = await GuestSession.open(zygote, limits)
        try:
            findings = (*_look_at(session.pid), _files_are_linked(zygote))
        finally:
            await session.close()
    except AssistdError as error:
        return Diagnosis(jail, str(error), (), tuple(host.remedies()))
    finally:
        await zygote.close()
    return Diagnosis(jail, None, findings, ())


def _look_at(pid: int) -> tuple[Finding, ...]:
    status = _fields(f"/proc/{pid}/status")
    mounts = _mounts(pid)
    return (
        *(
            Finding(f"{kind} namespace", _is_apart(pid, kind), f"the session {meaning}")
            for kind, meaning in _NAMESPACES.items()
        ),
        Finding(
            "read-only root",
            "ro" in mounts["/"][-1],
            "system folders and the interpreter environment cannot be changed",
        ),
        Finding(
            "private folders",
            all(_is_in_memory(folder, mounts.get(folder, ())) for folder in _PRIVATE_FOLDERS),
            "all it can write is in memory, bounded in bytes and inodes, and gone with it",
        ),
        Finding(
            "no capabilities",
            all(
                int(status.get(f"Cap{one}", "1"), 16) == 0
                for one in ("Inh", "Prm", "Eff", "Bnd", "Amb")
            ),
            "no right of root, not even inside",
        ),
        Finding("no new privileges", status.get("NoNewPrivs") == "1", "setuid programs do nothing"),
        Finding(
            "system call filter", status.get("Seccomp") == "2", "much of the kernel is out of reach"
        ),
        Finding(
            "limit on processes",
            _limit(pid, "Max processes") and host.kernel_version() >= (5, 14),
            "processes are counted per session",
        ),
        Finding(
            "limit on memory", _limit(pid, "Max data size"), "one process; a watch counts them all"
        ),
        Finding(
            "an id of its own",
            os.stat(f"/proc/{pid}").st_uid >= _BACKED_BY_OWN_ID,
            "sessions are apart by user id too; only a server that is root can give each one its own",
            required=False,
        ),
    )


def _is_apart(pid: int, kind: str) -> bool:
    return os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")


def _fields(path: str) -> dict[str, str]:
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name: value.strip() for name, _, value in pairs}


def _files_are_linked(zygote: Zygote) -> Finding:
    meaning = "an attached file costs no copy; what code does to it is done to a copy in memory"
    if zygote.copies is not None:
        meaning = f"attached files are copied into the session's memory: {zygote.copies}"
    return Finding("linked files", zygote.copies is None, meaning, required=False)


def _is_in_memory(folder: str, mounted: Sequence[tuple[str, ...]]) -> bool:
    """Whether all that is written to a folder stays in a tmpfs of limited size."""
    overlaid = f"upperdir={folder}/upper"
    return bool(mounted) and all(
        "size" in _keys(options) or overlaid in options for options in mounted
    )


def _mounts(pid: int) -> dict[str, list[tuple[str, ...]]]:
    """The options of what is mounted at each place, the topmost last."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for line in Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        place, options = before.split()[4:6]
        every = (*options.split(","), *after.split()[-1].split(","))
        found.setdefault(place, []).append(every)
    return found


def _keys(options: tuple[str, ...]) -> set[str]:
    return {option.partition("=")[0] for option in options}


def _limit(pid: int, name: str) -> bool:
    """Whether a resource limit of that name is set."""
    lines = Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
    line = next(line for line in lines if line.startswith(name))
    return line.removeprefix(name).split()[0] != "unlimited"
