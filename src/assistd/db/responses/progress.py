"""How far responses in the background have come: their output so far, for another process to go on with."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select

from assistd.db import tables
from assistd.db.prepared import prepare
from assistd.db.responses.items import StoredItem
from assistd.objects.responses.item import read_item
from assistd.objects.responses.response import ResponseUsage

_PROGRESS = tables.response_progress.c
_INSERT = prepare(insert(tables.response_progress))
_DELETE_FROM = prepare(
    delete(tables.response_progress).where(
        _PROGRESS.response_id == bindparam("_response"), _PROGRESS.number >= bindparam("_first")
    )
)
_OF_RESPONSE = prepare(
    select(_PROGRESS.body, _PROGRESS.more, _PROGRESS.usage)
    .where(_PROGRESS.response_id == bindparam("response_id"))
    .order_by(_PROGRESS.number)
)


class Progress(NamedTuple):
    """A piece of the output: an item that is done, or the call of a hosted tool that is under way.

    Args:
        item: the item; the call is `in_progress`.
        usage: the tokens of the response's answers until then.
    """

    item: StoredItem
    usage: ResponseUsage


def write(
    connection: Connection, response_id: str, first: int, progress: Sequence[Progress]
) -> None:
    """Write the output of a response from one place on; what stood there is replaced."""
    rows: list[dict[str, Any]] = [
        {
            "response_id": response_id,
            "number": number,
            "body": item.item.model_dump_json(),
            "more": json.dumps(item.more, ensure_ascii=False, separators=(",", ":")),
            "usage": usage.model_dump_json(),
        }
        for number, (item, usage) in enumerate(progress, first)
    ]
    connection.execute(_DELETE_FROM, {"_response": response_id, "_first": first})
    if rows:
        connection.execute(_INSERT, rows)


def read(connection: Connection, response_id: str) -> list[Progress]:
    """Return the output of a response so far."""
    return [
        Progress(_read_item(body, more), ResponseUsage.model_validate_json(usage))
        for body, more, usage in connection.execute(_OF_RESPONSE, {"response_id": response_id})
    ]


def _read_item(body: str, more: str) -> StoredItem:
    item = read_item(body)
    return StoredItem(item.id, is_input=False, item=item, more=json.loads(more))


def forget(connection: Connection, response_id: str) -> None:
    """Delete what was written of a response that has ended."""
    connection.execute(_DELETE_FROM, {"_response": response_id, "_first": 0})


def forget_left(connection: Connection) -> None:
    """Delete what is left of responses that servers of older versions ended."""
    active = select(tables.responses.c.id).where(tables.ACTIVE_RESPONSE)
    connection.execute(delete(tables.response_progress).where(_PROGRESS.response_id.not_in(active)))
