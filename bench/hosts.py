"""Sessions of hosts beside those of this process, in turn, in pairs: by a unix socket, and over mTLS on a link.

On a link there is all that belongs to it: the host has joined, and a claim takes a seat in PostgreSQL.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import uvloop
from rich.progress import track

from assistd.sandbox.base import Limits, Session, Sessions
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from assistd.sandbox.remote.channels import open_socket
from assistd.settings import Settings
from assistd.wiring.fleet import open_fleet
from bench.figures import Figure
from bench.joined import Joined, joined_host, write_api_certificate
from bench.networks import Place, can_link, find_free_port, linked_places
from bench.options import Options, interpreter
from bench.rest import await_own_rest
from bench.servers import databases

Samples = dict[str, list[float]]

FIFTY = "from IPython.display import display\nfor n in range(50): display(n)"
_CALLS_EACH_ROUND = 20
_REHEARSALS = 25  # then PostgreSQL has the plan of a claim, as in a server that has run for a while
PAUSE_SECONDS = 0.4  # between two threads: the next session is warm again
_HERE, _SOCKET, _LINK = range(3)
_WAYS = {_SOCKET: "by a unix socket", _LINK: "over mTLS"}
_MOST = {  # times what this process takes
    "warm call": (2.0, 2.5),
    "50 outputs": (2.5, 2.5),
    "claim, open and first output, warm": (3.0, 3.0),
    "claim, open and first output, cold": (1.5, 1.5),
}


def measure(options: Options) -> list[Figure]:
    """Measure all three, alternating."""
    print("hosts have networks of their own" if can_link() else "no root: hosts listen on loopback")
    with databases() as make:  # before gRPC has threads: a fork of ours would meet them
        return uvloop.run(_measure(options.rounds, (make(), make())))


async def _measure(rounds: int, urls: tuple[str, str]) -> list[Figure]:
    taken: dict[int, Samples] = defaultdict(lambda: defaultdict(list))
    async with _three(urls[0], warm=1) as warm, _three(urls[1], warm=0) as cold:
        for each in (*warm, *cold):
            for number in range(_REHEARSALS):
                await open_and_print(each, f"rehearsal {number}")
                await each.drop(f"rehearsal {number}")
        await await_own_rest()
        served = [(await each.open("warm calls")) for each in warm]
        for number in track(range(rounds), "sessions of hosts, and of this process in turn"):
            for _ in range(_CALLS_EACH_ROUND):
                await _take("warm call", served, taken, lambda one: one.execute("None"))
            await _take("50 outputs", served, taken, lambda one: one.execute(FIFTY))
            open_key = partial(open_and_print, key=str(number))
            for kind, each in (("warm", warm), ("cold", cold)):
                name = f"claim, open and first output, {kind}"
                await _take(name, each, taken, open_key, pause=PAUSE_SECONDS)
                await asyncio.gather(*(one.drop(str(number)) for one in each))
    return [
        Figure(
            f"{name}, {where}",
            "ms",
            tuple(taken[way][name]),
            tuple(taken[_HERE][name]),
            ratio_goal=1 / most[way - 1],
            paired=True,
        )
        for name, most in _MOST.items()
        for way, where in _WAYS.items()
    ]


async def _take(
    name: str,
    those: "list[Session] | list[Sessions]",
    taken: dict[int, Samples],
    act: Callable[..., Awaitable[object]],
    *,
    pause: float = 0,
) -> None:
    """Measure the same of this process, then of each host, each after a pause."""
    for way, one in enumerate(those):
        await asyncio.sleep(pause)
        began = time.perf_counter()
        await act(one)
        taken[way][name].append(1000 * (time.perf_counter() - began))


async def open_and_print(sessions: Sessions, key: str) -> None:
    """Open a session, and run a cell that prints."""
    await (await sessions.open(key)).execute("print(1)")


@asynccontextmanager
async def _three(database: str, *, warm: int) -> AsyncGenerator[list[Sessions]]:
    """Sessions of this process, those of a host by its socket, and those of one that joined."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="host-")))
        pool = SessionPool(interpreter(), PoolSettings(warm=warm))
        stack.push_async_callback(pool.close)
        by_socket = await stack.enter_async_context(_by_socket(folder, warm))
        place = stack.enter_context(linked_places(1))[0]
        joined = await stack.enter_async_context(by_link(folder, database, place, warm=warm))
        those: list[Sessions] = [pool, by_socket, joined]
        await asyncio.gather(*(each.start() for each in those))
        yield those


@asynccontextmanager
async def _by_socket(folder: Path, warm: int) -> AsyncGenerator[Sessions]:
    path = folder / "sandbox.sock"
    settings = {
        "ASSISTD_DATA_DIR": str(folder / "socket"),
        "ASSISTD_PARKED_SESSIONS": str(warm),
    }
    command = [sys.executable, "-m", "assistd", "host", "--socket", str(path)]
    host = subprocess.Popen(command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL)
    try:
        async with open_socket(path, Limits()) as remote:
            yield remote
    finally:
        host.terminate()
        host.wait(30)


@asynccontextmanager
async def by_link(
    folder: Path, database: str | None, place: Place, *, warm: int
) -> AsyncGenerator[Sessions]:
    """Sessions of a host that joins this process, at a place; without a database, by SQLite."""
    papers, certificate = write_api_certificate(folder / "certificates")
    port = find_free_port()
    settings = Settings(
        data_dir=folder / "api",
        database_url=database,
        hosts_listen=f"0.0.0.0:{port}",
        hosts_certificates=certificate,
    )
    async with open_fleet(settings, Limits()) as fleet:
        settings_of_host = {"ASSISTD_PARKED_SESSIONS": str(warm)}
        host = joined_host(papers, "host-1", place, port, **settings_of_host)
        async with _in_thread(host):
            yield fleet


@asynccontextmanager
async def _in_thread(context: AbstractContextManager[Joined]) -> AsyncGenerator[None]:
    """Enter and leave a context in a thread: this loop hears what joins and what leaves meanwhile."""
    await asyncio.to_thread(context.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)
