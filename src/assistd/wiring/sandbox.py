"""Opens the sandbox as the settings describe it, for the server and for the command line."""

import os
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from assistd.errors import StartupError
from assistd.sandbox.base import Limits, Runsc, Sessions
from assistd.sandbox.environments import additions, environment
from assistd.sandbox.pool.options import Interpreter, PoolSettings
from assistd.sandbox.pool.pool import SessionPool
from assistd.sandbox.zygote.lowerdir import lower_folders
from assistd.settings import Settings
from assistd.units import MIB


@dataclass(frozen=True, slots=True)
class Assets:
    """What is fetched or built before the start, because it takes long and shows progress.

    Args:
        python: the interpreter of the interpreter environment; None where hosts have the sessions.
        weights: the local model's file; None where there is no local model.
    """

    python: Path | None
    weights: Path | None


@asynccontextmanager
async def open_sandbox(settings: Settings, python: Path | None) -> AsyncGenerator[Sessions]:
    """Open the sandbox of a server, which begins to start; close it at the end.

    It is a pool of this process, the host that listens on `ASSISTD_SANDBOX_SOCKET`, or all hosts that join
    at `ASSISTD_HOSTS_LISTEN`. Await `start` of what it yields to know that sessions can be had.

    Args:
        settings: the settings.
        python: the interpreter of the interpreter environment, for a pool of this process.

    Raises:
        StartupError: the socket is not where nobody else gets at it, nobody can listen for hosts, or the
            extra `hosts` is missing.
    """
    if settings.hosts_listen is not None:
        opening = _open_fleet(settings)
    elif settings.sandbox_socket is not None:
        opening = _connect(settings, settings.sandbox_socket.absolute())
    else:
        assert python is not None
        opening = open_pool(settings, python, links_files=True)
    async with opening as sessions:
        yield sessions


def _open_fleet(settings: Settings) -> AbstractAsyncContextManager[Sessions]:
    with _needing_extra("ASSISTD_HOSTS_LISTEN"):
        from assistd.wiring.fleet import open_fleet  # noqa: PLC0415  of the extra `hosts`
    return open_fleet(settings, limits(settings))


def _connect(settings: Settings, path: Path) -> AbstractAsyncContextManager[Sessions]:
    with _needing_extra("ASSISTD_SANDBOX_SOCKET"):
        from assistd.sandbox.remote.channels import open_socket  # noqa: PLC0415  of the extra `hosts`
    return open_socket(path, limits(settings), closing_seconds=settings.snapshot_closing_seconds)


@contextmanager
def _needing_extra(setting: str) -> Generator[None]:
    """Import what a setting needs of the extra `hosts`.

    Raises:
        StartupError: the extra is missing.
    """
    try:
        yield
    except ImportError:
        raise StartupError(
            f"{setting} needs the extra `hosts`: pip install 'assistd[hosts]'."
        ) from None


@asynccontextmanager
async def open_pool(
    settings: Settings, python: Path, *, links_files: bool = False
) -> AsyncGenerator[Sessions]:
    """Open a pool of sessions in this process, which begins to start; close it at the end.

    Args:
        settings: the settings.
        python: the interpreter of the interpreter environment.
        links_files: whether stored files are linked into sessions, where the host can; else they are
            copied.
    """
    linking = lower_folders(settings.data_dir / "sessions") if links_files else nullcontext()
    with linking as lowers:
        sessions = _make_pool(settings, python, lowers)
        sessions.begin()
        try:
            yield sessions
        finally:
            await sessions.close()


def _make_pool(settings: Settings, python: Path, lowers: Path | None) -> SessionPool:
    return SessionPool(
        python,
        PoolSettings(
            limits=limits(settings),
            jail=settings.jail,
            runsc=runsc(settings),
            max_sessions=settings.max_sessions,
            tenant_sessions=settings.project_sessions,
            queue=settings.queue_calls,
            queue_seconds=settings.queue_seconds,
            warm=settings.parked_sessions,
            lowers=lowers,
            cores=settings.session_cores,
            control_groups=settings.control_groups,
            closing_seconds=settings.snapshot_closing_seconds,
        ),
        added=additions.names(settings.packages_file),
        find_newest=partial(_find_interpreter, settings),
    )


def _find_interpreter(settings: Settings) -> Interpreter | None:
    """Return the interpreter that the operator built last (`assistd env add`), if it stands ready."""
    found = environment.find(settings.cache_dir, added=settings.packages_file)
    return found and Interpreter(found.python, additions.names(settings.packages_file))


def runsc(settings: Settings) -> Runsc:
    """Return which gVisor the settings name."""
    return Runsc(settings.runsc, settings.runsc_platform)


def memory_mib_of_host() -> int:
    """Return the memory of this host in MiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB


def limits(settings: Settings) -> Limits:
    """Return the limits of a session."""
    return Limits(
        call_seconds=settings.call_seconds,
        memory_bytes=settings.memory_mib * MIB,
        processes=settings.session_processes,
        open_files=settings.session_open_files,
        data_bytes=settings.data_mib * MIB,
        data_inodes=settings.data_inodes,
        tmp_bytes=settings.tmp_mib * MIB,
        tmp_inodes=settings.tmp_inodes,
        output_bytes=settings.output_kib * 1024,
        pictures=settings.pictures,
        picture_bytes=settings.picture_mib * MIB,
        picture_pixels=settings.picture_megapixels * 1_000_000,
        session_seconds=settings.session_seconds,
        idle_seconds=settings.idle_seconds,
        freeze_seconds=settings.freeze_seconds,
    )
