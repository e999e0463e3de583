"""Passes on what another server responds, for as long as the client is there."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

R = TypeVar("R")


class RelayedResponse(Protocol):
    """The response of another server, whose head is there."""

    @property
    def status(self) -> int:
        """Its HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers to pass on."""
        ...

    def pieces(self) -> AsyncGenerator[bytes]:
        """Yield its body."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


async def run_while_connected(request: Request, work: Coroutine[Any, Any, R]) -> R:
    """Return the result of some work, which is cancelled where the client goes away before it is done.

    Args:
        request: its body was read to the end.
        work: what the client waits for.

    Raises:
        ClientDisconnect: the client went away.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_wait_for_disconnect(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Relay(StreamingResponse):
    """Responds with another server's response, piece by piece; hangs up there where the client does here."""

    def __init__(self, relayed: RelayedResponse) -> None:
        headers = dict(relayed.headers)
        if headers.get("content-type", "").startswith("text/event-stream"):
            headers["x-accel-buffering"] = "no"
        self._relayed = relayed
        self._pieces = relayed.pieces()
        super().__init__(self._pieces, relayed.status, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        try:
            async with aclosing(self._pieces):
                await super().__call__(scope, receive, send)
        finally:
            self._relayed.close()
