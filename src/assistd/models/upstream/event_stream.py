"""The server-sent events of an upstream, as JSON."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import cast

import aiohttp

from assistd.models.upstream.errors import UnreachableError, UpstreamError

_DONE = b"[DONE]"
_LAST_BYTES_SECONDS = 0.05


class EventStream:
    """The server-sent events of one answer: each one's data, as JSON (WHATWG HTML, section 9.2).

    Args:
        response: its head has come.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._events = _events(response.content)
        self._done = False

    @property
    def content_type(self) -> str:
        """What the answer says it is; `nothing` where it does not."""
        return self._response.headers.get("content-type", "nothing").partition(";")[0]

    async def next(self) -> object | None:
        """Return the next event's JSON, or None at the end.

        Raises:
            ValueError: it is no JSON.
            UpstreamError: it tells of an error.
            UnreachableError: the connection broke.
        """
        try:
            data = await anext(self._events, _DONE)
        except aiohttp.ClientError as error:
            raise UnreachableError(str(error)) from error
        if data.startswith(_DONE):
            self._done = True
            return None
        value: object = json.loads(data)
        error = cast("dict[str, object]", value).get("error") if isinstance(value, dict) else None
        if error:
            raise UpstreamError(error)
        return cast("object", value)

    async def close(self) -> None:
        """Let the connection go: for the next request where all was read, else for good."""
        await self._events.aclose()
        if self._done:
            with suppress(TimeoutError, aiohttp.ClientError):
                async with asyncio.timeout(_LAST_BYTES_SECONDS):
                    await self._response.content.readany()  # the end of the body itself
        else:
            self._response.close()
        self._response.release()


async def _events(content: aiohttp.StreamReader) -> AsyncGenerator[bytes]:
    """Yield the data of each event; its lines joined, as sent."""
    data: list[bytes] = []
    async for line in _lines(content):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []
    if data:  # some upstreams end without the last blank line
        yield b"\n".join(data)


async def _lines(content: aiohttp.StreamReader) -> AsyncGenerator[bytes]:
    rest = b""
    async for piece in content.iter_any():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")
    yield rest
