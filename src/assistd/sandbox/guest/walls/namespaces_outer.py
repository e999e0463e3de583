"""The outer jail, once per zygote: namespaces and a minimal read-only root, then a fresh zygote in it."""

import contextlib
import errno
import json
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Generator, Iterable, Mapping
from typing import Any, NoReturn

from assistd.sandbox.guest.shared import syscalls
from assistd.sandbox.guest.shared.constants import FILES_UID, GUEST_FOLDER
from assistd.sandbox.guest.shared.syscalls import (
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_REC,
)
from assistd.sandbox.guest.walls import roots

HOME = "/home/sandbox"
DATA = "/mnt/data"
MATPLOTLIB = ".config/matplotlib"  # below the home folder; the fonts' list is there
GUEST = "/run/assistd/guest"
LOWERS = "/run/assistd/lowers"  # a folder for each session, named by its id; hidden from code
UIDS = 65_536

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
ETC = ("ld.so.cache", "localtime", "fonts", "mime.types", "alternatives")
DEVICES = ("null", "zero", "full", "random", "urandom")
_EMPTY_FOLDERS = ("/proc", "/home", HOME, "/mnt", DATA, "/var", "/root", "/opt")
_ETC_FILES = {
    "passwd": f"root:x:0:0::/root:/bin/false\nsandbox:x:1000:1000::{HOME}:/bin/sh\n",
    "group": "root:x:0:\nsandbox:x:1000:\n",
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "resolv.conf": "",
}
_AWAITED = (signal.SIGTERM, signal.SIGCHLD)
_RANGE_CAPABILITIES = ("SETUID", "SETGID")  # what mapping a range of ids takes


class JailError(Exception):
    """A step of building the jail was refused; the message names the step and the reason."""


def main(control: int) -> None:
    """Build the jail, then replace this process's child by the zygote in it."""
    channel = socket.socket(fileno=control)
    request = json.loads(channel.recv(1 << 16))
    with reporting(channel):
        uid_base = enter(channel, request)
        with step("start the zygote"):
            become_zygote(control, "namespaces", uid_base, GUEST, environment())


def enter(channel: socket.socket, request: Mapping[str, Any], *more: str) -> int | None:
    """Enter new namespaces as their first process, with a root that shows what code may see.

    Args:
        channel: the socket to the server; stays with the first process.
        request: the server's: where the ids of the host begin that are to be mapped, and the folder of
            lower folders.
        more: further paths of the host to show.

    Returns:
        where the mapped ids begin, or None where this user has one id only.

    Raises:
        JailError: the host refuses.
    """
    with step("enter new namespaces"):
        uid_base = _enter_namespaces(int(request["uid_base"]))
    with step("find the interpreter"):
        view = _View()
        _plan(view, request["lowers"], more)
    if uid_base is not None:
        _become_mapped_root()
    _become_first_process(channel)
    with step("build the root folder"):
        _build_root(view)
    with contextlib.suppress(OSError):  # filters of container engines refuse it: it is a name only
        syscalls.sethostname("sandbox")
    return uid_base


@contextlib.contextmanager
def reporting(channel: socket.socket) -> Generator[None]:
    """Tell the server why the jail cannot be built, and end."""
    try:
        yield
    except JailError as error:
        channel.send(json.dumps({"event": "failed", "message": str(error)}).encode())
        sys.exit(1)


def become_zygote(
    control: int, walls: str, uid_base: int | None, guest: str, variables: dict[str, str]
) -> NoReturn:
    """Replace this process by the zygote.

    Args:
        control: descriptor of the socket to the server.
        walls: which kind its sessions get.
        uid_base: the id on the host before the first session's; None where they share this process's.
        guest: the folder of the guest's code.
        variables: its whole environment.
    """
    os.set_inheritable(control, True)  # noqa: FBT003
    program = zygote_command(control, walls, uid_base, guest)
    os.execve(program[0], program, variables)  # noqa: S606


def zygote_command(control: int, walls: str, uid_base: int | None, guest: str) -> list[str]:
    """Return what starts the zygote; for the arguments see `become_zygote`."""
    base = "" if uid_base is None else str(uid_base)
    return [sys.executable, "-I", "-B", guest, "zygote", str(control), walls, base]


@contextlib.contextmanager
def step(name: str) -> Generator[None]:
    """Name what is being done, for the error that may come of it."""
    try:
        yield
    except OSError as error:
        raise JailError(f"could not {name}: {error}") from error


def refusal_of_host_root(capabilities: Iterable[str]) -> str:
    """Return why sessions of a server that is the host's root do not start.

    Args:
        capabilities: what it takes to give them other ids.
    """
    names = ", ".join(f"CAP_{one}" for one in capabilities)
    return (
        "sessions would have the id of the host's root, for this process may not give them others: run "
        f"assistd as an ordinary user, or let it keep {names} "
        "(systemd: CapabilityBoundingSet=, containers: --cap-add)"
    )


def _enter_namespaces(uid_base: int) -> int | None:
    """Enter every namespace; return `uid_base` where this user may map many ids, else None."""
    flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET
    flags |= syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWCGROUP
    uid, gid, host_root = os.getuid(), os.getgid(), syscalls.is_host_root(os.getuid())
    if uid == 0 and _enter_with_range(flags, uid_base):
        return uid_base
    if host_root:
        raise JailError(refusal_of_host_root(_RANGE_CAPABILITIES))
    if uid != 0:
        syscalls.unshare(flags)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"0 {uid} 1")
    _write("/proc/self/gid_map", f"0 {gid} 1")
    return None


def _enter_with_range(flags: int, uid_base: int) -> bool:
    """Enter with UIDS ids mapped by a helper that stays outside; False when it may not map them."""
    target = os.getpid()
    entered, tell_entered = os.pipe()
    mapped, tell_mapped = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.read(entered, 1)
        try:
            ids = f"0 {uid_base} {UIDS}\n{UIDS} {FILES_UID} 1"
            _write(f"/proc/{target}/uid_map", ids)
            _write(f"/proc/{target}/gid_map", ids)
        except OSError:
            os._exit(1)
        os.write(tell_mapped, b"y")
        os._exit(0)
    try:
        syscalls.unshare(flags)
    finally:
        os.close(tell_mapped)
        os.write(tell_entered, b"y")
        done = os.read(mapped, 1) == b"y"
        os.waitpid(helper, 0)
        for descriptor in (entered, tell_entered, mapped):
            os.close(descriptor)
    return done


def _become_mapped_root() -> None:
    """Give up the host's root: from here on, id 0 is the first of the mapped ones."""
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def _become_first_process(channel: socket.socket) -> None:
    """Go on as pid 1 of the new namespace; the parent waits outside and ends when it ends."""
    hold_signals()
    child = fork_inner()
    if child:
        channel.close()
        os._exit(outlast(child))


def hold_signals() -> None:
    """Let the signals that `outlast` waits for wait, too: what is made from here on, it clears up."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)


def fork_inner() -> int:
    """Fork the process that goes on, and dies with this one; `hold_signals` comes before."""
    child = os.fork()
    if child == 0:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED)
    return child


def outlast(child: int) -> int:
    """Wait until the inner process is gone, with the namespace whose first it is; SIGTERM kills it.

    There is no handler, which could run when the child is already reaped, and its id another's.

    Returns:
        the exit code for this process.
    """
    while True:
        if signal.sigwait(_AWAITED) == signal.SIGTERM:
            os.kill(child, signal.SIGKILL)
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) & 0xFF


class _View:
    """What of the host's tree the new root shows.

    Taken hold of before the host's root is given up: it alone can walk into a private home, where
    the interpreter may live.
    """

    def __init__(self) -> None:
        self.links: dict[str, str] = {}
        self.sources: dict[str, tuple[int, bool]] = {}  # by target: a descriptor, is it a folder

    def expose(self, path: str) -> None:
        """Show a path of the host at the same place, with the links that lead to it."""
        current = ""
        todo = deque(path.split("/"))
        while todo:
            part = todo.popleft()
            if part in {"", "."}:
                continue
            current = os.path.dirname(current) if part == ".." else f"{current}/{part}"
            if self._is_shown(current) or not os.path.lexists(current):
                return
            if os.path.islink(current):
                target = self.links[current] = os.readlink(current)
                current = "" if target.startswith("/") else os.path.dirname(current)
                todo.extendleft(reversed(target.split("/")))
        self.take(current, current)

    def take(self, source: str, target: str) -> None:
        """Show `source`, a file or folder of the host, at `target`."""
        descriptor = os.open(source, os.O_PATH | os.O_CLOEXEC)
        self.sources[target] = (descriptor, os.path.isdir(source))

    def _is_shown(self, path: str) -> bool:
        return any(path == shown or path.startswith(f"{shown}/") for shown in self.sources)


def readable_folders() -> list[str]:
    """Return what of the host every session may read, and must not change: the system, the interpreter."""
    return [*_SYSTEM, *_interpreter_folders()]


def _plan(view: _View, lowers: str | None, more: tuple[str, ...]) -> None:
    for path in (*readable_folders(), *more):
        view.expose(path)
    view.take(GUEST_FOLDER, GUEST)
    if lowers is not None:
        view.take(lowers, LOWERS)
    for name in ETC:
        if os.path.exists(f"/etc/{name}"):
            view.take(os.path.realpath(f"/etc/{name}"), f"/etc/{name}")


def _build_root(view: _View) -> None:
    """Put the new root together and move into it: nothing of the host's tree stays reachable."""
    workbench = roots.mount_new("size=32m,mode=755")
    for folder in _EMPTY_FOLDERS:
        os.makedirs(workbench + folder, exist_ok=True)
    _mount_fresh(f"{workbench}/tmp", MS_NOSUID | MS_NODEV, "size=256m,mode=1777")  # noqa: S108
    for path, target in view.links.items():
        os.makedirs(os.path.dirname(workbench + path), exist_ok=True)
        os.symlink(target, workbench + path)
    for target, (descriptor, is_folder) in view.sources.items():
        _bind(f"/proc/self/fd/{descriptor}", workbench + target, is_folder=is_folder)
        syscalls.make_read_only(workbench + target)
        os.close(descriptor)
    for name, text in _ETC_FILES.items():
        _write(f"{workbench}/etc/{name}", text)
    _fill_dev(f"{workbench}/dev")
    syscalls.mount("proc", f"{workbench}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    roots.move_into(workbench)


def _interpreter_folders() -> list[str]:
    """Return the folders this interpreter lives in, parents first."""
    executable = os.path.realpath(sys.executable)
    folders = {
        sys.prefix,
        sys.exec_prefix,
        sys.base_prefix,
        sys.base_exec_prefix,
        os.path.dirname(os.path.dirname(executable)),
    }
    if "/" in folders:
        raise JailError(f"the interpreter {sys.executable} lives in the root folder itself")
    return [*sorted(folders, key=len), shared_folder()]


def shared_folder() -> str:
    """Return where an operator puts data for all sessions: beside the interpreter environments."""
    return f"{os.path.dirname(sys.prefix)}/shared"


def _fill_dev(target: str) -> None:
    _mount_fresh(target, MS_NOSUID | MS_NOEXEC, "size=64k,mode=755")
    for name in DEVICES:
        _bind(f"/dev/{name}", f"{target}/{name}", is_folder=False)
    _mount_fresh(f"{target}/shm", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64m,mode=1777")
    os.symlink("/proc/self/fd", f"{target}/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{target}/{name}")


def _mount_fresh(target: str, flags: int, options: str) -> None:
    os.makedirs(target, exist_ok=True)
    syscalls.mount("tmpfs", target, "tmpfs", flags, options)


def _bind(source: str, target: str, *, is_folder: bool) -> None:
    if is_folder:
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _write(target, "")
    try:
        syscalls.mount(source, target, None, MS_BIND)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # Mounts below it are locked to it in a user namespace: they come along, read-only too.
        syscalls.mount(source, target, None, MS_BIND | MS_REC)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def environment() -> dict[str, str]:
    """Return all that the zygote and the sessions ever see as environment."""
    return {
        "PATH": f"{os.path.dirname(sys.executable)}:{sys.prefix}/share/programs",
        "HOME": HOME,
        "USER": "sandbox",
        "SHELL": "/bin/sh",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLCONFIGDIR": f"{HOME}/{MATPLOTLIB}",
        "MATPLOTLIBRC": f"{sys.prefix}/share/matplotlib/matplotlibrc",
        "PLOTLY_RENDERER": "png",
        "FONTS": f"{sys.prefix}/share/fonts",
        "SHARED": shared_folder(),
        "NLTK_DATA": f"{sys.prefix}/share/nltk_data:{shared_folder()}/nltk_data",
        "XDG_DATA_DIRS": f"{sys.prefix}/share:/usr/local/share:/usr/share",  # where Pillow finds them
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "IPYTHONDIR": "/tmp/.ipython",  # noqa: S108  private to the zygote, and to each session
        "OPENBLAS_NUM_THREADS": "1",  # a thread in the zygote would not survive the fork
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pyarrow's, which pandas imports
    }
