"""A metered session: one interpreter that was opened for a thread or a container."""

from assistd.objects.base import Object, Timestamp


class MeteredSession(Object):
    """The record of a session, for reports and bills.

    Args:
        id: the id of the session.
        project_id: whose workspace it was.
        thread_id: the thread, or the container.
        api_key_id: the key that created the run or the response which opened the session.
        opened_at: when its first call came, in Unix seconds.
        closed_at: when it ended; null while it lives.
        billed: whether it began a paid hour of its thread, or fell into one (trap 45); with a
            container, whether it was the first since that was made or revived.
        memory_gib: the tier of its memory, in GiB.
    """

    id: str
    project_id: str
    thread_id: str
    api_key_id: str | None = None
    opened_at: Timestamp
    closed_at: Timestamp | None = None
    billed: bool = False
    memory_gib: int = 1
