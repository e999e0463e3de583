"""Gives out metrics at an address of their own, and looks up what servers and sandbox hosts both have."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from assistd import metrics
from assistd.api.metrics import MetricsApp, Scraper
from assistd.api.transport.server import Server
from assistd.errors import StartupError
from assistd.instruments import take_readings
from assistd.periodic import Duty, repeating
from assistd.sandbox.base import Sessions
from assistd.settings import Settings

_LAG_SECONDS = 0.5


@asynccontextmanager
async def counting_host(
    settings: Settings, sessions: Sessions, address: str
) -> AsyncGenerator[None]:
    """Give out the metrics of a sandbox host for as long as the block lasts.

    Args:
        settings: the settings.
        sessions: of the host.
        address: host and port where they are given out.

    Raises:
        StartupError: nobody can listen there.
    """

    async def sample() -> None:
        sample_sessions(sessions)
        sample_disk(settings.data_dir)

    scraper = Scraper(sample, take_readings)
    listener = open_listener(address, name="--metrics-listen")
    async with giving_out(scraper, listener, settings), repeating(make_lag_duty()):
        yield


@asynccontextmanager
async def giving_out(
    scraper: Scraper, listener: socket.socket, settings: Settings
) -> AsyncGenerator[None]:
    """Give out metrics on a listening socket, which is closed at the end."""
    server = Server(
        MetricsApp(scraper),
        last_seconds=1,
        end_streams=_end_no_streams,
        request_seconds=settings.request_seconds,
        response_seconds=settings.answer_seconds,
    )
    with listener:
        serving = asyncio.create_task(server.serve([listener]), name="metrics")
        try:
            yield
        finally:
            server.should_exit = True
            await serving


async def _end_no_streams() -> None:
    """Do nothing: a scrape is no stream."""


def open_listener(
    address: str, *, is_shared: bool = False, name: str = "ASSISTD_METRICS_LISTEN"
) -> socket.socket:
    """Listen for scrapes.

    Args:
        address: host and port.
        is_shared: whether several sockets listen there, among which the kernel distributes connections.
        name: of the setting that has the address.

    Raises:
        StartupError: nobody can listen there.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family, reuse_port=is_shared)
    except (OSError, OverflowError, ValueError) as error:
        errno = getattr(error, "errno", None)
        reason = os.strerror(errno) if errno else error  # its own words name the address again
        raise StartupError(f"{name}: cannot listen on {address}: {reason}.") from error


def make_lag_duty() -> Duty:
    """Return what observes how late the event loop is."""
    return Duty("loop lag", _observe_lag, 0)


async def _observe_lag() -> None:
    began = time.perf_counter()
    await asyncio.sleep(_LAG_SECONDS)
    metrics.LOOP_LAG_SECONDS.observe(max(0.0, time.perf_counter() - began - _LAG_SECONDS))


def sample_sessions(sessions: Sessions) -> None:
    """Set the gauges of the sessions that live, and of those who wait for one."""
    overview = sessions.describe()
    waits = [each.seconds for each in overview.waiting]
    metrics.QUEUE_WAITING.set(len(waits))
    metrics.QUEUE_OLDEST_SECONDS.set(max(waits, default=0.0))
    if jail := sessions.jail:
        metrics.SESSIONS_LIVE.set(len(overview.live), jail)
        metrics.SESSIONS_PARKED.set(overview.warm, jail)
        metrics.SESSIONS_LIMIT.set(overview.most, jail)
        missing = " ".join(overview.limitations) or "none"
        metrics.LIMITATIONS.allow([missing])
        metrics.JAIL_INFO.set(1, jail, missing)


def sample_disk(folder: Path) -> None:
    """Set the gauges of the disk of a folder."""
    with suppress(OSError):  # the numbers stay as they were
        disk = os.statvfs(folder)
        metrics.DISK_BYTES.set(disk.f_blocks * disk.f_frsize)
        metrics.DISK_FREE_BYTES.set(disk.f_bavail * disk.f_frsize)
