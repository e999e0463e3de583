"""Inside gVisor: a session's walls in a kernel of the sandbox's own, which has no mount namespaces.

Each session gets a root of its own to `chroot` into: the read-only tree, with private folders mounted
over it. Its processes are counted by a cgroup, for gVisor does not count those of its root user.
"""

import os
import resource
import socket
from contextlib import suppress

from assistd.sandbox.guest.shared import syscalls
from assistd.sandbox.guest.shared.constants import SHM_BYTES
from assistd.sandbox.guest.shared.syscalls import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWPID,
    CLONE_NEWUTS,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
)
from assistd.sandbox.guest.walls import memory, namespaces_inner, seccomp
from assistd.sandbox.guest.walls.base import Rules
from assistd.sandbox.guest.walls.namespaces_outer import DATA, HOME

TREE = "/run/assistd/tree"  # what sessions see of the host, read-only
SESSIONS = "/run/assistd/sessions"  # a folder for each, shared with the broker (`gvisor.py`)
ROOTS = "/run/assistd/roots"

PRIVATE = ("/tmp", HOME)  # noqa: S108  the zygote's and each session's own, over what the tree has there

_COUNTERS = f"{ROOTS}/counters"
_MEMORY = f"{ROOTS}/memory"
_DEVICES = f"{ROOTS}/dev"
_NUMBERS = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}
_NOBODY = 65534  # no session's id, neither where each has its own nor where all are 0
_PLAIN = MS_NOSUID | MS_NODEV


class GVisor:
    """`Walls` of what gVisor's kernel offers."""

    folder: str | None = None  # code sees /mnt/data as it is
    path_map: dict[str, str] = {}  # each path means itself
    copies: str | None = None  # the broker, which mounts /mnt/data, tells

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._program = seccomp.assemble()
        self.own_data = namespaces_inner.data_size()
        self._number = 0
        self._numbers: dict[int, int] = {}
        self._spent: set[str] = set()
        self._hidden = namespaces_inner.mounts_below(
            PRIVATE
        )  # what a session's own folders would hide
        for mount_point, controller in ((_COUNTERS, "pids"), (_MEMORY, "memory")):
            os.mkdir(mount_point)
            syscalls.mount(controller, mount_point, "cgroup", 0, controller)
        self.watch: memory.Watch | None = memory.Watch(
            f"{_MEMORY}/memory.usage_in_bytes", _COUNTERS, ROOTS
        )
        _make_devices()

    def open_streams(self, number: int) -> tuple[dict[str, int], dict[str, int]]:
        """Return the session's ends, by name, of what the broker made; the broker has the server's."""
        self._number = number
        folder = f"{SESSIONS}/{number}"
        ours: dict[str, int] = {}
        try:
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(f"{folder}/control")
                ours["control"] = control.detach()
            for name in ("out", "err"):
                ours[name] = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            for descriptor in ours.values():
                os.close(descriptor)
            raise
        return ours, {}

    def fork(self) -> int:
        """Fork the first process of a new pid namespace, counted from its birth."""
        self._remove_spent()
        counter = f"{_COUNTERS}/{self._number}"
        os.mkdir(counter)
        _write(f"{counter}/pids.max", str(self.rules.processes))
        syscalls.unshare(CLONE_NEWPID)  # of the next child alone; there is no way back to one's own
        _write(f"{counter}/cgroup.procs", str(os.getpid()))
        pid = -1
        try:
            pid = syscalls.fork()
        finally:
            if pid != 0:
                _write(f"{_COUNTERS}/cgroup.procs", str(os.getpid()))
            if pid < 0:
                self._spent.add(counter)
        if pid:
            self._numbers[pid] = self._number
        return pid

    def get_ready(self) -> None:
        """Nothing is made for the next session before it is asked for."""

    def forget(self, pid: int) -> None:
        """Take a dead session's root and counter away."""
        number = self._numbers.pop(pid)
        root = f"{ROOTS}/{number}"
        if os.path.isdir(root):
            with suppress(OSError):  # it died before anything was mounted
                syscalls.unmount(root)
            os.rmdir(root)
        self._spent.add(f"{_COUNTERS}/{number}")
        self._remove_spent()

    def _remove_spent(self) -> None:
        """Remove the counters of the dead, as far as gVisor has noticed that they are empty."""
        for counter in list(self._spent):
            with suppress(OSError):
                os.rmdir(counter)
                self._spent.remove(counter)

    def abandon(self) -> None:
        """Nothing is left of any session when its kernel goes."""

    def shut_in(self, uid: int, control: int, out: int, err: int) -> list[int]:
        """Isolate this process, the first of a new pid namespace, for good; see `Walls.shut_in`."""
        namespaces_inner.step_back()
        namespaces_inner.see_fewer_processors(self.rules.processes)
        syscalls.unshare(CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET)
        root = f"{ROOTS}/{self._number}"
        self._mount_root(root, uid)
        namespaces_inner.enter_user_namespace(uid if self.rules.uid_base is not None else 0)
        self._limit()
        os.chroot(root)
        os.chdir(DATA)
        syscalls.drop_capabilities()
        syscalls.install_filter(self._program)
        return namespaces_inner.arrange_descriptors(control, out, err)

    def seal(self) -> None:
        """Nothing is left to be closed once the server has heard of the session."""

    def _mount_root(self, root: str, uid: int) -> None:
        owner = uid if self.rules.uid_base is not None else 0
        small = f"size={self.rules.tmp_bytes}"
        os.mkdir(root)
        syscalls.mount(TREE, root, None, MS_BIND)
        syscalls.mount("tmp", f"{root}/tmp", "tmpfs", _PLAIN, f"{small},mode=1777")  # noqa: S108
        home = f"{small},mode=755,uid={owner},gid={owner}"
        syscalls.mount("home", root + HOME, "tmpfs", _PLAIN, home)
        for path in self._hidden:  # an interpreter below /tmp, for one; read-only on the host
            os.makedirs(root + path)
            syscalls.mount(path, root + path, None, MS_BIND)
        syscalls.mount(_DEVICES, f"{root}/dev", None, MS_BIND)
        shm = f"size={SHM_BYTES},mode=1777"
        syscalls.mount("shm", f"{root}/dev/shm", "tmpfs", _PLAIN | MS_NOEXEC, shm)  # noqa: S108
        syscalls.mount(f"{SESSIONS}/{self._number}/data", root + DATA, None, MS_BIND)
        syscalls.mount("proc", f"{root}/proc", "proc", _PLAIN | MS_NOEXEC)

    def _limit(self) -> None:
        rules = self.rules
        namespaces_inner.set_limits(
            {
                resource.RLIMIT_DATA: self.own_data + rules.memory_bytes,
                resource.RLIMIT_FSIZE: max(rules.data_bytes, rules.tmp_bytes),
                resource.RLIMIT_NPROC: rules.processes,
                resource.RLIMIT_CORE: 0,
                resource.RLIMIT_MEMLOCK: 64 << 10,
            }
        )


def _make_devices() -> None:
    """Make the /dev that sessions share and cannot change: in the tree's, nothing can be opened for writing."""
    os.mkdir(_DEVICES)
    for name, minor in _NUMBERS.items():
        os.mknod(f"{_DEVICES}/{name}", 0o20666, os.makedev(1, minor))
        os.chmod(f"{_DEVICES}/{name}", 0o666)  # noqa: S103  as on any host
    os.mkdir(f"{_DEVICES}/shm")
    os.symlink("/proc/self/fd", f"{_DEVICES}/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{_DEVICES}/{name}")
    for name in (*os.listdir(_DEVICES), ""):
        os.chown(f"{_DEVICES}/{name}", _NOBODY, _NOBODY, follow_symlinks=False)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
