"""All that an SDK client sent and received: requests, answers and the events of streams, as bytes."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass(frozen=True)
class Event:
    """One event of a stream: its name and its data, parsed; the last one's data is `[DONE]`."""

    name: str
    data: Any


@dataclass
class Exchange:
    """One request and its answer."""

    method: str
    path: str
    status: int
    headers: httpx.Headers
    v1: bool = False
    """Whether it was asked in the shapes of v1, of which the specification says nothing."""
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False
    """Whether the answer was read to its end."""

    @property
    def streamed(self) -> bool:
        """Whether the answer was a stream of events."""
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def abandoned(self) -> bool:
        """Whether the client hung up before the answer was over."""
        return not self.complete and not self.body.endswith(b"data: [DONE]\n\n")

    @property
    def of_responses(self) -> bool:
        """Whether it is one of the Responses API, whose streams and objects are others."""
        return re.search(r"/(responses|conversations|containers)(/|$)", self.path) is not None

    @property
    def json(self) -> Any:
        """The answer's body."""
        return json.loads(self.body)

    @property
    def events(self) -> list[Event]:
        """The answer's events; comments are left out, and so is a frame that a client left in its middle."""
        *frames, rest = self.body.split(b"\n\n")
        assert self.abandoned or not rest, f"the stream ends within a frame: {rest!r}"
        return [_event(frame.decode()) for frame in frames if not frame.startswith(b":")]


class Wire:
    """Records the exchanges of the clients that were built on its transports.

    Args:
        keeps_alive: whether clients use a connection again; else each request may meet another process of a server.
    """

    def __init__(self, *, keeps_alive: bool = True) -> None:
        self.exchanges: list[Exchange] = []
        kept = 20 if keeps_alive else 0
        self.limits = httpx.Limits(max_connections=100, max_keepalive_connections=kept)

    @property
    def last(self) -> Exchange:
        """The newest exchange."""
        return self.exchanges[-1]

    def streams(self) -> list[list[Event]]:
        """The events of every stream so far, oldest first."""
        return [exchange.events for exchange in self.exchanges if exchange.streamed]

    def sent(self, method: str, end: str) -> int:
        """How many requests of this method went to a path that ends so."""
        return sum(
            1 for each in self.exchanges if each.method == method and each.path.endswith(end)
        )

    def transport(self) -> httpx.BaseTransport:
        """A transport that records."""
        return _Transport(self)

    def async_transport(self) -> httpx.AsyncBaseTransport:
        """The same for async clients."""
        return _AsyncTransport(self)

    def begin(self, request: httpx.Request, response: httpx.Response) -> Exchange:
        """Record the head of an answer."""
        exchange = Exchange(
            request.method,
            request.url.path,
            response.status_code,
            response.headers,
            v1=_asks_for_v1(request),
        )
        self.exchanges.append(exchange)
        return exchange


class _Transport(httpx.BaseTransport):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._inner = httpx.HTTPTransport(limits=wire.limits)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        exchange = self._wire.begin(request, response)
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Tee(response.stream, exchange)
        return response

    def close(self) -> None:
        self._inner.close()


class _AsyncTransport(httpx.AsyncBaseTransport):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._inner = httpx.AsyncHTTPTransport(limits=wire.limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        exchange = self._wire.begin(request, response)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _AsyncTee(response.stream, exchange)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Tee(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream, exchange: Exchange) -> None:
        self._inner = inner
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._inner:
            self._exchange.body += chunk
            yield chunk
        self._exchange.complete = True

    def close(self) -> None:
        self._inner.close()


class _AsyncTee(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, exchange: Exchange) -> None:
        self._inner = inner
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._exchange.body += chunk
            yield chunk
        self._exchange.complete = True

    async def aclose(self) -> None:
        await self._inner.aclose()


def _asks_for_v1(request: httpx.Request) -> bool:
    beta = request.headers.get("openai-beta")
    if beta is not None:
        return "assistants=v1" in beta and "assistants=v2" not in beta
    return request.url.params.get("api-version", "").startswith(("2023-", "2024-02-"))


def _event(frame: str) -> Event:
    name, data = frame.split("\n")
    assert name.startswith("event: "), frame
    assert data.startswith("data: "), frame
    text = data.removeprefix("data: ")
    return Event(name.removeprefix("event: "), text if text == "[DONE]" else json.loads(text))
