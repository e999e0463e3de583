"""The composition root: settings -> every room, opened and closed in one place."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from obstore.store import LocalStore

from assistd import ids
from assistd.api import asgi
from assistd.db import keys, sessions
from assistd.db.database import Database
from assistd.engine.runner import Runner
from assistd.engine.services import Policy, Services
from assistd.files.store import FileStore
from assistd.models.local import LocalServer
from assistd.models.registry import ModelEntry, Registry
from assistd.models.upstream import Upstream
from assistd.sandbox.base import MIB, Limits, Session
from assistd.sandbox.pool import SessionPool
from assistd.settings import Settings


@dataclass(frozen=True, slots=True)
class Assets:
    """What is fetched or built before the start, for it takes long and shows progress.

    Args:
        python: the interpreter of the interpreter environment.
        weights: the local model's file; None where there is no local model.
    """

    python: Path
    weights: Path | None


def first_start(settings: Settings) -> str | None:
    """Make the data folder, bring the database up to date, and see that there is a key.

    Returns:
        The API key, if it was made now: it is shown once and only its hash is kept.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database_url)
    try:
        database.open()
        project = database.write_now(keys.first_project)
        made = None
        if settings.api_key:
            database.write_now(keys.add, project.id, settings.api_key, "from the settings")
        elif not database.write_now(keys.count):
            made = ids.api_key()
            database.write_now(keys.add, project.id, made, "first key")
        database.write_now(sessions.close_all)
        return made
    finally:
        database.close()


def asgi_app(settings: Settings, assets: Assets) -> FastAPI:
    """The ASGI app whose rooms open when the server starts."""
    return asgi.build(lambda: open_runner(settings, assets))


@asynccontextmanager
async def open_runner(settings: Settings, assets: Assets) -> AsyncGenerator[Runner]:
    """Open every room, then the runner; close them in the opposite order."""
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url)
        stack.callback(database.close)
        models = registry(settings, assets)
        stack.push_async_callback(models.close)

        async def closed(_key: str, session: Session) -> None:
            await database.write(sessions.closed, session.id)

        pool = await stack.enter_async_context(session_pool(settings, assets.python, closed))
        blobs = LocalStore(settings.data_dir / "blobs", mkdir=True)
        services = Services(database, FileStore(database, blobs), models, pool, policy(settings))
        yield await stack.enter_async_context(Runner(services))


@asynccontextmanager
async def session_pool(
    settings: Settings,
    python: Path,
    on_closed: Callable[[str, Session], Awaitable[None]] | None = None,
) -> AsyncGenerator[SessionPool]:
    """The sandbox's sessions, started and closed.

    Raises:
        StartupError: the host does not give the isolation that is asked for.
    """
    pool = SessionPool(
        python,
        limits=limits(settings),
        jail=settings.jail,
        max_sessions=settings.max_sessions,
        parked=settings.parked_sessions,
        on_closed=on_closed,
    )
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


def registry(settings: Settings, assets: Assets) -> Registry:
    """The models the settings name."""
    upstream = (
        Upstream(
            settings.upstream_base_url,
            settings.upstream_api_key,
            first_delta_seconds=settings.upstream_seconds,
            idle_seconds=settings.upstream_seconds,
        )
        if settings.upstream_base_url
        else None
    )
    return Registry(
        upstream=upstream,
        local=LocalServer(assets.weights) if assets.weights else None,
        entries=settings.models,
        default=ModelEntry(
            model=settings.upstream_model,
            protocol=settings.upstream_protocol,
            vision=settings.upstream_vision,
        ),
    )


def limits(settings: Settings) -> Limits:
    """The limits of a session."""
    return Limits(
        call_seconds=settings.call_seconds,
        memory_bytes=settings.memory_mib * MIB,
        processes=settings.session_processes,
        open_files=settings.session_open_files,
        data_bytes=settings.data_mib * MIB,
        data_inodes=settings.data_inodes,
        tmp_bytes=settings.tmp_mib * MIB,
        output_bytes=settings.output_kib * 1024,
        pictures=settings.pictures,
        session_seconds=settings.session_seconds,
    )


def policy(settings: Settings) -> Policy:
    """The numbers of the engine."""
    return Policy(
        run_seconds=settings.run_seconds,
        lease_seconds=settings.lease_seconds,
        run_turns=settings.run_turns,
        poll_after_ms=settings.poll_after_ms,
        upload_bytes=settings.upload_mib * MIB,
        output_files=settings.output_files,
        output_file_bytes=settings.output_file_mib * MIB,
    )
