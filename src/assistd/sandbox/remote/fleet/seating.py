"""What knows the hosts and the seats on them, for all processes: the sandbox itself has no database."""

from typing import Protocol

from assistd.hosting import Beat, Claim, Host, Order, Seat


class Seating(Protocol):
    """The seats of workspaces on hosts, judged by one clock, and what hosts say of themselves."""

    async def find(self, workspace_id: str) -> Seat | None:
        """Return the seat of a workspace; None where it has none, or one on a host that is down."""
        ...

    async def claim(self, claim: Claim) -> Seat:
        """Return the seat of a workspace, a new one where it has none or leaves it, or its host is down.

        Raises:
            NoSeatError: there is none.
        """
        ...

    async def leave(self, seat: Seat) -> None:
        """Give a seat back; harmless where the workspace has it no longer."""
        ...

    async def list_hosts(self) -> list[Host]:
        """Return every host, by its id."""
        ...

    async def note_breach(self, host_id: str) -> bool:
        """Count a claim that a host broke; return whether it is on probation now."""
        ...

    async def take_probe(self) -> Host | None:
        """Return a host on probation that is to be tried by whoever calls this; None where there is none."""
        ...

    async def end_probation(self, host_id: str) -> None:
        """Give a host new seats again: a claim of it worked."""
        ...

    async def beat(self, said: Beat) -> Order:
        """Take what a host says of itself, and return what it is to do."""
        ...

    async def remove(self, host_id: str, started_at: float) -> None:
        """Forget a host that stops, unless a later process has its id by now."""
        ...
