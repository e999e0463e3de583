"""Conversations: each function is one transaction, with the rules of the API."""

from collections.abc import Sequence

from assistd import clock, ids
from assistd.db import Connection, nouns
from assistd.db.collection import Listing, Page
from assistd.db.leases import Lease
from assistd.db.responses import expiry, history, locks
from assistd.db.responses.items import StoredItem, insert_items
from assistd.db.transaction import transaction
from assistd.engine.policy import Policy
from assistd.engine.responses.context import read_given
from assistd.engine.responses.input import GivenItem
from assistd.errors import NotFoundError, RequestError
from assistd.objects.base import Metadata
from assistd.objects.responses.conversation import Conversation


@transaction(writes=True)
def create(
    connection: Connection, project_id: str, given: Sequence[GivenItem], metadata: Metadata
) -> Conversation:
    """Insert a conversation with its first items; return it.

    Raises:
        NotFoundError: an item or a file that the items refer to is unknown.
        RequestError: an item is there twice.
    """
    made = Conversation(id=ids.new_hex("conv", 48), created_at=clock.seconds(), metadata=metadata)
    nouns.conversations.insert(connection, made, project_id=project_id)
    items = read_given(connection, project_id, given, known=())
    insert_items(connection, project_id, items, response_id=None, conversation_id=made.id)
    return made


@transaction(short=True)
def get(connection: Connection, project_id: str, conversation_id: str) -> Conversation:
    """Return a conversation.

    Raises:
        NotFoundError: it is unknown.
    """
    return nouns.conversations.get(connection, conversation_id, project_id=project_id)


@transaction(writes=True, short=True)
def modify(
    connection: Connection, project_id: str, conversation_id: str, metadata: Metadata
) -> Conversation:
    """Give a conversation other metadata; return it.

    Raises:
        NotFoundError: it is unknown.
    """
    changed = get(connection, project_id, conversation_id).evolve(metadata=metadata)
    nouns.conversations.replace(connection, changed)
    return changed


@transaction(writes=True)
def delete(connection: Connection, project_id: str, conversation_id: str, policy: Policy) -> None:
    """Delete a conversation; its items can be referred to until they expire (contract, responses, 8.2).

    Raises:
        NotFoundError: it is unknown.
        RequestError: a response works on it.
    """
    _get_unlocked(connection, project_id, conversation_id)
    expires_at = clock.seconds() + policy.response_seconds
    expiry.expire_responses(connection, conversation_id, expires_at)
    nouns.conversations.delete(connection, conversation_id, expires_at=expires_at)


@transaction(writes=True)
def add_items(
    connection: Connection, project_id: str, conversation_id: str, given: Sequence[GivenItem]
) -> list[StoredItem]:
    """Add items at the end of a conversation; return them.

    Raises:
        NotFoundError: the conversation, or an item or a file that the items refer to, is unknown.
        RequestError: a response works on the conversation, or it has one of the items already.
    """
    _get_unlocked(connection, project_id, conversation_id)
    history.go_on(connection, conversation_id)
    known = history.make_room(connection, conversation_id, [each.id for each in given])
    items = read_given(connection, project_id, given, known)
    insert_items(connection, project_id, items, response_id=None, conversation_id=conversation_id)
    return items


@transaction()
def read_page(
    connection: Connection, project_id: str, conversation_id: str, page: Page
) -> Listing[StoredItem]:
    """Return one page of the items of a conversation.

    Raises:
        NotFoundError: the conversation is unknown.
        RequestError: the cursor names nothing in it.
    """
    get(connection, project_id, conversation_id)
    return history.page_conversation(connection, conversation_id, page)


@transaction(short=True)
def get_item(
    connection: Connection, project_id: str, conversation_id: str, item_id: str
) -> StoredItem:
    """Return an item of a conversation.

    Raises:
        NotFoundError: the conversation is unknown, or has no such item.
    """
    get(connection, project_id, conversation_id)
    item = history.find_in_conversation(connection, conversation_id, item_id)
    if item is None:
        raise NotFoundError(
            f"Item with id '{item_id}' not found in conversation '{conversation_id}'."
        )
    return item


@transaction(writes=True)
def delete_item(
    connection: Connection, project_id: str, conversation_id: str, item_id: str
) -> Conversation:
    """Take an item out of a conversation; return the conversation (responses, trap 24).

    Raises:
        NotFoundError: the conversation is unknown, or has no such item.
        RequestError: a response works on it.
    """
    conversation = _get_unlocked(connection, project_id, conversation_id)
    get_item(connection, project_id, conversation_id, item_id)
    history.remove_item(connection, conversation_id, item_id)
    return conversation


def lock(
    connection: Connection, project_id: str, conversation_id: str, response_id: str, lease: Lease
) -> None:
    """Lock a conversation for a response that begins, until `end` or until nobody renews the lock.

    The lock is renewed by `db.responses.locks.renew_locks`.

    Args:
        connection: a writing transaction.
        project_id: whose response it is.
        conversation_id: the conversation.
        response_id: the response.
        lease: how long the lock lasts by itself.

    Raises:
        NotFoundError: the conversation is unknown.
        RequestError: another response works on it (responses, trap 23).
    """
    get(connection, project_id, conversation_id)
    if not locks.lock(connection, conversation_id, response_id, lease):
        raise _make_locked_error()
    history.go_on(connection, conversation_id)


def append(connection: Connection, conversation_id: str, response_id: str) -> None:
    """Make what a response stored part of its conversation, and unlock it; it ended completed or incomplete."""
    history.append_items(connection, response_id, conversation_id)
    locks.unlock(connection, response_id)


def _get_unlocked(connection: Connection, project_id: str, conversation_id: str) -> Conversation:
    conversation = get(connection, project_id, conversation_id)
    if locks.is_locked(connection, conversation_id):
        raise _make_locked_error()
    return conversation


def _make_locked_error() -> RequestError:
    return RequestError(
        "Another process is currently operating on this conversation. Please retry in a few seconds.",
        code="conversation_locked",
    )
