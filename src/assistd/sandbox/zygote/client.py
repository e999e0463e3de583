"""The server's end of a zygote: starts it, asks it for sessions, hears of their deaths and its own."""

import asyncio
import contextlib
import dataclasses
import os
import secrets
import socket
import subprocess
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assistd.errors import StartupError
from assistd.logs import Logger
from assistd.sandbox import host
from assistd.sandbox.base import Limits, SandboxError
from assistd.sandbox.guest.shared import channel, wire
from assistd.sandbox.limits.cgroups import ControlGroup
from assistd.sandbox.zygote import launch, lowerdir
from assistd.sandbox.zygote.lowerdir import Lower
from assistd.sandbox.zygote.process_handle import ForeignProcess, HostProcess, Process, Spawned

log = Logger()

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_CLEAR_SECONDS = (
    30.0  # until the outermost process is killed that clears up; what is left then stays
)
_REPLY_SECONDS = 15.0
# What a sandbox with a kernel of its own may hold beside its sessions: that kernel, the zygote, and what
# many processes take until they are found out (`guest/walls/memory.py`).
OWN_KERNEL_BYTES = 3 << 29
_STDERR_BYTES = 4096
_NONSENSE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    asyncio.InvalidStateError,
)
_SESSION_UIDS = 60_000


@dataclasses.dataclass(slots=True)
class _Child:
    """A session as the zygote's dispatcher sees it."""

    uid: int
    memory: int  # bytes that it may hold
    spawned: asyncio.Future[tuple[dict[str, int], str | None]]  # descriptors; folder on the host
    died: asyncio.Future[int]
    overgrown: asyncio.Future[None]


class Zygote:
    """One running zygote. Made by `start`; useless after its death, which `ended` tells."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        channel: socket.socket,
        lowers: Path | None,
        group: ControlGroup | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = process
        self._channel = channel
        self._uid_base: int | None = None
        self._lowers = lowers
        self._group = group
        self._most_memory = 0  # that its sessions might hold at once so far
        self.copies: str | None = None
        """Why files are copied into its sessions; None where they are linked. Known once it started."""
        self._numbers = 0
        self._children: dict[int, _Child] = {}
        self._uids: set[int] = set()  # of those, so that opening one costs the same beside many
        self._requests: deque[tuple[bytes, list[int]]] = deque()
        self._stderr = bytearray()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self.warm: asyncio.Future[None] = self._loop.create_future()
        """Done when it has warmed up, or never will: sessions that are opened from then on start faster."""
        self.ended: asyncio.Future[None] = self._loop.create_future()

    @property
    def pid(self) -> int:
        """Of its outermost process, in the server's namespace."""
        return self._process.pid

    @classmethod
    async def start(
        cls,
        python: Path,
        limits: Limits,
        lowers: Path | None = None,
        *,
        stage: str,
        more: Mapping[str, Any] | None = None,
        group: ControlGroup | None = None,
        holds_sockets: bool = False,
    ) -> "Zygote":
        """Start a zygote with the interpreter `python` and wait until it can open sessions.

        It warms up beside that, whenever nothing is asked of it (decision 0055).

        Args:
            python: the interpreter of the interpreter environment.
            limits: of each session.
            lowers: this process's folder for overlay lowerdirs; None where files are only copied.
            stage: the guest's module that builds the walls around the zygote.
            more: what else that module is to know.
            group: of the zygote and all its sessions together, where that is a sandbox with a kernel of
                its own; removed when it ended.
            holds_sockets: whether a control group of each session counts the memory of its sockets.

        Raises:
            StartupError: the jail or the interpreter environment does not work; says what to do.
        """
        stretch = lowers and lowerdir.for_zygote(lowers)
        process, end = launch.launch(python, stage)
        messages = launch.first_messages(limits, stretch, more or {}, holds_sockets=holds_sockets)
        zygote = cls(process, end, stretch, group)
        zygote._listen()
        try:
            if group is not None:
                group.add(process.pid)  # before it has read a word, so all that it starts is in it
            with contextlib.suppress(ConnectionError):  # it ended already, as `_ready` will tell
                for message in messages:
                    end.send(message)
            async with asyncio.timeout(_START_SECONDS):
                await zygote._ready
        except TimeoutError:
            await zygote.close()
            raise StartupError(f"the sandbox did not start within {_START_SECONDS:.0f} s") from None
        except BaseException:
            await zygote.close()
            raise
        return zygote

    async def spawn(self, limits: Limits, group: ControlGroup | None = None) -> Spawned:
        """Fork a session and wait until it has isolated itself; nothing is left of it where that fails.

        Args:
            limits: its own, as far as they may differ from session to session.
            group: the control group that it joins before it does anything else.

        Raises:
            OSError: this host has no room for another session.
            SandboxError: the zygote is dead, or the session could not be had; the message says why.
        """
        if self.ended.done():
            raise SandboxError("the sandbox's zygote has died")
        doors = group.open_members() if group else []
        self._numbers += 1
        number = self._numbers
        futures = (self._loop.create_future() for _ in range(3))
        child = _Child(self._free_uid(), limits.memory_bytes, *futures)
        self._make_room(child)
        below = self._new_lower(child.uid)
        self._children[number] = child
        self._uids.add(child.uid)
        nonce = secrets.token_hex(wire.NONCE_BYTES // 2)
        request = {
            "session": number,
            "uid": child.uid,
            "nonce": nonce,
            "memory": limits.memory_bytes,
            "data": limits.data_room,
            "tmp": limits.tmp_room,
        }
        self._ask(request, {f"group {index}": door for index, door in enumerate(doors)})
        try:
            async with asyncio.timeout(_REPLY_SECONDS):
                ends, folder = await asyncio.shield(child.spawned)
        except BaseException as error:
            child.spawned.add_done_callback(_close_late)
            if below is not None:
                below.remove()
            if isinstance(error, TimeoutError):  # it hangs: its successor will answer
                self._put_an_end()
                await asyncio.shield(self.ended)
                raise SandboxError("the sandbox's zygote did not answer") from None
            raise
        control = socket.socket(fileno=ends["control"])
        control.setblocking(False)  # noqa: FBT003
        for end in (ends["out"], ends["err"]):
            os.set_blocking(end, False)
        spawned = Spawned(
            number=number,
            process=self._process_of(number, ends),
            control=control,
            out=ends["out"],
            err=ends["err"],
            nonce=nonce,
            uid=None if self._uid_base is None else self._uid_base + child.uid,
            data=ends.get("data", -1),
            lower=below,
            folder=folder,
            died=child.died,
            overgrown=child.overgrown,
        )
        return await spawned.await_walls()

    def _make_room(self, child: _Child) -> None:
        """Let a sandbox with a kernel of its own hold what one more session may.

        Never less again: what a session held is not given back by that kernel at once.
        """
        if self._group is None:
            return
        wanted = child.memory + sum(one.memory for one in self._children.values())
        if wanted > self._most_memory:
            self._group.raise_memory(OWN_KERNEL_BYTES + wanted)
            self._most_memory = wanted

    def _process_of(self, number: int, ends: dict[str, int]) -> Process:
        if "process" in ends:
            return HostProcess(ends["process"])
        return ForeignProcess(lambda what: self._ask({"session": number, "signal": what}, {}))

    async def retire(self) -> None:
        """Wait until the last session is gone, then close; nobody may spawn any more."""
        while self._children:
            await asyncio.wait([child.died for child in self._children.values()])
        await self.close()

    async def close(self) -> None:
        """Hang up and wait until the zygote and every session of it are gone."""
        if not self.ended.done():
            self._channel.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_SECONDS):
                    await asyncio.shield(self.ended)
        self._put_an_end()
        await asyncio.shield(self.ended)

    def _put_an_end(self) -> None:
        """End it, if it still lives, and what is below it; a supervisor clears up before it goes."""
        if not self.ended.done():
            self._process.terminate()
            self._loop.call_later(_CLEAR_SECONDS, self._process.kill)  # harmless once it ended

    def _listen(self) -> None:
        self._channel.setblocking(False)  # noqa: FBT003
        self._pidfd = os.pidfd_open(self._process.pid)
        assert self._process.stderr is not None
        os.set_blocking(self._process.stderr.fileno(), False)
        self._loop.add_reader(self._channel, self._on_message)
        self._loop.add_reader(self._process.stderr, self._on_stderr)
        self._loop.add_reader(self._pidfd, self._on_end)

    def _new_lower(self, uid: int) -> Lower | None:
        """Return an overlay lowerdir for the session of that id; None where its files are copied."""
        if self._lowers is None or self.copies is not None:
            return None
        try:
            return Lower(self._lowers / str(uid), owned=self._uid_base is not None)
        except OSError:
            return None  # no room on the disk, or a dead session's files are still being read

    def _free_uid(self) -> int:
        uid = self._numbers % _SESSION_UIDS + 1
        while uid in self._uids:
            uid = uid % _SESSION_UIDS + 1
        return uid

    def _ask(self, request: dict[str, Any], descriptors: dict[str, int]) -> None:
        if self.ended.done():  # a signal for what is gone
            channel.close_all(descriptors.values())
            return
        self._requests.append((channel.packet(request, descriptors), list(descriptors.values())))
        self._send_requests()

    def _send_requests(self) -> None:
        """Send what the socket takes; the rest when it is writable: neither end blocks the other."""
        while self._requests:
            message, descriptors = self._requests[0]
            try:
                socket.send_fds(self._channel, [message], descriptors)
            except BlockingIOError:
                self._loop.add_writer(self._channel, self._send_requests)
                return
            except OSError:
                break  # it is dying; `_on_end` answers whoever waits
            self._requests.popleft()
            channel.close_all(descriptors)
        self._loop.remove_writer(self._channel)

    def _on_message(self) -> bool:
        """Take one message; False when there is none, or never will be."""
        try:
            received = channel.receive(self._channel)
            if received is not None:
                self._dispatch(*received)
                return True
        except BlockingIOError:
            return False
        except _NONSENSE:
            pass
        self._loop.remove_reader(self._channel)
        self._put_an_end()  # it hung up or speaks nonsense: whatever is left of it goes, too
        return False

    def _dispatch(self, reply: dict[str, Any], descriptors: dict[str, int]) -> None:
        event = reply["event"]
        if event == "ready":
            self._uid_base, self.copies = reply["uid_base"], reply["copies"]
            if not self._ready.done():
                self._ready.set_result(None)
        elif event == "warm":
            self.warm.set_result(None)
        elif event == "failed":
            if self._ready.done():
                log.error("the zygote could not warm up, another starts", reason=reply["message"])
            else:
                self._ready.set_exception(StartupError(_explain(reply["message"])))
        else:
            self._dispatch_child(event, reply, descriptors)

    def _dispatch_child(
        self, event: str, reply: dict[str, Any], descriptors: dict[str, int]
    ) -> None:
        child = self._children[reply["session"]]
        if event == "spawned":
            child.spawned.set_result((descriptors, reply["folder"]))
        elif event == "refused":
            self._forget(reply["session"])
            child.died.set_result(-1)  # `retire` may be waiting for it
            child.spawned.set_exception(SandboxError(f"no new session: {reply['message']}"))
        elif event == "overgrown" and not child.overgrown.done():
            child.overgrown.set_result(None)
        elif event == "died":
            self._forget(reply["session"])
            child.died.set_result(reply["code"])

    def _forget(self, number: int) -> None:
        self._uids.discard(self._children.pop(number).uid)

    def _on_stderr(self) -> None:
        assert self._process.stderr is not None
        try:
            data = os.read(self._process.stderr.fileno(), _STDERR_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self._process.stderr)
            return
        self._stderr += data
        del self._stderr[:-_STDERR_BYTES]

    def _on_end(self) -> None:
        """Clean up after the outermost process, with which every process below it ended."""
        if self._process.poll() is None:
            return
        assert self._process.stderr is not None
        self._on_stderr()
        while self._on_message():  # its last words may still be there
            pass
        for source in (self._channel, self._process.stderr, self._pidfd):
            self._loop.remove_reader(source)
        self._loop.remove_writer(self._channel)
        self._channel.close()
        self._process.stderr.close()
        os.close(self._pidfd)
        for _, descriptors in self._requests:
            channel.close_all(descriptors)
        self._requests.clear()
        if not self._ready.done():
            text = self._stderr.decode("utf-8", "replace").strip()
            self._ready.set_exception(StartupError(_explain(text or "it ended without a word")))
        if not self.warm.done():
            self.warm.set_result(None)
        for child in self._children.values():
            if not child.spawned.done():
                child.spawned.set_exception(SandboxError("the sandbox's zygote has died"))
            child.died.set_result(-9)
        self._children.clear()
        if self._group is not None:
            self._loop.run_in_executor(None, self._group.remove)
        self.ended.set_result(None)


def _explain(reason: str) -> str:
    return " ".join([f"the sandbox cannot start: {reason}", *host.remedies()])


def _close_late(spawned: asyncio.Future[tuple[dict[str, int], str | None]]) -> None:
    """Close the ends of a session that nobody waits for any more: without its control socket it ends."""
    if not spawned.cancelled() and spawned.exception() is None:
        channel.close_all(spawned.result()[0].values())
