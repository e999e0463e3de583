"""Sessions that live among the host's own processes and files, where there are no namespaces.

What a pid namespace and a tmpfs would do by themselves is done here by hand: every process of a
session is found and ended, and its folder is removed, also when the zygote or the server dies.
"""

import contextlib
import fcntl
import os
import select
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator

from assistd.sandbox.guest.shared import folders, syscalls
from assistd.sandbox.guest.shared.constants import GUEST_FOLDER
from assistd.sandbox.guest.walls import memory, namespaces_inner, namespaces_outer
from assistd.sandbox.guest.walls.base import Rules
from assistd.sandbox.guest.walls.namespaces_outer import DATA, MATPLOTLIB

KEPT = 60  # a descriptor of the data folder that every process of a session has
_LINK = f"/proc/self/fd/{KEPT}"
_PREFIX = "assistd-sessions-"  # then the server's process id and some letters
_ZYGOTE = "zygote"  # the folder beside the sessions' where the zygote warms up


def keep(channel: socket.socket, walls: str, uid_base: int | None) -> None:
    """Go on as the zygote in a child; this process stays outside and clears up after it.

    Args:
        channel: the socket to the server.
        walls: which kind the sessions get.
        uid_base: the id on the host before the first session's; None where they share the server's.
    """
    os.umask(0o022)
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    namespaces_outer.hold_signals()
    base, _lock = _make_base()
    unlink = _link_data()
    zygote = namespaces_outer.fork_inner()
    if zygote == 0:
        warm = f"{base}/{_ZYGOTE}"
        own = dict.fromkeys(("HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR"), warm)
        namespaces_outer.become_zygote(
            channel.detach(), walls, uid_base, GUEST_FOLDER, namespaces_outer.environment() | own
        )
    code = namespaces_outer.outlast(zygote)
    end_strays(set())
    folders.remove(f"{base}/{_ZYGOTE}")
    if _has_hung_up(channel):  # else the server still reads what code wrote, and removes it then
        folders.remove(base)
    else:
        with contextlib.suppress(OSError):
            os.rmdir(base)
    unlink()
    os._exit(code)


class Hosted:
    """What sessions without namespaces have in common; `shut_in` is for those that derive from it."""

    copies: str | None = "there is no mount namespace"
    watch: memory.Watch | None = None  # the server looks itself
    open_streams = staticmethod(namespaces_inner.open_streams)

    def __init__(self, rules: Rules) -> None:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
        self.rules = rules
        self.own_data = namespaces_inner.data_size()
        self.warm = os.environ["HOME"]
        self.folder: str | None = None
        self.path_map: dict[str, str] = {}  # what stands for which path in code
        self._live: set[int] = set()
        self._numbers = 0

    def fork(self) -> int:
        """Fork a child that is to have a folder of its own."""
        self._numbers += 1
        self.folder = f"{os.path.dirname(self.warm)}/{self._numbers}"
        pid = syscalls.fork()
        if pid:
            self._live.add(pid)
        return pid

    def get_ready(self) -> None:
        """Nothing is made for the next session before it is asked for."""

    def forget(self, pid: int) -> None:
        """End what a dead session left running; the server removes its folder."""
        self._live.discard(pid)
        end_strays(self._live)

    def abandon(self) -> None:
        """End every session; the keeper removes what they leave, for there is no server that would."""
        end_strays(set())

    def seal(self) -> None:
        """Nothing is left to be closed once the server has its descriptors."""

    def settle(self, uid: int | None) -> None:
        """Make this process the first of a session, with a folder that it and the environment name.

        Args:
            uid: who is to own the folder; None where that is this process's own id.
        """
        assert self.folder is not None
        namespaces_inner.step_back()
        namespaces_inner.see_fewer_processors(self.rules.processes)
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)  # orphans stay below it
        data, temporary = f"{self.folder}/data", f"{self.folder}/tmp"  # noqa: S108  its own
        os.mkdir(self.folder, 0o711)
        for folder in (data, temporary):
            os.mkdir(folder, 0o700)
            if uid is not None:
                os.chown(folder, uid, uid)
        own = {"HOME": temporary, "TMPDIR": temporary, "IPYTHONDIR": temporary, "PWD": DATA}
        os.environ.update(own | {"MPLCONFIGDIR": f"{temporary}/{MATPLOTLIB}"})
        tempfile.tempdir = None
        os.chdir(data)
        self.path_map = {DATA: data, "/tmp": temporary}  # noqa: S108


def end_strays(live: set[int]) -> None:
    """Kill every process below this one, but `live` ones and what is below those.

    They are stopped first: a bomb that goes off could fork faster than it is killed.
    """
    while strays := [pid for pid in _children(os.getpid()) if pid not in live]:
        stopped: set[int] = set()
        while fresh := {pid for stray in strays for pid in _below(stray)} - stopped:
            _signal(fresh, signal.SIGSTOP)
            stopped |= fresh
        _signal(stopped, signal.SIGKILL)
        for pid in strays:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _below(pid: int) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    todo = [pid]
    while todo:
        pid = todo.pop()
        yield pid
        todo += _children(pid)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                found += [int(child) for child in file.read().split()]
    return found


def _make_base() -> tuple[str, int]:
    """Return a folder for all sessions of one zygote, locked by this process as long as it lives."""
    folder = tempfile.gettempdir()
    for name in os.listdir(folder):
        if name.startswith(_PREFIX):
            _remove_if_left(f"{folder}/{name}")
    base = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getppid()}-")
    lock = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.chmod(base, 0o711)  # noqa: S103  sessions pass through, each to a folder of its own
    os.mkdir(f"{base}/{_ZYGOTE}", 0o755)
    return base, lock


def _remove_if_left(base: str) -> None:
    """Remove the folder of a zygote whose keeper was killed, once its server is gone, too."""
    server = os.path.basename(base).removeprefix(_PREFIX).partition("-")[0]
    if os.path.exists(f"/proc/{server}"):
        return
    try:
        lock = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if os.fstat(lock).st_uid == os.getuid():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            folders.remove(base)
    except OSError as error:
        if not isinstance(error, BlockingIOError):
            sys.stderr.write(f"{base} cannot be removed: {error}\n")
    finally:
        os.close(lock)


def _has_hung_up(channel: socket.socket) -> bool:
    """Return whether the server closed its end."""
    poll = select.poll()
    poll.register(channel, 0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


def _link_data() -> Callable[[], None]:
    """Make /mnt/data lead each process to its own session's folder, where this user may.

    Returns:
        What undoes it; the last zygote of this host does.
    """
    folder = os.path.dirname(DATA)
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_SH)
    except OSError:
        return lambda: None
    with contextlib.suppress(
        OSError
    ):  # it is there, or this user may not: then only Python is told
        os.symlink(_LINK, DATA)

    def undo() -> None:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while others hold it
            if os.readlink(DATA) == _LINK:
                os.unlink(DATA)
        os.close(lock)

    return undo


def is_linked() -> bool:
    """Return whether /mnt/data leads every process of a session to its own folder."""
    try:
        return os.readlink(DATA) == _LINK
    except OSError:
        return False
