"""A metered session: one interpreter that was opened for a thread."""

from assistd.objects.base import Object, Timestamp


class MeteredSession(Object):
    """The record of a session, for reports and bills.

    Args:
        id: the id of the session.
        project_id: whose thread it was.
        thread_id: the thread.
        api_key_id: the key that created the run which opened the session.
        opened_at: when its first call came, in Unix seconds.
        closed_at: when it ended; null while it lives.
        billed: whether it began a paid hour of its thread, or fell into one (trap 45).
    """

    id: str
    project_id: str
    thread_id: str
    api_key_id: str | None = None
    opened_at: Timestamp
    closed_at: Timestamp | None = None
    billed: bool = False
