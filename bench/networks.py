"""Links between this machine and hosts on it: a network namespace and a veth pair for each, or loopback."""

import itertools
import os
import shutil
import socket
import subprocess
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host runs.

    Args:
        prefix: of a command, to run it there.
        address: of the host.
        api: the address that the host reaches this process by.
    """

    prefix: tuple[str, ...]
    address: str
    api: str


def can_link() -> bool:
    """Return whether hosts get networks of their own: that takes root."""
    programs = all(map(shutil.which, ("ip", "nsenter")))
    return os.geteuid() == 0 and programs


@contextmanager
def linked_places(count: int) -> Generator[list[Place]]:
    """Places for so many hosts; nothing of them is left at the end."""
    with ExitStack() as stack:
        if can_link():
            yield [stack.enter_context(_veth()) for _ in range(count)]
        else:
            yield [Place((), f"127.0.0.{2 + number}", "127.0.0.1") for number in range(count)]


@contextmanager
def _veth() -> Generator[Place]:
    """A network namespace, linked to this one by a veth pair."""
    number = next(_numbers)
    name = f"bench-{os.getpid()}-{number}"
    here, there = f"b{os.getpid()}-{number}", f"c{os.getpid()}-{number}"
    net = f"10.{64 + os.getpid() % 64}.{number}"
    _ip(f"netns add {name}")
    try:
        _ip(f"link add {here} type veth peer name {there} netns {name}")
        _ip(f"addr add {net}.1/24 dev {here}")
        _ip(f"link set {here} up")
        _ip(f"-n {name} addr add {net}.2/24 dev {there}")
        _ip(f"-n {name} link set {there} up")
        _ip(f"-n {name} link set lo up")
        yield Place(("nsenter", f"--net=/run/netns/{name}"), f"{net}.2", f"{net}.1")
    finally:
        _ip(f"netns del {name}")  # the pair goes with it


def _ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True)


def find_free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("0.0.0.0", 0)) as free:
        port: int = free.getsockname()[1]
        return port
