"""The locks of conversations: one response at a time works on each, or a client that adds items."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, or_, select, update

from assistd.db import leases, tables
from assistd.db.leases import Lease
from assistd.db.prepared import prepare
from assistd.db.transaction import transaction

_CONVERSATIONS = tables.conversations.c
_LOCKED_UNTIL = prepare(
    select(_CONVERSATIONS.locked_until).where(
        _CONVERSATIONS.id == bindparam("id"), _CONVERSATIONS.locked_by.is_not(None)
    )
)


def lock(connection: Connection, conversation_id: str, response_id: str, lease: Lease) -> bool:
    """Lock a conversation for a response, until it is unlocked or nobody renews the lock any more.

    Returns:
        Whether it was free; one that is deleted is not.
    """
    now = leases.now(connection)
    is_free = or_(_CONVERSATIONS.locked_by.is_(None), _CONVERSATIONS.locked_until < now)
    locked = connection.execute(
        update(tables.conversations)
        .where(_CONVERSATIONS.id == conversation_id, _CONVERSATIONS.deleted.is_(False), is_free)
        .values(locked_by=response_id, locked_until=now + lease.seconds)
    )
    return locked.rowcount == 1


def is_locked(connection: Connection, conversation_id: str) -> bool:
    """Whether a response works on a conversation."""
    until = connection.execute(_LOCKED_UNTIL, {"id": conversation_id}).scalar()
    return until is not None and until >= leases.now(connection)


def renew_locks(connection: Connection, lease: Lease, response_ids: Sequence[str]) -> None:
    """Let the locks of these responses, which this process works on, last from now on."""
    until = leases.now(connection) + lease.seconds
    locks = update(tables.conversations).where(_CONVERSATIONS.locked_by.in_(response_ids))
    connection.execute(locks.values(locked_until=until))


@transaction(writes=True, short=True)
def unlock(connection: Connection, response_id: str) -> None:
    """Let others work on the conversation that a response has locked, if it has one."""
    locks = update(tables.conversations).where(_CONVERSATIONS.locked_by == response_id)
    connection.execute(locks.values(locked_by=None, locked_until=None))
