"""A feed: the events of one run on their way to the one response that waits for them."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

_BACKLOG = 20_000
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
        self._ended = False

    def publish(self, name: str, data: str) -> None:
        """Add an event whose data is JSON already."""
        if self._ended:
            return
        if self._events.qsize() > _BACKLOG:
            self._events.put_nowait(Event("error", _TOO_SLOW))
            self.end()
            return
        self._events.put_nowait(Event(name, data))

    def publish_value(self, name: str, value: dict[str, Any]) -> None:
        """Add an event whose data is built of plain values, such as a delta."""
        self.publish(name, json.dumps(value, ensure_ascii=False, separators=(",", ":")))

    def end(self) -> None:
        """Say that no more events come."""
        if not self._ended:
            self._ended = True
            self._events.put_nowait(None)

    async def events(self, idle_seconds: float) -> AsyncIterator[list[Event]]:
        """The events in order until the end, in batches of all that are there.

        An empty batch says that nothing came for `idle_seconds`.
        """
        while True:
            try:
                async with asyncio.timeout(idle_seconds):
                    waiting = [await self._events.get()]
            except TimeoutError:
                yield self._opened([])
                continue
            while not self._events.empty():
                waiting.append(self._events.get_nowait())
            batch = self._opened([event for event in waiting if event is not None])
            if batch:
                yield batch
            if waiting[-1] is None:
                return

    def _opened(self, batch: list[Event]) -> list[Event]:
        opening, self._opening = self._opening, []
        return opening + batch
