"""The inner jail, once per session: what a forked child does before any code of a user runs in it."""

import contextlib
import fcntl
import os
import resource
import signal
import socket
import struct

from assistd.sandbox.guest.shared import syscalls, wire
from assistd.sandbox.guest.shared.channel import close_all
from assistd.sandbox.guest.shared.constants import OOM_SCORE, SHM_BYTES
from assistd.sandbox.guest.shared.syscalls import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
)
from assistd.sandbox.guest.walls import memory, overlay, seccomp
from assistd.sandbox.guest.walls.base import Rules
from assistd.sandbox.guest.walls.namespaces_outer import DATA, HOME, LOWERS

UID = 1000  # what every session sees itself as
CONTROL = 3  # descriptors of a session: 0 is /dev/null, 1 and 2 are pipes
OUTPUT = 4  # the pipe of 1 again, for the kernel, whatever the code does to 1

_PRIVATE = ("/tmp", HOME, "/dev/shm", DATA)  # noqa: S108  mounted afresh for each session
_NO_CORE = 1  # too small for a file; and, other than 0, it keeps the host's crash handler away
NICE = 5  # the server and the zygote go first
# Bytes of one TCP socket: the least, the first, the most. What sockets hold is nobody's memory where
# there is no control group, and the host's own allow 6 MiB and more each.
_TCP_BUFFERS = {"tcp_rmem": "4096 65536 262144", "tcp_wmem": "4096 16384 262144"}
_SIOCSIFFLAGS = 0x8914
_IFF_UP_RUNNING = 0x41


def open_streams(_: int) -> tuple[dict[str, int], dict[str, int]]:
    """Return a socket and two pipes: the session's ends by name, and the server's."""
    control, control_theirs = socket.socketpair()
    out_theirs, out = os.pipe2(os.O_CLOEXEC)
    err_theirs, err = os.pipe2(os.O_CLOEXEC)
    for descriptor in (out, err):
        os.fchmod(descriptor, 0o666)  # the session opens it by path, too: /dev/stdout
    ours = {"control": control.detach(), "out": out, "err": err}
    return ours, {"control": control_theirs.detach(), "out": out_theirs, "err": err_theirs}


class Isolation:
    """The walls of `namespaces`: prepared once, so that each session shuts itself in quickly."""

    folder: str | None = None  # nothing of the host is written; code sees /mnt/data as it is
    copies: str | None  # why files are copied into sessions, where they cannot be linked
    watch: memory.Watch | None = None  # the server looks itself
    open_streams = staticmethod(open_streams)
    path_map: dict[str, str] = {}  # what stands for which path in code: here, each means itself

    def __init__(self, rules: Rules) -> None:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        self.rules = rules
        self._program = seccomp.assemble(datagrams=rules.holds_sockets)
        self._hidden = mounts_below(_PRIVATE)
        self.own_data = data_size()  # of the zygote, and so of each session at its birth
        self.copies = overlay.obstacle("single" if rules.uid_base is None else "range")
        self._home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._home_network = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._network = -1  # for the next session
        self.get_ready()
        for folder in ("/", "/dev"):  # what sessions share; all else is mounted afresh for each
            syscalls.make_read_only(folder, recursive=False)

    def fork(self) -> int:
        """Fork; the child is the first process of a pid namespace of its own."""
        self.get_ready()
        pid = -1
        try:
            syscalls.unshare(CLONE_NEWPID)
            pid = syscalls.fork()
        finally:
            if pid != 0:
                syscalls.setns(self._home, CLONE_NEWPID)
        if pid != 0:
            os.close(self._network)  # nobody but that session ever gets it
            self._network = -1
        return pid

    def get_ready(self) -> None:
        """Make the network namespace of the next session, which takes the kernel longest of all.

        Raises:
            OSError: the kernel makes no more of them.
        """
        if self._network >= 0:
            return
        try:
            syscalls.unshare(CLONE_NEWNET)
            _raise_loopback()
            for name, text in _TCP_BUFFERS.items():
                _write(f"/proc/sys/net/ipv4/{name}", text)
            self._network = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            syscalls.setns(self._home_network, CLONE_NEWNET)

    def forget(self, pid: int) -> None:
        """Do nothing: a session's namespaces went with its last process."""

    def abandon(self) -> None:
        """Do nothing: no session is left when its zygote goes."""

    def shut_in(self, uid: int, control: int, out: int, err: int) -> list[int]:
        """Isolate this process, the first of a new pid namespace, for good.

        Args:
            uid: its id in the zygote's user namespace, where that maps many.
            control: the socket to the server; becomes descriptor CONTROL.
            out: the pipe for output; becomes 1 and OUTPUT.
            err: the pipe for raw standard error; becomes 2.

        Returns:
            the descriptors that the server is handed.
        """
        step_back()
        see_fewer_processors(self.rules.processes)
        syscalls.setns(self._network, CLONE_NEWNET)
        syscalls.unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
        own = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._mount_private_folders(uid)
        seen_as = uid if self.rules.uid_base is not None else 0
        enter_user_namespace(seen_as, f"/proc/self/fd/{own}")  # of a /proc that can be written
        self._limit()
        syscalls.drop_capabilities()
        os.chdir(DATA)
        data = os.open(DATA, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        syscalls.install_filter(self._program)
        return arrange_descriptors(control, out, err, data)

    def seal(self) -> None:
        """Do nothing: nothing is left to be closed once the server has its descriptors."""

    def _mount_private_folders(self, uid: int) -> None:
        rules = self.rules
        owner = f"uid={uid},gid={uid}" if rules.uid_base is not None else "uid=0,gid=0"
        plain = MS_NOSUID | MS_NODEV
        hidden = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in self._hidden]
        small = f"nr_inodes={rules.tmp_inodes},mode=1777"
        data = f"size={rules.data_bytes},nr_inodes={rules.data_inodes},mode=755,{owner}"
        syscalls.mount("tmp", "/tmp", "tmpfs", plain, f"size={rules.tmp_bytes},{small}")  # noqa: S108
        syscalls.mount("home", HOME, "tmpfs", plain, f"size={rules.tmp_bytes},{small},{owner}")
        shm = f"size={SHM_BYTES},nr_inodes=1000,mode=1777"
        syscalls.mount("shm", "/dev/shm", "tmpfs", plain | MS_NOEXEC, shm)  # noqa: S108
        syscalls.mount("data", DATA, "tmpfs", plain, data)
        if self.copies is None:
            overlay.cover(DATA, f"{LOWERS}/{uid}", 0 if rules.uid_base is None else uid)
            syscalls.unmount(LOWERS)  # the other sessions' folders are in there, too
        for path, descriptor in zip(self._hidden, hidden, strict=True):
            os.makedirs(path, exist_ok=True)
            syscalls.mount(f"/proc/self/fd/{descriptor}", path, None, MS_BIND)
            syscalls.make_read_only(path)
        # Whoever this is to the kernel: its settings, and files like sysrq-trigger, stay as they are.
        syscalls.mount("proc", "/proc", "proc", plain | MS_NOEXEC | MS_RDONLY)

    def _limit(self) -> None:
        limits = limits_of(self.rules, self.own_data)
        set_limits(limits | {resource.RLIMIT_NPROC: self.rules.processes})


def announce(control: socket.socket, carried: list[int]) -> None:
    """Tell the server that code may come, and hand it the descriptors of `shut_in`."""
    ready = wire.pack(wire.Kind.READY, wire.VERSION)
    socket.send_fds(control, [ready], carried)
    close_all(carried)


def limit_open_files(rules: Rules) -> None:
    """Limit the descriptors of this process and all below it, once it has sent its own.

    The kernel counts descriptors in messages for each user of the host, against the sender's limit
    (unix(7), ETOOMANYREFS): had a new session its low one, what others hold in messages could keep it
    from sending any.
    """
    set_limits({resource.RLIMIT_NOFILE: rules.open_files})


def step_back() -> None:
    """Let the server and the zygote go first, and be the first to be killed for want of memory."""
    os.setsid()
    os.nice(NICE)
    _write("/proc/self/oom_score_adj", str(OOM_SCORE))


def see_fewer_processors(processes: int) -> None:
    """Let a host of many processors look smaller, by a random choice of some.

    Libraries start a thread for each processor they see: four of them must fit into the limit.

    Args:
        processes: the limit on processes and threads.
    """
    seen = sorted(os.sched_getaffinity(0))
    most = max(1, processes // 4)
    if len(seen) > most:
        first = int.from_bytes(os.urandom(2), "big") % len(seen)
        os.sched_setaffinity(0, (seen + seen)[first : first + most])


def enter_user_namespace(uid: int, own: str = "/proc/self") -> None:
    """Enter a user namespace that owns nothing: no mount, no network, no other process.

    Args:
        uid: who this process is from now on, outside of it; 0 where there is one id only.
        own: where the kernel's files of this process can be written.
    """
    if uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    syscalls.unshare(CLONE_NEWUSER)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)  # else its own map files belong to root
    maps = {"setgroups": "deny", "uid_map": f"{UID} {uid} 1", "gid_map": f"{UID} {uid} 1"}
    for name, text in maps.items():
        if os.path.exists(f"{own}/{name}"):  # gVisor has no `setgroups`
            _write(f"{own}/{name}", text)


def _write(path: str, text: str) -> None:
    """Write a file of the kernel; a file object would cost a new session pages of its own."""
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def limits_of(rules: Rules, own_data: int) -> dict[int, int]:
    """Return the resource limits of each process of a session, but for those on processes and open files.

    Args:
        rules: the limits of the session.
        own_data: what its first process held before any code ran (bytes, see `data_size`).
    """
    return {
        resource.RLIMIT_DATA: own_data + rules.memory_bytes,
        resource.RLIMIT_FSIZE: max(rules.data_bytes, rules.tmp_bytes),
        resource.RLIMIT_CORE: _NO_CORE,
        resource.RLIMIT_MEMLOCK: 64 << 10,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 256,
        resource.RLIMIT_RTPRIO: 0,
    }


def mounts_below(folders: tuple[str, ...]) -> list[str]:
    """Return the mounts that a private folder would hide: an environment below /tmp, for one."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        points = [line.split()[4] for line in file]
    return [point for point in points if point.startswith(tuple(f"{one}/" for one in folders))]


def data_size() -> int:
    """Return bytes that count against RLIMIT_DATA before any code of a user ran."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmData"))


def set_limits(limits: dict[int, int]) -> None:
    """Set resource limits, soft and hard, of this process and all below it."""
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sh14x", b"lo", _IFF_UP_RUNNING)
        fcntl.ioctl(probe, _SIOCSIFFLAGS, request)


def arrange_descriptors(control: int, out: int, err: int, *carried: int) -> list[int]:
    """Put the descriptors of a session at their numbers and close every other.

    Returns:
        `carried`, at their new numbers.
    """
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    numbers = range(OUTPUT + 1, OUTPUT + 1 + len(carried))
    wanted = (
        (null, 0),
        (out, 1),
        (err, 2),
        (control, CONTROL),
        *zip(carried, numbers, strict=True),
    )
    high = [(fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, 64), target) for source, target in wanted]
    for source, target in high:
        os.dup2(source, target, inheritable=target <= 2)
    # Opened anew, so that code which makes 1 non-blocking does not make the kernel's end so.
    os.dup2(os.open("/proc/self/fd/1", os.O_WRONLY | os.O_CLOEXEC), OUTPUT, inheritable=False)
    for name in os.listdir("/proc/self/fd"):
        if int(name) >= numbers.stop:
            with contextlib.suppress(OSError):  # the descriptor of the listing itself is gone
                os.close(int(name))
    return list(numbers)
