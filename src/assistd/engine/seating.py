"""Seats as rows of the database that all processes share; implements `sandbox.remote.fleet.seating.Seating`."""

import asyncio
import contextlib
import random

from assistd.db.cluster import hosts, seats
from assistd.db.cluster.seats import SeatChangedError
from assistd.db.database import Database
from assistd.hosting import Beat, Claim, Host, NoSeatError, Order, Seat
from assistd.periodic import Duty

_ATTEMPTS = 20
_PAUSE_SECONDS = 0.01  # at most, before the next one
_REAP_SECONDS = 5.0


class SharedSeating:
    """The seats of an installation; see `Seating`.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._run = database.run

    async def find(self, workspace_id: str) -> Seat | None:
        """Return the seat of a workspace; see `Seating.find`."""
        return await self._run(seats.find, workspace_id)

    async def claim(self, claim: Claim) -> Seat:
        """Return the seat of a workspace, or a new one; see `Seating.claim`."""
        for _ in range(_ATTEMPTS):
            try:
                return await self._run(seats.take, claim)
            except SeatChangedError:
                await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS))  # noqa: S311  no secret
        raise NoSeatError(is_of_project=False)

    async def leave(self, seat: Seat) -> None:
        """Give a seat back; see `Seating.leave`."""
        with contextlib.suppress(SeatChangedError):
            await self._run(seats.leave, seat)

    async def list_hosts(self) -> list[Host]:
        """Return every host; see `Seating.list_hosts`."""
        return await self._run(hosts.list_all)

    async def note_breach(self, host_id: str) -> bool:
        """Count a claim that a host broke; see `Seating.note_breach`."""
        return await self._run(hosts.note_breach, host_id)

    async def take_probe(self) -> Host | None:
        """Return a host on probation to try; see `Seating.take_probe`."""
        return await self._run(hosts.take_probe)

    async def end_probation(self, host_id: str) -> None:
        """Give a host new seats again; see `Seating.end_probation`."""
        await self._run(hosts.end_probation, host_id)

    async def beat(self, said: Beat) -> Order:
        """Take what a host says of itself; see `Seating.beat`."""
        return await self._run(hosts.beat, said)

    async def remove(self, host_id: str, started_at: float) -> None:
        """Forget a host that stops; see `Seating.remove`."""
        await self._run(hosts.remove, host_id, started_at)

    def duty(self) -> Duty:
        """Return what gives back the seats of hosts that are dead."""
        return Duty("seats of dead hosts", self._reap, _REAP_SECONDS)

    async def _reap(self) -> None:
        if await self._run(hosts.has_lapsed):
            await self._run(hosts.reap)
