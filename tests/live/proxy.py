"""A proxy before a live server, for clients in other processes: what they exchange is recorded and judged too."""

import threading
from collections.abc import AsyncIterator

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.live.server import wait_until
from tests.live.wire import Wire

_OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "host", "date", "server"}
_METHODS = ["GET", "POST", "DELETE"]


class Proxy:
    """Passes every request on to a server; use it as a context manager.

    Args:
        root: the server's address, without `/v1`.
        wire: where exchanges are recorded.
    """

    def __init__(self, root: str, wire: Wire) -> None:
        self._root = root
        self._wire = wire
        app = Starlette(routes=[Route("/{path:path}", self._pass_on, methods=_METHODS)])
        config = uvicorn.Config(app, port=0, log_config=None, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)

    @property
    def root(self) -> str:
        """The proxy's own address."""
        (listener,) = self._server.servers[0].sockets
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def __enter__(self) -> "Proxy":
        self._thread.start()
        wait_until(lambda: self._server.started, "the start of the proxy")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)

    async def _pass_on(self, request: Request) -> Response:
        client = httpx.AsyncClient(transport=self._wire.async_transport(), timeout=60)
        answer = await client.send(
            client.build_request(
                request.method,
                httpx.URL(self._root + request.url.path, query=request.url.query.encode()),
                headers=_passed_on(request.headers.items()),
                content=request.stream() if request.method == "POST" else None,
            ),
            stream=True,
        )

        async def body() -> AsyncIterator[bytes]:
            try:
                async for chunk in answer.aiter_raw():
                    yield chunk
            finally:
                await answer.aclose()
                await client.aclose()

        headers = dict(_passed_on(answer.headers.items()))
        return StreamingResponse(body(), answer.status_code, headers)


def _passed_on(headers: object) -> list[tuple[str, str]]:
    return [(key, value) for key, value in headers if key.lower() not in _OF_THE_CONNECTION]  # type: ignore[attr-defined]
