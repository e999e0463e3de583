"""The composition root: settings -> every room, opened and closed in one place."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import uvicorn
import uvloop
from obstore.store import LocalStore

from assistd import ids
from assistd.api import asgi
from assistd.db import keys, sessions
from assistd.db.database import Database
from assistd.engine.runner import Runner
from assistd.engine.services import Policy, Services
from assistd.files.store import FileStore
from assistd.models.base import ModelEntry
from assistd.models.local import LocalServer
from assistd.models.registry import Registry
from assistd.models.upstream import Upstream
from assistd.objects.session import Session as SessionRow
from assistd.rooms import Assets, session_pool
from assistd.sandbox.base import MIB, Session
from assistd.settings import Settings


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


def registry(settings: Settings, assets: Assets) -> Registry:
    """The models the settings name."""
    upstream = (
        Upstream(
            settings.upstream_base_url,
            settings.upstream_api_key,
            first_delta_seconds=settings.upstream_seconds,
            idle_seconds=settings.upstream_seconds,
            retry_seconds=min(30.0, settings.upstream_seconds),
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


def serve(
    settings: Settings, assets: Assets, listener: socket.socket, ready: Callable[[], None]
) -> bool:
    """Serve on a listening socket until told to stop by a signal.

    Args:
        settings: the settings.
        assets: what was fetched or built.
        listener: where clients connect.
        ready: called once the first request can be answered.

    Returns:
        Whether the server ever was ready.
    """
    config = uvicorn.Config(
        asgi.build(lambda: open_runner(settings, assets)),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    uvloop.run(_serve(server, listener, ready))
    return server.started


async def _serve(
    server: uvicorn.Server, listener: socket.socket, ready: Callable[[], None]
) -> None:
    serving = asyncio.create_task(server.serve([listener]), name="serve")
    while not server.started and not serving.done():  # noqa: ASYNC110  uvicorn offers no event
        await asyncio.sleep(0.01)
    if server.started:
        ready()
    await serving


def opened_sessions(settings: Settings) -> list[SessionRow]:
    """Every session that was ever opened, oldest first."""
    database = Database(settings.database_url)
    try:
        database.open()
        return database.write_now(sessions.all_of)
    finally:
        database.close()
