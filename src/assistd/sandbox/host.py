"""What this host grants and refuses to a sandbox, read from the kernel; and what would change it."""

import os
import platform
from pathlib import Path

_OLDEST_KERNEL = (5, 14)  # counts processes per user namespace; 5.12 has mount_setattr, 5.6 openat2
_MACHINES = ("x86_64", "aarch64")


def remedies() -> list[str]:
    """Return one sentence for each thing on this host that is known to keep sessions from starting."""
    found: list[str] = []
    if platform.system() != "Linux":
        return ["The sandbox needs Linux."]
    if platform.machine() not in _MACHINES:
        found.append(f"The sandbox knows {' and '.join(_MACHINES)}, not {platform.machine()}.")
    if kernel_version() < _OLDEST_KERNEL:
        oldest = ".".join(map(str, _OLDEST_KERNEL))
        found.append(f"The kernel is {platform.release()}; the sandbox needs {oldest} or newer.")
    if _read("/proc/sys/user/max_user_namespaces") == "0":
        found.append("User namespaces are off: `sysctl -w user.max_user_namespaces=10000`.")
    if os.getuid() != 0:
        found += _for_ordinary_users()
    if _is_filtered():
        found.append(
            "A system call filter around assistd, as in a container by default, may refuse namespaces: "
            "start the container with `--security-opt seccomp=unconfined`, or run assistd outside of it."
        )
    return found


def kernel_version() -> tuple[int, int]:
    """Return the running kernel's major and minor version."""
    major, minor = platform.release().split(".")[:2]
    return int(major), int("".join(char for char in minor if char.isdigit()) or 0)


def _for_ordinary_users() -> list[str]:
    found: list[str] = []
    if _read("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        found.append(
            "Ordinary users may not make user namespaces: `sysctl -w kernel.unprivileged_userns_clone=1`."
        )
    if _read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        found.append(
            "AppArmor takes the rights from user namespaces of ordinary users: "
            "`sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`, or give assistd a profile with `userns`."
        )
    return found


def _is_filtered() -> bool:
    status = _read("/proc/self/status")
    return any(line.split() == ["Seccomp:", "2"] for line in status.splitlines())


def _read(path: str) -> str:
    """Return a kernel file's text; empty where this kernel has none."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
