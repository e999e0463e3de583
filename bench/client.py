"""A client of a few lines, so that a load measures the server and not the client."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Self
from urllib.parse import urlsplit

KEY = "sk-bench"


class Client:
    """One kept-alive connection that speaks just enough HTTP/1.1 to load a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.poll_after = 0.0
        """Seconds that the last answer asked a polling client to wait for; 0 where it did not."""

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(cls, url: str) -> AsyncGenerator[Self]:
        """A connection to the server of `url`, closed at the end."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """Send a request and return the JSON of its answer."""
        await self._send(method, path, body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        content = await self._reader.readexactly(_number(answer, b"content-length: "))
        self.poll_after = _number(answer, b"openai-poll-after-ms: ") / 1000
        assert answer.startswith(b"http/1.1 200"), content
        return json.loads(content)

    async def _send(self, method: str, path: str, body: object) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {KEY}\r\n"
            f"OpenAI-Beta: assistants=v2\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        self._writer.write(head.encode() + data)
        await self._writer.drain()

    async def events(self, path: str, body: object) -> AsyncIterator[tuple[float, bytes]]:
        """Post, and yield each line of data of the stream that answers, with the time it came."""
        rest = b""
        async for piece in self._stream("POST", path, body):
            *lines, rest = (rest + piece).split(b"\n")
            now = time.perf_counter()
            for line in lines:
                if line.startswith(b"data: "):
                    yield now, line[6:]

    async def get_stream(self, path: str) -> bytes:
        """Get a stream, and return all of it."""
        return b"".join([piece async for piece in self._stream("GET", path, None)])

    async def _stream(self, method: str, path: str, body: object) -> AsyncIterator[bytes]:
        """Send a request, and yield what comes of the stream that answers, as the server cut it."""
        await self._send(method, path, body)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200"), head
        while size := int(await self._reader.readline(), 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readline()


def _number(head: bytes, header: bytes) -> int:
    """The number in a header of an answer; 0 where it has no such header."""
    return int(head.partition(header)[2].partition(b"\r\n")[0] or 0)
