"""A journal: what the writers of one response share, and how they tell of what they do."""

import json
import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from assistd.db.responses.items import StoredItem
from assistd.db.responses.responses import StoredEvent
from assistd.engine.annotations.annotator import Citable
from assistd.engine.workspace.workspace import Workspace
from assistd.objects.base import Object
from assistd.objects.responses.item import CodeInterpreterCall, FileSearchCall, Item
from assistd.objects.responses.response import Response, ResponseUsage

_OBFUSCATED_SIZE = 16
_LETTERS = string.ascii_letters + string.digits

INTERRUPTED = "interrupted"
"""In `StoredItem.more` of an item that was cut off with its server, and is said anew by another."""

Publish = Callable[[str, str], None]
"""Takes the name of an event and its data, one line of JSON."""


class EventLog:
    """Holds the events of a response in the background until they are written, and only then shown."""

    def __init__(self, next_number: int = 0) -> None:
        self._held: list[StoredEvent] = []
        self._next = next_number

    def publish(self, name: str, data: str) -> None:
        """Add an event."""
        self._held.append(StoredEvent(self._next, name, data))
        self._next += 1

    @property
    def is_urgent(self) -> bool:
        """Whether the newest event is more than a part of a text."""
        return bool(self._held) and not self._held[-1].name.endswith(".delta")

    def take(self) -> list[StoredEvent]:
        """Return what was added since the last time."""
        held, self._held = self._held, []
        return held


@dataclass(slots=True)
class Journal:
    """The state of one response while it is made; the only mutable thing its writers share.

    Args:
        response: as it was told of last, without its output.
        publish: who hears of events; None: nobody.
        include: what of items the client wants to see besides.
        obfuscates: whether deltas are made of equal length.
        workspace: the /mnt/data of the container, where the response may run code.
        items: the output so far; an item that is being written is not there yet.
        running: the call of a hosted tool that is under way, with all its arguments.
        usage: tokens of the answers so far.
        citable: what the next message may cite; None where no file was ever searched.
        pictures: ids of pictures that no message has cited yet.
        next_number: the number of the next event.
    """

    response: Response
    publish: Publish | None = None
    include: frozenset[str] = frozenset()
    obfuscates: bool = False
    workspace: Workspace | None = None
    items: list[StoredItem] = field(default_factory=list[StoredItem])
    running: StoredItem | None = None
    usage: ResponseUsage = field(default_factory=ResponseUsage)
    citable: Citable | None = None
    pictures: list[str] = field(default_factory=list[str])
    next_number: int = 0

    @property
    def container_id(self) -> str:
        """The id of the container that code runs in."""
        return self.workspace.scope.key if self.workspace else ""

    def count_hosted_calls(self) -> int:
        """Return how many calls of hosted tools the output has."""
        hosted = CodeInterpreterCall | FileSearchCall
        return sum(isinstance(each.item, hosted) for each in self.items)

    def show(self, response: Response) -> Response:
        """Return a response with its output, as its client sees it."""
        return response.evolve(output=tuple(each.show(self.include) for each in self.items))

    def tell(self, name: str, /, **fields: Any) -> None:
        """Tell of something that is made of plain values."""
        if self.publish:
            data = {"type": name, "sequence_number": self._count(), **fields}
            self.publish(name, json.dumps(data, ensure_ascii=False, separators=(",", ":")))

    def tell_delta(self, name: str, delta: str, **fields: Any) -> None:
        """Tell of more of a text, with letters that hide its length where they are wanted (responses, section 6.0)."""
        if self.obfuscates:
            missing = -len(delta) % _OBFUSCATED_SIZE
            fields["obfuscation"] = "".join(secrets.choice(_LETTERS) for _ in range(missing))
        self.tell(name, delta=delta, **fields)

    def tell_response(self, name: str, response: Response) -> None:
        """Tell of the whole response."""
        self._tell_object(name, "response", response)

    def tell_item(self, name: str, index: int, item: Item) -> None:
        """Tell of a whole item of the output."""
        self._tell_object(name, "item", item, f'"output_index":{index},')

    def _tell_object(self, name: str, member: str, told: Object, before: str = "") -> None:
        if self.publish:
            number, value = self._count(), told.model_dump_json()
            self.publish(
                name,
                f'{{"type":"{name}","sequence_number":{number},{before}"{member}":{value}}}',
            )

    def _count(self) -> int:
        self.next_number += 1
        return self.next_number - 1
