"""A sandbox host in a process of its own, run by its command, and its sessions as the API has them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc.aio

from assistd.sandbox.base import MIB, Limits
from assistd.sandbox.remote.sessions import RemoteSessions
from assistd.sandbox.remote.wire.calls import list_channel_options


class HostProcess:
    """The process of `assistd host`.

    Args:
        settings: by the names of their variables, without `ASSISTD_`.
    """

    def __init__(self, **settings: object) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="host-"))
        self.socket = self.folder / "sandbox.sock"
        self._settings = {f"ASSISTD_{name.upper()}": str(one) for name, one in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def run(self) -> None:
        """Start it; it listens a while later."""
        environment = {**os.environ, "ASSISTD_DATA_DIR": str(self.folder), **self._settings}
        command = [sys.executable, "-m", "assistd", "host", "--socket", str(self.socket)]
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal that ends it, and wait for its end."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """End it, and remove its folder."""
        self.kill(signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)


class HostedSessions(RemoteSessions):
    """Sessions of a host that is started with them, and ended.

    Args:
        limits: of each session.
        most: how many may be live.
        queue_seconds: how long a call waits for one.
        settings: more of the host.
        options: of `RemoteSessions`.
    """

    def __init__(
        self,
        limits: Limits,
        most: int,
        *,
        queue_seconds: float,
        settings: Mapping[str, object] | None = None,
        **options: Any,
    ) -> None:
        self.host = HostProcess(
            max_sessions=most,
            queue_seconds=queue_seconds,
            call_seconds=limits.call_seconds,
            memory_mib=limits.memory_bytes // MIB,
            data_mib=limits.data_bytes // MIB,
            **(settings or {}),
        )
        self._channel = grpc.aio.insecure_channel(
            f"unix:{self.host.socket}", options=list_channel_options(limits, keeps_alive=False)
        )
        super().__init__(
            self._channel, limits=limits, shares_disk=True, ends_sessions=True, **options
        )

    def run(self) -> None:
        """Start the host."""
        self.host.run()

    def kill(self) -> None:
        """End the host without a warning."""
        self.host.kill()

    def begin(self) -> None:
        """Start the host, too; see `Sessions.begin`."""
        if self._watching is None and not self._is_closed:
            self.run()
        super().begin()

    async def close(self) -> None:
        """End the host, too; see `Sessions.close`."""
        await super().close()
        await self._channel.close()
        self.host.remove()
