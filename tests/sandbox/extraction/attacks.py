"""Tries, behind the walls of a reader, what a document that takes it over would try.

`python -m tests.sandbox.extraction.attacks ORDER` prints the names of the attempts that succeeded.
"""

import contextlib
import json
import mmap
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from assistd.sandbox.guest.extraction import confinement
from assistd.sandbox.guest.shared import syscalls
from assistd.sandbox.guest.shared.document import Order

_PORT = int(os.environ.get("ATTACKED_PORT", "0"))
_PARENT = os.getppid()


def _connect() -> None:
    with socket.socket() as ours:
        ours.connect(("127.0.0.1", _PORT))


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _write_file() -> None:
    with open("/tmp/assistd-attack", "w") as file:
        file.write("x")
    os.unlink("/tmp/assistd-attack")


ATTEMPTS: dict[str, Callable[[], object]] = {
    "read a file of the host": lambda: Path("/etc/passwd").read_bytes(),
    "list the root": lambda: os.listdir("/usr"),
    "ask about a file": lambda: os.stat("/etc/passwd"),
    "read its own environment": lambda: Path("/proc/self/environ").read_bytes(),
    "read the server's memory": lambda: Path(f"/proc/{_PARENT}/maps").read_bytes(),
    "write a file": _write_file,
    "connect to a port": _connect,
    "open a socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "open a socket of the host's services": lambda: socket.socket(socket.AF_UNIX).close(),
    "fork": _fork,
    "start a program": lambda: subprocess.run(["/bin/true"], check=True),
    "signal the server": lambda: os.kill(_PARENT, 0),
    "hold on to the server": lambda: os.close(os.pidfd_open(_PARENT)),
    "see the server's limits": lambda: resource.prlimit(_PARENT, resource.RLIMIT_NOFILE),
    "change its limits": lambda: resource.setrlimit(resource.RLIMIT_CPU, (100, 100)),
    "run memory that it wrote": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_EXEC | mmap.PROT_READ),
    "share memory": lambda: mmap.mmap(-1, 4096, flags=mmap.MAP_SHARED),
    "make a file in memory": lambda: os.close(os.memfd_create("a")),
    "enter namespaces": lambda: syscalls.unshare(syscalls.CLONE_NEWNET),
    "change its id": lambda: os.setuid(os.getuid()),
}


def _succeeds(attempt: Callable[[], object]) -> bool:
    with contextlib.suppress(Exception):
        attempt()
        return True
    return False


def main() -> None:
    """Stand behind the walls, with a thread that was there before them, and try."""
    order = Order.unpack(sys.argv[1])
    confinement.shut_in(order)
    asked, answered = threading.Event(), threading.Event()
    found: list[str] = []

    def try_all() -> None:
        asked.wait()
        found.extend(f"{name}, in a thread" for name, each in ATTEMPTS.items() if _succeeds(each))
        answered.set()

    threading.Thread(target=try_all, daemon=True).start()
    confinement.seal(order)
    found.extend(name for name, each in ATTEMPTS.items() if _succeeds(each))
    asked.set()
    answered.wait(60)
    os.write(1, json.dumps([found, len(ATTEMPTS)]).encode())
    os._exit(0)


if __name__ == "__main__":
    signal.alarm(100)
    main()
