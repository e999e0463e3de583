"""No jail at all: sessions as plain children of the zygote, for a host that forbids every wall.

Code can read and change whatever the server's user can, and reach the network. Only resource limits
hold. Chosen by a setting whose name begins with `dangerously_`, never by itself.
"""

import os
import socket

from assistd.sandbox.guest.walls import namespaces_inner, without_namespaces

_MESSAGE_BYTES = 1 << 16


def main(control: int) -> None:
    """Become the zygote of sessions without walls."""
    channel = socket.socket(fileno=control)
    channel.recv(_MESSAGE_BYTES)  # about ids, of which there is but one
    without_namespaces.keep(channel, "dangerously_unconfined", None)


class Unconfined(without_namespaces.Hosted):
    """`Walls` that shut nothing in."""

    def shut_in(self, _uid: int, control: int, out: int, err: int) -> list[int]:
        """Take the session's folder and limits; there is nothing to shut."""
        self.settle(None)
        data = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        namespaces_inner.set_limits(namespaces_inner.limits_of(self.rules, self.own_data))
        return namespaces_inner.arrange_descriptors(control, out, err, data)
