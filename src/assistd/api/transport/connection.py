"""A client's connection: HTTP/1.1 as uvicorn speaks it, with bounds on what a request may cost before it is whole."""

import fcntl
import json
import socket
import sys
import termios
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from assistd import ids
from assistd.api.errors import envelope
from assistd.api.transport.read_buffer import ReadBuffer
from assistd.api.transport.sendfile import SendFile

_MAX_HEAD = 64 << 10  # bytes of a request's first line and headers, or of trailers
_LEAST_RATE = (
    1 << 10
)  # bytes per second of a body; the slowest lines that people have bring some 5 KiB
_LAST_REQUEST_SECONDS = 1.0  # in which one that is on its way comes, when the server stops
_LEAST_TAKEN = 1 << 10  # bytes of a response that a client must take while the patience lasts


_TOO_LARGE = f"The request's head is larger than {_MAX_HEAD} bytes."


class Connection(HttpToolsProtocol):
    """Bounds slow and oversized requests, and responses that nobody reads.

    uvicorn has no timeout for receiving a request and no limit on the bytes of its headers, so a client
    without a key could hold a connection, or grow our memory, for ever.

    A request is owed from the first word of its head to the last of its body. It is refused where its
    head is too large, and where `end_stalled` finds that it does not come. `end_unread` hangs up on a
    client that does not take its response.
    """

    _in_head = True
    _gathered = 0  # bytes since the last that belonged to a body
    _came = 0  # bytes since the patience began
    _body_left = 0  # bytes that are to come, where the head said so
    _owed_since: float | None = None  # when that was; None while no request is owed
    _fields_of_head = 0  # how many headers; what follows behind the body are trailers
    _refusal: str | None = None  # what is wrong with what is being parsed
    _is_last = False  # whether its next response is its last one, for the server stops
    _unread = 0  # the most bytes that waited for the client since it last took some
    _unread_since: float | None = None  # when that was; None while none wait

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a client's first request."""
        super().connection_made(transport)
        transport.set_protocol(ReadBuffer(self, lambda: self._body_left))
        self._owed_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self._gathered += len(data)
        self._came += len(data)
        # What comes ahead of its turn is owed only once the response before it is given.
        if self._owed_since is None and not self._is_responding:
            self._owed_since = self.loop.time()
        super().data_received(data)
        if self._gathered > _MAX_HEAD:
            self._refuse(HTTPStatus.BAD_REQUEST, _TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Take a head that is whole.

        Raises:
            ValueError: it is too large; the parser has uvicorn refuse the request.
        """
        self._require_small(len(self.url), self.headers)
        self._fields_of_head = len(self.headers)
        target = self.url
        if not _names_path(target):
            self.url = b"/"  # uvicorn knows no other targets (RFC 9112, section 3.2)
        super().on_headers_complete()
        if self._is_last:
            self.cycle.keep_alive = False
        self._in_head, self._gathered, self._came = False, 0, 0
        self._owed_since = self.loop.time()
        lengths = [value for name, value in self.headers if name == b"content-length"]
        self._body_left = int(lengths[0]) if lengths else 0
        if self.scope["method"] == "CONNECT" or target == b"*":
            self.scope["raw_path"] = target
        assert self.parser
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False  # what follows would not be parsed

    def on_body(self, body: bytes) -> None:
        """Take a part of the body; what stands between such parts, and behind the last, is as bounded as a head."""
        self._gathered = 0
        self._body_left -= len(body)
        if self.cycle.body or self.cycle.response_complete:
            super().on_body(body)
            return
        super().on_body(b"")
        # Else it is copied twice; what is added to bytes would copy them each time.
        whole = body if len(body) > HIGH_WATER_LIMIT else bytearray(body)
        self.cycle.body = whole  # pyright: ignore[reportAttributeAccessIssue]
        if len(body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """Take the end of a request; what comes next is a head.

        Raises:
            ValueError: its trailers are too large.
        """
        self._require_small(0, self.headers[self._fields_of_head :])
        self._in_head, self._gathered, self._came, self._owed_since = True, 0, 0, None
        super().on_message_complete()

    def shutdown(self) -> None:
        """Close the connection, as the server stops: after the response to a request that is on its way.

        uvicorn would close one that was just made, before its request has come.
        """
        if self._owed_since is None or not self._in_head:
            super().shutdown()
            return
        self._is_last = True
        self.loop.call_later(_LAST_REQUEST_SECONDS, self._close_without_request)

    def _close_without_request(self) -> None:
        if self._in_head and not self._is_responding:
            self.transport.close()

    def end_stalled(self, patience: float) -> None:
        """Refuse a request that is owed for `patience` seconds: a head, or the next bit of a body."""
        if self._owed_since is None:
            return
        now = self.loop.time()
        enough = self._came >= _LEAST_RATE * max(patience, now - self._owed_since)
        if not self._in_head and (enough or self._keeps_waiting):
            self._owed_since, self._came = now, 0
        elif now - self._owed_since > patience:
            what = "head" if self._in_head else "body"
            self._refuse(
                HTTPStatus.REQUEST_TIMEOUT,
                f"The {what} of your request did not come within {patience:g} seconds.",
            )

    def end_unread(self, patience: float) -> None:
        """Hang up where bytes wait for the client, and it takes less than a KiB of them in `patience` seconds."""
        unread, now = self._count_unread(), self.loop.time()
        if not unread:
            self._unread_since = None
        elif self._unread_since is None or unread <= self._unread - _LEAST_TAKEN:
            self._unread, self._unread_since = unread, now
        elif now - self._unread_since > patience:
            self.transport.abort()
        else:
            self._unread = max(self._unread, unread)

    def _count_unread(self) -> int:
        """Return how many bytes the client has not acknowledged: those that wait here, and in the kernel."""
        sock: socket.socket | None = self.transport.get_extra_info("socket")
        if sock is None or sock.fileno() < 0:
            return 0
        in_kernel = bytearray(4)
        with suppress(OSError):  # it was closed just now
            fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, in_kernel)  # of a socket: SIOCOUTQ, tcp(7)
        waiting: int = self.transport.get_write_buffer_size()
        return waiting + int.from_bytes(in_kernel, sys.byteorder)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, as uvicorn asks for, but in OpenAI's shape."""
        self._refuse(HTTPStatus.BAD_REQUEST, self._refusal or msg)

    def _require_small(self, size: int, fields: Sequence[tuple[bytes, bytes]]) -> None:
        """Raise ValueError where `size` bytes and these headers or trailers are too many."""
        if size + sum(len(name) + len(value) for name, value in fields) > _MAX_HEAD:
            self._refusal = _TOO_LARGE
            raise ValueError(self._refusal)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        served: Any = SendFile(app, cycle)  # uvicorn has types of its own for the same
        super()._start_asgi_task(cycle, served)

    @property
    def _is_responding(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    @property
    def _keeps_waiting(self) -> bool:
        """Whether the client waits for us to take more of its body."""
        return self.flow.read_paused or self.cycle.waiting_for_100_continue

    @property
    def _owes_response(self) -> bool:
        """Whether the client has begun a request, and has no response to it yet."""
        if self._in_head:
            return self._came > 0 and not self._is_responding
        return not self.cycle.response_started

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        if self.transport.is_closing():
            return
        self._owed_since = None
        if self._owes_response:
            body = json.dumps(envelope(status, message), indent=2).encode()
            head = (
                f"HTTP/1.1 {status} {status.phrase}\r\nx-request-id: {ids.new_request_id()}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
                "connection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()


def _names_path(target: bytes) -> bool:
    """Tell whether the target of a request has a path: as it is, or behind the name of a host."""
    if target.startswith(b"/"):
        return True
    _, mark, rest = target.partition(b"://")
    return bool(mark) and b"/" in rest
