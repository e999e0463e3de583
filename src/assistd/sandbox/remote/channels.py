"""Channels to sandbox hosts: how each is reached, and what is trusted on the way."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio

from assistd.sandbox.base import Limits
from assistd.sandbox.remote.certificates import host_role
from assistd.sandbox.remote.sessions import RemoteSessions
from assistd.sandbox.remote.socket_folder import require_own_folder
from assistd.sandbox.remote.tls import Credentials
from assistd.sandbox.remote.wire.calls import list_channel_options

_PATIENCE_SECONDS = 0.5  # with a host of many: another one has room


@asynccontextmanager
async def open_host(
    credentials: Credentials,
    limits: Limits,
    host_id: str,
    address: str,
    *,
    closing_seconds: float = 10.0,
) -> AsyncGenerator[RemoteSessions]:
    """Open the sessions of a host of another machine; let go of it at the end.

    Args:
        credentials: of this process of the API.
        limits: what sessions may show, whatever the host says.
        host_id: nobody else is believed there.
        address: where it listens.
        closing_seconds: how long is kept, at the end, what live sessions know.
    """
    options = list_channel_options(limits, keeps_alive=True)
    async with credentials.open_channel(address, host_role(host_id), options) as channel:
        sessions = RemoteSessions(
            channel,
            limits=limits,
            patience_seconds=_PATIENCE_SECONDS,
            closing_seconds=closing_seconds,
        )
        try:
            yield sessions
        finally:
            await sessions.close()


@asynccontextmanager
async def open_socket(
    path: Path, limits: Limits, *, closing_seconds: float = 10.0
) -> AsyncGenerator[RemoteSessions]:
    """Open the sessions of the host that listens on a unix socket, or will; let go of it at the end.

    Args:
        path: of the socket.
        limits: what sessions may show, whatever the host says.
        closing_seconds: how long is kept, at the end, what live sessions know.

    Raises:
        StartupError: other users get at the socket.
    """
    require_own_folder(path)
    options = list_channel_options(limits, keeps_alive=False)
    async with grpc.aio.insecure_channel(f"unix:{path}", options=options) as channel:
        sessions = RemoteSessions(
            channel, limits=limits, shares_disk=True, closing_seconds=closing_seconds
        )
        sessions.begin()
        try:
            yield sessions
        finally:
            await sessions.close()
