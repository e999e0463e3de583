"""Responds with bytes of a file that never enter this process: ASGI's extension for zero copies."""

import asyncio
import os
from io import FileIO
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from assistd.api.transport.write_buffer import WriteBuffer

ZERO_COPY = "http.response.zerocopysend"
"""The message's type, and the extension's name in the scope (ASGI, "Zero Copy Send")."""

_MOST_BYTES = 4 << 20  # that one thread sends at a time


class OpenFileResponse(StreamingResponse):
    """Responds with an open file, and closes it.

    Args:
        file: the file.
        size: how many of its bytes, from the first on.
    """

    def __init__(self, file: FileIO, size: int) -> None:
        super().__init__(())
        self._file = file
        self._size = size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        with self._file:
            await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """Send it all; cancelled where the client goes away."""
        head: Message = {"type": "http.response.start", "status": self.status_code}
        await send({**head, "headers": self.raw_headers})
        await send({"type": ZERO_COPY, "file": self._file, "count": self._size})


class SendFile:
    """ASGI middleware that understands `http.response.zerocopysend` as the last message of a response.

    Args:
        app: what is behind it.
        cycle: uvicorn's state of the request and its response.
    """

    def __init__(self, app: ASGIApp, cycle: RequestResponseCycle) -> None:
        self._app = app
        self._cycle = cycle
        self._buffer = WriteBuffer(cycle.transport, asyncio.get_running_loop())
        cycle.transport = self._buffer  # pyright: ignore[reportAttributeAccessIssue]  all of it that uvicorn uses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def send_any(message: Message) -> None:
            if message["type"] == ZERO_COPY:
                self._buffer.flush()
                await self._send_file(message["file"].fileno(), message["count"])
                message = {"type": "http.response.body"}
            await send(message)
            if message["type"] == "http.response.body":
                self._buffer.flush()

        scope["extensions"] = {ZERO_COPY: {}}
        await self._app(scope, receive, send_any)

    async def _send_file(self, source: int, size: int) -> None:
        cycle, transport = self._cycle, self._cycle.transport
        if cycle.disconnected:
            return
        transport.set_write_buffer_limits(0)  # what was written before goes first
        await cycle.flow.drain()
        if cycle.disconnected:
            return
        transport.set_write_buffer_limits()
        try:
            await _copy(source, transport.get_extra_info("socket").fileno(), size)
        except ConnectionError:  # the client went away; uvicorn may not have noticed yet
            cycle.disconnected = True
            transport.abort()
        cycle.expected_content_length -= size


async def _copy(source: int, target: int, size: int) -> None:
    """Send the first `size` bytes of a file through a socket that does not block.

    Raises:
        ConnectionError: the other side is gone.
        EOFError: the file has fewer.
    """
    # Descriptors of our own: those of the caller may be closed while a thread is still at it.
    source, target = os.dup(source), os.dup(target)
    loop = asyncio.get_running_loop()
    sending: asyncio.Future[Any] = loop.create_future()
    sending.set_result(0)
    try:
        # As far ahead as the kernel goes, in large pages; POSIX_FADV_WILLNEED takes small ones, at
        # four times the cost of the whole transfer.
        os.posix_fadvise(source, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        sent = 0
        while sent < size:
            await _writable(target)
            count = min(size - sent, _MOST_BYTES)
            sending = loop.run_in_executor(None, _send_some, target, source, sent, count)
            sent += await asyncio.shield(sending)
    finally:
        sending.add_done_callback(lambda done: _finish(done, source, target))


def _finish(sending: asyncio.Future[Any], *descriptors: int) -> None:
    """Close what was used until now; asyncio complains of a failure that nobody looked at, such as a hang-up."""
    for each in descriptors:
        os.close(each)
    if not sending.cancelled():
        sending.exception()


async def _writable(target: int) -> None:
    """Wait until a socket takes bytes, or fails."""
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_writer(target, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(target)


def _send_some(target: int, source: int, offset: int, count: int) -> int:
    try:
        sent = os.sendfile(target, source, offset, count)
    except BlockingIOError:
        return 0
    if not sent:
        raise EOFError(f"the file ends after {offset} bytes")
    return sent
