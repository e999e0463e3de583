"""The search for a session on one of many hosts."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from assistd.hosting import Seat
from assistd.sandbox.base import SandboxError, Tenant

_MOST_LOST = 3  # others may have taken the next seat meanwhile, but not time and again


@dataclass(slots=True)
class Search:
    """The search for a session, so far.

    Args:
        key: whose.
        tenant: for whom.
        leaving: the seat whose host did not give it.
        avoiding: the ids of such hosts.
        failure: what the last of them failed with, unless it was full.
        lost: how many seats were over when their session was asked for.
        blamed: the ids of all hosts that failed.
    """

    key: str
    tenant: Tenant
    leaving: Seat | None = None
    avoiding: list[str] = field(default_factory=list[str])
    failure: SandboxError | None = None
    lost: int = 0
    blamed: set[str] = field(default_factory=set[str])

    def blame(self, seat: Seat, failure: SandboxError) -> bool:
        """Try another host from now on, for this one failed; return whether it did for the first time."""
        self.avoid(seat, failure)
        is_first = seat.host_id not in self.blamed
        self.blamed.add(seat.host_id)
        return is_first

    def avoid(self, seat: Seat, failure: SandboxError | None = None) -> None:
        """Try another host from now on."""
        self.leaving = seat
        self.avoiding.append(seat.host_id)
        self.failure = failure or self.failure

    def give_up(self, up: Iterable[str] | None) -> SandboxError | None:
        """Return what the last host failed with, where no other one is up; from now on all are tried again.

        Args:
            up: the ids of the hosts that are; None where hosts are not what is missing.
        """
        is_last = up is not None and set(up) <= set(self.avoiding)
        failure = self.failure if is_last else None
        self.avoiding.clear()
        self.failure = None
        return failure

    def leave_lost(self, seat: Seat, failure: SandboxError) -> bool:
        """Try the next seat from now on, for this one is over; return whether the host is believed in that."""
        self.leaving = seat
        self.lost += 1
        is_believed = self.lost <= _MOST_LOST
        if not is_believed:
            self.avoid(seat, failure)
        return is_believed
