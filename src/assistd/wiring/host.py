"""Serves this machine's sandbox to processes of the API (extra `hosts`)."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import grpc.aio

from assistd.errors import StartupError
from assistd.sandbox.held_folders import holding_folder
from assistd.sandbox.remote.content_cache import ContentCache
from assistd.sandbox.remote.server import HostService
from assistd.sandbox.remote.socket_folder import holding_socket
from assistd.sandbox.remote.wire.calls import LAST_REPLIES_SECONDS, list_server_options
from assistd.settings import Settings
from assistd.units import MIB
from assistd.wiring.group import writing_down
from assistd.wiring.sandbox import limits, open_pool
from assistd.wiring.signals import catch_end_signals

if TYPE_CHECKING:
    from assistd.sandbox.remote.fetching import Fetcher  # for type checkers only


async def serve_host(
    settings: Settings,
    python: Path,
    path: Path,
    ready: Callable[[], None],
    numbers: int | None = None,
) -> None:
    """Serve sessions on a unix socket until a signal comes, then close them.

    Args:
        settings: the settings.
        python: the interpreter of the interpreter environment.
        path: of the socket.
        ready: called once processes of the API can connect.
        numbers: see `writing_down`.

    Raises:
        StartupError: nobody can listen there, or there is no sandbox; the message says what to do.
    """
    stopped = catch_end_signals()
    with holding_socket(path):
        async with (
            open_pool(settings, python, links_files=True) as sessions,
            open_contents(settings) as contents,
            writing_down(numbers),
        ):
            server = grpc.aio.server(options=list_server_options(limits(settings)))
            service = HostService(
                sessions, shares_disk=True, folder=settings.data_dir, contents=contents
            )
            server.add_generic_rpc_handlers((service.make_handler(),))
            _listen(server, path)
            await server.start()
            ready()
            starting = asyncio.ensure_future(sessions.start())
            waiting = asyncio.ensure_future(stopped.wait())
            try:
                await asyncio.wait([starting, waiting], return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    starting.result()
                await waiting
            finally:
                starting.cancel()
                waiting.cancel()
                await sessions.close()  # while the streams can still tell it
                await server.stop(LAST_REPLIES_SECONDS)
                await service.settle()


@asynccontextmanager
async def open_contents(settings: Settings) -> AsyncGenerator[ContentCache]:
    """Open what keeps contents that sessions are given; nothing of it outlasts this process.

    Args:
        settings: the settings.
    """
    parent = settings.data_dir / "contents"
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fetchers: list[Fetcher] = []

    async def fetch(url: str, size: int) -> AsyncGenerator[bytes]:
        if not fetchers:
            fetchers.append(await asyncio.to_thread(_make_fetcher))
        async with aclosing(fetchers[0].fetch(url, size)) as chunks:
            async for chunk in chunks:
                yield chunk

    with holding_folder(parent) as folder:
        try:
            yield ContentCache(folder, settings.content_cache_mib * MIB, fetch)
        finally:
            await asyncio.gather(*(each.close() for each in fetchers))


def _make_fetcher() -> "Fetcher":
    """Make it once a URL comes: what it imports takes 8 MiB and a while, and hosts without a bucket need none."""
    from assistd.sandbox.remote.fetching import Fetcher  # noqa: PLC0415  see above

    return Fetcher()


def _listen(server: grpc.aio.Server, path: Path) -> None:
    mask = os.umask(0o177)
    try:
        server.add_insecure_port(f"unix:{path}")
    except RuntimeError as error:
        raise StartupError(f"Cannot listen on {path}: {error}.") from error
    finally:
        os.umask(mask)
