"""Sessions of a host beside those of an actor of Ray, in turn: each on a machine behind a link, and with one warm.

Behind both are the same sessions. Ours have a seat in PostgreSQL and a TLS of both ends, Ray's have neither.
"""

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uv
import uvloop
from rich.progress import track

from assistd.sandbox.base import Sessions
from assistd.settings import Settings
from bench.figures import Figure
from bench.hosts import FIFTY, PAUSE_SECONDS, by_link, open_and_print
from bench.networks import Place, find_free_port, linked_places
from bench.options import Options, interpreter
from bench.rest import await_own_rest
from bench.servers import databases

Samples = dict[str, list[float]]

_ROOT = Path(__file__).parent.parent
_RAY = "ray==2.60.0"
_CALLS_EACH_ROUND = 20
_END_SECONDS = 20
_TITLES = {
    "open": "claim, open and first output over mTLS, warm",
    "call": "warm call over mTLS",
    "streamed": "50 outputs over mTLS, as they come",
}


def measure(options: Options) -> list[Figure]:
    """Measure both, alternating; nothing where Ray cannot be had."""
    try:
        python = _build(Settings().cache_dir)
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"no actors: Ray cannot be installed here ({error})")
        return []
    with tempfile.TemporaryDirectory(prefix="ray-") as folder, ExitStack() as stack:
        database = stack.enter_context(databases())()
        places = stack.enter_context(linked_places(2))
        try:
            actor = stack.enter_context(_driver(python, Path(folder), places[1]))
        except TimeoutError as error:
            print(f"no actors: {error}")
            return []
        return uvloop.run(_measure(Path(folder), database, places[0], actor, options.rounds))


class Actor:
    """The driver of an actor, which is asked and answers by lines."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    async def take(self, what: str, key: str, code: str = "") -> float:
        """Have something done; return the milliseconds that it took."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([what, key, code]) + "\n")
        self._process.stdin.flush()
        return float(await asyncio.to_thread(self._process.stdout.readline))


async def _measure(
    folder: Path, database: str, place: Place, actor: Actor, rounds: int
) -> list[Figure]:
    ours: Samples = defaultdict(list)
    theirs: Samples = defaultdict(list)
    async with by_link(folder, database, place, warm=1) as fleet:
        await fleet.start()
        session = await fleet.open("calls")
        await actor.take("open", "calls", "None")
        await await_own_rest()
        for number in track(range(rounds), "sessions of a host, and of an actor of Ray in turn"):
            for _ in range(_CALLS_EACH_ROUND):
                ours["call"].append(await _time(lambda: session.execute("None")))
                theirs["call"].append(await actor.take("execute", "calls", "None"))
            ours["streamed"].append(
                await _time(lambda: session.execute(FIFTY, on_output=lambda _: None))
            )
            theirs["streamed"].append(await actor.take("stream", "calls", FIFTY))
            theirs["at once"].append(await actor.take("execute", "calls", FIFTY))
            await _open_both(fleet, actor, str(number), ours, theirs)
    at_once = Figure("50 outputs of an actor, all at its end", "ms", tuple(theirs["at once"]))
    return [
        *(
            Figure(title, "ms", tuple(ours[name]), tuple(theirs[name]), paired=True)
            for name, title in _TITLES.items()
        ),
        at_once,
    ]


async def _open_both(
    fleet: Sessions, actor: Actor, key: str, ours: Samples, theirs: Samples
) -> None:
    await asyncio.sleep(PAUSE_SECONDS)
    ours["open"].append(await _time(lambda: open_and_print(fleet, key)))
    await asyncio.sleep(PAUSE_SECONDS)
    theirs["open"].append(await actor.take("open", key, "print(1)"))
    await fleet.drop(key)
    await actor.take("drop", key)


async def _time(act: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await act()
    return 1000 * (time.perf_counter() - began)


@contextmanager
def _driver(python: Path, folder: Path, place: Place) -> Generator[Actor]:
    """A cluster of Ray, its head here and its node at the place, with a driver.

    Raises:
        TimeoutError: it did not start.
    """
    port = find_free_port()
    ray = str(python.parent / "ray")
    common = ["--block", "--disable-usage-stats", "--object-store-memory=100000000"]
    head = [ray, "start", "--head", "--num-cpus=0", f"--port={port}", *common]
    head += [f"--node-ip-address={place.api}", "--include-dashboard=false"]
    node = [*place.prefix, ray, "start", f"--address={place.api}:{port}", *common]
    node += [f"--node-ip-address={place.address}", '--resources={"host": 1}']
    driver = [str(python), "-m", "bench.actors_driver"]
    driver += [f"{place.api}:{port}", place.api, str(interpreter())]
    environment = {**os.environ, "RAY_TMPDIR": str(folder)}
    with ExitStack() as stack:
        stack.enter_context(_started(head, environment))
        stack.enter_context(_started(node, environment))
        process = stack.enter_context(_started(driver, environment))
        assert process.stdout
        if process.stdout.readline() != "ready\n":
            raise TimeoutError("Ray did not start")
        yield Actor(process)


@contextmanager
def _started(command: list[str], environment: dict[str, str]) -> "Generator[subprocess.Popen[str]]":
    """A process with all that it starts, which ends with it."""
    process = subprocess.Popen(
        command,
        cwd=_ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if "-m" in command else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _build(cache_dir: Path) -> Path:
    """Return the interpreter of an environment with Ray and this tree; it is built where it is missing.

    Raises:
        CalledProcessError: it cannot be built.
    """
    key = hashlib.sha256(f"{_RAY}{_ROOT}{sys.version}".encode()).hexdigest()[:16]
    folder = cache_dir / "bench" / f"ray-{key}"
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    print("building the environment of Ray")
    shutil.rmtree(folder, ignore_errors=True)
    uv_bin = uv.find_uv_bin()
    install = ["pip", "install", "--quiet", "--compile-bytecode", f"--python={python}", _RAY]
    for command in (
        ["venv", "--no-project", "--quiet", f"--python={sys.executable}", str(folder)],
        [*install, "--editable", str(_ROOT)],
    ):
        subprocess.run([uv_bin, *command], check=True)
    (folder / "ready").touch()
    return python
