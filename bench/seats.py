"""Seats of sessions on hosts: how many processes claim together, and how long one takes to be found.

Run by itself it is one of these processes.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from assistd import clock
from assistd.db.cluster import hosts, seats
from assistd.db.database import Database
from assistd.hosting import Beat, Claim
from bench.figures import Figure
from bench.options import Options
from bench.servers import postgres

_PROCESSES = 8
_CLAIMS = 300  # of each
_HOSTS = 8
_AHEAD_SECONDS = 3600  # no host beats while they claim


def measure(_: Options) -> list[Figure]:
    """Return claims per second of eight processes, and the time of a look, on both databases."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, opening in (
            ("PostgreSQL", postgres),
            ("SQLite", lambda: _sqlite(Path(folder) / "seats.sqlite3")),
        ):
            for projects in (1, _PROCESSES):
                with opening() as url:
                    claims, looks = _play(url, projects)
                of = f"of {projects} projects" if projects > 1 else "of one project"
                figures.append(Figure(f"seats {of}, claimed, {name}", "per second", (claims,)))
            figures.append(Figure(f"a seat is found, {name}", "ms", looks))
    return figures


@contextmanager
def _sqlite(path: Path) -> Iterator[str]:
    path.unlink(missing_ok=True)
    yield f"sqlite:///{path}"


def _play(url: str, projects: int) -> tuple[float, tuple[float, ...]]:
    """Return claims per second of all processes, and the milliseconds of a look in each."""
    database = Database(url)
    database.open()
    clock.advance(_AHEAD_SECONDS)
    for number in range(_HOSTS):
        beat = Beat(f"host-{number}", 1.0, "host:1", "1", (1, 4), 1 << 24, 1 << 20)
        database.run_sync(hosts.beat, beat)
    clock.advance(-_AHEAD_SECONDS)
    database.close()
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "bench.seats",
                        url,
                        f"p{number % projects}",
                        str(number),
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for number in range(_PROCESSES)
        ]
        for each in processes:
            assert each.stdout
            assert each.stdout.readline() == "ready\n"
        for each in processes:
            assert each.stdin
            each.stdin.write("go\n")
            each.stdin.flush()
        told = [each.communicate()[0].split() for each in processes]
    slowest = max(float(seconds) for seconds, _ in told)
    return _PROCESSES * _CLAIMS / slowest, tuple(float(ms) for _, ms in told)


def main(url: str, project: str, number: str) -> None:
    """Claim seats as fast as it goes, then look for them; print the seconds, and the milliseconds of a look."""
    database = Database(url)
    database.run_sync(seats.find, "none")
    print("ready", flush=True)
    sys.stdin.readline()
    names = [f"{number}_{each}" for each in range(_CLAIMS)]
    began = time.perf_counter()
    for name in names:
        _claim(database, Claim(name, project, 1, _PROCESSES * _CLAIMS))
    claimed = time.perf_counter()
    for name in names:
        database.run_sync(seats.find, name)
    looked = time.perf_counter() - claimed
    print(claimed - began, looked / _CLAIMS * 1000)
    database.close()


def _claim(database: Database, claim: Claim) -> None:
    while True:
        try:
            database.run_sync(seats.take, claim)
        except seats.SeatChangedError:
            continue
        return


if __name__ == "__main__":
    main(*sys.argv[1:])
