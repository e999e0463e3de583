"""The memory that sessions of a thread have by a wish of its owner."""

from sqlalchemy import Connection, bindparam, delete, insert, select

from assistd.db.prepared import prepare
from assistd.db.transaction import transaction
from assistd.db.workspaces.tables import tiers

_FIND = prepare(select(tiers.c.memory_gib).where(tiers.c.thread_id == bindparam("thread_id")))


@transaction(short=True)
def find(connection: Connection, thread_id: str) -> int | None:
    """Return the tier of a thread's sessions, in GiB; None where no other one was wished for."""
    return connection.execute(_FIND, {"thread_id": thread_id}).scalar()


@transaction(writes=True, short=True)
def replace(connection: Connection, thread_id: str, memory_gib: int) -> None:
    """Have later sessions of a thread be of a tier."""
    remove(connection, thread_id)
    connection.execute(insert(tiers), {"thread_id": thread_id, "memory_gib": memory_gib})


def remove(connection: Connection, thread_id: str) -> None:
    """Forget the tier of a thread."""
    connection.execute(delete(tiers).where(tiers.c.thread_id == thread_id))
