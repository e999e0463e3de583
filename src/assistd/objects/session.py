"""A session: one interpreter opened for a thread; what is metered."""

from assistd.objects.base import Object, Timestamp


class Session(Object):
    """When a thread had an interpreter.

    Args:
        id: the session's.
        project_id: whose thread it was.
        thread_id: the thread.
        api_key_id: the key that the run was created with which opened it.
        opened_at: when its first call came.
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
