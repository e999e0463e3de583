"""The processes that a load is put on: ours, a scripted upstream, and a server that does nothing."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from tests.live.backends import Postgres

from bench.client import KEY
from bench.rest import await_rest

_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that answers: where, and by which process."""

    url: str
    pid: int


@contextlib.contextmanager
def server(
    data_dir: Path, upstream: str, *, module: str = "assistd", **more: str
) -> Generator[Serving]:
    """A server of assistd; `more` is set in its environment.

    Args:
        data_dir: where its data is.
        upstream: the URL of its upstream.
        module: what is run: `assistd`, or one that does more than it.
        more: further settings.
    """
    environment = os.environ | {
        "ASSISTD_DATA_DIR": str(data_dir),
        "ASSISTD_API_KEY": KEY,
        "ASSISTD_UPSTREAM_BASE_URL": upstream,
        **more,
    }
    command = [sys.executable, "-m", module, "serve", "--port", "0"]
    with _child(command, environment) as (process, line):
        await_rest(process.pid)
        yield Serving(line.removeprefix("assistd listens on "), process.pid)


@contextlib.contextmanager
def databases() -> Generator[Callable[[], str]]:
    """PostgreSQL; what it yields makes an empty database, and returns its URL."""
    started = Postgres()
    try:
        yield started.new_database
    finally:
        started.stop()


@contextlib.contextmanager
def postgres() -> Generator[str]:
    """An empty database of PostgreSQL, and its URL."""
    with databases() as make:
        yield make()


@contextlib.contextmanager
def built_in_model(checkout: Path, data_dir: Path, settings: dict[str, str]) -> Generator[str]:
    """The server of a checkout with a `.venv`, answering with the built-in model, and its URL.

    Args:
        checkout: the folder, which may hold another commit than this one.
        data_dir: an empty folder.
        settings: of the server; none of the shell's reaches it but the cache's folder.
    """
    kept = "ASSISTD_CACHE_DIR"
    environment = {
        name: text
        for name, text in os.environ.items()
        if name == kept or not name.startswith(("ASSISTD_", "OPENAI_"))
    }
    environment |= {"ASSISTD_DATA_DIR": str(data_dir), "ASSISTD_API_KEY": KEY, **settings}
    command = [str((checkout / ".venv/bin/assistd").absolute()), "serve", "--port", "0"]
    with _child(command, environment, checkout) as (_, line):
        yield line.removeprefix("assistd listens on ")


@contextlib.contextmanager
def upstream(*options: str) -> Generator[str]:
    """A scripted upstream, and its URL."""
    with _child([sys.executable, "-m", "tests.upstream", "--port", "0", *options]) as (_, url):
        yield url


@contextlib.contextmanager
def idle_server() -> Generator[str]:
    """A server that does nothing, and its URL."""
    with _child([sys.executable, "-m", "bench.idle"]) as (_, url):
        yield url


@contextlib.contextmanager
def _child(
    command: list[str], environment: dict[str, str] | None = None, folder: Path = _ROOT
) -> Generator[tuple[subprocess.Popen[str], str]]:
    """A process of ours, and the first line it prints."""
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        yield process, process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(20)
