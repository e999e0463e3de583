"""A feed: the events of one run on their way to the one response that waits for them."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

_BACKLOG = 8 << 20  # bytes of memory, about, of events that nobody took yet
_BATCH = 256 << 10  # the same of those that are taken at once
_EVENT = 250  # of an event besides its data
_TOO_SLOW = json.dumps(
    {
        "error": {
            "message": "The stream was read too slowly and was given up; the run goes on.",
            "type": "server_error",
            "param": None,
            "code": None,
        }
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream: its name and its data as one line of JSON (contract section 6)."""

    name: str
    data: str

    @property
    def size(self) -> int:
        """About the bytes of memory that it takes."""
        return _EVENT + len(self.data) * (1 if self.data.isascii() else 2)


class Feed:
    """Passes events on, never waits for the reader, and gives a reader up that has fallen far behind.

    The run does not depend on who listens: a client that goes away does not stop it (trap 35).

    Args:
        opening: events that are told together with the first of the run itself, which follows at
            once: so the run gets on before its reader is woken.
    """

    def __init__(self, *opening: Event) -> None:
        self._opening = list(opening)
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._held = 0
        self._ended = False

    def publish(self, name: str, data: str) -> None:
        """Add an event whose data is JSON already."""
        if self._ended:
            return
        if self._held > _BACKLOG:
            self._events.put_nowait(Event("error", _TOO_SLOW))
            self.end()
            return
        event = Event(name, data)
        self._held += event.size
        self._events.put_nowait(event)

    def publish_value(self, name: str, value: dict[str, Any]) -> None:
        """Add an event whose data is built of plain values, such as a delta."""
        self.publish(name, json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def end(self) -> None:
        """Say that no more events come."""
        if not self._ended:
            self._ended = True
            self._events.put_nowait(None)

    async def events(self, idle_seconds: float) -> AsyncIterator[list[Event]]:
        """The events in order until the end, in batches of all that are there, up to some size.

        An empty batch says that nothing came for `idle_seconds`.
        """
        while True:
            try:
                async with asyncio.timeout(idle_seconds):
                    waiting = [await self._events.get()]
            except TimeoutError:
                yield self._opened([])
                continue
            size = 0
            while size < _BATCH and not self._events.empty():
                waiting.append(event := self._events.get_nowait())
                size += event.size if event else 0
            taken = [event for event in waiting if event is not None]
            self._held -= sum(event.size for event in taken)
            batch = self._opened(taken)
            if batch:
                yield batch
            if waiting[-1] is None:
                return

    def _opened(self, batch: list[Event]) -> list[Event]:
        opening, self._opening = self._opening, []
        return opening + batch
