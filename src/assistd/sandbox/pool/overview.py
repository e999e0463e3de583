"""Looks over a pool of sessions, for operators."""

from collections.abc import Sequence

from assistd.sandbox.overview import LiveSession, Overview
from assistd.sandbox.pool.slots import Slots
from assistd.sandbox.pool.warm_pool import WarmPool
from assistd.sandbox.session.session import GuestSession


def describe_session(
    key: str, session: GuestSession, tenant_id: str, ends_at: float
) -> LiveSession:
    """Return what is seen of a live session without a look at its processes.

    Args:
        key: whose it is.
        session: the session.
        tenant_id: for whom it was opened.
        ends_at: when it is closed if nobody uses it until then (Unix seconds).
    """
    return LiveSession(
        key,
        session.id,
        tenant_id,
        is_busy=session.busy,
        opened_at=session.opened_at,
        used_at=session.used_at,
        ends_at=ends_at,
        memory_limit_bytes=session.memory_bound.total,
    )


def describe_pool(
    live: Sequence[LiveSession], slots: Slots, warm_pools: Sequence[WarmPool]
) -> Overview:
    """Return who has a session, and who waits for one.

    Args:
        live: the sessions that keys have.
        slots: who waits, and how many may be live.
        warm_pools: those that have started.
    """
    return Overview(
        live=tuple(live),
        waiting=slots.list_waiting(),
        warm=sum(len(each.warm) for each in warm_pools),
        most=slots.most,
        limitations=tuple(warm_pools[0].jail.limitations) if warm_pools else (),
    )
