"""Events -> the frames of a stream, with heartbeats (contract section 6)."""

from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from assistd import metrics
from assistd.engine.feed import Feed

_HEARTBEAT_SECONDS = 15.0


async def _frames(feed: Feed, last: bytes) -> AsyncIterator[bytes]:
    try:
        async for batch in feed.events(_HEARTBEAT_SECONDS):
            if batch:
                frames = (f"event: {event.name}\ndata: {event.data}\n\n" for event in batch)
                yield "".join(frames).encode()
            else:
                yield b": keep-alive\n\n"  # a comment: SDKs ignore it, proxies keep the connection
    finally:
        feed.end()  # a client that went away: nothing more is kept for it
    if last:
        yield last


class _Stream(StreamingResponse):
    """Sends its head together with the first frames: until then the run has the processor.

    It has no task that listens for the client to go away: uvicorn drops what nobody reads.
    """

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        metrics.HTTP_STREAMS_ACTIVE.add()
        try:
            await self._send_frames(send)
        finally:
            metrics.HTTP_STREAMS_ACTIVE.add(by=-1)

    async def _send_frames(self, send: Send) -> None:
        begun = False
        async for frame in self.body_iterator:
            if not begun:
                begun = True
                await send(
                    {
                        "type": "http.response.start",
                        "status": self.status_code,
                        "headers": self.raw_headers,
                    }
                )
            await send({"type": "http.response.body", "body": frame, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def stream(feed: Feed, last: bytes = b"") -> StreamingResponse:
    """Return the response that passes a feed's events on until the feed ends.

    Args:
        feed: the events.
        last: the frame that ends each stream of the caller's API, if one does.
    """
    return _Stream(
        _frames(feed, last),
        media_type="text/event-stream; charset=utf-8",
        headers={"cache-control": "no-cache", "x-accel-buffering": "no"},
    )
