"""A stream of events carries what the feed has, and ends as the caller's API does."""

from assistd.api import sse
from assistd.engine.feed import Event, Feed


async def read(feed: Feed, *last: bytes) -> bytes:
    frames = [frame async for frame in sse.stream(feed, *last).body_iterator]
    return b"".join(each.encode() if isinstance(each, str) else bytes(each) for each in frames)


def make_feed() -> Feed:
    feed = Feed(Event("item.created", '{"id": 1}'), Event("item.done", '{"id": 1}'))
    feed.end()
    return feed


async def test_a_stream_ends_with_its_last_event_where_no_frame_is_given() -> None:
    assert await read(make_feed()) == (
        b'event: item.created\ndata: {"id": 1}\n\nevent: item.done\ndata: {"id": 1}\n\n'
    )


async def test_a_stream_ends_with_the_frame_that_is_given() -> None:
    said = await read(make_feed())
    assert await read(make_feed(), b"event: done\ndata: [DONE]\n\n") == (
        said + b"event: done\ndata: [DONE]\n\n"
    )
