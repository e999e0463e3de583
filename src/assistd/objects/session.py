"""A session: one interpreter opened for a thread; what is metered."""

from assistd.objects.base import Object, Timestamp


class Session(Object):
    """When a thread had an interpreter; `closed_at` is null while it lives."""

    id: str
    project_id: str
    thread_id: str
    opened_at: Timestamp
    closed_at: Timestamp | None = None
