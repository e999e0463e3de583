"""A feed carries events to one reader and never holds the run up."""

import pytest

from assistd.engine import feed as feed_module
from assistd.engine.feed import Event, Feed


async def read(feed: Feed) -> list[str]:
    return [event.name async for batch in feed.events(5) for event in batch]


async def test_events_come_in_order_and_end() -> None:
    feed = Feed()
    for name in ("a", "b", "c"):
        feed.publish(name, "{}")
    feed.end()
    assert await read(feed) == ["a", "b", "c"]


async def test_what_opens_a_feed_waits_for_the_first_event_of_the_run_but_not_for_ever() -> None:
    feed = Feed(Event("made", "{}"))
    feed.publish("a", "{}")
    assert [event.name for event in await anext(feed.events(5))] == ["made", "a"]
    assert [event.name for event in await anext(Feed(Event("made", "{}")).events(0.01))] == ["made"]
    ended = Feed(Event("made", "{}"))
    ended.end()
    assert await read(ended) == ["made"]


async def test_nothing_is_added_after_the_end() -> None:
    feed = Feed()
    feed.end()
    feed.publish("late", "{}")
    feed.end()
    assert await read(feed) == []


async def test_a_silent_feed_says_so() -> None:
    feed = Feed()
    events = feed.events(0.01)
    assert await anext(events) == []
    feed.publish("a", "{}")
    assert [event.name for event in await anext(events)] == ["a"]


async def test_a_reader_that_falls_far_behind_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_module, "_BACKLOG", 10_000)
    feed = Feed()
    for _ in range(100):
        feed.publish("a", "{}")
    names = await read(feed)
    assert len(names) < 60
    assert names[-1] == "error"


async def test_what_waits_for_a_reader_is_counted_in_bytes_and_taken_in_portions() -> None:
    feed = Feed()
    for _ in range(100):
        feed.publish("a", "x" * 100_000)
    batches = [batch async for batch in feed.events(5)]
    events = [event for batch in batches for event in batch]
    assert len(events) < 90, "ten megabytes wait"
    assert events[-1].name == "error"
    assert max(map(len, batches)) <= 4


async def test_a_reader_that_goes_along_gets_any_number_of_bytes() -> None:
    feed = Feed()
    events = feed.events(5)
    for _ in range(200):
        feed.publish("a", "x" * 100_000)
        assert [event.name for event in await anext(events)] == ["a"]


async def test_a_delta_is_one_line_of_compact_json() -> None:
    feed = Feed()
    feed.publish_value("d", {"text": "你好\n"})
    feed.end()
    batches = [batch async for batch in feed.events(5)]
    assert batches[0][0].data == '{"text":"你好\\n"}'
