"""Many runs with code at once, over HTTP: how many a server bears, and what each costs on PostgreSQL."""

import asyncio
import tempfile
import time
from pathlib import Path

import psutil
import psycopg

from bench.client import Client
from bench.figures import Figure
from bench.options import Options
from bench.servers import Serving, postgres, server, upstream
from bench.turns import Pause, make_assistant, take_turn

_CODE = "print(6 * 7)"
# Only a transaction that writes gets a number; PostgreSQL counts reads that begin none as commits, too.
_COUNTED = "SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)"


def measure(options: Options) -> list[Figure]:
    """Begin many runs at once, with clients that poll in different ways."""
    print(f"{options.runs} runs with code at once")
    with tempfile.TemporaryDirectory() as folder:
        return _crowds(Path(folder), options.runs) + _on_postgres(Path(folder), options.runs // 2)


def _crowds(folder: Path, runs: int) -> list[Figure]:
    """How many runs end in a second, and what each costs the server, by how the clients poll."""
    pauses: dict[str, Pause] = {
        f"{runs} concurrent runs with code, all right": 0.0,
        f"{runs} concurrent runs with code, clients that pause as told": "as told",
    }
    figures: list[Figure] = []
    for number, (name, pause) in enumerate(pauses.items()):
        with upstream("--code", _CODE) as model, server(folder / f"{number}", model) as serving:
            seconds, spent = asyncio.run(_loaded(serving, runs, pause))
        figures.append(Figure(name, "per second", (runs / seconds,)))
        figures.append(Figure(f"{name}: the server's processor", "ms", (1000 * spent / runs,)))
    return figures


def _on_postgres(folder: Path, runs: int) -> list[Figure]:
    """What a run costs on PostgreSQL: transactions that are committed, and the server's processor."""
    spent = 0.0
    commits: list[int] = []
    with postgres() as database, upstream("--code", _CODE) as model:
        # Lives of servers, whose connections tell all they did when they end. The first makes the tables.
        for crowd in (0, 0, runs):
            before = _commits(database)
            with server(folder / "postgres", model, ASSISTD_DATABASE_URL=database) as serving:
                _, spent = asyncio.run(_loaded(serving, crowd, 1.0))
            commits.append(_commits(database) - before)
    each = (commits[2] - commits[1]) / runs
    return [
        Figure("commits of a run with code on PostgreSQL", "commits", (each,), goal=12),
        Figure("the server's processor, of such a run", "ms", (1000 * spent / runs,), goal=30),
    ]


def _commits(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute(_COUNTED).fetchone()
    assert row
    return int(row[0])


async def _loaded(serving: Serving, runs: int, pause: Pause) -> tuple[float, float]:
    """Begin many runs at once at a server that is warmed up; seconds, and those of its processor."""
    assistant = await _warmed_up(serving.url)
    process = psutil.Process(serving.pid)
    before = process.cpu_times()
    seconds = await _crowd(serving.url, assistant, runs, pause)
    after = process.cpu_times()
    return seconds, after.user + after.system - before.user - before.system


async def _warmed_up(url: str) -> str:
    """An assistant, after its first turn."""
    async with Client.connect(url) as client:
        assistant = await make_assistant(client)
        thread = await take_turn(client, assistant)
        await client.call("DELETE", f"/v1/threads/{thread}")  # its session takes no place of others
    return assistant


async def _crowd(url: str, assistant: str, runs: int, pause: Pause) -> float:
    """Seconds until every one of many runs with code, begun at once, is completed and right."""

    async def one() -> None:
        async with Client.connect(url) as client:
            thread = await take_turn(client, assistant, pause)
            messages = await client.call("GET", f"/v1/threads/{thread}/messages")
            assert messages["data"][0]["content"], thread

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(runs)))
    return time.perf_counter() - began
