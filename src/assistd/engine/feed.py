"""A feed: the numbered events of one run, on their way to the response that waits for them."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

from assistd import metrics
from assistd.errors import AssistdError

_BACKLOG = 8 << 20  # bytes of memory, about, of events that nobody took yet
_BATCH = 256 << 10  # the same of those that are taken at once
_EVENT = 250  # of an event besides its data
_TOO_SLOW = "The stream was read too slowly and was given up; the {kind} goes on."


class EventsGoneError(AssistdError):
    """A reader asks for an event that is not held any more."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream (contract section 6).

    Args:
        name: what kind of event it is.
        data: one line of JSON.
        number: its place in its feed, from 0 on; the feed sets it.
    """

    name: str
    data: str
    number: int = 0

    @property
    def size(self) -> int:
        """About the bytes of memory that it takes."""
        return _EVENT + len(self.data) * (1 if self.data.isascii() else 2)


class Feed:
    """Passes events on, never waits for the reader, and gives a reader up that has fallen far behind.

    The run does not depend on who listens: a client that goes away does not stop it (trap 35).

    Args:
        opening: events that are told together with the first of the run itself, which follows at
            once: so the run gets on before its reader is woken (decision 0032).
        replay_bytes: of memory, about, for events that were read: so many of the newest can be read
            again. Where nobody can ask for them, they are let go.
        include: what its reader wants to see besides (`include[]`).
        kind: what its events tell of; the event `error` is wrapped as the API of that has it (contract section
            6.10; responses, section 6.9).
    """

    def __init__(
        self,
        *opening: Event,
        replay_bytes: int = 0,
        include: frozenset[str] = frozenset(),
        kind: Literal["run", "response"] = "run",
    ) -> None:
        self.include = include
        self._held = deque[Event]()
        self._first = 0  # the number of the oldest event that is held
        self._unread = 0  # the number of the first event that nobody has taken yet
        self._unread_bytes = self._read_bytes = 0
        self._replay_bytes = replay_bytes
        self._kind = kind
        self._ended = False
        self._news = asyncio.Event()
        for event in opening:
            self._add(event.name, event.data)
        self._opening = len(opening)

    @property
    def next_number(self) -> int:
        """The number of the event that is published next."""
        return self._first + len(self._held)

    def publish(self, name: str, data: str) -> None:
        """Add an event whose data is JSON already."""
        if self._ended:
            return
        if self._unread_bytes > _BACKLOG:
            metrics.HTTP_STREAM_GIVEN_UP.add()
            self.break_off(_TOO_SLOW.format(kind=self._kind))
            return
        self._add(name, data)
        self._news.set()

    def publish_value(self, name: str, value: dict[str, Any]) -> None:
        """Add an event whose data is built of plain values, such as a delta."""
        self.publish(name, json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def break_off(self, message: str) -> None:
        """Say with an error that no more events come, though what they tell of goes on."""
        if not self._ended:
            error = {"message": message, "type": "server_error", "param": None, "code": None}
            before = (
                {}
                if self._kind == "run"
                else {"type": "error", "sequence_number": self.next_number}
            )
            self._add("error", json.dumps({**before, "error": error}))
            self.end()

    def end(self) -> None:
        """Say that no more events come."""
        self._ended = True
        self._news.set()

    async def events(
        self, idle_seconds: float, start: int | None = None
    ) -> AsyncIterator[list[Event]]:
        """Yield the events in order until the end, in batches of all that are there, up to some size.

        An empty batch says that nothing came for `idle_seconds`.

        Args:
            idle_seconds: how long to wait for an event.
            start: the number of the first event to yield; default: the first that nobody has taken.

        Raises:
            EventsGoneError: that event, or one that a slow second reader comes to, is held no more.
        """
        at = self._unread if start is None else start
        while True:
            has_news = await self._wait_for_news(at, idle_seconds)
            batch = self._take(at)
            at += len(batch)
            if batch or not has_news:
                yield batch
            if self._ended and at >= self.next_number:
                return

    async def _wait_for_news(self, at: int, seconds: float) -> bool:
        """Wait for the event of this number, and for one that is not of the opening; or for the end.

        Returns:
            Whether it came within so many seconds.
        """
        try:
            async with asyncio.timeout(seconds):
                while not self._ended and self.next_number <= max(at, self._opening):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _add(self, name: str, data: str) -> None:
        event = Event(name, data, self.next_number)
        self._held.append(event)
        self._unread_bytes += event.size

    def _take(self, at: int) -> list[Event]:
        """Return the events from this number on that are there, up to some size, and note them as read."""
        if at < self._first:
            raise EventsGoneError(
                f"Event {at} is not held any more; the oldest that is has the number {self._first}."
            )
        batch: list[Event] = []
        size = 0
        while size < _BATCH and at + len(batch) < self.next_number:
            event = self._held[at + len(batch) - self._first]
            batch.append(event)
            size += event.size
            if event.number == self._unread:
                self._unread += 1
                self._unread_bytes -= event.size
                self._read_bytes += event.size
        while self._read_bytes > self._replay_bytes:
            self._first += 1
            self._read_bytes -= self._held.popleft().size
        return batch
