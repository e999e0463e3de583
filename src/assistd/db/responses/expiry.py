"""The end of what is kept of responses and conversations."""

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, select, update

from assistd.db import tables
from assistd.db.transaction import transaction

_RESPONSES, _ITEMS = tables.responses.c, tables.response_items.c
_CONVERSATIONS = tables.conversations.c
_AT_ONCE = 200


def expire_responses(connection: Connection, conversation_id: str, at: int) -> None:
    """Let the responses of a conversation expire at a time (Unix seconds)."""
    responses = update(tables.responses).where(_RESPONSES.conversation_id == conversation_id)
    connection.execute(responses.values(expires_at=at))


@transaction(writes=True)
def delete_expired(connection: Connection, now: int) -> int:
    """Delete expired responses, and the items of conversations that were deleted long ago.

    A response that a later one goes on from is kept with that one: a chain has its beginning for as
    long as it is used.

    Args:
        connection: a writing transaction.
        now: Unix seconds.

    Returns:
        How many there were; they are so many at most that the transaction is short.
    """
    later = tables.responses.alias("later")
    is_used = exists().where(
        later.c.previous_response_id == _RESPONSES.id, later.c.deleted.is_(False)
    )
    responses = _find(connection, _RESPONSES.id, and_(_RESPONSES.expires_at <= now, ~is_used))
    if responses:
        events = tables.response_events
        connection.execute(delete(events).where(events.c.response_id.in_(responses)))
        of_these = _ITEMS.response_id.in_(responses)
        connection.execute(delete(tables.response_items).where(of_these))
        connection.execute(delete(tables.responses).where(_RESPONSES.id.in_(responses)))
    conversations = _find(connection, _CONVERSATIONS.id, _CONVERSATIONS.expires_at <= now)
    if conversations:
        of_these = and_(_ITEMS.owner_id.in_(conversations), _ITEMS.response_id.is_(None))
        connection.execute(delete(tables.response_items).where(of_these))
        connection.execute(delete(tables.conversations).where(_CONVERSATIONS.id.in_(conversations)))
    return len(responses) + len(conversations)


def _find(
    connection: Connection, id_: ColumnElement[str], is_expired: ColumnElement[bool]
) -> list[str]:
    return list(connection.execute(select(id_).where(is_expired).limit(_AT_ONCE)).scalars())
