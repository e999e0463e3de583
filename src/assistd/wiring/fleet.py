"""Opens the sessions of all hosts that join (extra `hosts`)."""

import errno
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import grpc.aio

from assistd.engine.seating import SharedSeating
from assistd.errors import StartupError
from assistd.periodic import repeating
from assistd.sandbox.base import Limits, Sessions
from assistd.sandbox.remote.channels import open_host
from assistd.sandbox.remote.fleet.control import ControlService
from assistd.sandbox.remote.fleet.fleet import Fleet, FleetSettings
from assistd.sandbox.remote.tls import Credentials
from assistd.sandbox.remote.wire.calls import LAST_REPLIES_SECONDS
from assistd.settings import Settings
from assistd.wiring.storage import migrated_database

_REASONS = {
    errno.EADDRINUSE: "another program has the port",
    errno.EADDRNOTAVAIL: "the address is not one of this machine",
}


@asynccontextmanager
async def open_fleet(settings: Settings, limits: Limits) -> AsyncGenerator[Sessions]:
    """Open the sessions of many hosts, which join at a port of this process; let go of them at the end.

    Args:
        settings: the settings.
        limits: of sessions.

    Raises:
        StartupError: nobody can listen there, or the certificates are missing.
    """
    assert settings.hosts_listen
    credentials = load_credentials(settings)
    with migrated_database(settings) as database:
        seating = SharedSeating(database)
        fleet = Fleet(
            seating,
            partial(
                open_host, credentials, limits, closing_seconds=settings.snapshot_closing_seconds
            ),
            FleetSettings(
                memory_mib=settings.memory_mib,
                tenant_sessions=settings.project_sessions,
                queue=settings.queue_calls,
                queue_seconds=settings.queue_seconds,
            ),
        )
        control = grpc.aio.server()
        control.add_generic_rpc_handlers((ControlService(seating).make_handler(),))
        listen(control, settings.hosts_listen, credentials)
        await control.start()
        fleet.begin()
        try:
            async with repeating(seating.duty()):
                yield fleet
        finally:
            await fleet.close()
            await control.stop(LAST_REPLIES_SECONDS)


def load_credentials(settings: Settings) -> Credentials:
    """Return what this process proves itself with to the others.

    Raises:
        StartupError: it has nothing.
    """
    if settings.hosts_certificates is None:
        raise StartupError(
            "Hosts and servers know each other by certificates: set ASSISTD_HOSTS_CERTIFICATES to a folder "
            "that `assistd certs` made."
        )
    return Credentials.load(settings.hosts_certificates)


def listen(server: grpc.aio.Server, address: str, credentials: Credentials) -> int:
    """Have a server listen; return the port.

    Raises:
        StartupError: it cannot listen there.
    """
    try:
        return server.add_secure_port(address, credentials.make_server_credentials())
    except RuntimeError as error:
        raise StartupError(f"Cannot listen on {address}: {_explain(address)}.") from error


def _explain(address: str) -> str:
    """Return why nobody can listen at an address: gRPC does not tell."""
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(
            host.strip("[]") or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, _, _, bound = found[0]
        with socket.socket(family, kind) as trying:
            trying.bind(bound)
    except socket.gaierror:
        return f"this machine knows no address {host}"
    except (ValueError, OverflowError):
        return "it must be ADDRESS:PORT"
    except OSError as error:
        return _REASONS.get(error.errno or 0) or os.strerror(error.errno or 0)
    return "another program may have had the port until now"
