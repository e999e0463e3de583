"""The zygote: imports and warms up once, then forks an isolated session at each request."""

import contextlib
import errno
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections import deque
from types import FrameType
from typing import Any, NoReturn

from assistd.sandbox.guest import kernel, session, syscalls, unconfined, wire

_MESSAGE_BYTES = 1 << 16
_MOST_DESCRIPTORS = 3 + 8  # the session's own, and the control groups it joins
_HUGE_PAGE = 2 << 20
_WALLS = {"namespaces": session.Isolation, "dangerously_unconfined": unconfined.Unconfined}


def main(control: int, walls: str, uid_base: str) -> None:
    """Warm up, say so, then serve until the server is gone.

    Args:
        control: descriptor of the socket to the server.
        walls: the kind of walls each session gets.
        uid_base: the id on the host before the first session's; empty where they share one.
    """
    channel = socket.socket(fileno=control)
    try:
        config = json.loads(channel.recv(_MESSAGE_BYTES))
        rules = session.Rules.read(config["limits"], int(uid_base) if uid_base else None)
        zygote = _Zygote(channel, config, rules, walls)
    except Exception:  # noqa: BLE001  the server must learn the reason, whatever it is
        failure = {"event": "failed", "message": traceback.format_exc(limit=-3)}
        channel.send(json.dumps(failure).encode())
        sys.exit(1)
    zygote.serve()


class _Zygote:
    def __init__(
        self, channel: socket.socket, config: dict[str, Any], rules: session.Rules, walls: str
    ) -> None:
        self._channel = channel
        self._sessions: dict[int, int] = {}  # pid here -> the server's number of the session
        self._answers: deque[tuple[dict[str, Any], int | None]] = deque()
        self._kernel = kernel.Kernel(config["limits"])
        self._kernel.prepare(config["preload"])
        self._walls = _WALLS[walls](rules)
        _freeze()
        threads = len(os.listdir("/proc/self/task"))
        if threads != 1:
            raise RuntimeError(f"a preloaded module started {threads - 1} threads")
        ready = {"event": "ready", "uid_base": rules.uid_base, "copies": self._walls.copies}
        self._answer(ready)

    def serve(self) -> None:
        """Fork at each request and report each death, until the server hangs up."""
        self._channel.setblocking(False)  # noqa: FBT003
        wake, tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, _wake_only)
        signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
        while True:
            self._send_answers()
            poll = select.poll()
            poll.register(wake, select.POLLIN)
            poll.register(self._channel, select.POLLIN | (select.POLLOUT if self._answers else 0))
            ready = dict(poll.poll())
            if wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake, 4096)
                self._reap()
            if ready.get(self._channel.fileno(), 0) & ~select.POLLOUT and not self._receive():
                self._leave()

    def _receive(self) -> bool:
        """Serve one request; False when the server is gone."""
        try:
            message, descriptors, _, _ = socket.recv_fds(
                self._channel, _MESSAGE_BYTES, _MOST_DESCRIPTORS
            )
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        if not message:
            return False
        request = json.loads(message)
        try:
            self._spawn(request, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _spawn(self, request: dict[str, Any], descriptors: list[int]) -> None:
        number = int(request["session"])
        try:
            pid = self._walls.fork()
        except OSError as error:
            self._answer({"event": "refused", "session": number, "message": str(error)})
            return
        if pid == 0:
            self._become_session(request, descriptors)
        self._sessions[pid] = number
        spawned = {"event": "spawned", "session": number, "folder": self._walls.folder}
        self._answer(spawned, os.pidfd_open(pid))

    def _become_session(self, request: dict[str, Any], descriptors: list[int]) -> None:
        """Never returns: the child isolates itself, then serves calls until it ends."""
        control, out, err, *groups = descriptors
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._channel.detach()  # closed below with all the others
            try:
                for group in groups:
                    os.write(group, b"0")  # this process joins it
                self._walls.rules.grant(request)
                self._walls.shut_in(int(request["uid"]), control, out, err)
            except Exception:  # noqa: BLE001  whatever it is, no code may run here
                reason = traceback.format_exc(limit=-2).encode()
                os.write(control, wire.pack(wire.Kind.FAILED, 0, reason))
                return
            channel = socket.socket(fileno=session.CONTROL)
            session.announce(channel)
            nonce = str(request["nonce"])
            self._kernel.serve(channel, session.OUTPUT, nonce, self._walls.folder)
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
                code = os.waitstatus_to_exitcode(status)
                self._answer({"event": "died", "session": number, "code": code})

    def _leave(self) -> NoReturn:
        """End, the server being gone; whatever is below ends with it."""
        self._walls.abandon()
        os._exit(0)

    def _answer(self, answer: dict[str, Any], descriptor: int | None = None) -> None:
        self._answers.append((answer, descriptor))

    def _send_answers(self) -> None:
        """Send what the socket takes; the rest waits, so that neither end can block the other."""
        while self._answers:
            answer, descriptor = self._answers[0]
            try:
                rights = [] if descriptor is None else [descriptor]
                socket.send_fds(self._channel, [json.dumps(answer).encode()], rights)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    return
                self._leave()
            self._answers.popleft()
            if descriptor is not None:
                os.close(descriptor)


def _wake_only(_: int, __: FrameType | None) -> None:
    """Nothing: that a signal came is told by the wake-up descriptor."""


def _freeze() -> None:
    """Make memory cheap to share: nothing for the collector to touch, huge pages where they fit."""
    gc.collect()
    syscalls.trim_heap()
    gc.disable()
    gc.freeze()
    with open("/proc/self/maps", encoding="utf-8") as file:
        lines = file.readlines()
    for line in lines:
        fields = line.split()
        anonymous = len(fields) == 5 or fields[5] == "[heap]"
        if not anonymous or not fields[1].startswith("rw-p"):
            continue
        first, last = (int(end, 16) for end in fields[0].split("-"))
        start = -(-first // _HUGE_PAGE) * _HUGE_PAGE
        end = last // _HUGE_PAGE * _HUGE_PAGE
        if end > start:
            syscalls.collapse(start, end - start)
