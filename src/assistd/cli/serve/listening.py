"""Listens where the settings say; where somebody else does, says who, as far as /proc tells this user."""

import errno
import os
import re
import socket
from pathlib import Path

from assistd.cli.console import fail
from assistd.settings import Settings

_PROC = Path("/proc")
_LISTENING = "0A"  # the state of a socket in /proc/net/tcp, proc(5)


def listen(settings: Settings) -> socket.socket:
    """Return the socket where clients connect; end the command where it cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return _listen_at((settings.host, settings.port), family)
    except OSError as error:
        taker = error.errno == errno.EADDRINUSE and _find_listener(settings.port)
        fail(
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}"
            + (f", by {taker}. " if taker else ". ")
            + "Choose another with --port, or --port 0 for a free one."
        )


def listen_often(settings: Settings, count: int) -> list[socket.socket]:
    """Return so many sockets at one address, among which the kernel distributes connections (SO_REUSEPORT).

    Args:
        settings: the address.
        count: how many.
    """
    with listen(settings) as first:  # by itself: another server's must not be joined
        address, family = first.getsockname(), first.family
    return [_listen_at(address[:2], family, is_shared=True) for _ in range(count)]


def _listen_at(address: tuple[str, int], family: int, *, is_shared: bool = False) -> socket.socket:
    listener = socket.create_server(address, family=family, backlog=2048, reuse_port=is_shared)
    # Accepted connections inherit it; without it an answer's body waits for a delayed ACK, 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _find_listener(port: int) -> str | None:
    """Return the name and the pid of the program that listens on a port; None where that is not told.

    The sockets of other users' programs are told to root alone.
    """
    inodes = _find_sockets(port)
    for folder in _PROC.glob("[0-9]*") if inodes else ():
        try:
            held = {os.readlink(link) for link in (folder / "fd").iterdir()}
            if held & inodes:
                name = (folder / "comm").read_text(errors="replace").strip()
                return f"{name} (pid {folder.name})"
        except OSError:
            continue  # it is gone, or somebody else's
    return None


def _find_sockets(port: int) -> set[str]:
    """Return the sockets that listen on a port, as links of open files name them."""
    found: set[str] = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            number = re.fullmatch(r"[0-9A-F]+:([0-9A-F]{4})", fields[1])
            if number and int(number[1], 16) == port and fields[3] == _LISTENING:
                found.add(f"socket:[{fields[9]}]")
    return found
