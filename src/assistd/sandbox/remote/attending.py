"""The stream of one session, from the host's end: what one process of the API wants of the session."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Protocol, cast

import grpc.aio

from assistd.logs import Logger, failure
from assistd.sandbox.base import DataFile, Output, Picture, SandboxError, Session
from assistd.sandbox.remote.wire import sandbox_pb2 as pb
from assistd.sandbox.remote.wire.calls import (
    ENDING_SECONDS,
    SNAPSHOT_VERSION,
    choose_version,
    explain_versions,
)
from assistd.sandbox.remote.wire.encoding import (
    cut,
    encode_changes,
    encode_contents,
    encode_execution,
    encode_failure,
    encode_files,
    encode_limits,
    encode_outputs,
)
from assistd.sandbox.session.transcript import join_logs

log = Logger()

Context = grpc.aio.ServicerContext[pb.Request, pb.Reply]

_COALESCE_SECONDS = 0.001


class HostedSession:
    """A live session of this host, with the streams to it.

    Args:
        key: whose it is.
        generation: of the key's seat; 0 where there are no seats.
        tenant_id: for whom it was opened.
        session: the session.
        ends_at: when its hour is over, by the clock of the event loop.
    """

    def __init__(
        self, key: str, generation: int, tenant_id: str, session: Session, ends_at: float
    ) -> None:
        self.key = key
        self.generation = generation
        self.tenant_id = tenant_id
        self.session = session
        self.ends_at = ends_at
        self.edition = 0
        """Counts what was remembered."""
        self.attendances: set[Attendance] = set()


class Host(Protocol):
    """Has the sessions."""

    @property
    def takes_contents(self) -> bool:
        """Whether files may be put that it has already, or fetches."""
        ...

    async def open(self, claim: pb.Claim) -> HostedSession:
        """Return the session that is claimed."""
        ...

    async def drop(self, hosted: HostedSession) -> None:
        """Close a session."""
        ...


class Attendance:
    """Does what comes over one stream, one request after the other; the first is a claim.

    Args:
        host: has the sessions.
        context: of the stream.
    """

    def __init__(self, host: Host, context: Context) -> None:
        self.over = asyncio.Event()
        """Set once the session is over."""
        self.used_at = 0.0
        """When the session was last reserved here, by the clock of the event loop."""
        self._version = 0
        self._heard: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._writing = asyncio.Lock()
        self._host = host
        self._context = context
        self._hosted: HostedSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._reservation: AsyncExitStack | None = None

    async def serve(self) -> None:
        """Do what comes until the session or the stream is over; tells the end of the session."""
        reading = asyncio.create_task(self._read(), name="sandbox requests")
        over = asyncio.create_task(self.over.wait(), name="sandbox session over")
        try:
            await asyncio.wait([reading, over], return_when=asyncio.FIRST_COMPLETED)
            if self.over.is_set():
                if self._task is not None:
                    await asyncio.wait([self._task])
                await self._write(pb.Reply(over=pb.Over()))
        finally:
            reading.cancel()
            over.cancel()
            await asyncio.gather(reading, over, return_exceptions=True)

    async def tell_ending(self) -> bool:
        """Say that the session is about to end; return whether the other end kept what is to be kept of it."""
        if self._version < SNAPSHOT_VERSION or self._heard.done():
            return False
        try:
            async with asyncio.timeout(ENDING_SECONDS):
                await self._write(pb.Reply(ending=pb.Ending()))
                return await asyncio.shield(self._heard)
        except (TimeoutError, grpc.aio.BaseError):
            return False

    async def leave(self) -> None:
        """Cancel what runs for this stream, wait until it does no more, and release the session.

        A session whose introduction is broken off so is closed: nobody knows what it was given.
        """
        self._note_heard(is_kept=False)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        hosted, was_reserved = self._hosted, self._reservation is not None
        await self._release()
        if hosted is not None:
            hosted.attendances.discard(self)
            session = hosted.session
            if was_reserved and session.is_fresh and not session.remembered:
                await self._host.drop(hosted)

    async def _read(self) -> None:
        while True:
            request = cast("object", await self._context.read())
            if not isinstance(request, pb.Request):
                return  # the other end sends nothing more
            kind = request.WhichOneof("request")
            if kind == "interrupt":
                self._interrupt(closes=request.interrupt.closes)
                continue
            if kind == "heard":
                self._note_heard(is_kept=request.heard.is_kept)
                continue
            if self._task is not None and not self._task.done():
                await asyncio.wait([self._task])
            if kind == "release":
                await self._release()
            else:
                self._task = asyncio.create_task(self._reply(request), name=f"sandbox {kind}")

    def _interrupt(self, *, closes: bool) -> None:
        if closes and self._hosted is not None:
            closing = self._hosted.session.close()
            self._closing = asyncio.create_task(closing, name="sandbox close")
        elif self._task is not None:
            self._task.cancel()

    def _note_heard(self, *, is_kept: bool) -> None:
        if not self._heard.done():
            self._heard.set_result(is_kept)

    async def _reply(self, request: pb.Request) -> None:
        """Do what is asked, and answer; an error is an answer, too."""
        try:
            await self._act(request)
        except BaseException as error:  # noqa: BLE001  whoever asked is told, and decides
            failed = encode_failure(error)
            if failed.kind == pb.Failure.FAULT:
                log.error("request to a session failed", **failure(error))
            with suppress(asyncio.CancelledError, grpc.aio.BaseError):  # nobody listens any more
                await self._write(pb.Reply(failure=failed))

    async def _act(self, request: pb.Request) -> None:
        if request.HasField("claim"):
            await self._claim(request.claim)
        elif self._hosted is None:
            raise SandboxError("there is no session before it is claimed")
        elif request.HasField("execute"):
            await self._execute(self._hosted.session, request.execute)
        elif request.HasField("reserve"):
            await self._reserve(self._hosted, request.reserve)
        elif request.HasField("remember"):
            await self._remember(self._hosted, request.remember)
        else:
            await self._act_on_files(self._hosted.session, request)

    async def _act_on_files(self, session: Session, request: pb.Request) -> None:
        match request.WhichOneof("request"):
            case "changes":
                for listed in encode_changes(await session.changes()):
                    await self._write(pb.Reply(listed=listed))
            case "files":
                for listed in encode_files(await session.files()):
                    await self._write(pb.Reply(listed=listed))
            case "read_small":
                files = [DataFile(file.path, file.size) for file in request.read_small.files]
                found = await session.read_small(files, request.read_small.most)
                for contents in encode_contents(found):
                    await self._write(pb.Reply(contents=contents))
            case "remove":
                await session.remove(request.remove.path)
                await self._write(pb.Reply(done=pb.Done()))
            case "close":
                await session.close()
                await self._write(pb.Reply(done=pb.Done()))
            case unknown:
                raise NotImplementedError(unknown)

    async def _claim(self, claim: pb.Claim) -> None:
        version = choose_version(claim.hello)
        if version is None:
            failed = pb.Failure(kind=pb.Failure.VERSION, message=explain_versions(claim.hello))
            await self._write(pb.Reply(failure=failed))
            return
        self._version = version
        hosted = self._hosted = await self._host.open(claim)
        hosted.attendances.add(self)
        claimed = pb.Claimed(
            version=version,
            session_id=hosted.session.id,
            is_fresh=hosted.session.is_fresh,
            limits=encode_limits(hosted.session.limits),
            seconds_left=max(0.0, hosted.ends_at - asyncio.get_running_loop().time()),
            takes_contents=self._host.takes_contents,
        )
        await self._write(pb.Reply(claimed=claimed))

    async def _reserve(self, hosted: HostedSession, reserve: pb.Reserve) -> None:
        if self._reservation is None:
            stack = AsyncExitStack()
            await stack.enter_async_context(hosted.session.reserving())
            self._reservation = stack
        self.used_at = asyncio.get_running_loop().time()
        reserved = pb.Reserved(is_fresh=hosted.session.is_fresh, edition=hosted.edition)
        if reserve.edition != hosted.edition:
            reserved.remembered = hosted.session.remembered
        await self._write(pb.Reply(reserved=reserved))

    async def _remember(self, hosted: HostedSession, remember: pb.Remember) -> None:
        await hosted.session.remember(remember.data)
        hosted.edition += 1
        await self._write(pb.Reply(done=pb.Done()))

    async def _release(self) -> None:
        stack, self._reservation = self._reservation, None
        if stack is not None:
            await stack.aclose()

    async def _execute(self, session: Session, execute: pb.Execute) -> None:
        shown = _Shown(self._write)
        try:
            execution = await session.execute(
                execute.code.decode("utf-8", "replace"),
                seconds=execute.seconds if execute.HasField("seconds") else None,
                on_output=shown.add,
            )
        finally:
            await shown.stop()
        *parts, last = shown.cut()
        for part in parts:
            await self._write(pb.Reply(outputs=pb.Outputs(outputs=encode_outputs(part))))
        await self._write(pb.Reply(executed=encode_execution(execution, last)))

    async def _write(self, reply: pb.Reply) -> None:
        is_dead = self._hosted is not None and not self._hosted.session.alive
        reply.is_dead = is_dead or reply.HasField("over")
        async with self._writing:
            await self._context.write(reply)


class _Shown:
    """What a call shows, sent on a moment later together with what comes in that moment.

    Args:
        write: sends a reply.
    """

    def __init__(self, write: Callable[[pb.Reply], Awaitable[None]]) -> None:
        self._write = write
        self._outputs: list[Output] = []
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None

    def add(self, output: Output) -> None:
        """Take an output."""
        self._outputs.append(output)
        if self._timer is None and self._sending is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_COALESCE_SECONDS, self._begin)

    def cut(self) -> list[list[Output]]:
        """Return what was not sent, in parts that fit into a message; the last may be empty."""
        outputs, self._outputs = join_logs(self._outputs), []
        return list(cut(outputs, _measure)) or [[]]

    async def stop(self) -> None:
        """Send nothing more by itself."""
        if self._timer is not None:
            self._timer.cancel()
        if self._sending is not None:
            await asyncio.wait([self._sending])

    def _begin(self) -> None:
        self._timer = None
        self._sending = asyncio.create_task(self._send(), name="sandbox outputs")

    async def _send(self) -> None:
        try:
            with suppress(grpc.aio.BaseError):  # nobody listens any more
                while self._outputs:
                    for part in self.cut():
                        outputs = pb.Outputs(outputs=encode_outputs(part))
                        await self._write(pb.Reply(outputs=outputs))
        finally:
            self._sending = None


def _measure(output: Output) -> int:
    return len(output.data) if isinstance(output, Picture) else len(output.text) * 4
