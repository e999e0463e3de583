"""Machines of a cluster under test: network namespaces, each with a cable to one switch.

The thread that opens the network moves into a namespace of its own, where the switch is, and whatever it starts
from then on is there, too. So nothing of it can be seen outside, any number of tests have one at once, and the
kernel removes all of it with the last process and descriptor, however the tests end. No namespace has a name.

Where namespaces are not permitted, all machines are this one, at addresses of its loopback device.
"""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from assistd.sandbox.guest.shared import syscalls

_CLONE_NEWNET = 0x40000000
_OWN = "/proc/thread-self/ns/net"
_SUBNET = "10.77.0"


class Machine:
    """A machine with an address.

    Args:
        address: of the machine.
        namespace: the open file of its network namespace; None where it has none of its own.
        cable: the switch's end of its cable.
    """

    def __init__(self, address: str, namespace: int | None = None, cable: str = "") -> None:
        self.address = address
        self.is_cut = False
        self._namespace = namespace
        self._cable = cable

    def at(self, *command: object) -> list[str]:
        """The command that runs another one there."""
        words = [str(each) for each in command]
        if self._namespace is None:
            return words
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self._namespace}", *words]

    def cut(self) -> None:
        """Cut its cable."""
        self._set("down")
        self.is_cut = True

    def mend(self) -> None:
        """Mend its cable."""
        self._set("up")
        self.is_cut = False

    def _set(self, state: str) -> None:
        if not self._cable:
            pytest.skip("without network namespaces (root) there is no cable to cut")
        ip("link", "set", self._cable, state)


class Network:
    """The machines; the first one is where this thread is. `opening` makes it."""

    def __init__(self, why_not: str = "") -> None:
        self.why_not = why_not
        """Why there are no namespaces; nothing where there are."""
        self._namespaces: list[int] = []
        self.own = Machine("127.0.0.1" if why_not else f"{_SUBNET}.1")

    @property
    def is_real(self) -> bool:
        """Whether machines are namespaces."""
        return not self.why_not

    def add(self) -> Machine:
        """Add a machine."""
        number = len(self._namespaces) + 11
        if not self.is_real:
            return Machine("127.0.0.1")
        cable, path = f"cable{number}", f"/proc/{os.getpid()}/fd/{self._make_namespace()}"
        ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", path)
        ip("link", "set", cable, "master", "switch", "up")
        made = Machine(f"{_SUBNET}.{number}", self._namespaces[-1], cable)
        for words in ("addr add {0}/24 dev eth0", "link set eth0 up", "link set lo up"):
            run(made.at("ip", *words.format(made.address).split()))
        return made

    def close(self) -> None:
        """Let go of the machines, which are gone once nothing runs there."""
        for each in self._namespaces:
            os.close(each)

    def _make_namespace(self) -> int:
        here = os.open(_OWN, os.O_RDONLY)
        try:
            syscalls.unshare(_CLONE_NEWNET)
            self._namespaces.append(os.open(_OWN, os.O_RDONLY))
        finally:
            syscalls.setns(here, _CLONE_NEWNET)
            os.close(here)
        return self._namespaces[-1]


@contextmanager
def opening() -> Generator[Network]:
    """Open a network; this thread is in it until the block ends."""
    outside = os.open(_OWN, os.O_RDONLY)
    try:
        network = _try_namespaces(outside)
        try:
            yield network
        finally:
            network.close()
            if network.is_real:
                syscalls.setns(outside, _CLONE_NEWNET)
    finally:
        os.close(outside)


def _try_namespaces(outside: int) -> Network:
    try:
        syscalls.unshare(_CLONE_NEWNET)
    except OSError as error:
        return Network(f"network namespaces are not permitted: {error}")
    try:
        for words in (
            "link set lo up",
            "link add switch type bridge",
            f"addr add {_SUBNET}.1/24 dev switch",
            "link set switch up",
            "link add cable type veth peer name other",
            "link delete cable",
        ):
            ip(*words.split())
    except (OSError, subprocess.CalledProcessError) as error:
        syscalls.setns(outside, _CLONE_NEWNET)
        return Network(f"no bridge and cables can be made: {error}")
    return Network()


def ip(*words: str) -> None:
    """Run iproute2's `ip`."""
    run(["ip", *words])


def run(command: list[str]) -> str:
    """What a command prints; raises where it fails."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


def list_listening(machine: Machine) -> set[int | str]:
    """The TCP ports that somebody listens at on a machine, and the abstract unix sockets."""
    ports = run(machine.at("ss", "-Hltn")).splitlines()
    sockets = run(machine.at("ss", "-Hlx")).splitlines()
    names = {line.split()[4].partition(" ")[0] for line in sockets}
    return {int(line.split()[3].rpartition(":")[2]) for line in ports} | {
        name for name in names if name.startswith("@")
    }
