"""A root folder of a process's own, out of which nothing of the host's tree can be reached."""

import os

from assistd.sandbox.guest.shared import syscalls
from assistd.sandbox.guest.shared.syscalls import MS_NODEV, MS_NOSUID, MS_PRIVATE, MS_REC

# Where the new root is put together; hidden by it, so it must hold nothing that goes into it.
_WORKBENCHES = ("/sys", "/mnt", "/srv")


def mount_new(options: str) -> str:
    """Mount an empty root, in a mount namespace of this process's own.

    Args:
        options: those of its tmpfs.

    Returns:
        Where it is, until `move_into`.

    Raises:
        OSError: the kernel refuses.
    """
    workbench = next(path for path in _WORKBENCHES if os.path.isdir(path))
    syscalls.mount(None, "/", None, MS_REC | MS_PRIVATE)
    syscalls.mount("root", workbench, "tmpfs", MS_NOSUID | MS_NODEV, options)
    return workbench


def move_into(workbench: str) -> None:
    """Make what is mounted there the root: nothing of the host's tree stays reachable.

    Raises:
        OSError: the kernel refuses.
    """
    os.chdir(workbench)
    syscalls.pivot_root(".", ".")
    syscalls.unmount(".")
    os.chdir("/")
