"""Runs the server: listens first, then starts the sandbox and imports the server side by side."""

import asyncio
import importlib
import socket

import uvloop

from assistd import logs
from assistd.cli.collector import pausing_collector
from assistd.cli.console import fail, out
from assistd.settings import Settings
from assistd.wiring.sandbox import Assets, open_sandbox


def run_server(settings: Settings, assets: Assets) -> None:
    """Serve the API until a signal comes."""
    uvloop.run(_serve(settings, assets, _listen(settings)))


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        fail(
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
            "Choose another with --port, or --port 0 for a free one."
        )
    # Accepted connections inherit it; without it an answer's body waits for a delayed ACK, 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def _serve(settings: Settings, assets: Assets, listener: socket.socket) -> None:
    """Import the server while the sandbox starts, which takes as long; then serve."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{listener.getsockname()[1]}/v1"
    async with open_sandbox(settings, assets.python, links_files=True) as sandbox:
        await asyncio.to_thread(_import_server, settings)
        from assistd.wiring import server  # noqa: PLC0415  imported by now

        await asyncio.to_thread(server.prepare, settings)
        await server.serve(
            settings,
            assets,
            sandbox,
            listener,
            lambda: _greet(settings, url, server.first_key(settings)),
        )


def _import_server(settings: Settings) -> None:
    with pausing_collector():
        logs.configure(settings.log_level)
        importlib.import_module("assistd.wiring.server")


def _greet(settings: Settings, url: str, key: str | None) -> None:
    from assistd.wiring.search import describe_search  # noqa: PLC0415  imported by now

    out.print(f"assistd listens on {url}", highlight=False, soft_wrap=True)
    if key:
        out.print(f"Your API key, shown this once: {key}", highlight=False, soft_wrap=True)
        out.print(
            f"Point a program at it:  OPENAI_BASE_URL={url} OPENAI_API_KEY={key}",
            highlight=False,
            soft_wrap=True,
        )
    search, is_complete = describe_search(settings)
    if not is_complete:
        out.print(search, highlight=False, markup=False, soft_wrap=True)
