"""Items of responses and conversations in the database."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from assistd import clock
from assistd.db import tables
from assistd.db.prepared import prepare
from assistd.objects.responses.item import (
    IMAGE_URLS,
    INCLUDES,
    LOGPROBS,
    Item,
    Message,
    read_item,
)

_ITEMS = tables.response_items.c
_INSERT = prepare(insert(tables.response_items))
_OF_RESPONSE = prepare(
    select(_ITEMS.id, _ITEMS.is_input, _ITEMS.body, _ITEMS.more)
    .where(_ITEMS.response_id == bindparam("response_id"))
    .order_by(_ITEMS.seq)
)
_OUTPUT_OF_RESPONSE = prepare(
    select(_ITEMS.id, _ITEMS.is_input, _ITEMS.body, _ITEMS.more)
    .where(_ITEMS.response_id == bindparam("response_id"), _ITEMS.is_input.is_(False))
    .order_by(_ITEMS.seq)
)
_DELETE_OF_RESPONSE = prepare(
    delete(tables.response_items).where(
        _ITEMS.response_id == bindparam("response_id"), _ITEMS.conversation_id.is_(None)
    )
)
_LEAVE_TO_CONVERSATION = prepare(
    update(tables.response_items)
    .where(_ITEMS.response_id == bindparam("_response"))
    .values(response_id=None, owner_id=_ITEMS.conversation_id)
)


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item as it is kept.

    Args:
        id: its id.
        is_input: whether a client sent it; else a model or a tool of this server made it.
        item: the item, without what only `include` shows.
        more: that, by its name in the item (`outputs`, `results`, `encrypted_content`; `logprobs` has a
            list for each part of a message), and what the
            model was told of a call (`result`), which nobody is shown.
    """

    id: str
    is_input: bool
    item: Item
    more: dict[str, Any] = field(default_factory=dict[str, Any])

    def show(self, include: Collection[str]) -> Item:
        """Return the item as a client sees it that asked to `include` these."""
        if isinstance(self.item, Message):
            shown = self.item if IMAGE_URLS in include else self.item.without_image_urls()
            logprobs = self.more.get("logprobs") if LOGPROBS in include else None
            return shown.with_logprobs(logprobs) if logprobs else shown
        member, wanted = INCLUDES.get(self.item.type, ("", ""))
        if wanted not in include or self.more.get(member) is None:
            return self.item
        shown = self.item.model_dump() | {member: self.more[member]}
        return type(self.item).model_validate(shown)


def insert_items(
    connection: Connection,
    project_id: str,
    items: Sequence[StoredItem],
    *,
    response_id: str | None,
    conversation_id: str | None,
) -> None:
    """Insert items in their order, for a response, a conversation, or a response of a conversation."""
    owner_id = response_id or conversation_id
    rows = [
        {
            "id": stored.id,
            "owner_id": owner_id,
            "seq": clock.sequence(),
            "project_id": project_id,
            "response_id": response_id,
            "conversation_id": conversation_id,
            "is_input": stored.is_input,
            "body": stored.item.model_dump_json(),
            "more": json.dumps(stored.more, ensure_ascii=False, separators=(",", ":")),
        }
        for stored in items
    ]
    if rows:
        connection.execute(_INSERT, rows)


def read_items(connection: Connection, response_id: str) -> list[StoredItem]:
    """Return the input and output of a response, oldest first."""
    return [read_row(row) for row in connection.execute(_OF_RESPONSE, {"response_id": response_id})]


def read_output(connection: Connection, response_id: str) -> list[StoredItem]:
    """Return the output of a response."""
    rows = connection.execute(_OUTPUT_OF_RESPONSE, {"response_id": response_id})
    return [read_row(row) for row in rows]


def read_row(row: Any) -> StoredItem:
    """Return the item of a row with the columns `id`, `is_input`, `body` and `more`."""
    id_, is_input, body, more = row
    return StoredItem(id_, bool(is_input), read_item(body), json.loads(more))


def delete_items(connection: Connection, response_id: str) -> None:
    """Delete the items of a response, except those that are part of a conversation by now."""
    connection.execute(_DELETE_OF_RESPONSE, {"response_id": response_id})
    connection.execute(_LEAVE_TO_CONVERSATION, {"_response": response_id})
