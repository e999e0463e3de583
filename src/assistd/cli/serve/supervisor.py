"""Keeps the processes of one server running: starts them, restarts those that die, and ends all of them.

The supervisor has one thread and imports, but opens, nothing: so it may fork at any time. A child costs only the
memory that it changes, and starts in a few milliseconds.
"""

import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from assistd.cli.console import exiting_on_errors
from assistd.logs import Logger
from assistd.sandbox.guest.shared import syscalls

log = Logger()

_LONGEST_PAUSE_SECONDS = 30.0
_SOUND_SECONDS = 5.0
"""A process that lived so long is started again at once."""
_FORESEEN = 1
"""The exit status of a process that has said why it cannot go on."""
_READY = 128
"""Added to the number of a process that says it is ready; smaller bytes of the channel are signals."""


@dataclass(slots=True)
class Part:
    """One process, which is started again whenever it ends.

    Args:
        name: as the log has it.
        run: what it does; the process ends when it returns. It is given a function to call when it is ready.
        is_support: whether others need it: it is stopped when they are gone, and nobody waits until it is ready.
        buried: called in the supervisor when it has ended.
        dismissed: called then, too, if it does not start again.
    """

    name: str
    run: Callable[[Callable[[], None]], None]
    is_support: bool = False
    buried: Callable[[], None] = lambda: None
    dismissed: Callable[[], None] = lambda: None
    pid: int | None = field(default=None, init=False)
    is_ready: bool = field(default=False, init=False)
    started_at: float = field(default=0.0, init=False)
    due_at: float | None = field(default=0.0, init=False)
    """When it is to be started (of the monotonic clock); None: it runs, or is not wanted any more."""
    lives: int = field(default=0, init=False)
    failures: int = field(default=0, init=False)
    is_told: bool = field(default=False, init=False)
    """Whether it was told to stop, where it is a supporting one."""


class Supervisor:
    """Runs parts until a signal comes, or until one of them cannot start.

    Args:
        patience: seconds that they have to stop before they are killed.
        stopping: called before the first is told to stop.
    """

    def __init__(self, patience: float, stopping: Callable[[], None]) -> None:
        self._parts: list[Part] = []
        self._ready: Callable[[], object] = lambda: None
        self._patience = patience
        self._stopping = stopping
        self._was_ready = False
        self._has_failed = False
        self._kill_at: float | None = None
        self._inbox, self._outbox = socket.socketpair()
        self._outbox.settimeout(0)

    def start(self, part: Part) -> None:
        """Start a part before all others."""
        self._parts.append(part)
        self._start_due()

    def run(self, parts: Sequence[Part], ready: Callable[[], object]) -> int:
        """Run parts, and those that were started, until a signal comes; return the exit status of the command.

        Args:
            parts: with those that were started, at most 100 processes.
            ready: called once all parts but the supporting ones are ready.
        """
        self._parts += parts
        self._ready = ready
        signal.set_wakeup_fd(self._outbox.fileno())
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _leave_to_channel)
        self._reap()  # who ended before SIGCHLD was heard
        with selectors.DefaultSelector() as selector:
            selector.register(self._inbox, selectors.EVENT_READ)
            while self._kill_at is None or any(part.pid for part in self._parts):
                self._start_due()
                if selector.select(self._find_timeout()):
                    for byte in self._inbox.recv(4096):
                        self._take(byte)
                self._reap()
                self._stop_support()
        return 1 if self._has_failed else 0

    def _find_timeout(self) -> float | None:
        times = [part.due_at for part in self._parts if part.due_at is not None]
        if self._kill_at is not None:
            times.append(self._kill_at)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _start_due(self) -> None:
        now = time.monotonic()
        for number, part in enumerate(self._parts):
            if part.due_at is not None and part.due_at <= now:
                part.due_at, part.started_at, part.is_ready = None, now, False
                part.lives += 1
                part.pid = self._fork(number, part)

    def _fork(self, number: int, part: Part) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        supervisor, pid = os.getpid(), os.fork()
        if pid == 0:
            run_as_child(lambda: part.run(lambda: self._tell_ready(number)), supervisor)
        return pid

    def _tell_ready(self, number: int) -> None:
        """Tell the supervisor, from the process of a part."""
        self._outbox.send(bytes([_READY + number]))

    def _take(self, byte: int) -> None:
        """Act on one byte of the channel."""
        if byte >= _READY:
            self._parts[byte - _READY].is_ready = True
            if not self._was_ready and all(
                part.is_ready or part.is_support for part in self._parts
            ):
                self._was_ready = True
                self._ready()
        elif byte in {signal.SIGINT, signal.SIGTERM}:
            self._stop(signal.Signals(byte))

    def _reap(self) -> None:
        """Look who has ended, and decide what becomes of it."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for part in self._parts:
                if part.pid == pid:
                    part.pid = None
                    part.buried()
                    self._judge(part, os.waitstatus_to_exitcode(status))

    def _judge(self, part: Part, code: int) -> None:
        """Start a part again that has ended, unless all are to end."""
        if self._kill_at is not None:
            part.dismissed()
            return
        is_foreseen = code == _FORESEEN and part.lives == 1  # such as a sandbox that cannot start
        if is_foreseen or not self._was_ready:  # its own last words say why
            log.error("process did not start", process=part.name, code=code)
            self._has_failed = True
            self._stop(signal.SIGTERM)
            return
        now = time.monotonic()
        part.failures = 0 if now - part.started_at > _SOUND_SECONDS else part.failures + 1
        pause = min(2.0 ** (part.failures - 2), _LONGEST_PAUSE_SECONDS) if part.failures > 1 else 0
        part.due_at = now + pause
        tell = log.error if code else log.info
        tell("process ended, starts again", process=part.name, code=code, pause_seconds=pause)

    def _stop(self, number: signal.Signals) -> None:
        """Pass a signal on; from then on nothing is started."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._patience
            self._stopping()
        for part in self._parts:
            part.due_at = None
            if part.pid and not part.is_support:
                os.kill(part.pid, number)

    def _stop_support(self) -> None:
        """Stop what supports the others when they are gone; kill what does not heed its signal."""
        if self._kill_at is None:
            return
        is_over = time.monotonic() >= self._kill_at
        if is_over:
            self._kill_at = time.monotonic() + self._patience
        is_alone = all(part.is_support for part in self._parts if part.pid)
        for part in self._parts:
            if part.pid and is_over:
                log.error("process did not stop, is killed", process=part.name)
                os.kill(part.pid, signal.SIGKILL)
            elif part.pid and is_alone and not part.is_told:
                part.is_told = True
                os.kill(part.pid, signal.SIGTERM)


def run_as_child(run: Callable[[], None], supervisor: int) -> NoReturn:
    """Be a process of a server, in a new fork: do something and end; never outlive the supervisor.

    It has a session of its own: Ctrl-C in the terminal is for the supervisor, which tells the others.

    Args:
        run: what to do.
        supervisor: the process id of the supervisor.
    """
    code = 1
    try:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:
            os._exit(code)  # it died before it would have taken us along
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        with exiting_on_errors():
            run()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException as error:  # noqa: BLE001  this is the bottom of the stack of this process
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # not by the supervisor's own stack, which stands below this


def wait_for_child(run: Callable[[], None]) -> bool:
    """Do something in a fork and wait; return whether it went well."""
    supervisor = os.getpid()
    pid = os.fork()
    if pid == 0:
        run_as_child(run, supervisor)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _leave_to_channel(_number: int, _frame: object) -> None:
    """Do nothing: Python writes the signal's number into the channel."""
