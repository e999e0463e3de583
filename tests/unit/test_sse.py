"""The frames of a stream, as the official SDK reads them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.types import Message

from assistd.api import sse
from assistd.api.assistants.routes import runs
from assistd.engine import feed as feed_module
from assistd.engine.feed import Event, Feed

if TYPE_CHECKING:
    from openai import AsyncOpenAI


async def sent(feed: Feed) -> AsyncIterator[bytes]:
    """The body of the answer."""
    async for frame in sse.stream(feed, runs.DONE).body_iterator:
        yield frame.encode() if isinstance(frame, str) else bytes(frame)


def client_of(feed: Feed) -> "AsyncOpenAI":
    """The official client at the end of a feed."""
    from openai import AsyncOpenAI  # noqa: PLC0415  half a second, of every worker of `make unit`

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, headers={"content-type": "text/event-stream"}, content=sent(feed)
        )

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return AsyncOpenAI(api_key="sk", base_url="http://test/v1", http_client=http)


async def test_comments_keep_a_silent_stream_alive_and_clients_pass_over_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sse, "_HEARTBEAT_SECONDS", 0.01)
    feed = Feed()
    frames = sent(feed)
    assert [await anext(frames), await anext(frames)] == [b": keep-alive\n\n"] * 2
    asyncio.get_running_loop().call_later(0.05, feed.publish, "thread.run.created", '{"id":"run"}')
    asyncio.get_running_loop().call_later(0.1, feed.end)
    async with client_of(feed) as client:
        stream = await client.beta.threads.runs.create("t", assistant_id="a", stream=True)
        assert [event.event async for event in stream] == ["thread.run.created"]


async def test_the_head_leaves_together_with_the_first_events() -> None:
    feed, sent_parts = Feed(Event("made", "{}")), list[str]()

    async def send(message: Message) -> None:
        sent_parts.append(message["type"].rpartition(".")[2])

    answering = asyncio.create_task(sse.stream(feed)({}, receive, send))
    await asyncio.sleep(0.01)
    assert sent_parts == []
    feed.publish("a", "{}")
    await asyncio.sleep(0.01)
    assert sent_parts == ["start", "body"]
    feed.end()
    await answering


async def receive() -> Message:
    """Nothing is asked of it."""
    raise AssertionError


async def test_trap_34_the_error_event_is_wrapped_or_the_sdk_would_pass_over_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from openai import APIError  # noqa: PLC0415  as above

    monkeypatch.setattr(feed_module, "_BACKLOG", 20)
    async with client_of(full()) as client:
        stream = await client.beta.threads.runs.create("t", assistant_id="a", stream=True)
        with pytest.raises(APIError, match="read too slowly"):
            async for _ in stream:
                pass
    frames = [frame async for frame in sent(full())]
    *_, error, done = b"".join(frames).decode().split("\n\n")[:-1]
    assert error.startswith("event: error\ndata: ")
    data = json.loads(error.partition("data: ")[2])
    assert list(data) == ["error"]
    assert list(data["error"]) == ["message", "type", "param", "code"]
    assert done == "event: done\ndata: [DONE]"


async def test_a_slow_reader_of_a_response_gets_the_error_of_its_own_api(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_module, "_BACKLOG", 20)
    feed = full(Feed(kind="response"))
    error = [event async for batch in feed.events(1) for event in batch][-1]
    data = json.loads(error.data)
    assert (error.name, list(data)) == ("error", ["type", "sequence_number", "error"])
    assert (data["type"], data["sequence_number"]) == ("error", error.number)
    assert list(data["error"]) == ["message", "type", "param", "code"]
    assert data["error"]["message"].endswith(
        "read too slowly and was given up; the response goes on."
    )


def full(feed: Feed | None = None) -> Feed:
    """A feed that nobody has read."""
    feed = feed or Feed()
    for _ in range(feed_module._BACKLOG + 2):
        feed.publish("thread.run.created", '{"id":"run"}')
    return feed


async def test_a_reader_that_goes_away_ends_the_feed() -> None:
    feed = Feed()
    feed.publish("a", "{}")
    frames = sse.stream(feed).body_iterator
    await anext(frames)
    await frames.aclose()  # type: ignore[attr-defined]
    feed.publish("b", "{}")
    assert feed.next_number == 1, "nothing was added"


async def test_a_stream_ends_with_its_last_event_where_its_api_has_no_frame_for_the_end() -> None:
    feed = Feed(Event("made", "{}"))
    feed.end()
    assert [frame async for frame in sse.stream(feed).body_iterator] == [
        b"event: made\ndata: {}\n\n"
    ]
