"""Freezes what code left running in a session, between its calls (decision 0050).

By the session's control group, where version 2 has one. Else by SIGSTOP to each of its processes, as
they are found below its first: code may have a timer send SIGCONT, so that is looked at again, and a
session that does not stay stopped is ended.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Collection

import structlog

from assistd.logs import failure
from assistd.sandbox.limits import procfs
from assistd.sandbox.limits.cgroups import ControlGroup

log = structlog.get_logger()

_FIRST_WAIT_SECONDS = 0.01  # between two rounds that stop what runs; doubles
_LONGEST_WAIT_SECONDS = 1.0
_MOST_SECONDS = 10.0  # in which all must have stopped
_FIRST_LOOK_SECONDS = 5.0  # after which a stopped session is looked at again; doubles
_LONGEST_LOOK_SECONDS = 60.0
_MOST_STOPS = 4
_AT_REST = {"T", "t", "Z", "X"}  # states of proc(5): stopped, dead
_REASON = "what it left running did not stay stopped between calls"


class Freezer:
    """What freezes one session. Neither its methods nor its callers wait.

    Args:
        first: the session's first process.
        group: its control group, if it has one.
        seconds: how long after a call what it left may run on.
        kill: ends the session, with a reason.
    """

    def __init__(
        self, first: int, group: ControlGroup | None, seconds: float, kill: Callable[[str], None]
    ) -> None:
        self._first = first
        self._group = group if group is not None and group.can_freeze else None
        self._seconds = seconds
        self._kill = kill
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._idle_since: float | None = None  # by the loop's clock; None while a call runs
        self._frozen = False
        self._stopping: asyncio.Task[None] | None = None
        self._rest = 0  # the number of the current one: a late round must not stop what was thawed
        self._stopped: set[int] = set()
        self._lock = threading.Lock()

    def freeze_soon(self) -> None:
        """Freeze the session after its seconds, unless `thaw` comes first."""
        self._idle_since = self._loop.time()
        if self._timer is None and not self._frozen:
            self._timer = self._loop.call_later(self._seconds, self._freeze_if_idle)

    def thaw(self) -> None:
        """Have the session run on, if it is frozen, and stay so.

        Raises:
            OSError: the host refuses.
        """
        self._idle_since = None
        if not self._frozen:
            return
        if self._group is not None:
            self._group.thaw()
        else:
            self._continue()
        self._frozen = False

    def close(self) -> None:
        """Leave the session as it is: it has ended."""
        if self._timer is not None:
            self._timer.cancel()
        if self._stopping is not None:
            self._stopping.cancel()

    def _freeze_if_idle(self) -> None:
        """Freeze it now, or later where it has run since: so calls do not pay for a timer each."""
        self._timer = None
        if self._idle_since is None:
            return
        left = self._idle_since + self._seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._freeze_if_idle)
        else:
            self._freeze()

    def _freeze(self) -> None:
        self._frozen = True
        if self._group is None:
            self._rest += 1
            self._stopping = self._loop.create_task(self._keep_stopped(), name="sandbox freezer")
            return
        try:
            self._group.freeze()
        except OSError as error:
            log.error("session not frozen", **failure(error))

    async def _keep_stopped(self) -> None:
        """Stop every process, and again what runs again; end a session that comes to that too often."""
        rest, look = self._rest, _FIRST_LOOK_SECONDS
        try:
            for _ in range(_MOST_STOPS):
                if not await self._stop_all(rest):
                    break
                while not await asyncio.to_thread(self._is_running, rest):
                    await asyncio.sleep(look)
                    look = min(2 * look, _LONGEST_LOOK_SECONDS)
            self._kill(_REASON)
        except OSError as error:
            log.error("session not frozen", **failure(error))

    async def _stop_all(self, rest: int) -> bool:
        """Stop processes until none runs; False where some of them run on whatever is done."""
        deadline = self._loop.time() + _MOST_SECONDS
        wait = _FIRST_WAIT_SECONDS
        while await asyncio.to_thread(self._stop_round, rest):
            if self._loop.time() > deadline:
                return False
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
        return True

    def _stop_round(self, rest: int) -> bool:
        """Send SIGSTOP to every process that is not at rest; whether one ran."""
        ran = False
        with self._lock:
            if rest != self._rest:
                return False
            pids = set(procfs.tree(self._first))
            for pid in pids:
                states = procfs.states(pid) - _AT_REST
                if states:
                    self._stopped.add(pid)
                    self._signal(pid, pids, signal.SIGSTOP)
                ran = ran or bool(states - {"D"})  # who waits for a disk stops when it is there
        return ran

    def _is_running(self, rest: int) -> bool:
        with self._lock:
            return rest == self._rest and any(
                procfs.states(pid) - _AT_REST - {"D"} for pid in procfs.tree(self._first)
            )

    def _continue(self) -> None:
        """Continue what was stopped: while its parent is stopped, no process id is used again."""
        if self._stopping is not None:
            self._stopping.cancel()
            self._stopping = None
        with self._lock:
            self._rest += 1
            stopped, self._stopped = self._stopped, set()
            for pid in stopped:
                self._signal(pid, stopped, signal.SIGCONT)

    def _signal(self, pid: int, members: Collection[int], number: signal.Signals) -> None:
        """Signal a process if it is still one of the session's, and not a later one of its id."""
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            parent = procfs.parent(pid)
            if pid == self._first or parent in {self._first, *members}:
                signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return
        finally:
            os.close(handle)
