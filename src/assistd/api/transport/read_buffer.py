"""Where clients' bytes come in: one buffer for all of them, from which each is taken at once."""

import asyncio
from collections.abc import Callable

_MOST_BYTES = 1 << 20  # uvloop by itself reads a quarter, which is four times the steps
_LEAST_BYTES = 64 << 10  # what may be requests is read little by little: each costs memory
_BUFFER = memoryview(bytearray(_MOST_BYTES))


class ReadBuffer(asyncio.BufferedProtocol):
    """Reads for a protocol that takes bytes.

    Args:
        protocol: gets a view that is valid during the call, and all that a transport reports.
        expected: how many bytes are known to come before the next request begins.
    """

    def __init__(self, protocol: asyncio.Protocol, expected: Callable[[], int]) -> None:
        self._expected = expected
        self._take: Callable[[memoryview], None] = protocol.data_received  # pyright: ignore[reportAttributeAccessIssue]  any buffer does
        self.eof_received = protocol.eof_received
        self.connection_lost = protocol.connection_lost
        self.pause_writing = protocol.pause_writing
        self.resume_writing = protocol.resume_writing

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to read to."""
        del sizehint
        return _BUFFER[: max(_LEAST_BYTES, min(self._expected(), _MOST_BYTES))]

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes came."""
        self._take(_BUFFER[:nbytes])
