"""What an operator sees of the sandbox: who has a session, who waits for one, and which walls stand."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that a key has.

    Args:
        key: whose it is.
        id: its id.
        tenant_id: for whom it was opened.
        is_busy: whether a cell runs in it, or somebody reserved it.
        opened_at: when it was opened (Unix seconds).
        used_at: when it was last used.
        ends_at: when it is closed if nobody uses it until then.
        memory_limit_bytes: what its processes and its files may hold.
    """

    key: str
    id: str
    tenant_id: str
    is_busy: bool
    opened_at: float
    used_at: float
    ends_at: float
    memory_limit_bytes: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A caller of `Sessions.open` that waits for a slot.

    Args:
        key: whose session it is to be.
        tenant_id: for whom.
        seconds: how long it has waited.
    """

    key: str
    tenant_id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Overview:
    """Who has a session, and who waits for one.

    Args:
        live: the sessions that keys have.
        waiting: who waits, the first to come first.
        warm: forked sessions that wait for the next key.
        most: how many may be live.
        limitations: what the jail cannot give here, by short names.
        is_shared: whether these are the sessions of many hosts, which other servers tell of, too.
    """

    live: tuple[LiveSession, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    warm: int = 0
    most: int = 0
    limitations: tuple[str, ...] = ()
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Wall:
    """A wall around sessions, as it was found.

    Args:
        name: what it is.
        stands: whether it is in force.
        is_required: whether no server starts without it.
        meaning: what it keeps, or what is open for want of it.
    """

    name: str
    stands: bool
    is_required: bool
    meaning: str
