"""The zygote: imports once, then forks an isolated session at each request, and warms up in between."""

import contextlib
import errno
import gc
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

from assistd.sandbox.guest import pages
from assistd.sandbox.guest.shared import wire
from assistd.sandbox.guest.shared.channel import Channel, close_all
from assistd.sandbox.guest.walls import gvisor_inner, landlock, namespaces_inner, unconfined
from assistd.sandbox.guest.walls.base import Rules, Walls

_WALLS: dict[str, Callable[[Rules], Walls]] = {
    "namespaces": namespaces_inner.Isolation,
    "landlock": landlock.Landlock,
    "gvisor": gvisor_inner.GVisor,
    "dangerously_unconfined": unconfined.Unconfined,
}
# What was asked for has the processor first: warming up goes on when nothing came for so long,
# and, where requests follow each other closer than that for ever, at the latest so long after the last step.
_QUIET_MS = 50
_LONGEST_PAUSE_SECONDS = 0.1
# Where sessions' memory is told from the zygote's by what that held before the first of them.
_WARM_FIRST = ("gvisor",)
_OVER = object()
# The collector looks at what is young, so that imports leave no holes, but never at all there is.
_IMPORTING = (3000, 20, 1_000_000)


def main(control: int, walls: str, uid_base: str) -> None:
    """Import, say so, then serve until the server is gone.

    Args:
        control: descriptor of the socket to the server.
        walls: the kind of walls each session gets.
        uid_base: the id on the host before the first session's; empty where they share one.
    """
    channel = Channel(socket.socket(fileno=_above_standard_input(control)))
    received = channel.receive()
    if received is None:
        return
    config, _ = received
    try:
        rules = Rules.read(config, int(uid_base) if uid_base else None)
        zygote = _Zygote(channel, config, rules, walls)
    except Exception:  # noqa: BLE001  the server must learn the reason, whatever it is
        _fail(channel)
    zygote.serve()


def _fail(channel: Channel) -> NoReturn:
    """Tell the server of the exception that is being handled, and end."""
    channel.send({"event": "failed", "message": traceback.format_exc(limit=-3)})
    sys.exit(1)


def _above_standard_input(control: int) -> int:
    """Return the socket's descriptor, moved away from where programs that are started would read from it."""
    if control != 0:
        return control
    moved = os.dup(control)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    return moved


class _Zygote:
    def __init__(self, channel: Channel, config: dict[str, Any], rules: Rules, walls: str) -> None:
        self._channel = channel
        self._sessions: dict[int, int] = {}  # pid here -> the server's number of the session
        self._memory: dict[int, int] = {}  # by that number: bytes it may hold
        self._dying: set[int] = set()  # numbers of those that were killed
        thresholds = gc.get_threshold()
        gc.set_threshold(*_IMPORTING)
        pages.reserve()
        from assistd.sandbox.guest.kernel import kernel  # noqa: PLC0415  fills what was reserved

        self._kernel = kernel.Kernel(config["limits"])
        self._kernel.prepare(config["preload"])
        gc.set_threshold(*thresholds)
        gc.disable()
        gc.freeze()
        _assert_single_thread()
        self._steps: Iterator[None] | None = self._warm_up()
        self._pause = _QUIET_MS  # before the next of them
        self._stepped = time.monotonic()
        if walls in _WARM_FIRST:
            for _ in self._steps:
                pass
        self._walls = _WALLS[walls](rules)
        ready = {"event": "ready", "uid_base": rules.uid_base, "copies": self._walls.copies}
        self._channel.send(ready)

    def _warm_up(self) -> Iterator[None]:
        """Do what sessions inherit when it was done here; a session may be forked after each step."""
        yield from self._kernel.warm_up()
        yield from pages.freeze()

    def serve(self) -> None:
        """Fork at each request and report each death, until the server hangs up."""
        wake, tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, _wake_only)
        signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
        try:
            while True:
                self._serve_once(wake)
        except ConnectionError:
            self._leave()

    def _serve_once(self, wake: int) -> None:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        poll.register(self._channel, self._channel.events)
        # While one dies, nobody else must answer for what it held.
        watch = self._walls.watch if self._sessions and not self._dying else None
        rest = watch and 1000 * watch.rest()
        ready = dict(poll.poll(rest if self._steps is None else self._pause))
        if wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
            self._reap()
        if ready.get(self._channel.fileno(), 0) & ~select.POLLOUT:
            self._receive()
        for number in watch.overgrown(self._memory) if watch else ():
            self._channel.send({"event": "overgrown", "session": number})
            self._signal(number, signal.SIGKILL)  # at once: what it takes, all sessions lack
        if self._steps is not None:
            self._pause = _QUIET_MS if ready else 0
            if not ready or time.monotonic() - self._stepped > _LONGEST_PAUSE_SECONDS:
                self._take_step(self._steps)
                self._stepped = time.monotonic()
        self._channel.flush()

    def _take_step(self, steps: Iterator[None]) -> None:
        """Warm up a little more; say so when that was the last of it."""
        try:
            is_over = next(steps, _OVER) is _OVER
            _assert_single_thread()
        except Exception:  # noqa: BLE001  as in `main`
            _fail(self._channel)
        self._walls.own_data = namespaces_inner.data_size()
        if is_over:
            self._steps = None
            self._channel.send({"event": "warm"})

    def _receive(self) -> None:
        """Serve one request; leave when the server is gone."""
        try:
            received = self._channel.receive()
        except BlockingIOError:
            return
        if received is None:
            self._leave()
        request, groups = received
        if "signal" in request:
            self._signal(int(request["session"]), int(request["signal"]))
        else:
            self._spawn(request, groups)
        close_all(groups.values())

    def _spawn(self, request: dict[str, Any], groups: dict[str, int]) -> None:
        number = int(request["session"])
        ours: dict[str, int] = {}
        theirs: dict[str, int] = {}
        try:
            ours, theirs = self._walls.open_streams(number)
            pid = self._walls.fork()
        except OSError as error:
            close_all([*ours.values(), *theirs.values()])
            self._channel.send({"event": "refused", "session": number, "message": str(error)})
            return
        if pid == 0:
            self._become_session(request, ours, groups)
        close_all(ours.values())
        self._sessions[pid] = number
        self._memory[number] = int(request["memory"])
        spawned = {"event": "spawned", "session": number, "folder": self._walls.folder}
        self._channel.send(spawned, theirs | _handle(pid))
        self._kernel.reseed()
        with contextlib.suppress(OSError):  # then the next fork tries again, and says so
            self._walls.get_ready()

    def _signal(self, number: int, what: int) -> None:
        """Signal a session's first process; SIGKILL ends all of it."""
        for pid, known in self._sessions.items():
            if known == number:
                os.kill(pid, what)
                if what == signal.SIGKILL:
                    self._dying.add(number)

    def _become_session(
        self, request: dict[str, Any], streams: dict[str, int], groups: dict[str, int]
    ) -> None:
        """Become a session, and never return: the child isolates itself, then serves calls until it ends."""
        control = streams["control"]
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._channel.detach()  # closed below with all the others
            try:
                for group in groups.values():
                    os.write(group, b"0")  # this process joins it
                self._walls.rules.grant(request)
                carried = self._walls.shut_in(
                    int(request["uid"]), control, streams["out"], streams["err"]
                )
            except Exception:  # noqa: BLE001  whatever it is, no code may run here
                reason = traceback.format_exc(limit=-2).encode()
                failed = wire.pack(wire.Kind.FAILED, 0, reason)
                try:
                    os.write(control, failed)
                except OSError:
                    os.write(namespaces_inner.CONTROL, failed)  # it has its final number already
                return
            channel = socket.socket(fileno=namespaces_inner.CONTROL)
            namespaces_inner.announce(channel, carried)
            namespaces_inner.limit_open_files(self._walls.rules)
            self._walls.seal()
            self._kernel.serve(
                channel, namespaces_inner.OUTPUT, str(request["nonce"]), self._walls.path_map
            )
            status = 0
        finally:
            os._exit(status)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            number = self._sessions.pop(pid, None)
            if number is not None:
                self._walls.forget(pid)
                del self._memory[number]
                self._dying.discard(number)
                code = os.waitstatus_to_exitcode(status)
                self._channel.send({"event": "died", "session": number, "code": code})

    def _leave(self) -> NoReturn:
        """End, the server being gone; whatever is below ends with it."""
        self._walls.abandon()
        os._exit(0)


def _handle(pid: int) -> dict[str, int]:
    """Return what the server signals a session by; a kernel that has no such thing takes requests instead."""
    try:
        return {"process": os.pidfd_open(pid)}
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        return {}


def _assert_single_thread() -> None:
    """Refuse to fork beside another thread: what it holds locked would stay so in the child.

    Raises:
        RuntimeError: there is one.
    """
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise RuntimeError(f"a preloaded module started {threads - 1} threads")


def _wake_only(_: int, __: FrameType | None) -> None:
    """Do nothing: that a signal came is told by the wake-up descriptor."""
