"""A session of a sandbox host, as the API has it."""

import asyncio
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from typing import BinaryIO

from assistd.sandbox.base import (
    Changes,
    DataFile,
    Execution,
    HostLostError,
    Limits,
    Output,
    SandboxError,
    UnsafeFileError,
)
from assistd.sandbox.remembered import require_rememberable
from assistd.sandbox.remote.stream import REPLY_SECONDS, Stream
from assistd.sandbox.remote.transfers import Transfers
from assistd.sandbox.remote.wire import sandbox_pb2 as pb
from assistd.sandbox.remote.wire.calls import SNAPSHOT_VERSION
from assistd.sandbox.remote.wire.checking import (
    BreachError,
    Listing,
    Outputs,
    read_execution,
    require_reply,
)
from assistd.sandbox.remote.wire.encoding import cut_files, encode_file
from assistd.sandbox.session.call import MOST_CODE_BYTES
from assistd.sandbox.session.scan import check_path
from assistd.sandbox.snapshot import SavedSession, Section

_OLD_HOST = "the release of its sandbox host keeps no variables"
_RESTARTED = "All variables and imports are gone."


class RemoteSession:
    """A `Session` of a host. Made by `RemoteSessions.open`.

    Args:
        claimed: the host's answer to the claim.
        generation: of its seat; 0 where there are no seats.
        limits: of the session, checked.
        stream: to the session.
        transfers: carry files.
    """

    def __init__(
        self,
        claimed: pb.Claimed,
        generation: int,
        limits: Limits,
        stream: Stream,
        transfers: Transfers,
    ) -> None:
        self.id = claimed.session_id
        self.generation = generation
        self.limits = limits
        self.is_fresh = claimed.is_fresh
        self.remembered = b""
        self.stream = stream
        self.has_ended = asyncio.Event()
        """Set once whoever wanted to know that it is over was told."""
        self.ending: asyncio.Task[bool] | None = None
        """Has kept what is to be kept of it, once its planned end was told."""
        self._keeps_variables = claimed.version >= SNAPSHOT_VERSION
        self._edition = 0
        self._reservation = asyncio.Lock()
        self._transfers = transfers
        self._takes_contents = claimed.takes_contents
        self._old_at = 0.0
        self.extend(claimed.seconds_left)

    @property
    def alive(self) -> bool:
        """Whether its interpreter runs, as of the last answer."""
        return self.stream.end is None and not self.stream.is_dead

    @property
    def is_lost(self) -> bool:
        """Whether it is over because its host cannot be reached any more, or is not believed."""
        return self.stream.end is not None and self.stream.end.is_lost

    @property
    def is_young(self) -> bool:
        """Whether its hour is not over."""
        return time.monotonic() < self._old_at

    def extend(self, seconds: float) -> None:
        """Take note of how long its hour still is."""
        self._old_at = time.monotonic() + seconds

    async def execute(
        self,
        code: str,
        *,
        seconds: float | None = None,
        on_output: Callable[[Output], None] | None = None,
    ) -> Execution:
        """Run one cell; see `Session.execute`."""
        payload = code.encode("utf-8", "replace")
        if len(payload) > MOST_CODE_BYTES:
            return Execution("error", (), (f"The code is longer than {MOST_CODE_BYTES} bytes.",))
        outputs = Outputs(self.limits, on_output)
        done: list[Execution] = []

        def take(reply: pb.Reply) -> bool:
            if reply.HasField("outputs"):
                outputs.add(reply.outputs.outputs)
                return False
            executed = require_reply(reply, "executed").executed
            outputs.add(executed.outputs)
            done.append(read_execution(executed, code, outputs))
            return True

        most = self.limits.call_seconds if seconds is None else seconds
        request = pb.Request(execute=pb.Execute(code=payload, seconds=seconds))
        try:
            await self.stream.ask(request, take, most + REPLY_SECONDS)
        except HostLostError as error:
            notes = (f"The Python process ended: {error}. {_RESTARTED}",)
            return Execution("dead", outputs.join(), notes)
        self.is_fresh = False
        if outputs.failure is not None:
            raise outputs.failure
        return done[0]

    async def put(
        self, path: str, source: AsyncIterable[bytes], *, aliases: Sequence[str] = ()
    ) -> None:
        """Write a file below /mnt/data; see `Session.put`."""
        check_path(path)
        for alias in aliases:
            check_path(alias, most_depth=1)
        self._require_stream()
        file = pb.PutFile(session_id=self.id, path=path, aliases=aliases)
        await self._transfers.put(file, source, takes_contents=self._takes_contents)

    async def remove(self, path: str) -> None:
        """Remove a plain file below /mnt/data; see `Session.remove`."""
        check_path(path)
        await self._ask(pb.Request(remove=pb.Remove(path=path)))

    async def changes(self) -> Changes:
        """Return what became of /mnt/data since the last time; see `Session.changes`."""
        found = await self._list(pb.Request(changes=pb.Changes()))
        removed = tuple(sorted(found.removed))
        return Changes(_sort(found), removed, tuple(found.notes))

    async def files(self) -> tuple[DataFile, ...]:
        """Return every plain file below /mnt/data; see `Session.files`."""
        return _sort(await self._list(pb.Request(files=pb.ListFiles())))

    async def read_small(self, files: Sequence[DataFile], most: int) -> dict[str, bytes]:
        """Return many plain files at once; see `Session.read_small`."""
        found: dict[str, bytes] = {}
        for some in cut_files(files):
            wanted = {file.path: min(file.size, most) for file in some}

            def take(reply: pb.Reply, wanted: dict[str, int] = wanted) -> bool:
                contents = require_reply(reply, "contents").contents
                for each in contents.contents:
                    if len(each.data) > wanted.pop(each.path, -1):
                        raise BreachError("a file that was not asked for, or is too large")
                    found[each.path] = each.data
                return not contents.has_more

            read = pb.ReadSmall(files=map(encode_file, some), most=most)
            if self._is_over():
                return {}
            await self.stream.ask(pb.Request(read_small=read), take)
        return found

    async def read(self, path: str) -> AsyncGenerator[bytes]:
        """Yield the bytes of a plain file below /mnt/data; see `Session.read`."""
        check_path(path)
        if self._is_over():
            raise UnsafeFileError("the session is over, and its files with it")
        async for chunk in self._transfers.read(self.id, path):
            yield chunk

    async def remember(self, data: bytes) -> None:
        """Note something for its next user; see `Session.remember`."""
        require_rememberable(data)
        await self._ask(pb.Request(remember=pb.Remember(data=data)))
        self.remembered = data
        self._edition += 1  # nobody else may write it meanwhile

    async def save(self, file: BinaryIO, most_bytes: int, seconds: float) -> SavedSession:
        """Write its variables into a file; see `Session.save`."""
        self._require_stream()
        if not self._keeps_variables:
            raise SandboxError(_OLD_HOST)
        return await self._transfers.save(self.id, file, most_bytes, seconds)

    async def restore(
        self, file: BinaryIO, sections: Sequence[Section], seconds: float
    ) -> Mapping[str, str]:
        """Load variables from a file; see `Session.restore`."""
        self._require_stream()
        if not self._keeps_variables:
            return {name: _OLD_HOST for section in sections for name in section.names}
        return await self._transfers.restore(self.id, file, sections, seconds)

    @asynccontextmanager
    async def reserving(self) -> AsyncGenerator[None]:
        """Have it alone, among all that the host serves; see `Session.reserving`."""

        def take(reply: pb.Reply) -> bool:
            reserved = require_reply(reply, "reserved").reserved
            self.is_fresh = reserved.is_fresh
            if reserved.HasField("remembered"):
                self._remember(reserved)
            return True

        async with self._reservation:  # the host tells streams apart, not who shares one
            request = pb.Request(reserve=pb.Reserve(edition=self._edition))
            try:
                await self.stream.ask(request, take, seconds=None)
                yield
            finally:
                self.stream.tell(pb.Request(release=pb.Release()))

    def _remember(self, reserved: pb.Reserved) -> None:
        try:
            require_rememberable(reserved.remembered)
        except ValueError as error:
            raise BreachError(str(error)) from None
        self.remembered, self._edition = reserved.remembered, reserved.edition

    async def close(self) -> None:
        """End it; see `Session.close`."""
        if self.stream.end is not None:
            return
        self.stream.tell(pb.Request(interrupt=pb.Interrupt(closes=True)))
        try:
            await self._ask(pb.Request(close=pb.Close()))
        except HostLostError:
            return  # it ended with its host

    async def _list(self, request: pb.Request) -> Listing:
        found = Listing()

        def take(reply: pb.Reply) -> bool:
            listed = require_reply(reply, "listed").listed
            found.add(listed)
            return not listed.has_more

        if not self._is_over():
            await self.stream.ask(request, take)
        return found

    async def _ask(self, request: pb.Request) -> None:
        """Have something done; nothing is to be done of a session that is over."""
        if not self._is_over():
            await self.stream.ask(request, lambda reply: bool(require_reply(reply, "done")))

    def _is_over(self) -> bool:
        """Return whether it was closed, and has no files any more.

        Raises:
            HostLostError: its host was lost.
        """
        end = self.stream.end
        if end is not None and end.is_lost:
            raise HostLostError(end.reason)
        return end is not None

    def _require_stream(self) -> None:
        if self.stream.end is not None:
            raise HostLostError(self.stream.end.reason)


def _sort(found: Listing) -> tuple[DataFile, ...]:
    return tuple(found.files[path] for path in sorted(found.files))
