"""Opens the sandbox as the settings describe it, for the server and for the command line."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from assistd.errors import AssistdError
from assistd.logs import Logger, failure
from assistd.sandbox.base import Limits, Runsc
from assistd.sandbox.environments import additions, environment
from assistd.sandbox.pool.pool import SessionPool
from assistd.settings import Settings
from assistd.units import MIB

log = Logger()

_POLL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Assets:
    """What is fetched or built before the start, because it takes long and shows progress.

    Args:
        python: the interpreter of the interpreter environment.
        weights: the local model's file; None where there is no local model.
    """

    python: Path
    weights: Path | None


@asynccontextmanager
async def session_pool(
    settings: Settings, python: Path, lowers: Path | None = None
) -> AsyncGenerator[SessionPool]:
    """Open the pool of sessions, which begins to start; close it at the end.

    Await `start` of the pool to know that sessions can be had.

    Args:
        settings: the settings.
        python: the interpreter of the interpreter environment.
        lowers: this process's folder for overlay lowerdirs; None where files are only copied.
    """
    pool = SessionPool(
        python,
        added=additions.names(settings.packages_file),
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
    )
    pool.begin()
    follower = asyncio.create_task(_follow_environment(pool, settings, python), name="environment")
    try:
        yield pool
    finally:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
        await pool.close()


def runsc(settings: Settings) -> Runsc:
    """Return which gVisor the settings name."""
    return Runsc(settings.runsc, settings.runsc_platform)


async def _follow_environment(pool: SessionPool, settings: Settings, python: Path) -> None:
    """Have the pool use what the operator builds meanwhile (`assistd env add`), until cancelled."""
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        try:
            found = await asyncio.to_thread(
                environment.find, settings.cache_dir, added=settings.packages_file
            )
            if found is None or found.python == python:
                continue
            python = found.python  # also if it does not start: it is not tried for ever
            await pool.use(python, additions.names(settings.packages_file))
        except AssistdError as error:
            log.error("new interpreter environment not used", **failure(error))
        else:
            log.info("new interpreter environment in use", environment=found.path.name)


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
