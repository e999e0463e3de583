"""The items that a model sees before an input: those of a chain of responses, or of a conversation."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Integer,
    bindparam,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)

from assistd import clock
from assistd.db import tables
from assistd.db.collection import Listing, Page, read_rows
from assistd.db.prepared import prepare, split_names
from assistd.db.responses.items import StoredItem, read_row
from assistd.errors import RequestError

_ITEMS, _RESPONSES = tables.response_items.c, tables.responses.c
_READ = (_ITEMS.id, _ITEMS.is_input, _ITEMS.body, _ITEMS.more)
_ENDLESS = (1 << 63) - 1  # above every `seq`
_CONVERSATION: BindParameter[str] = bindparam("conversation_id")


def _make_chain() -> Any:
    """Return the responses from one backwards, as far as none of them is deleted."""
    is_there = (_RESPONSES.project_id == bindparam("project_id"), _RESPONSES.deleted.is_(False))
    columns = (
        _RESPONSES.id,
        _RESPONSES.previous_response_id,
        _RESPONSES.conversation_id,
        _RESPONSES.seq,
    )
    newest = select(*columns, literal_column("0", Integer).label("depth"))
    newest = newest.where(_RESPONSES.id == bindparam("response_id"), *is_there)
    chain = newest.cte("chain", recursive=True)
    older = select(*columns, chain.c.depth + literal_column("1", Integer))
    joined = tables.responses.join(chain, _RESPONSES.id == chain.c.previous_response_id)
    return chain.union_all(older.select_from(joined).where(*is_there))


_CHAIN = _make_chain()
_OLDEST = prepare(
    select(_CHAIN.c.id, _CHAIN.c.conversation_id).order_by(_CHAIN.c.depth.desc()).limit(1)
)
_IN_CHAIN = prepare(
    select(*_READ)
    .select_from(tables.response_items.join(_CHAIN, _ITEMS.response_id == _CHAIN.c.id))
    .order_by(_CHAIN.c.depth.desc(), _ITEMS.seq)
)
_IN_CONVERSATION = prepare(
    select(*_READ)
    .where(_ITEMS.conversation_id == _CONVERSATION, _ITEMS.seq < bindparam("below"))
    .order_by(_ITEMS.seq)
)
_ONE_IN_CONVERSATION = prepare(
    select(*_READ).where(_ITEMS.conversation_id == _CONVERSATION, _ITEMS.id == bindparam("id"))
)
_FIRST_OF_RESPONSE = prepare(
    select(func.min(_ITEMS.seq)).where(_ITEMS.response_id == bindparam("response_id"))
)
_NEWEST = prepare(select(func.max(_ITEMS.seq)).where(_ITEMS.conversation_id == _CONVERSATION))
_WAS_IN_CONVERSATION = or_(
    _ITEMS.owner_id == _CONVERSATION,
    _ITEMS.response_id.in_(
        select(_RESPONSES.id).where(_RESPONSES.conversation_id == _CONVERSATION)
    ),
)
_PLACE = prepare(
    select(_ITEMS.seq)
    .where(
        _ITEMS.id == bindparam("id"),
        or_(_ITEMS.conversation_id == _CONVERSATION, _WAS_IN_CONVERSATION),
    )
    .limit(1)
)


def read_chain(
    connection: Connection,
    project_id: str,
    response_id: str,
    *,
    max_characters: int | None = None,
) -> list[StoredItem]:
    """Return the input and output of a response and of all those before it, oldest first.

    A response that was deleted ends the chain. Where the oldest one belongs to a conversation, what
    that had before is part of the chain.

    Args:
        connection: a transaction.
        project_id: who owns the responses.
        response_id: the newest one.
        max_characters: of JSON to read; None for all.

    Raises:
        TooLongError: there are more.
    """
    key = {"project_id": project_id, "response_id": response_id}
    oldest = connection.execute(_OLDEST, key).all()
    if not oldest:
        return []
    found = list[StoredItem]()
    oldest_id, conversation_id = oldest[0]
    if conversation_id:
        below = find_place(connection, oldest_id)
        found = read_conversation(connection, conversation_id, below, max_characters=max_characters)
    return found + _read(connection.execute(_IN_CHAIN, key), max_characters)


def read_conversation(
    connection: Connection,
    conversation_id: str,
    below: int = _ENDLESS,
    *,
    max_characters: int | None = None,
) -> list[StoredItem]:
    """Return the items of a conversation below a place, oldest first; see `read_chain`."""
    key = {"conversation_id": conversation_id, "below": below}
    return _read(connection.execute(_IN_CONVERSATION, key), max_characters)


def find_items(
    connection: Connection, project_id: str, item_ids: Iterable[str]
) -> dict[str, StoredItem]:
    """Return those of the items that a project has, by id.

    Clients send items back under their ids, and may have changed them: what a model made goes first,
    then what came first.
    """
    found: dict[str, StoredItem] = {}
    is_kept = or_(_ITEMS.response_id.is_not(None), _ITEMS.conversation_id.is_not(None))
    for some in split_names(item_ids):
        statement = (
            select(*_READ)
            .where(_ITEMS.id.in_(some), _ITEMS.project_id == project_id, is_kept)
            .order_by(_ITEMS.is_input.desc(), _ITEMS.seq.desc())
        )
        found.update((row.id, read_row(row)) for row in connection.execute(statement))
    return found


def find_in_conversation(
    connection: Connection, conversation_id: str, item_id: str
) -> StoredItem | None:
    """Return an item of a conversation; None where it has no such item."""
    key = {"conversation_id": conversation_id, "id": item_id}
    rows = connection.execute(_ONE_IN_CONVERSATION, key).all()
    return read_row(rows[0]) if rows else None


def page_conversation(
    connection: Connection, conversation_id: str, page: Page
) -> Listing[StoredItem]:
    """Return one page of the items of a conversation; a cursor keeps its place after its item is deleted.

    Raises:
        RequestError: the cursor names nothing that is or was in the conversation.
    """
    newest_first = page.order == "desc"
    statement = select(*_READ).where(_ITEMS.conversation_id == conversation_id)
    if page.after is not None:
        key = {"conversation_id": conversation_id, "id": page.after}
        place = connection.execute(_PLACE, key).scalar()
        if place is None:
            raise RequestError(
                f"Invalid 'after': no object with id '{page.after}' is in this list.", param="after"
            )
        statement = statement.where(_ITEMS.seq < place if newest_first else _ITEMS.seq > place)
    order = _ITEMS.seq.desc() if newest_first else _ITEMS.seq.asc()
    rows = connection.execute(statement.order_by(order).limit(page.limit + 1)).all()
    return Listing([read_row(row) for row in rows[: page.limit]], len(rows) > page.limit)


def go_on(connection: Connection, conversation_id: str) -> None:
    """Have what is added to a conversation next sort last, also where another server's clock is ahead."""
    clock.follow(connection.execute(_NEWEST, {"conversation_id": conversation_id}).scalar() or 0)


def append_items(connection: Connection, response_id: str, conversation_id: str) -> None:
    """Make the input and output of a response part of its conversation."""
    items = update(tables.response_items).where(_ITEMS.response_id == response_id)
    connection.execute(items.values(conversation_id=conversation_id))


def remove_item(connection: Connection, conversation_id: str, item_id: str) -> None:
    """Take an item out of a conversation; it stays an item of its response, if it has one."""
    wanted = (_ITEMS.conversation_id == conversation_id, _ITEMS.id == item_id)
    items = update(tables.response_items)
    added = items.where(*wanted, _ITEMS.response_id.is_(None))
    connection.execute(added.values(conversation_id=None, body="{}", more="{}"))
    connection.execute(items.where(*wanted).values(conversation_id=None))


def find_place(connection: Connection, response_id: str) -> int:
    """Return where a response begins in its conversation; at the end, where it has no items."""
    first = connection.execute(_FIRST_OF_RESPONSE, {"response_id": response_id}).scalar()
    return first or _ENDLESS


def make_room(connection: Connection, conversation_id: str, item_ids: Sequence[str]) -> set[str]:
    """Forget that items with these ids were taken out of a conversation.

    Returns:
        Those of the ids that the conversation still has.
    """
    named = _ITEMS.id.in_(item_ids)
    is_gone = (_ITEMS.owner_id == conversation_id, _ITEMS.conversation_id.is_(None))
    connection.execute(delete(tables.response_items).where(named, *is_gone))
    kept = select(_ITEMS.id).where(named, _ITEMS.conversation_id == conversation_id)
    return set(connection.execute(kept).scalars())


def _read(rows: Iterable[Any], max_characters: int | None) -> list[StoredItem]:
    return [read_row(row) for row in read_rows(rows, max_characters)]
