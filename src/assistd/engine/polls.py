"""Polls of the runs that this process executes: held until there is news, and answered from memory.

A client that polls without a pause takes from the runs the very time they need, the more the more runs
there are. So a poll is held the longer, the more of them are active: all polls together are some 400 per
second, however many clients there are (decision 0054).
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from assistd.db import runs
from assistd.db.database import Database
from assistd.objects.run import RunStatus

_POLLS_PER_SECOND = 400
_LEAST_SECONDS = 0.02
_MOST_SECONDS = 1.0


def hold_seconds(active_runs: int) -> float:
    """Return how long a poll is held that brings no news, where so many runs are executed."""
    return min(max(active_runs / _POLLS_PER_SECOND, _LEAST_SECONDS), _MOST_SECONDS)


class Looks:
    """Looks at the states of all runs that an owner executes; one look does for all who wait for it.

    Args:
        database: where the runs are.
        owner: who executes them, as their leases say.
    """

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner
        self._began = 0.0
        self._look: asyncio.Task[Mapping[str, RunStatus]] | None = None

    async def since(self, moment: float) -> Mapping[str, RunStatus]:
        """Return the states, by run, at some time since `moment` (of the event loop's clock).

        A run that is missing has ended, was deleted, or is executed by somebody else.
        """
        while self._look is None or self._began < moment:
            if self._look and not self._look.done():
                with suppress(Exception):  # told to those who asked for it
                    await asyncio.shield(self._look)
            else:
                self._began = asyncio.get_running_loop().time()
                look = self._database.run(runs.states_of, self._owner)
                self._look = asyncio.create_task(look, name="look at runs")
        return await asyncio.shield(self._look)
