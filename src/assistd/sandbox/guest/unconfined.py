"""No jail at all: sessions as plain children of the zygote, for a host that forbids every wall.

Code can read and change whatever the server's user can, and reach the network. Only resource limits
hold. Chosen by a setting whose name begins with `dangerously_`, never by itself.
"""

import os
import resource
import shutil
import signal
import socket
import tempfile
from contextlib import suppress

from assistd.sandbox.guest import jail, session

_MESSAGE_BYTES = 1 << 16


def main(control: int) -> None:
    """Replace this process by a zygote without walls."""
    channel = socket.socket(fileno=control)
    channel.recv(_MESSAGE_BYTES)  # about ids, of which there is but one
    outside = dict.fromkeys(("HOME", "IPYTHONDIR", "MPLCONFIGDIR"), tempfile.gettempdir())
    guest = os.path.dirname(os.path.abspath(__file__))
    variables = jail.environment() | outside
    jail.become_zygote(channel.detach(), "dangerously_unconfined", None, guest, variables)


class Unconfined:
    """The same steps as `session.Isolation`, without walls: a folder stands for /mnt/data."""

    copies: str | None = "there is no mount namespace"
    open_streams = staticmethod(session.open_streams)

    def __init__(self, rules: session.Rules) -> None:
        self.rules = rules
        self._own_data = session.data_size()
        self._folders: dict[int, str] = {}
        self.folder: str | None = None

    def fork(self) -> int:
        """Fork a child with a folder of its own."""
        self.folder = tempfile.mkdtemp(prefix="assistd-unconfined-")
        pid = os.fork()
        if pid:
            self._folders[pid] = self.folder
        return pid

    def forget(self, pid: int) -> None:
        """End what a dead session started and left in its group; the server removes its folder."""
        self._folders.pop(pid, None)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)

    def abandon(self) -> None:
        """End every session and remove its folder: there is no server that would."""
        for pid, folder in list(self._folders.items()):
            self.forget(pid)
            shutil.rmtree(folder, ignore_errors=True)

    def shut_in(self, _uid: int, control: int, out: int, err: int) -> list[int]:
        """Take the session's folder and limits; there is nothing to shut."""
        assert self.folder is not None
        os.setsid()
        os.chdir(self.folder)
        data = os.open(self.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        rules = self.rules
        session.bound(
            {
                resource.RLIMIT_DATA: self._own_data + rules.memory_bytes,
                resource.RLIMIT_FSIZE: rules.data_bytes,
                resource.RLIMIT_NOFILE: rules.open_files,
                resource.RLIMIT_CORE: 0,
            }
        )
        return session.arrange_descriptors(control, out, err, data)
