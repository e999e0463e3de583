"""How a server stops: it is not ready from the signal on, works on for a while, and then ends what is left."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from assistd.api.transport.server import Server
from assistd.engine.jobs import JobOwner
from assistd.engine.readiness import Readiness

_LOOK_SECONDS = 0.05  # for other processes


class Stopping:
    """Stops a server at signals.

    Args:
        server: the server.
        readiness: is told.
        owners: whose jobs may come to their end.
        seconds: how long they may take.
        can_end: told how many jobs and responses are active, says whether the server can end.
    """

    def __init__(
        self,
        server: Server,
        readiness: Readiness,
        owners: Sequence[JobOwner[Any]],
        seconds: float,
        can_end: Callable[[int], bool],
    ) -> None:
        self._server = server
        self._readiness = readiness
        self._owners = owners
        self._seconds = seconds
        self._can_end = can_end
        self._draining: asyncio.Task[None] | None = None

    def handle_signals(self) -> None:
        """Stop at SIGTERM and SIGINT from now on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._begin, number)

    def _begin(self, number: int) -> None:
        """Drain at the first SIGTERM; whoever presses Ctrl-C, or asks twice, does not want to wait."""
        self._readiness.is_draining = True
        for owner in self._owners:
            owner.takes_over = False
        if number == signal.SIGTERM and self._draining is None:
            self._draining = asyncio.create_task(self._drain(), name="drain")
        else:
            self._server.handle_exit(number, None)

    async def _drain(self) -> None:
        """Let jobs and responses come to their end, also new ones: a balancer takes its time to notice."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                while not self._can_end(len(active := self._find_active())):
                    await (asyncio.wait(active) if active else asyncio.sleep(_LOOK_SECONDS))
        self._server.handle_exit(signal.SIGTERM, None)

    def _find_active(self) -> list[asyncio.Task[None]]:
        jobs = [task for owner in self._owners for task in owner.tasks]
        return [*jobs, *self._server.server_state.tasks]
