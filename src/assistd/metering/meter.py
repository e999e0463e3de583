"""Which sessions are billed: one per thread and hour, however often it was opened (trap 45)."""

from collections.abc import Iterable

from assistd.objects.session import Session

HOUR = 3600


def billed(sessions: Iterable[Session]) -> list[Session]:
    """The sessions that begin a billed hour of their thread.

    A session that was opened anew within the hour, because the first one died, costs nothing.

    Args:
        sessions: every session, oldest first.
    """
    paid_until: dict[str, int] = {}
    found: list[Session] = []
    for session in sessions:
        if session.opened_at >= paid_until.get(session.thread_id, 0):
            paid_until[session.thread_id] = session.opened_at + HOUR
            found.append(session)
    return found
