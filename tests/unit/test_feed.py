"""A feed carries events to one reader and never holds the run up."""

import pytest

from assistd import metrics
from assistd.engine import feed as feed_module
from assistd.engine.feed import Event, EventsGoneError, Feed


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


async def test_events_are_numbered_from_the_opening_on() -> None:
    feed = Feed(Event("made", "{}"), Event("created", "{}"))
    assert feed.next_number == 2
    feed.publish("a", "{}")
    feed.end()
    assert [event.number async for batch in feed.events(5) for event in batch] == [0, 1, 2]
    feed.publish("late", "{}")
    assert feed.next_number == 3


async def read_from(feed: Feed, start: int) -> list[str]:
    return [
        f"{event.name}{event.number}" async for batch in feed.events(5, start) for event in batch
    ]


async def test_a_reader_that_comes_back_reads_on_from_a_number() -> None:
    feed = Feed(Event("made", "{}"), replay_bytes=10_000)
    for name in ("a", "b"):
        feed.publish(name, "{}")
    events = feed.events(5)
    assert [event.name for event in await anext(events)] == ["made", "a", "b"]
    await events.aclose()  # type: ignore[attr-defined]
    feed.publish("c", "{}")
    again = feed.events(5, 2)
    assert [event.name for event in await anext(again)] == ["b", "c"]
    feed.publish("d", "{}")
    feed.end()
    assert [event.name for event in await anext(again)] == ["d"]
    assert await read_from(feed, 0) == ["made0", "a1", "b2", "c3", "d4"]
    assert await read_from(feed, 5) == []


async def test_a_reader_of_a_number_that_is_to_come_waits_for_it() -> None:
    feed = Feed()
    later = feed.events(0.01, 1)
    feed.publish("a", "{}")
    assert await anext(later) == []
    feed.publish("b", "{}")
    assert [event.name for event in await anext(later)] == ["b"]


async def test_what_was_read_is_let_go_where_nobody_may_ask_for_it() -> None:
    feed = Feed()
    feed.publish("a", "{}")
    await anext(feed.events(5))
    feed.publish("b", "{}")
    with pytest.raises(EventsGoneError, match=r"Event 0 is not held any more.* number 1"):
        await anext(feed.events(5, 0))
    assert [event.name for event in await anext(feed.events(5, 1))] == ["b"]


async def test_no_more_is_kept_of_what_was_read_than_was_asked_for() -> None:
    feed = Feed(replay_bytes=10_000)
    events = feed.events(5)
    for _ in range(100):
        feed.publish("a", "x" * 750)
        await anext(events)
    feed.end()
    with pytest.raises(EventsGoneError):
        await anext(feed.events(5, 89))
    assert len(await read_from(feed, 90)) == 10


async def test_of_two_readers_the_slower_one_is_told_what_it_missed() -> None:
    feed = Feed()
    feed.publish("a", "{}")
    slow, fast = feed.events(0.01, 0), feed.events(0.01, 0)
    assert [event.name for event in await anext(fast)] == ["a"]
    with pytest.raises(EventsGoneError):
        await anext(slow)


async def test_what_comes_while_nobody_reads_is_bounded_whatever_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_module, "_BACKLOG", 10_000)
    feed = Feed(replay_bytes=1 << 20)
    feed.publish("a", "{}")
    await anext(feed.events(5))
    for _ in range(1000):
        feed.publish("a", "{}")
    read = await read_from(feed, 0)
    assert len(read) < 60
    assert read[-1].startswith("error")


async def test_a_reader_that_is_given_up_is_counted_once() -> None:
    before = metrics.HTTP_STREAM_GIVEN_UP.of().value
    feed = Feed()
    for _ in range(40):
        feed.publish("big", "x" * (1 << 20))
    assert metrics.HTTP_STREAM_GIVEN_UP.of().value == before + 1
