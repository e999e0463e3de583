"""A process that counts requests by a clock it is told: for each line of its input a line with what it let in.

Its arguments are the URL of a database and a project's requests per minute. A line of its input is the
time in seconds and how many requests come then, at once.
"""

import asyncio
import sys

from assistd import clock
from assistd.api import rates as module
from assistd.api.rates import Rates
from assistd.db.database import Database
from assistd.errors import RateLimitError
from assistd.objects.project import Project, ProjectLimits


class Clock:
    """The time, for the process and for the database as it sees it."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def monotonic(self) -> float:
        """Return the time, in place of the module `time`."""
        return self.now

    def shift(self, _other_clock: float) -> float:
        """Return the time, whatever another clock says."""
        return self.now


def limited(requests: int | None, name: str = "proj_1") -> Project:
    """A project with this limit."""
    return Project(id=name, name="p", created_at=1, limits=ProjectLimits(requests=requests))


async def count_let_in(rates: Rates, project: Project, requests: int) -> int:
    """How many of so many requests at once are let in."""
    done = await asyncio.gather(
        *(rates.take(project, {}) for _ in range(requests)), return_exceptions=True
    )
    assert all(each is None or isinstance(each, RateLimitError) for each in done), done
    return done.count(None)


async def _main(url: str, requests: int) -> None:
    told = Clock()
    clock.shift = told.shift
    module.time = told  # of this module alone: the event loop goes by the true one
    database = Database(url)
    rates, project = Rates(database), limited(requests)
    for line in sys.stdin:
        at, number = line.split()
        told.now = float(at)
        await rates.give_back_idle()
        print(await count_let_in(rates, project, int(number)), flush=True)
    await rates.close()
    database.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
