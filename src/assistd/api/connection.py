"""A client's connection: HTTP/1.1 as uvicorn speaks it, with bounds on what a request may cost before it is whole."""

import json
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from assistd import ids
from assistd.api.errors import envelope
from assistd.api.inbox import Inbox
from assistd.api.zero_copy import ZeroCopy

_MAX_HEAD = 64 << 10  # bytes of a request's first line and headers, or of trailers
_STEADY = 1 << 10  # bytes that a body must bring while the patience lasts, to be slow and no stall


class Connection(HttpToolsProtocol):
    """Ends what uvicorn would wait for, or gather in memory, without an end, for anybody, key or no key.

    A request is owed from the first word of its head to the last of its body. It is refused where its
    head is too large, and where `end_stalled` finds that it does not come.
    """

    _in_head = True
    _gathered = 0  # bytes since the last that belonged to a body
    _came = 0  # bytes since the patience began
    _body_left = 0  # bytes that are to come, where the head said so
    _owed_since: float | None = None  # when that was; None while no request is owed

    def connection_made(self, transport: Any) -> None:
        """A client is there, and owes us a request."""
        super().connection_made(transport)
        transport.set_protocol(Inbox(self, lambda: self._body_left))
        self._owed_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self._gathered += len(data)
        self._came += len(data)
        # What comes ahead of its turn is owed only once the answer before it is given.
        if self._owed_since is None and not self._answering:
            self._owed_since = self.loop.time()
        super().data_received(data)
        if self._gathered > _MAX_HEAD:
            self._refuse(
                HTTPStatus.BAD_REQUEST, f"The request's head is larger than {_MAX_HEAD} bytes."
            )

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head, self._gathered, self._came = False, 0, 0
        self._owed_since = self.loop.time()
        lengths = [value for name, value in self.headers if name == b"content-length"]
        self._body_left = int(lengths[0]) if lengths else 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body; what stands between such parts, and behind the last, is as bounded as a head."""
        self._gathered = 0
        self._body_left -= len(body)
        if self.cycle.body or self.cycle.response_complete:
            super().on_body(body)
            return
        super().on_body(b"")
        self.cycle.body = body  # pyright: ignore[reportAttributeAccessIssue]  else it is copied twice
        if len(body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """The request is whole; what comes next is a head."""
        self._in_head, self._gathered, self._came, self._owed_since = True, 0, 0, None
        super().on_message_complete()

    def end_stalled(self, patience: float) -> None:
        """Refuse a request that is owed for `patience` seconds: a head, or the next bit of a body."""
        if self._owed_since is None:
            return
        now = self.loop.time()
        if not self._in_head and (self._came >= _STEADY or self._keeps_waiting):
            self._owed_since, self._came = now, 0
        elif now - self._owed_since > patience:
            what = "head" if self._in_head else "body"
            self._refuse(
                HTTPStatus.REQUEST_TIMEOUT,
                f"The {what} of your request did not come within {patience:g} seconds.",
            )

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, as uvicorn asks for, but in OpenAI's shape."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        served: Any = ZeroCopy(app, cycle)  # uvicorn has types of its own for the same
        super()._start_asgi_task(cycle, served)

    @property
    def _answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    @property
    def _keeps_waiting(self) -> bool:
        """Whether the client waits for us to take more of its body."""
        return self.flow.read_paused or self.cycle.waiting_for_100_continue

    @property
    def _owes_answer(self) -> bool:
        """Whether the client has begun a request, and was not answered to it already."""
        if self._in_head:
            return self._came > 0 and not self._answering
        return not self.cycle.response_started

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        if self.transport.is_closing():
            return
        self._owed_since = None
        if self._owes_answer:
            body = json.dumps(envelope(status, message), indent=2).encode()
            head = (
                f"HTTP/1.1 {status} {status.phrase}\r\nx-request-id: {ids.request()}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
                "connection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()
