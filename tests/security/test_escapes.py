"""Ways out of a session: host files, other sessions, the network, the kernel's surface."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from assistd.sandbox.base import Execution
from assistd.sandbox.pool.pool import SessionPool
from assistd.sandbox.session.session import GuestSession
from tests.security.attack import Attack

HOST_FILES = [
    Attack("the server's environment and memory by /proc", """
refused(lambda: os.listdir("/proc/1/root/../../../root/.ssh"))
for pid in others():
    for name in ("cmdline", "environ", "mem", "maps", "stat", "status", "auxv", "cgroup", "mountinfo"):
        refused(lambda: open(f"/proc/{pid}/{name}", "rb").read(10))
    for name in ("fd", "task", "ns", "map_files", "net"): refused(lambda: os.listdir(f"/proc/{pid}/{name}"))
    for name in ("exe", "cwd", "root", "ns/mnt"): refused(lambda: os.readlink(f"/proc/{pid}/{name}"))
environment = open("/proc/self/environ").read() + str(dict(os.environ))
for word in ("KEY", "TOKEN", "SECRET", "PASSWORD", "ASSISTD_", "ANTHROPIC", "OPENAI"):
    if word in environment.upper(): print("ESCAPED", word)
print(os.getpid(), os.getppid())
"""),
    Attack("the home folders and files of the host", """
for path in ("/root", "/root/.bashrc", "/root/.ssh", "/home", "/etc/shadow", "/etc/passwd", "/etc/group", "/etc/machine-id", "/etc/hostname",
             "/etc/ssh", "/var/log", "/var/lib", "/run", "/run/systemd", "/run/docker.sock", "/boot", "/sys/kernel", "/sys/fs/cgroup",
             "/srv", "/media", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/mem", "/dev/kvm", "/dev/net/tun", "/dev/tty", "/dev/ptmx"):
    if not HOSTED and path in ("/home", "/root", "/etc/passwd", "/etc/group", "/run"): continue  # made for the session
    refused(lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1))
    refused(lambda: open(path, "r+b")); refused(lambda: os.rename(path, "/mnt/data/taken")); refused(lambda: os.link(path, "/mnt/data/linked"))
"""),
    Attack("asking which paths of the host exist", """
for path in ("/root/.bashrc", "/root/.ssh", "/home/sandbox/../../etc/shadow", "/etc/shadow", "/etc/machine-id",
             "/etc/hostname", "/etc/ssh", "/var/log", "/var/lib", "/var/run", "/run/systemd", "/run/docker.sock", "/boot",
             "/sys/kernel", "/sys/fs/cgroup", "/srv", "/media", "/opt/app", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/mem",
             "/dev/kvm", "/dev/net/tun", "/dev/tty", "/dev/ptmx", "/dev/fuse", "/dev/loop0"):
    absent(lambda: os.path.lexists(path))
""", wall="names"),
    Attack("writing into the read-only system", """
for path in ("/usr/bin/x", "/usr/lib/x", "/x", "/etc/x", "/home/x", "/run/x", "/var/x", "/dev/x", "/lib/x", "/proc/sys/kernel/hostname",
             "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches", sys.prefix + "/x", sys.base_prefix + "/x", "/run/assistd/guest/kernel/kernel.py",
             "/etc/passwd", "/mnt/x", "/root/x"):
    refused(lambda: open(path, "w"))
refused(lambda: os.rename("/usr", "/x")); refused(lambda: os.unlink("/etc/passwd")); refused(lambda: os.truncate(sys.executable, 0))
refused(lambda: os.mkdir("/y")); refused(lambda: os.symlink("/a", "/b")); refused(lambda: os.mkfifo("/c")); refused(lambda: os.link(sys.executable, "/mnt/data/python"))
"""),
    Attack("an owner's rights on what it may only read", """
guest = sys.modules["assistd.sandbox.guest"].__path__[0] + "/kernel/kernel.py"
for path in ("/", "/usr", "/etc", "/etc/ld.so.cache", sys.executable, sys.prefix, guest, os.__file__, "/dev/null"):
    harmless(path, lambda: os.chmod(path, 0o777)); harmless(path, lambda: os.utime(path, (1, 1))); harmless(path, lambda: os.chown(path, os.getuid(), os.getgid()))
    try: os.setxattr(path, "user.x", b"1")
    except OSError: pass
    refused(lambda: os.getxattr(path, "user.x"))
    held = os.open(path, os.O_PATH); harmless(path, lambda: os.chmod(f"/proc/self/fd/{held}", 0o777)); os.close(held)
    try: held = os.open(path, os.O_RDONLY)
    except OSError: continue
    harmless(path, lambda: os.fchmod(held, 0o777)); harmless(path, lambda: os.utime(held, (1, 1))); os.close(held)
"""),
    Attack("inherited descriptors", """
for name in sorted(os.listdir("/proc/self/fd"), key=int):
    try: target = os.readlink(f"/proc/self/fd/{name}")
    except OSError: continue
    print(name, target)
    if int(name) <= 4 and (target == "/dev/null" or target.startswith(("pipe:", "socket:", "/run/assistd/sessions/"))): continue
    if target.startswith(("/proc/", "/mnt/data", "anon_inode:[event")) or "/dev/shm" in target: continue
    if int(name) == 60 and os.path.samefile(f"/proc/self/fd/{name}", "/mnt/data"): continue
    print("ESCAPED", name, target)
"""),
    Attack("the folder above a mount by openat and descriptors", """
root = os.open("/", os.O_PATH)
for up in ("..", "../..", "../../../../../.."):
    if not os.path.samestat(os.stat(up, dir_fd=root), os.fstat(root)): print("ESCAPED")
for start in ("/", "/mnt/data", "/proc/self", "/usr"):
    held = os.open(start, os.O_PATH | os.O_DIRECTORY)
    for up in ("../root/.bashrc", "../../root/.bashrc", "../../../../etc/shadow", "../../../../../../root/.bashrc"):
        refused(lambda: os.read(os.open(up, os.O_RDONLY, dir_fd=held), 1))
refused(lambda: os.chroot("/tmp")); refused(lambda: os.fchdir(99)); refused(lambda: os.listdir("/proc/self/root/root/.pyenv/.git"))
"""),
    Attack("opening by handle", """
for number in (303, 304) if os.uname().machine == "x86_64" else (264, 265):
    refused(lambda: call(number, -100, b"/", ctypes.create_string_buffer(200), ctypes.create_string_buffer(8), 0), "EPERM")
"""),
    Attack("core dumps and crashes that write elsewhere", """
import resource
print(resource.getrlimit(resource.RLIMIT_CORE)); refused(lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)))
refused(lambda: open("/proc/sys/kernel/core_pattern", "w"))
"""),
]  # fmt: skip

OTHER_SESSIONS = [
    Attack("signals to everything", """
import signal
import resource
for pid in [*range(1, 4), *range(300, 70000, 7919), *others()]:
    if pid in (0, -1, os.getpid()): continue
    for number in (0, 9, 15, 19): refused(lambda: os.kill(pid, number), "ESRCH", "EPERM")
    refused(lambda: signal.pidfd_send_signal(os.pidfd_open(pid), 9), "ESRCH", "EPERM", "EINVAL", "ENOSYS")
    refused(lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, 1)))
    try: before = os.getpriority(os.PRIO_PROCESS, pid), os.sched_getaffinity(pid)
    except OSError: continue
    for act in (lambda: os.setpriority(os.PRIO_PROCESS, pid, 19), lambda: os.sched_setaffinity(pid, {0}), lambda: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))):
        try: act()
        except OSError: pass
    if before != (os.getpriority(os.PRIO_PROCESS, pid), os.sched_getaffinity(pid)): print("ESCAPED", pid)
for which in (os.PRIO_PGRP, os.PRIO_USER):
    try: os.setpriority(which, 0, 19)
    except OSError: pass
"""),
    Attack("seeing which processes the host has", """
for pid in (1, os.getppid()):
    if pid in (0, os.getpid()): continue
    try: os.kill(pid, 0)
    except PermissionError: print("ESCAPED", pid)
    except ProcessLookupError: pass
absent(lambda: [p for p in os.listdir("/proc") if p.isdigit() and p != str(os.getpid())])
""", wall="processes"),
    Attack("tracing and reading memory", """
numbers = (101, 310, 311, 312, 438) if os.uname().machine == "x86_64" else (117, 270, 271, 272, 438)
for number in numbers: refused(lambda: call(number, 1, 1, 0, 0, 0, 0), "EPERM")
refused(lambda: open("/proc/2/mem", "rb"))
"""),
    Attack("shared memory, semaphores, queues and keyrings", """
numbers = (29, 64, 68, 240, 248, 249, 250) if os.uname().machine == "x86_64" else (194, 190, 186, 180, 217, 218, 219)
for number in numbers: refused(lambda: call(number, 1, 1, 0o1600, 0, 0), "EPERM")
absent(lambda: os.listdir("/dev/shm"))
import multiprocessing.shared_memory
refused(lambda: multiprocessing.shared_memory.SharedMemory("theirs"))
"""),
    Attack("an abstract socket of a neighbour", """
refused(lambda: socket.socket(socket.AF_UNIX).connect("\\0assistd-test"), "ECONNREFUSED", "EINVAL")
try: lines = open("/proc/net/unix").read().splitlines()[1:]
except OSError: lines = []
for line in lines:
    if "assistd-test" in line: print("ESCAPED", line)
"""),
    Attack("a service of the host from one end of a pair", """
for kind in (socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_STREAM):
    try: a, b = socket.socketpair(socket.AF_UNIX, kind)
    except OSError as error: print("refused", error); continue
    for name in ("\\0assistd-test", "\\0assistd-datagrams", "/run/systemd/journal/socket", "/run/systemd/notify", "/dev/log"):
        if kind == socket.SOCK_DGRAM: refused(lambda: a.sendto(b"x", name))
        refused(lambda: a.connect(name))
"""),
    Attack("left-over files of earlier sessions", """
for folder in ("/tmp", "/home/sandbox", "/dev/shm", "/mnt/data"):
    try: names = os.listdir(folder)
    except OSError: continue
    names = [name for name in names if name != ".config"]  # with the list of fonts, put there for each
    listed = [name for name in names if not sys.prefix.startswith(f"{folder}/{name}") and not sys.base_prefix.startswith(f"{folder}/{name}")]
    absent(lambda: listed)
"""),
]  # fmt: skip

NETWORK = [
    Attack("odd families and raw sockets", """
for family in [*range(3, 10), *range(11, 46)]:
    refused(lambda: socket.socket(family, socket.SOCK_DGRAM), "EAFNOSUPPORT")
for family in (socket.AF_INET, socket.AF_INET6):
    refused(lambda: socket.socket(family, socket.SOCK_RAW, 1), "EPERM")
    for protocol in (33, 132, 136, 262): refused(lambda: socket.socket(family, socket.SOCK_STREAM, protocol), "EPERM")
refused(lambda: socket.socket(40, socket.SOCK_STREAM), "EAFNOSUPPORT")
"""),
    Attack("routes to the outside", """
for host in ("1.1.1.1", "10.0.0.1", "169.254.169.254", "192.168.0.1", "172.17.0.1"):
    for port in (53, 80, 443):
        refused(lambda: socket.create_connection((host, port), 1), "ENETUNREACH", "EHOSTUNREACH")
refused(lambda: socket.socket(socket.AF_INET6).connect(("2606:4700::1111", 443)), "ENETUNREACH", "EADDRNOTAVAIL", "EHOSTUNREACH")
refused(lambda: socket.getaddrinfo("example.com", 80)); refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("8.8.8.8", 53)), "ENETUNREACH", "EHOSTUNREACH", "EPERM")
import fcntl, struct
refused(lambda: fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 0)), "EPERM", "ENOTTY")
refused(lambda: socket.socket().setsockopt(1, 26, bytes(16)), "EPERM")
"""),
    Attack("sockets of services by path", """
for path in ("/run/docker.sock", "/var/run/docker.sock", "/run/dbus/system_bus_socket", "/run/systemd/private", "/dev/log", "/tmp/.X11-unix/X0"):
    refused(lambda: socket.socket(socket.AF_UNIX).connect(path))
"""),
]  # fmt: skip

KERNEL = [
    Attack("new namespaces", """
for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x80):
    refused(lambda: call(272 if os.uname().machine == "x86_64" else 97, flag), "EPERM")
    if flag != 0x80: refused(lambda: call(56 if os.uname().machine == "x86_64" else 220, flag | 17, 0, 0, 0, 0), "EPERM")
refused(lambda: call(435, ctypes.create_string_buffer(88), 88), "ENOSYS")
refused(lambda: call(308 if os.uname().machine == "x86_64" else 268, os.open("/proc/self/ns/user", os.O_RDONLY), 0), "EPERM")
print(subprocess.run(["/usr/bin/unshare", "-Ur", "id"], capture_output=True, text=True).stderr)
"""),
    Attack("mounts and roots", """
refused(lambda: call(165 if os.uname().machine == "x86_64" else 40, b"none", b"/tmp", b"tmpfs", 0, 0), "EPERM")
for number in (428, 429, 430, 431, 432, 433, 442): refused(lambda: call(number, 0, 0, 0, 0, 0), "EPERM")
refused(lambda: call(166 if os.uname().machine == "x86_64" else 39, b"/proc", 2), "EPERM")
refused(lambda: os.chroot("/"), "EPERM")
"""),
    Attack("more rights", """
for f in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.setresuid(0, 0, 0), lambda: os.seteuid(1)): refused(f)
status = open("/proc/self/status").read()
for line in status.splitlines():
    if HOSTED and line.startswith("CapBnd"): continue  # what no program can bring back
    passing = 0b110 if HOSTED else 0  # past closed folders, where the interpreter lies in one
    if line.startswith("Cap") and int(line.split()[1], 16) & ~passing: print("ESCAPED", line)
    if line.startswith("NoNewPrivs") and line.split()[1] != "1": print("ESCAPED", line)
    if line.startswith("Seccomp:") and line.split()[1] != "2": print("ESCAPED", line)
refused(lambda: os.write(os.open("/proc/self/uid_map", os.O_WRONLY), b"0 0 1"))
for name in ("su", "sudo", "mount", "passwd", "chfn", "newgrp"):
    out = subprocess.run(f"{name} -c id 2>&1 </dev/null; id -u", shell=True, capture_output=True, text=True).stdout
    if out.strip().endswith("\\n0"): print("ESCAPED", name)
"""),
    Attack("devices and special files", """
refused(lambda: os.mknod("/mnt/data/null", 0o20666, os.makedev(1, 3)), "EPERM")
refused(lambda: os.mknod("/mnt/data/disk", 0o60666, os.makedev(8, 0)), "EPERM")
"""),
    Attack("large kernel surface", """
x86 = os.uname().machine == "x86_64"
for number in ((321, 298, 323, 246, 320, 175, 313, 176, 169, 167, 168, 103, 163, 300, 256, 279, 317, 135, 278, 154, 134, 153, 170, 164, 227, 159, 305, 212, 172, 173)
               if x86 else (280, 241, 282, 104, 294, 105, 273, 106, 142, 224, 225, 116, 89, 262, 238, 239, 277, 92, 75, 58, 161, 170, 112, 171, 266, 18)):
    refused(lambda: call(number, 0, 0, 0, 0, 0), "EPERM")
for number in (425, 426, 427, 444, 445, 446, 447, 443, 440, 448): refused(lambda: call(number, 0, 0, 0, 0, 0), "EPERM")
for number in (467, 468, 480, 500, 1000): refused(lambda: call(number, 0, 0, 0, 0, 0), "ENOSYS")
refused(lambda: os.memfd_create("x"), "ENOSYS")
"""),
    Attack("the terminal of the server", """
import fcntl
for request in (0x5412, 0x541C, 0x5423): refused(lambda: fcntl.ioctl(0, request, b"x"), "EPERM")
refused(lambda: os.open("/dev/tty", os.O_RDWR)); refused(lambda: os.open("/dev/console", os.O_RDWR))
"""),
    Attack("the attributes that guard a process", """
for option in (4, 22, 35): refused(lambda: (lambda r: r if r >= 0 else (_ for _ in ()).throw(OSError(ctypes.get_errno(), "")))(libc.prctl(option, 0, 0, 0, 0)), "EPERM")
print(libc.prctl(39, 0, 0, 0, 0), libc.prctl(3, 0, 0, 0, 0))
"""),
    Attack("real-time and memory locks", """
refused(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)), "EPERM", "EINVAL")
if libc.mlockall(3) == 0: print("ESCAPED")
import resource
refused(lambda: resource.setrlimit(resource.RLIMIT_NPROC, (10**6, 10**6))); refused(lambda: resource.setrlimit(resource.RLIMIT_DATA, (-1, -1)))
"""),
    Attack("pools that all of the host shares", """
x86 = os.uname().machine == "x86_64"
refused(lambda: call(294 if x86 else 26, 0), "ENOSYS")
refused(lambda: call(206 if x86 else 0, 60000, ctypes.byref(ctypes.c_ulong())), "EPERM")
"""),
    Attack("leases on files, and news of what is read in folders", """
import fcntl
own, shared, folder = open("own", "w"), open(os.__file__), os.open(os.path.dirname(os.__file__), os.O_RDONLY)
for held in (own, shared):
    for kind in (fcntl.F_RDLCK, fcntl.F_WRLCK): refused(lambda: fcntl.fcntl(held, fcntl.F_SETLEASE, kind), "EPERM")
refused(lambda: fcntl.fcntl(folder, fcntl.F_NOTIFY, fcntl.DN_ACCESS | fcntl.DN_MULTISHOT), "EPERM")
for command in (1039, 1040, 2000): refused(lambda: fcntl.fcntl(folder, command, 0), "EINVAL")
if HOSTED:
    for command in (8, 10, 15): refused(lambda: fcntl.fcntl(own, command, 0), "EPERM")
"""),
    Attack("an owner's requests to file systems", """
import fcntl, struct
for path in (os.__file__, sys.executable, sys.modules["assistd.sandbox.guest"].__path__[0] + "/kernel/kernel.py"):
    held, version = os.open(path, os.O_RDONLY), bytes(8)
    try: version = fcntl.ioctl(held, 0x80087601, version)
    except OSError: pass
    for request in (0x40087602, 0x40086604): refused(lambda: fcntl.ioctl(held, request, version))  # what it has
    for request in (0x40086602, 0x401C5820, 0x40806685, 0x800C6613, 0x6609, 0xC0189436): refused(lambda: fcntl.ioctl(held, request, bytes(128)))
if HOSTED:  # on what is its own for sure
    own = open("own", "wb")
    for request in (0x40087602, 0x40086604, 0x40086602, 0x401C5820): refused(lambda: fcntl.ioctl(own, request, bytes(128)), "ENOTTY")
"""),
    Attack("room on the host's disk that is reserved, not written", """
import fcntl, struct
x86 = os.uname().machine == "x86_64"
if HOSTED:
    own = open("own", "w+b")
    refused(lambda: call(285 if x86 else 47, own.fileno(), 0, ctypes.c_long(0), ctypes.c_long(8 << 20)), "ENOTSUP")
    for request in (0x40305828, 0x4030582A, 0x40305839): refused(lambda: fcntl.ioctl(own, request, struct.pack("hhqqiI16x", 0, 0, 0, 8 << 20, 0, 0)), "ENOTTY")
    if os.fstat(own.fileno()).st_blocks: print("ESCAPED")
    os.posix_fallocate(own.fileno(), 0, 1 << 20)  # libc writes it, before the eyes of the watch
    if os.fstat(own.fileno()).st_blocks < 2048: print("ODD")
"""),
    Attack("huge pages, of a pool that all of the host shares", """
x86 = os.uname().machine == "x86_64"
for flags in (0x40022, 0x40021, 0x54040022):
    refused(lambda: call(9 if x86 else 222, 0, ctypes.c_long(2 << 20), 3, flags, -1, ctypes.c_long(0)), "EPERM")
refused(lambda: call(29 if x86 else 194, 0, ctypes.c_long(2 << 20), 0o5600), "EPERM")
refused(lambda: call(319 if x86 else 279, b"x", 4), "ENOSYS")
"""),
    Attack("urgent data between sockets of one host", """
a, b = socket.socketpair()
refused(lambda: a.send(b"x", socket.MSG_OOB), "ENOTSUP")
refused(lambda: a.sendmsg([b"x"], [], socket.MSG_OOB), "ENOTSUP")
refused(lambda: call(307 if os.uname().machine == "x86_64" else 269, a.fileno(), 0, 0, socket.MSG_OOB), "ENOTSUP")
a.send(b"plain"); print(b.recv(9))
"""),
    Attack("a higher priority", """
refused(lambda: os.nice(-10), "EPERM")
refused(lambda: os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"-1000"))
if ROOT: refused(lambda: os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"0"))
""", wall="priorities"),
]  # fmt: skip

ALL = [*HOST_FILES, *OTHER_SESSIONS, *NETWORK, *KERNEL]


@pytest.mark.parametrize("attack", ALL, ids=[attack.name for attack in ALL])
async def test_there_is_no_way_out_by(
    session: GuestSession, attack: Attack, lacks: Mapping[str, str]
) -> None:
    if attack.wall in lacks:
        assert "ESCAPED" in await attack.logs_of(session)
        return
    execution = await attack.run(session)
    assert execution.status == "ok", execution.logs


async def test_a_canary_of_the_host_is_found_nowhere(session: GuestSession, tmp_path: Path) -> None:
    """The session searches every file it can open, its environment and its memory for the canary."""
    canary = "canary-" + os.urandom(12).hex()
    (tmp_path / "secret.txt").write_text(canary)
    os.chmod(tmp_path / "secret.txt", 0o644)
    code = f"""
import os
word = {canary[:10]!r} + {canary[10:]!r}
path = {str(tmp_path / "secret.txt")!r}
print("ESCAPED" if os.path.exists(path) else "absent")
places = [os.readlink(f"/proc/self/{{name}}") for name in ("root", "cwd", "exe")]
for root, folders, files in os.walk("/"):
    folders[:] = [one for one in folders if os.path.join(root, one) not in ("/proc", "/usr")]
    for name in files:
        if "secret.txt" == name: print("ESCAPED", root)
print(places)
"""
    execution = await session.execute(code, seconds=90)
    assert execution.status == "ok"
    assert "ESCAPED" not in execution.logs


async def test_services_of_the_host_are_out_of_reach(session: GuestSession) -> None:
    with socket.socket() as service, socket.socket(socket.AF_UNIX) as abstract:
        service.bind(("127.0.0.1", 0))
        service.listen()
        name = f"\0assistd-{os.getpid()}"
        abstract.bind(name)
        abstract.listen()
        attack = Attack(
            "services",
            f"refused(lambda: socket.create_connection(('127.0.0.1', {service.getsockname()[1]}), 2), 'ECONNREFUSED')\n"
            f"refused(lambda: socket.socket(socket.AF_UNIX).connect({name!r}), 'ECONNREFUSED', 'EINVAL')",
        )
        assert (await attack.run(session)).status == "ok"


async def test_what_the_kernel_tells_of_the_hosts_network_is_not_seen(
    session: GuestSession, lacks: Mapping[str, str]
) -> None:
    with socket.socket() as service, socket.socket(socket.AF_UNIX) as abstract:
        service.bind(("127.0.0.1", 0))
        service.listen()
        name = f"assistd-{os.urandom(8).hex()}"
        abstract.bind(f"\0{name}")
        address = f"0100007F:{service.getsockname()[1]:04X}"
        code = f"""
for path in ("/proc/self/net", "/proc/thread-self/net", "/proc/net"):
    for table, word in (("tcp", {address!r}), ("unix", {name!r})):
        try: text = open(f"{{path}}/{{table}}").read()
        except OSError as error: print("refused", error)
        else: print("ESCAPED" if word in text else "absent", path, table)
"""
        attack = Attack("network tables", code, wall="network tables")
        if attack.wall in lacks:
            assert "ESCAPED" in await attack.logs_of(session)
        else:
            assert (await attack.run(session)).status == "ok"


async def test_no_setting_of_the_kernel_can_be_changed(
    session: GuestSession, lacks: Mapping[str, str]
) -> None:
    """Whoever a session is to the kernel: the second wall behind its id."""
    if "host namespaces" in lacks:
        pytest.skip("its settings are those of gVisor's kernel")
    code = """
import glob
settings = [path for path in glob.glob("/proc/sys/**", recursive=True) if os.path.isfile(path)]
print(len(settings))
for path in (*settings, "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/proc/self/comm", "/proc/self/coredump_filter"):
    refused(lambda: os.open(path, os.O_WRONLY), "EROFS", "ENOENT")
"""
    assert (await Attack("settings", code).run(session)).status == "ok"


@pytest.mark.parametrize(
    ("code", "kills"),
    [
        # 32-bit `unshare` by int 0x80, and a call of the x32 table: other numbers, same kernel.
        ("code = bytes.fromhex('b83601000031dbcd80c3')", True),
        ("code = bytes.fromhex('b810010040bf00000010 0f05c3'.replace(' ', ''))", False),
    ],
    ids=["32-bit", "x32"],
)
async def test_other_call_tables_are_closed(
    session: GuestSession, code: str, lacks: Mapping[str, str], *, kills: bool
) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("these tables exist on x86-64 only")
    run = (
        "import ctypes, mmap\n" + code + "\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(code)\n"
        "f = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(m)))\n"
        "print('ESCAPED' if f() == 0 else 'refused')"
    )
    execution = await session.execute(run)
    assert "ESCAPED" not in execution.logs
    has_the_table = "32-bit calls" not in lacks
    assert execution.status == ("dead" if kills and has_the_table else "ok")


async def test_sessions_do_not_see_each_other(
    pool: SessionPool, session: GuestSession, lacks: Mapping[str, str]
) -> None:
    other = await pool.open("other")
    assert isinstance(other, GuestSession)
    await other.execute(
        "for folder in ('/tmp', '/dev/shm', '/mnt/data'):\n"
        "    try: open(folder + '/theirs', 'w').write('x')\n    except OSError: pass"
    )
    await other.execute(
        "import socket\nt = socket.socket(); t.bind(('127.0.0.1', 18765)); t.listen()\n"
        "s = socket.socket(socket.AF_UNIX); s.bind('\\0assistd-test'); s.listen()"
    )
    for attack in (one for one in OTHER_SESSIONS if one.wall not in lacks):
        assert (await attack.run(session)).status == "ok"
    attack = Attack(
        "the other session's loopback",
        "refused(lambda: socket.create_connection(('127.0.0.1', 18765), 1), 'ECONNREFUSED')\n"
        "absent(lambda: os.path.exists('/mnt/data/theirs'))",
    )
    assert (await attack.run(session)).status == "ok"
    assert (await other.execute("open('/mnt/data/theirs').read()")).logs == "'x'"
    await pool.drop("other")


async def test_another_sessions_folder_is_closed_to_those_who_know_its_name(
    pool: SessionPool, session: GuestSession
) -> None:
    other = await pool.open("other")
    assert isinstance(other, GuestSession)
    await other.execute("open('/mnt/data/theirs', 'w').write('x')")
    places = [f"/proc/{other.pid}/cwd", f"/proc/{other.pid}/root/mnt/data"]
    places += [other.folder, f"{other.folder}/data", f"{other.folder}/tmp"] if other.folder else []
    attack = Attack(
        "another session's folder",
        f"for path in {places!r}:\n"
        "    refused(lambda: os.listdir(path)); refused(lambda: open(path + '/theirs').read())\n"
        "    refused(lambda: open(path + '/mine', 'w')); refused(lambda: os.mkdir(path + '/mine'))\n"
        "    refused(lambda: os.rename(path + '/theirs', 'theirs')); refused(lambda: os.unlink(path + '/theirs'))\n"
        "    refused(lambda: os.link(path + '/theirs', 'theirs')); refused(lambda: os.truncate(path + '/theirs', 0))\n"
        f"for name in ('mem', 'environ', 'maps', 'fd/3'): refused(lambda: open('/proc/{other.pid}/' + name, 'rb'))",
    )
    assert (await attack.run(session)).status == "ok"
    assert (await other.execute("__import__('os').listdir('/mnt/data')")).logs == "['theirs']"
    await pool.drop("other")


async def test_each_session_has_namespaces_of_its_own(
    pool: SessionPool, session: GuestSession, lacks: Mapping[str, str]
) -> None:
    if "namespaces" in lacks:
        pytest.skip(lacks["namespaces"])
    other = await pool.open("other")
    mine, theirs = await _namespaces(session), await _namespaces(other)
    await pool.drop("other")
    assert mine.keys() == theirs.keys()
    if "host namespaces" in lacks:
        assert mine.keys() == {"user", "pid", "net"}  # gVisor's own; their numbers tell nothing
        return
    assert len(mine) == 7
    assert not [kind for kind in mine if mine[kind] == theirs[kind]]
    here = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in mine}
    assert not [kind for kind in mine if mine[kind] == here[kind]]


async def _namespaces(session: object) -> dict[str, str]:
    assert isinstance(session, GuestSession)
    code = "import os\nfor k in ('user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'):\n    if os.path.lexists(f'/proc/self/ns/{k}'): print(k, os.readlink(f'/proc/self/ns/{k}'))"
    execution: Execution = await session.execute(code)
    return dict(line.split() for line in execution.logs.splitlines())


async def test_each_session_has_an_id_of_its_own_where_the_server_is_root(
    pool: SessionPool, session: GuestSession, lacks: Mapping[str, str]
) -> None:
    if os.getuid() != 0:
        pytest.skip("an ordinary user owns one id only")
    if "host ids" in lacks:
        pytest.skip(lacks["host ids"])
    other = await pool.open("other")
    assert isinstance(other, GuestSession)
    ids = {os.stat(f"/proc/{one.pid}").st_uid for one in (session, other)}
    await pool.drop("other")
    assert len(ids) == 2
    assert all(0x7000_0000 <= one < 0x8000_0000 for one in ids)
