"""Many runs with code at once, over HTTP: how many a server bears, and what each costs on PostgreSQL."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import psutil
import psycopg

from bench.client import Client
from bench.figures import Figure
from bench.options import Options
from bench.servers import postgres, server, upstream
from bench.turns import Pause, make_assistant, take_turn

_CODE = "print(6 * 7)"
_COUNTED = "SELECT sum(xact_commit) FROM pg_stat_database WHERE datname = current_database()"


def measure(options: Options) -> list[Figure]:
    """Begin many runs at once, with clients that poll in different ways."""
    print(f"{options.runs} runs with code at once")
    with tempfile.TemporaryDirectory() as folder:
        return _crowds(Path(folder), options.runs) + _on_postgres(Path(folder), options.runs // 2)


def _crowds(folder: Path, runs: int) -> list[Figure]:
    name = f"{runs} concurrent runs with code, all right"
    pauses: dict[str, Pause] = {name: 0.0, f"{name}, clients that pause as told": "as told"}
    figures: list[Figure] = []
    for number, (name, pause) in enumerate(pauses.items()):
        with upstream("--code", _CODE) as model, server(folder / f"{number}", model) as serving:

            async def act(url: str = serving.url, pause: Pause = pause) -> float:
                assistant = await _warmed_up(url)
                return await _crowd(url, assistant, runs, pause)

            figures.append(Figure(name, "per second", (runs / asyncio.run(act()),)))
    return figures


def _on_postgres(folder: Path, runs: int) -> list[Figure]:
    """What a run costs on PostgreSQL: transactions that are committed, and the server's processor."""
    spent: list[float] = []
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        model = stack.enter_context(upstream("--code", _CODE))

        def commits_of(act: Callable[[str, str], Awaitable[None]]) -> int:
            """Those of a server's whole life: its connections tell all they did when they end."""
            before = _commits(database)
            with server(folder / "postgres", model, ASSISTD_DATABASE_URL=database) as serving:
                process = psutil.Process(serving.pid)

                async def live() -> None:
                    assistant = await _warmed_up(serving.url)
                    began = process.cpu_times()
                    await act(serving.url, assistant)
                    ended = process.cpu_times()
                    spent.append(ended.user + ended.system - began.user - began.system)

                asyncio.run(live())
            return _commits(database) - before

        async def crowd(url: str, assistant: str) -> None:
            await _crowd(url, assistant, runs, 1.0)

        commits_of(_do_nothing)  # the first life makes the tables
        idle = commits_of(_do_nothing)
        busy = commits_of(crowd)
    return [
        Figure(
            "commits of a run with code on PostgreSQL", "commits", ((busy - idle) / runs,), goal=12
        ),
        Figure("the server's processor, of such a run", "ms", (1000 * spent[-1] / runs,), goal=30),
    ]


async def _do_nothing(_url: str, _assistant: str) -> None:
    pass


def _commits(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute(_COUNTED).fetchone()
    assert row
    return int(row[0])


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
