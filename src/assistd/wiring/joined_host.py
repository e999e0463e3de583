"""Serves this machine's sandbox to processes of the API on other machines (extra `hosts`)."""

import asyncio
import platform
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import grpc.aio

from assistd import __version__
from assistd.hosting import TIERS, Beat, Joining
from assistd.periodic import repeating
from assistd.sandbox.base import Sessions
from assistd.sandbox.remote.certificates import API_ROLE
from assistd.sandbox.remote.fleet.beating import Beating
from assistd.sandbox.remote.fleet.control import ControlClient
from assistd.sandbox.remote.server import HostService
from assistd.sandbox.remote.tls import ApiOnly
from assistd.sandbox.remote.wire.calls import (
    LAST_REPLIES_SECONDS,
    list_channel_options,
    list_server_options,
)
from assistd.settings import Settings
from assistd.wiring.fleet import listen, load_credentials
from assistd.wiring.host import open_contents
from assistd.wiring.sandbox import limits, memory_mib_of_host, open_pool
from assistd.wiring.signals import catch_end_signals

_ANYWHERE = ("0.0.0.0", "[::]")  # noqa: S104  looked for, not listened on


async def serve_joined_host(
    settings: Settings, python: Path, joining: Joining, ready: Callable[[str, str], None]
) -> None:
    """Serve sessions, and say every second that this host lives, until a signal comes or another takes its place.

    At a signal it gets no new sessions, and those that are used are waited for (`ASSISTD_DRAIN_SECONDS`).

    Args:
        settings: the settings.
        python: the interpreter of the interpreter environment.
        joining: where.
        ready: called with the id and the address once processes of the API can connect.

    Raises:
        StartupError: nobody can listen there, there is no sandbox, or certificates are missing.
    """
    stopped = catch_end_signals()
    credentials = load_credentials(settings)
    host_id, bounds = credentials.read_host_id(), limits(settings)
    options = list_channel_options(bounds, keeps_alive=True)
    async with (
        open_pool(settings, python, links_files=True) as sessions,
        _counting(settings, sessions, joining.metrics_listen),
        open_contents(settings) as contents,
        credentials.open_channel(joining.api, API_ROLE, options) as channel,
    ):
        service = HostService(sessions, folder=settings.data_dir, contents=contents)
        server = grpc.aio.server(options=list_server_options(bounds), interceptors=[ApiOnly()])
        server.add_generic_rpc_handlers((service.make_handler(),))
        port = listen(server, joining.listen, credentials)
        address = joining.address or _find_address(joining.listen, port)
        await server.start()
        mib = joining.memory_mib or memory_mib_of_host() * 9 // 10
        lasting = _describe(settings, host_id, address, mib)

        def make_beat(listed: dict[str, int] | None) -> Beat:
            return replace(lasting, warm=sessions.describe().warm, sessions=listed)

        control = ControlClient(channel)
        beating = Beating(sessions, service.seated, make_beat, control.beat, joining.api)
        ready(host_id, address)
        try:
            await sessions.start()
            async with repeating(*beating.list_duties()):
                await _wait_for_any(stopped, beating.replaced)
                if not beating.replaced.is_set():
                    await beating.drain(settings.drain_seconds)
                    # before seats are given back: whoever gets another finds the variables kept
                    await sessions.close()
            if not beating.replaced.is_set():
                await control.leave(lasting.started_at)
        finally:
            await sessions.close()  # while the streams can still tell it
            await server.stop(LAST_REPLIES_SECONDS)
            await service.settle()


def _counting(
    settings: Settings, sessions: Sessions, address: str | None
) -> AbstractAsyncContextManager[None]:
    """Give out the metrics of this host, if there is an address for them."""
    if address is None:
        return nullcontext()
    from assistd.wiring.scraping import counting_host  # noqa: PLC0415  an HTTP server takes memory

    return counting_host(settings, sessions, address)


def _describe(settings: Settings, host_id: str, address: str, mib: int) -> Beat:
    """Return what this host says of itself as long as its process lives.

    Args:
        settings: how many sessions it has.
        host_id: its id.
        address: how it is reached.
        mib: memory for its sessions.
    """
    return Beat(
        host_id,
        started_at=time.time(),
        address=address,
        build=__version__,
        tiers=tuple(tier for tier in TIERS if tier == 1 or tier * 1024 <= mib),
        mib=mib,
        most=settings.max_sessions,
    )


def _find_address(listen: str, port: int) -> str:
    """Return how others reach what listens there; by the name of this machine where it listens everywhere."""
    host = listen.rpartition(":")[0]
    return f"{platform.node() if host in _ANYWHERE else host}:{port}"


async def _wait_for_any(*events: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(each.wait()) for each in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
