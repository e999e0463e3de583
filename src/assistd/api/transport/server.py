"""The HTTP server: uvicorn's, which ends stalled connections, and leaves signals to its caller."""

import socket
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from assistd.api.transport.connection import Connection


class Server(uvicorn.Server):
    """A uvicorn server whose caller handles signals, to close the rooms before the process ends.

    Args:
        app: handles the requests.
        last_seconds: how long the last responses may take when the server stops.
        end_streams: awaited first when the server stops, so that responses which stream say so and end.
        request_seconds: how long a client may take to send a request.
        response_seconds: how long a client may leave a response unread.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        last_seconds: int,
        end_streams: Callable[[], Awaitable[None]],
        request_seconds: float,
        response_seconds: float,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=last_seconds,
        )
        super().__init__(config)
        self._end_streams = end_streams
        self._request_seconds = request_seconds
        self._response_seconds = response_seconds

    async def on_tick(self, counter: int) -> bool:
        """End stalled connections once per second; uvicorn calls this every tenth of one."""
        if counter % 10 == 0:
            for connection in cast("set[Connection]", self.server_state.connections.copy()):
                connection.end_stalled(self._request_seconds)
                connection.end_unread(self._response_seconds)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then wait for the last responses."""
        await self._end_streams()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Do nothing: uvicorn would end the process by the signal that it caught."""
        yield
