"""Streams of responses: frames without a last word, which stop the work where their client goes away."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from assistd import metrics
from assistd.api.relay import run_while_connected

HEARTBEAT_SECONDS = 15.0


class Frame(Protocol):
    """An event, as a frame has it."""

    @property
    def name(self) -> str:
        """What kind of event it is."""
        ...

    @property
    def data(self) -> str:
        """One line of JSON."""
        ...


class EventStream(StreamingResponse):
    """Responds with events as they come, and ends behind the last: there is no `[DONE]` (responses, trap 1).

    Args:
        request: whose client may go away at any time.
        batches: the events; an empty batch says that none came for a while.
        on_leave: awaited where the client went away before the last.
    """

    def __init__(
        self,
        request: Request,
        batches: AsyncIterator[Sequence[Frame]],
        on_leave: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._request = request
        self._on_leave = on_leave
        super().__init__(
            _write_frames(batches),
            media_type="text/event-stream; charset=utf-8",
            headers={"cache-control": "no-cache", "x-accel-buffering": "no"},
        )

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the frames, while somebody is there to read them."""
        has_ended = False

        async def pass_on() -> None:
            nonlocal has_ended
            begun = False
            async for frame in self.body_iterator:
                if not begun:
                    begun = True
                    await send(_head(self))
                await send({"type": "http.response.body", "body": frame, "more_body": True})
            if not begun:
                await send(_head(self))
            has_ended = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        metrics.HTTP_STREAMS_ACTIVE.add()
        try:
            await run_while_connected(self._request, pass_on())
        except ClientDisconnect:
            pass  # nobody is there to hear of it
        finally:
            metrics.HTTP_STREAMS_ACTIVE.add(by=-1)
            if not has_ended and self._on_leave:
                await self._on_leave()


def _head(response: StreamingResponse) -> dict[str, object]:
    return {
        "type": "http.response.start",
        "status": response.status_code,
        "headers": response.raw_headers,
    }


async def _write_frames(batches: AsyncIterator[Sequence[Frame]]) -> AsyncIterator[bytes]:
    async for batch in batches:
        if batch:
            frames = [f"event: {each.name}\ndata: {each.data}\n\n" for each in batch]
            yield "".join(frames).encode()
        else:
            yield b": keep-alive\n\n"  # a comment: a `ping` event ends SDKs (responses, trap 16)
