"""A client's connection: HTTP/1.1 as uvicorn speaks it, with an end to what comes before a body."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MAX_HEAD = 64 << 10  # bytes of a request's first line and headers


class Connection(HttpToolsProtocol):
    """Refuses an endless head, which uvicorn would gather in memory for anybody, key or no key."""

    _in_head = True
    _gathered = 0

    def data_received(self, data: bytes) -> None:
        """Take what came; what is behind a head counts only until that is seen."""
        if self._in_head:
            self._gathered += len(data)
        super().data_received(data)
        if self._in_head and self._gathered > _MAX_HEAD and not self.transport.is_closing():
            self.send_400_response(f"The request's head is larger than {_MAX_HEAD} bytes.")

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head, self._gathered = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole; what comes next is a head."""
        self._in_head = True
        super().on_message_complete()
