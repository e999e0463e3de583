"""Runs a command as an ordinary user, from root: `python -m tests.security.as_ordinary_user PATH... -- COMMAND...`.

In a mount namespace of its own it makes each PATH reachable, also where one lies in a private home.
"""

import os
import sys

from assistd.sandbox.guest.shared import syscalls

UID = 65534


def _first_closed(path: str) -> str | None:
    """The topmost folder on the way to `path` that others may not enter."""
    current = ""
    for part in path.strip("/").split("/"):
        current += f"/{part}"
        if not os.stat(current).st_mode & 0o001:
            return current
    return None


def _open_the_way(paths: list[str]) -> None:
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    closed = {path: folder for path in paths if (folder := _first_closed(path))}
    held = {path: os.open(path, os.O_PATH) for path in closed}
    for folder in set(closed.values()):
        syscalls.mount("way", folder, "tmpfs", 0, "size=1m,mode=755")
    for path, descriptor in sorted(held.items()):
        os.makedirs(path, exist_ok=True)
        syscalls.mount(f"/proc/self/fd/{descriptor}", path, None, syscalls.MS_BIND)
        os.close(descriptor)


def main() -> None:
    """Open the way, become the user, run the command."""
    split = sys.argv.index("--")
    command = sys.argv[split + 1 :]
    _open_the_way([os.path.realpath(path) for path in sys.argv[1:split]])
    os.setgroups([])
    os.setresgid(UID, UID, UID)
    os.setresuid(UID, UID, UID)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
