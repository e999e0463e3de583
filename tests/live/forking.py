"""Servers that need not import themselves: forked from a process that has imported them once.

Importing takes a server two seconds of the processor, and the tests start a hundred. What a server does after its
imports is the same. The servers that the tests of a worker share start from nothing, as an operator's do.
"""

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from assistd.__main__ import main
from assistd.cli.collector import pausing_collector
from assistd.sandbox.guest.shared import syscalls
from tests.live import children

_MESSAGE_BYTES = 1 << 17


class ForkedServer:
    """A running server; of `subprocess.Popen` it has what is asked of one.

    Args:
        pid: its id.
        connection: the socket at which its parent tells its exit status.
        stdout: what it prints.
    """

    def __init__(self, pid: int, connection: socket.socket, stdout: IO[str]) -> None:
        self.pid = pid
        self.stdout = stdout
        self._connection = connection
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status, negative for a signal.

        Args:
            timeout: seconds.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if self._code is None:
            self._connection.settimeout(timeout)
            try:
                self._code = int(self._connection.recv(_MESSAGE_BYTES))
            except (BlockingIOError, TimeoutError):
                raise subprocess.TimeoutExpired("assistd", timeout or 0) from None
            self._connection.close()
        return self._code

    def poll(self) -> int | None:
        """Return its exit status, or None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, if it still runs."""
        self.send_signal(signal.SIGKILL)


class Forking:
    """The process that forks servers. It and they end when the process of the tests does."""

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  it is closed in `close`
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = children.start(
                [sys.executable, "-m", __name__, theirs.fileno()],
                pass_fds=[theirs.fileno()],
                # As those of its servers, no terminal: consoles look when they are imported.
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,
            )

    def start(
        self, arguments: list[str], *, cwd: Path, env: Mapping[str, str], stderr: IO[str]
    ) -> ForkedServer:
        """Start a server.

        Args:
            arguments: those of the command `assistd`.
            cwd: where it runs.
            env: all of its environment.
            stderr: what it logs to.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        reading, writing = os.pipe()
        socket.send_fds(self._socket, [b"."], [theirs.fileno(), writing, stderr.fileno()])
        theirs.close()
        os.close(writing)
        ours.send(json.dumps([arguments, str(cwd), dict(env)]).encode())
        server_id = ours.recv(_MESSAGE_BYTES)
        if not server_id:
            self._errors.seek(0)
            raise RuntimeError(f"the forking process ended:\n{self._errors.read()}")
        return ForkedServer(int(server_id), ours, open(reading))

    def close(self) -> None:
        """End the process; the servers it forked have ended before."""
        self._socket.close()
        self._process.wait()
        self._errors.close()


def _fork_at_requests(requests: socket.socket) -> None:
    """Import the server; then start a parent for one at each request, until the tests close the socket."""
    with pausing_collector():
        for name in ("assistd.cli.main", "assistd.cli.serve", "assistd.wiring.server"):
            importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, descriptors, *_ = socket.recv_fds(requests, 1, 3)
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            _be_parent(*descriptors)
            return
        for each in descriptors:
            os.close(each)


def _be_parent(tests: int, stdout: int, stderr: int) -> None:
    """Start the server that is asked for, and tell the tests its id, then its exit status."""
    _end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with socket.socket(fileno=tests) as connection:
        arguments, folder, environment = json.loads(connection.recv(_MESSAGE_BYTES))
        server = os.fork()
        if server == 0:
            connection.close()
            _be_server(arguments, folder, environment, stdout, stderr)
            return
        os.close(stdout)
        os.close(stderr)
        connection.send(str(server).encode())
        _, status = os.waitpid(server, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())


def _be_server(
    arguments: list[str], folder: str, environment: dict[str, str], stdout: int, stderr: int
) -> None:
    """Run `assistd` as a process that was started for it would."""
    _end_with_parent()
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    null = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate((null, stdout, stderr)):
        os.dup2(descriptor, number)
    os.closerange(3, 1024)
    sys.argv = ["assistd", *arguments]
    main()


def _end_with_parent() -> None:
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    _fork_at_requests(socket.socket(fileno=int(sys.argv[1])))
