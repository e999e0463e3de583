"""The locks of conversations: one response at a time works on each, or a client that adds items."""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, bindparam, exists, or_, select, update

from assistd.db import leases, tables
from assistd.db.leases import Lease
from assistd.db.prepared import prepare
from assistd.db.transaction import transaction

_CONVERSATIONS = tables.conversations.c
_RESPONSES = tables.responses.c
# One whose process died keeps its lock, for another process goes on with it presently.
_IS_ACTIVE = exists().where(
    _RESPONSES.id == _CONVERSATIONS.locked_by,
    _RESPONSES.deleted.is_(False),
    tables.ACTIVE_RESPONSE,
)
_HAS_HOLDER = and_(
    _CONVERSATIONS.locked_by.is_not(None),
    or_(_CONVERSATIONS.locked_until >= bindparam("now"), _IS_ACTIVE),
)
_IS_LOCKED = prepare(
    select(_CONVERSATIONS.id).where(_CONVERSATIONS.id == bindparam("id"), _HAS_HOLDER)
)
_LOCKED_BY = prepare(select(_CONVERSATIONS.locked_by).where(_CONVERSATIONS.id == bindparam("id")))


def lock(connection: Connection, conversation_id: str, response_id: str, lease: Lease) -> bool:
    """Lock a conversation for a response, until it is unlocked or nobody renews the lock any more.

    A response in the background has it as long as it is active, whoever executes it.

    Returns:
        Whether it was free; one that is deleted is not.
    """
    now = leases.now(connection)
    locked = connection.execute(
        update(tables.conversations)
        .where(
            _CONVERSATIONS.id == conversation_id,
            _CONVERSATIONS.deleted.is_(False),
            ~_HAS_HOLDER,
        )
        .values(locked_by=response_id, locked_until=now + lease.seconds),
        {"now": now},
    )
    return locked.rowcount == 1


def is_locked(connection: Connection, conversation_id: str) -> bool:
    """Whether a response works on a conversation."""
    which = {"id": conversation_id, "now": leases.now(connection)}
    return connection.execute(_IS_LOCKED, which).scalar() is not None


def renew_locks(connection: Connection, lease: Lease, response_ids: Sequence[str]) -> None:
    """Let the locks of these responses, which this process works on, last from now on."""
    until = leases.now(connection) + lease.seconds
    locks = update(tables.conversations).where(_CONVERSATIONS.locked_by.in_(response_ids))
    connection.execute(locks.values(locked_until=until))


def has_lock(connection: Connection, conversation_id: str, response_id: str) -> bool:
    """Tell whether a response still has the lock of a conversation, which it had."""
    locked_by = connection.execute(_LOCKED_BY, {"id": conversation_id}).scalar()
    return locked_by == response_id


@transaction(writes=True, short=True)
def unlock(connection: Connection, response_id: str) -> None:
    """Let others work on the conversation that a response has locked, if it has one."""
    locks = update(tables.conversations).where(_CONVERSATIONS.locked_by == response_id)
    connection.execute(locks.values(locked_by=None, locked_until=None))
