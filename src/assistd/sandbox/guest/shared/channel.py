"""One end of a zygote channel: messages as JSON in packets, and named descriptors beside them.

Neither end can block the other: what the socket does not take waits here.
"""

import errno
import json
import os
import select
import socket
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

MESSAGE_BYTES = 1 << 16
MOST_DESCRIPTORS = 8  # a session joins as many control groups as there are hierarchies

_NAMES = "with"
_LATER = {errno.EAGAIN, errno.ENOBUFS, errno.ETOOMANYREFS}


class Channel:
    """The guest's end of a channel; made non-blocking by the first `send`."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._unsent: deque[tuple[bytes, list[int]]] = deque()

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._end.fileno()

    @property
    def events(self) -> int:
        """What to poll it for."""
        return select.POLLIN | (select.POLLOUT if self._unsent else 0)

    def send(
        self, message: Mapping[str, Any], descriptors: Mapping[str, int] | None = None
    ) -> None:
        """Send a message, now or when there is room; its descriptors are closed then.

        Raises:
            OSError: the other end is gone.
        """
        self._end.setblocking(False)  # noqa: FBT003
        named = descriptors or {}
        self._unsent.append((packet(message, named), list(named.values())))
        self.flush()

    def flush(self) -> None:
        """Send what waits and finds room.

        Raises:
            OSError: the other end is gone.
        """
        while self._unsent:
            message, descriptors = self._unsent[0]
            try:
                socket.send_fds(self._end, [message], descriptors)
            except OSError as error:
                if error.errno in _LATER:
                    return
                raise
            self._unsent.popleft()
            close_all(descriptors)

    def receive(self) -> tuple[dict[str, Any], dict[str, int]] | None:
        """Return the next message and its descriptors; None when the other end is gone.

        Raises:
            BlockingIOError: there is none now.
        """
        return receive(self._end)

    def receive_or_leave(self) -> tuple[dict[str, Any], dict[str, int]]:
        """Return the next message, waited for.

        Raises:
            ConnectionError: the other end is gone.
        """
        received = self.receive()
        if received is None:
            raise ConnectionResetError("the other end is gone")
        return received

    def detach(self) -> None:
        """Let go of the socket: whoever closes all descriptors closes it."""
        self._end.detach()


def packet(message: Mapping[str, Any], descriptors: Mapping[str, int]) -> bytes:
    """Return a message as it is sent beside these descriptors, in their order."""
    return json.dumps({**message, _NAMES: list(descriptors)}).encode()


def receive(end: socket.socket) -> tuple[dict[str, Any], dict[str, int]] | None:
    """Return the next message of a channel's socket; see `Channel.receive`.

    Raises:
        BlockingIOError: there is none now.
        ValueError, TypeError, AttributeError, RecursionError: it is no message.
    """
    try:
        data, descriptors, _, _ = socket.recv_fds(end, MESSAGE_BYTES, MOST_DESCRIPTORS)
    except BlockingIOError:
        raise
    except OSError:
        return None
    if not data:
        return None
    try:
        message = json.loads(data)
        return message, dict(zip(message.pop(_NAMES, ()), descriptors, strict=True))
    except BaseException:
        close_all(descriptors)
        raise


def close_all(descriptors: Iterable[int]) -> None:
    """Close each of them."""
    for descriptor in descriptors:
        os.close(descriptor)
