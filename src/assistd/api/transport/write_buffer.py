"""Where responses go out: a response's head leaves with the first of its body, in one write."""

import asyncio
from typing import Any


class WriteBuffer:
    """Stands in for the transport that uvicorn writes a response to.

    uvicorn writes head and body one after the other, and uvloop sends each at once: two system calls,
    each of which wakes the client. What is written here leaves with `flush`, at the latest in the
    next turn of the event loop.

    Args:
        transport: the client's.
        loop: the event loop.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Take what is to be sent."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)

    def flush(self) -> None:
        """Send what was taken."""
        if self._held:
            held, self._held = self._held, []
            self._transport.writelines(held)

    def close(self) -> None:
        """Close the connection, once all is sent."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether the connection is closed, or about to be."""
        return self._transport.is_closing()

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def set_write_buffer_limits(self, high: int | None = None) -> None:
        """Say how many bytes may wait until writing is paused."""
        self._transport.set_write_buffer_limits(high)

    def get_extra_info(self, name: str) -> Any:
        """Return what the transport knows, such as its socket."""
        return self._transport.get_extra_info(name)
