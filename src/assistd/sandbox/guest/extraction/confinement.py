"""The walls around the reader of one document.

They stand in two steps. `shut_in` takes away the host: its files, its network, its ids. The reader
then loads what its library unpacks only when it runs, from a folder of its own. `seal` takes away
all that is left but computing, in every thread; what comes after it may be hostile.

There is no pid namespace, which would take one more process: the filter knows no call that names a
process, and none that makes one.
"""

import os
import resource
import shutil
import signal

from assistd.sandbox.guest.shared import syscalls
from assistd.sandbox.guest.shared.document import Order
from assistd.sandbox.guest.walls import landlock, namespaces_inner, namespaces_outer, roots, seccomp

_NAMESPACES = (
    syscalls.CLONE_NEWNS
    | syscalls.CLONE_NEWNET
    | syscalls.CLONE_NEWIPC
    | syscalls.CLONE_NEWUTS
    | syscalls.CLONE_NEWCGROUP
)
_OWN = "own"  # the only folder of a root of its own
_LAST_UID = 0x6FFE_FFFF
_UIDS = 1000  # that readers take in turn
_OPEN_FILES = 64
_THREADS = 64
_LIBRARY_BYTES = 32 << 20  # that may be unpacked before the document comes
_SWITCHED_OFF = 1  # see `namespaces_inner`: a limit on core files that starts no handler


def shut_in(order: Order) -> None:
    """Take everything of the host away from this process, which has one thread yet.

    Where it may unpack what it needs is its working directory from here on: the folders above that
    may be closed to its new id.

    Raises:
        OSError: a wall does not stand.
    """
    namespaces_inner.step_back()
    _limit(order)
    if order.folder is not None:
        os.chdir(order.folder)
    if not order.confined:
        return
    base = landlock.own_ids(_LAST_UID)
    if base is None and syscalls.is_host_root(os.geteuid()):
        raise OSError(namespaces_outer.refusal_of_host_root(("SETUID", "SETGID")))
    uid = None if base is None else base - order.uid % _UIDS
    has_left = _leave_host(uid)
    has_folder = has_left or order.folder is not None
    if uid is not None:
        _become(uid, has_folder=has_folder)
    syscalls.drop_capabilities()
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)  # a change of id undoes it
    if syscalls.landlock_version():
        landlock.restrict_to(landlock.allow_all_below(".") if has_folder else [])


def seal(order: Order) -> None:
    """Take away all but computing, in all threads of this process, and what was unpacked.

    Raises:
        OSError: the filter does not stand.
    """
    for name in os.listdir(".") if order.folder is not None else ():
        shutil.rmtree(name)
    namespaces_inner.set_limits({resource.RLIMIT_FSIZE: 0})
    if order.confined:
        syscalls.install_filter(seccomp.assemble_computing(), all_threads=True)


def _leave_host(uid: int | None) -> bool:
    """Enter namespaces, and an empty folder in an empty root; False where the host refuses them."""
    try:
        if uid is None:
            _unshare_as_user()
        else:
            syscalls.unshare(_NAMESPACES)
        workbench = roots.mount_new(f"size={_LIBRARY_BYTES},mode=755")
        os.mkdir(f"{workbench}/{_OWN}", 0o700)
        roots.move_into(workbench)
        os.chdir(_OWN)
    except OSError:
        if not syscalls.landlock_version():
            raise
        return False
    return True


def _unshare_as_user() -> None:
    uid, gid = os.getuid(), os.getgid()
    syscalls.unshare(syscalls.CLONE_NEWUSER | _NAMESPACES)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _become(uid: int, *, has_folder: bool) -> None:
    if has_folder:
        os.chown(".", uid, uid)
    namespaces_inner.set_limits({resource.RLIMIT_NPROC: _THREADS})
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _limit(order: Order) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (order.seconds, order.seconds + 1))
    namespaces_inner.set_limits(
        {
            resource.RLIMIT_AS: order.memory_bytes,
            resource.RLIMIT_NOFILE: _OPEN_FILES,
            resource.RLIMIT_FSIZE: _LIBRARY_BYTES,
            resource.RLIMIT_CORE: _SWITCHED_OFF,
            resource.RLIMIT_MEMLOCK: 0,
            resource.RLIMIT_MSGQUEUE: 0,
            resource.RLIMIT_RTPRIO: 0,
        }
    )
