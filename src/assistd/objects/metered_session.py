"""A session: one interpreter that was opened for a thread or a container, as it is metered and shown."""

from typing import Literal

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


class SessionState(Object):
    """The session of a thread or a container now; not a part of the hosted API.

    Args:
        status: `live` on this server; `elsewhere`, which is another server, or one that died; `none`.
        id: its id, as in reports.
        ends_at: when it is closed if nobody runs code until then.
        billed: whether it is paid for, and did not fall into an hour that was.
        price: what it cost, in US dollars.
        memory_bytes: what its processes and its files hold; null where the host cannot see them.
        memory_limit_bytes: what they may hold.
        cpu_seconds: processors' time of its processes so far; likewise.
        jail: what isolates it.
    """

    object: Literal["assistd.session"] = "assistd.session"
    status: Literal["live", "elsewhere", "none"] = "none"
    id: str | None = None
    opened_at: Timestamp | None = None
    ends_at: Timestamp | None = None
    billed: bool = False
    price: float = 0
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    cpu_seconds: float | None = None
    jail: str | None = None
