"""A process that claims seats, as many at once as it is told, and prints what came of each.

Its arguments are the URL of a database, a project, how many seats it may have, the first workspace's
number, how many claims, and by how many at once.
"""

import asyncio
import sys

from assistd.db.database import Database
from assistd.engine.seating import SharedSeating
from assistd.hosting import Claim, NoSeatError


async def _main(url: str, project: str, limit: int, first: int, claims: int, at_once: int) -> None:
    database = Database(url)
    seating, turns = SharedSeating(database), asyncio.Semaphore(at_once)

    async def claim(number: int) -> str:
        wanted = Claim(f"{project}_{number}", project, 1, limit)
        async with turns:
            try:
                return (await seating.claim(wanted)).host_id
            except NoSeatError as error:
                return "-project" if error.is_of_project else "-hosts"

    print("ready", flush=True)
    sys.stdin.readline()
    for each in await asyncio.gather(*map(claim, range(first, first + claims))):
        print(each)
    database.close()


if __name__ == "__main__":
    _, url, project, *numbers = sys.argv
    asyncio.run(_main(url, project, *map(int, numbers)))
