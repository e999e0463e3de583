"""Runs the server as one process: listens first, then starts the sandbox and imports the server side by side."""

import asyncio
import importlib
import socket

import uvloop

from assistd import logs
from assistd.cli.collector import pausing_collector
from assistd.cli.serve.listening import listen
from assistd.settings import Settings
from assistd.wiring.sandbox import Assets, open_sandbox


def run_server(settings: Settings, assets: Assets, *, opens: bool = False) -> None:
    """Serve the API until a signal comes.

    Args:
        settings: the settings.
        assets: the interpreter environment and the weights.
        opens: whether to open the playground in a browser once requests are handled.
    """
    uvloop.run(_serve(settings, assets, listen(settings), opens=opens))


async def _serve(
    settings: Settings, assets: Assets, listener: socket.socket, *, opens: bool
) -> None:
    """Import the server while the sandbox starts, which takes as long; then serve."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    port = listener.getsockname()[1]
    opening: list[asyncio.Task[None]] = []  # held, or nobody would

    def ready() -> None:
        from assistd.cli.browser import open_playground  # noqa: PLC0415  its imports are there by now
        from assistd.cli.serve.greeting import greet  # noqa: PLC0415  as well

        greet(settings, port, server.first_key(settings))
        if opens and settings.playground:
            opening.append(asyncio.create_task(asyncio.to_thread(open_playground, settings, port)))

    async with open_sandbox(settings, assets.python) as sandbox:
        await asyncio.to_thread(import_server, settings)
        from assistd.wiring import server  # noqa: PLC0415  imported by now

        await asyncio.to_thread(server.prepare, settings)
        await server.serve(settings, assets, sandbox, listener, ready)


def import_server(settings: Settings) -> None:
    """Import all that a server needs, and have its log written as the settings say."""
    with pausing_collector():
        logs.configure(settings.log_level, settings.log_format)
        importlib.import_module("assistd.wiring.server")
