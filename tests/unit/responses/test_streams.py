"""The frames of a stream of a response."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from starlette.requests import Request
from starlette.types import Message, Scope

from assistd.api.responses.streams import EventStream, Frame
from assistd.engine.feed import Event

SCOPE: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}


async def write(*batches: Sequence[Frame]) -> list[bytes]:
    """What is sent where these events come."""
    sent: list[bytes] = []

    async def give() -> AsyncIterator[Sequence[Frame]]:
        for batch in batches:
            yield batch

    async def receive() -> Message:
        await asyncio.Event().wait()  # the client stays
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))

    await EventStream(Request(SCOPE, receive), give())(SCOPE, receive, send)
    return sent


async def test_responses_trap_16_a_heartbeat_is_a_comment() -> None:
    created = Event("response.created", "{}")
    frame = b"event: response.created\ndata: {}\n\n"
    beat = b": keep-alive\n\n"
    assert await write([], [created], [], []) == [b"", beat, frame, beat, beat, b""]
