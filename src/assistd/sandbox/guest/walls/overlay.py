"""An overlay as /mnt/data: what code writes stands in memory, above files that the server links below.

The lower folder lies on the host, beside the stored files. The server adds links to it while the
session lives (`sandbox/zygote/lowerdir.py`); code sees them at once, and whatever it does to them is done to
a copy in the tmpfs.
"""

import os

from assistd.sandbox.guest.shared import syscalls
from assistd.sandbox.guest.shared.constants import PROBES
from assistd.sandbox.guest.shared.syscalls import MS_NODEV, MS_NOSUID
from assistd.sandbox.guest.walls.namespaces_outer import DATA, LOWERS


def cover(target: str, lower: str, uid: int) -> None:
    """Mount an overlay over the tmpfs at `target`, which becomes its upper layer.

    Args:
        target: where the tmpfs is mounted.
        lower: the lower folder; where there is none, the tmpfs stays as it is.
        uid: who owns the merged folder, in this user namespace.
    """
    if not os.path.isdir(lower):
        return
    upper, work = f"{target}/upper", f"{target}/work"
    os.mkdir(upper, 0o755)
    os.mkdir(work, 0o755)
    if uid:
        os.chown(upper, uid, uid)
    # Inode numbers as they are, so that the server can tell a linked file from its copy.
    layers = f"lowerdir={lower},upperdir={upper},workdir={work},userxattr,xino=off,index=off"
    syscalls.mount("data", target, "overlay", MS_NOSUID | MS_NODEV, layers)


def obstacle(ids: str) -> str | None:
    """Return why linked files would not work here; None where a trial shows that they do.

    Args:
        ids: how ids are mapped; names the probe to try.
    """
    lower = f"{LOWERS}/{PROBES}"
    if not os.path.isdir(lower):
        return "the stored files are not in a folder of this host"
    mounted = 0
    try:
        syscalls.mount("probe", DATA, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k")
        mounted += 1
        cover(DATA, lower, 0)
        mounted += 1
        with open(f"{DATA}/{ids}", "a", encoding="ascii") as file:  # is it copied up?
            file.write("written")
    except OSError as error:
        return str(error)
    finally:
        for _ in range(mounted):
            syscalls.unmount(DATA)
    return None
