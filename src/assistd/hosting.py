"""Hosts and seats as data: what the database, the sandbox and operators say to each other of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from assistd.errors import AssistdError

HostState = Literal["up", "draining", "down"]

DOWN_SECONDS = 5.0
"""After so long without a beat a host is down for all."""

FENCE_SECONDS = 15.0
"""After so long without an answer to its beats a host ends its sessions by itself."""

TIERS = (1, 4, 16, 64)
"""The sizes of a session's memory (GiB)."""

_RESERVED_MIB = {1: 64, 4: 512}
"""What is reserved of a host's memory for a session of a tier, where it is less than all of it."""


def find_tier(memory_mib: int) -> int:
    """Return the tier (GiB) of a session with so much memory."""
    return next((tier for tier in TIERS if memory_mib <= tier * 1024), TIERS[-1])


def count_reserved_mib(tier: int) -> int:
    """Return the MiB of a host's memory that are reserved for a session of a tier (GiB).

    Small sessions hardly ever use what they may; large ones are opened to be used.
    """
    return _RESERVED_MIB.get(tier, tier * 1024)


@dataclass(frozen=True, slots=True)
class Seat:
    """The place of a workspace's session: on which host, and which session in turn that is.

    Args:
        workspace_id: whose.
        project_id: who is limited by it.
        host_id: where.
        address: of the host.
        generation: counts the seats that the workspace had; of two the larger one is the true one.
        mib: reserved of the host's memory.
        is_draining: whether the host is being emptied.
        is_new: whether the claim that returned it took it: no session had it before.
    """

    workspace_id: str
    project_id: str
    host_id: str
    address: str
    generation: int
    mib: int
    is_draining: bool = False
    is_new: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """What is wanted of a seat.

    Args:
        workspace_id: for whose session.
        project_id: who is limited by it.
        tier: of the session's memory (GiB).
        limit: how many seats the project may have; None for any number.
        leaving: the seat that the workspace has, and does not want any more.
        avoiding: ids of hosts where it does not want one.
    """

    workspace_id: str
    project_id: str
    tier: int = 1
    limit: int | None = None
    leaving: Seat | None = None
    avoiding: tuple[str, ...] = ()


class NoSeatError(AssistdError):
    """No seat can be had now.

    Args:
        is_of_project: whether the project has as many as it may; else the hosts are full.
    """

    def __init__(self, *, is_of_project: bool) -> None:
        super().__init__("the project has all its seats" if is_of_project else "no host has room")
        self.is_of_project = is_of_project


@dataclass(frozen=True, slots=True)
class Beat:
    """What a host says of itself every second.

    Args:
        host_id: its id, which its certificate names.
        started_at: when its process started (Unix seconds): a later one takes the place of an earlier.
        address: where its sessions can be reached.
        build: the version of its program.
        tiers: of memory (GiB) that its sessions may have.
        mib: of memory for all its sessions.
        most: how many sessions may live there.
        warm: how many forked ones wait for the next.
        sessions: workspace -> generation of the sessions that live there; None where it is not said
            this time.
        leaves_in: in how many seconds it stops; None while it stays.
    """

    host_id: str
    started_at: float
    address: str
    build: str
    tiers: tuple[int, ...]
    mib: int
    most: int
    warm: int = 0
    sessions: dict[str, int] | None = None
    leaves_in: float | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What a host is told in answer to a beat.

    Args:
        is_replaced: whether a later process has its id: it ends its sessions and itself.
        is_draining: whether it is being emptied: sessions that nobody uses are closed.
        is_over: whether the time for that is over: every session is closed.
        ending: workspace -> generation of sessions that have no seat there any more.
        closes_in: in how many seconds that time is over; None where it is not drained, or not said.
    """

    is_replaced: bool = False
    is_draining: bool = False
    is_over: bool = False
    ending: dict[str, int] = field(default_factory=dict[str, int])
    closes_in: float | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """A host as operators see it.

    Args:
        id: its name.
        address: where its sessions can be reached.
        build: the version of its program.
        tiers: of memory (GiB) that its sessions may have.
        state: `up`, `draining`, or `down` where it is silent.
        mib_total: of memory for all its sessions.
        mib_free: of that, what no seat has reserved.
        most: how many sessions may live there.
        sessions: how many seats are taken.
        warm: how many forked sessions wait for the next.
        silent_seconds: since its last beat.
        is_on_probation: whether it broke claims, and gets no new seats until one works.
        refused: how many claims it broke or refused since it joined.
    """

    id: str
    address: str
    build: str
    tiers: tuple[int, ...]
    state: HostState
    mib_total: int
    mib_free: int
    most: int
    sessions: int
    warm: int
    silent_seconds: float
    is_on_probation: bool
    refused: int

    @property
    def takes_sessions(self) -> bool:
        """Whether it gets new seats, as long as it has room."""
        return self.state == "up" and not self.is_on_probation


def count_free_seats(hosts: Iterable[Host], tier: int) -> int:
    """Return how many sessions of a tier (GiB) would find a seat now, if only such sessions came."""
    return sum(
        max(0, min(host.mib_free // count_reserved_mib(tier), host.most - host.sessions))
        for host in hosts
        if host.takes_sessions and tier in host.tiers
    )


@dataclass(frozen=True, slots=True)
class Joining:
    """Where a host joins, and where it is found.

    Args:
        api: where processes of the API hear hosts.
        listen: where it listens.
        address: how they reach it; None: by `listen`.
        memory_mib: of the machine, for sessions; None: nine tenths of it.
        metrics_listen: where it gives out its metrics to anybody; None: nowhere.
    """

    api: str
    listen: str
    address: str | None = None
    memory_mib: int | None = None
    metrics_listen: str | None = None
