"""The outer jail of gVisor: runsc and the broker that sessions need on this side of its border.

All of it stands in the namespaces and the minimal root of `jail.py`, so it needs no more rights than
that jail does, and nothing of runsc outlives its first process, this one. Descriptors do not cross
into gVisor. So the broker, between server and zygote, makes a folder for each session that both sides
see: a socket, two FIFOs and the tmpfs that is its /mnt/data.
"""

import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from assistd.sandbox.guest.shared import syscalls
from assistd.sandbox.guest.shared.channel import Channel, close_all
from assistd.sandbox.guest.shared.syscalls import MS_BIND, MS_NODEV, MS_NOSUID, MS_REC, MS_SHARED
from assistd.sandbox.guest.walls import namespaces_outer, overlay
from assistd.sandbox.guest.walls.gvisor_inner import PRIVATE, ROOTS, SESSIONS, TREE
from assistd.sandbox.guest.walls.namespaces_inner import NICE, mounts_below

_PRIVATE = "/run/assistd/runsc"  # the tree that sessions see shows it empty
_BUNDLE = f"{_PRIVATE}/bundle"
_STATE = f"{_PRIVATE}/state"
_NAME = "assistd"
_PLAIN = MS_NOSUID | MS_NODEV
# What the zygote may do in gVisor's kernel; a session may do nothing of it.
_CAPABILITIES = [
    "CAP_SYS_ADMIN",
    "CAP_SYS_CHROOT",
    "CAP_SETUID",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
]


def main(control: int) -> None:
    """Build the outer jail, start the zygote in gVisor in it, and serve until either side is gone."""
    server = socket.socket(fileno=control)
    request = json.loads(server.recv(1 << 16))
    config = json.loads(server.recv(1 << 16))
    with namespaces_outer.reporting(server):
        uid_base = namespaces_outer.enter(server, request, str(request["runsc"]))
        with namespaces_outer.step("lay out the sandbox"):
            copies = overlay.obstacle("single" if uid_base is None else "range")
            _lay_out(uid_base)
        with namespaces_outer.step("start runsc"):
            zygote = _start(request, uid_base)
    zygote.send(json.dumps(config).encode())
    makings = _Makings(config["limits"], uid_base, copies)
    _Broker(Channel(server), Channel(zygote), makings).serve()


def _lay_out(uid_base: int | None) -> None:
    """Make what runsc reads: the tree that sessions see, the folder of the sessions, the bundle."""
    for folder in (TREE, SESSIONS, ROOTS, _PRIVATE):
        os.makedirs(folder)
    syscalls.mount("/", TREE, None, MS_BIND | MS_REC)
    for folder in ("/proc", "/tmp", namespaces_outer.LOWERS):  # noqa: S108
        if os.path.ismount(TREE + folder):
            syscalls.unmount(TREE + folder)
    syscalls.make_read_only(TREE)
    syscalls.mount("sessions", SESSIONS, "tmpfs", _PLAIN, "size=1m,mode=700")
    syscalls.mount(None, SESSIONS, None, MS_SHARED)  # what is mounted below it later is seen inside
    syscalls.mount("runsc", _PRIVATE, "tmpfs", _PLAIN, "size=16m,mode=700")
    for folder in (_BUNDLE, _STATE):
        os.mkdir(folder)
    with open(f"{_BUNDLE}/config.json", "w", encoding="utf-8") as file:
        json.dump(_specification(uid_base), file)


def _specification(uid_base: int | None) -> dict[str, Any]:
    """Return the sandbox, as the OCI runtime specification has it."""

    def bind(path: str, *options: str) -> dict[str, Any]:
        return {"destination": path, "type": "bind", "source": path, "options": list(options)}

    def fresh(path: str, kind: str) -> dict[str, Any]:
        return {"destination": path, "type": kind, "source": kind}

    return {
        "ociVersion": "1.0.0",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": namespaces_outer.zygote_command(0, "gvisor", uid_base, namespaces_outer.GUEST),
            "env": [f"{name}={value}" for name, value in namespaces_outer.environment().items()],
            "cwd": "/",
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), _CAPABILITIES),
        },
        "root": {"path": TREE, "readonly": True},
        "hostname": "sandbox",
        "mounts": [
            fresh("/proc", "proc"),
            fresh("/dev", "tmpfs"),
            fresh("/tmp", "tmpfs"),  # noqa: S108  the zygote's own
            fresh(namespaces_outer.HOME, "tmpfs"),
            fresh(ROOTS, "tmpfs"),
            bind(TREE, "ro", "rbind"),
            bind(SESSIONS, "rw", "rbind", "rslave"),
            # What the zygote's own folders hide, after them: an interpreter below /tmp, for one.
            *(bind(path, "ro", "rbind") for path in mounts_below(PRIVATE)),
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]
        },
    }


def _start(request: Mapping[str, Any], uid_base: int | None) -> socket.socket:
    """Start runsc; return the socket to the zygote in it, which takes it as standard input."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    options = ["-root", _STATE, "-network", "none", "-ignore-cgroups"]
    options += ["-host-uds", "open", "-host-fifo", "open"]
    options += [
        "-dcache",
        "0",
    ]  # what it remembers of a dead session would keep its files in memory
    if request["platform"] is not None:
        options += ["-platform", request["platform"]]
    if uid_base is None:
        options.append("-rootless")
    os.nice(NICE)  # of all that follows: what gVisor gives its own processes, the host does not see
    with theirs:
        subprocess.Popen(
            [request["runsc"], *options, "run", "-bundle", _BUNDLE, _NAME],
            stdin=theirs.fileno(),
            stdout=sys.stderr,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
    return ours


@dataclass(frozen=True)
class _Makings:
    """What every session's folder is made of.

    Args:
        limits: those of a session.
        uid_base: where the ids of sessions begin on the host; None where they share one.
        copies: why stored files are not linked into sessions; None where they are.
    """

    limits: Mapping[str, int]
    uid_base: int | None
    copies: str | None


class _SessionFolder:
    """The folder of one session on this side of the border.

    Args:
        request: the server's, for a session.
        makings: what it is made of.
    """

    def __init__(self, request: Mapping[str, Any], makings: _Makings) -> None:
        self._path = f"{SESSIONS}/{request['session']}"
        self._door = socket.socket(socket.AF_UNIX)
        self._ends: dict[str, int] = {}
        os.mkdir(self._path, 0o700)
        try:
            self._furnish(request, makings)
        except BaseException:
            self.clear()
            raise

    def _furnish(self, request: Mapping[str, Any], makings: _Makings) -> None:
        self._door.bind(f"{self._path}/control")
        self._door.listen(1)
        for name in ("out", "err"):
            path = f"{self._path}/{name}"
            os.mkfifo(path)
            os.chmod(path, 0o666)  # noqa: S103  the session opens it by path, too: /dev/stdout
            self._ends[name] = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        data = f"{self._path}/data"
        os.mkdir(data)
        uid = int(request["uid"])
        owner = 0 if makings.uid_base is None else uid
        size = f"size={request['data']},nr_inodes={makings.limits['data_inodes']}"
        syscalls.mount("data", data, "tmpfs", _PLAIN, f"{size},mode=755,uid={owner},gid={owner}")
        if makings.copies is None:
            overlay.cover(data, f"{namespaces_outer.LOWERS}/{uid}", owner)
        self._ends["data"] = os.open(data, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def take_ends(self) -> dict[str, int]:
        """Return the server's ends, once the zygote has opened its own."""
        control, _ = self._door.accept()
        ends, self._ends = self._ends | {"control": control.detach()}, {}
        return ends

    def clear(self) -> None:
        """Remove it; the data lives on where the server holds it."""
        self._door.close()
        close_all(self._ends.values())
        data = f"{self._path}/data"
        while os.path.ismount(data):
            syscalls.unmount(data)
        for name in os.listdir(self._path):
            path = f"{self._path}/{name}"
            os.rmdir(path) if name == "data" else os.unlink(path)
        os.rmdir(self._path)


class _Broker:
    def __init__(self, server: Channel, zygote: Channel, makings: _Makings) -> None:
        self._server = server
        self._zygote = zygote
        self._makings = makings
        self._folders: dict[int, _SessionFolder] = {}

    def serve(self) -> NoReturn:
        """Pass on what server and zygote say, until one of them is gone; all else ends with this."""
        signal.signal(
            signal.SIGCHLD, signal.SIG_IGN
        )  # the first process inherits, and reaps, orphans
        try:
            while True:
                poll = select.poll()
                for channel in (self._server, self._zygote):
                    poll.register(channel, channel.events)
                ready = dict(poll.poll())
                for channel, hear in (
                    (self._server, self._hear_server),
                    (self._zygote, self._hear_zygote),
                ):
                    if ready.get(channel.fileno(), 0) & ~select.POLLOUT:
                        hear()
                    channel.flush()
        except ConnectionError:
            os._exit(1)

    def _hear_server(self) -> None:
        message, groups = self._server.receive_or_leave()
        close_all(groups.values())  # of the host's kernel, which knows nothing of the session
        if "uid" in message:
            number = int(message["session"])
            try:
                self._folders[number] = _SessionFolder(message, self._makings)
            except OSError as error:
                refusal = {"event": "refused", "session": number, "message": str(error)}
                self._server.send(refusal)
                return
        self._zygote.send(message)

    def _hear_zygote(self) -> None:
        message, _ = self._zygote.receive_or_leave()
        ends: dict[str, int] = {}
        if message["event"] == "spawned":
            ends = self._folders[message["session"]].take_ends()
        elif message["event"] in {"refused", "died"}:
            self._folders.pop(message["session"]).clear()
        elif message["event"] == "ready":
            message["copies"] = self._makings.copies
        self._server.send(message, ends)
