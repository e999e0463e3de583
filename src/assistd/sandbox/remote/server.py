"""A sandbox host's server: gives its sessions to processes of the API."""

import asyncio
import errno
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import grpc
import grpc.aio

from assistd.logs import Logger, failure
from assistd.sandbox.base import HostLostError, Session, Sessions, Tenant
from assistd.sandbox.remote.attending import Attendance, Context, HostedSession
from assistd.sandbox.remote.content_cache import AbsentError, ContentCache
from assistd.sandbox.remote.seats import SeatedSessions
from assistd.sandbox.remote.wire import sandbox_pb2 as pb
from assistd.sandbox.remote.wire.calls import (
    CHUNK_BYTES,
    SERVICE,
    choose_version,
    explain_versions,
)
from assistd.sandbox.remote.wire.encoding import (
    encode_failure,
    encode_state,
    encode_use,
    encode_walls,
)
from assistd.sandbox.remote.wire.snapshots import Sections, encode_sections
from assistd.sandbox.snapshot import Section, read_sections
from assistd.sandbox.stored_file import Content, StoredFile

log = Logger()

_STATE_SECONDS = 1.0
_MOST_SNAPSHOT_BYTES = 1 << 40  # whoever can connect is believed: as many as its settings say


class HostService:
    """The calls of a sandbox host (`wire/sandbox.proto`) over any sessions.

    Args:
        sessions: the sessions, which are started and closed by whoever made them.
        shares_disk: whether callers may name files of this machine to be put into a session.
        folder: on a disk, for variables on their way; None is that of the system for such files.
        contents: what was put into sessions before, if that is kept.
    """

    def __init__(
        self,
        sessions: Sessions,
        *,
        shares_disk: bool = False,
        folder: Path | None = None,
        contents: ContentCache | None = None,
    ) -> None:
        self.sessions = sessions
        """The sessions themselves."""
        self.seated = SeatedSessions(sessions)
        """The same by their seats."""
        self._shares_disk = shares_disk
        self._folder = folder
        self._contents = contents
        self._hosted: dict[str, HostedSession] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._calls: set[asyncio.Task[None]] = set()
        sessions.on_ending = self.note_ending
        sessions.on_closed = self.note_end

    def make_handler(self) -> grpc.GenericRpcHandler:
        """Return what a gRPC server is to be given."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Live": grpc.stream_stream_rpc_method_handler(
                    self._live, pb.Request.FromString, pb.Reply.SerializeToString
                ),
                "Put": grpc.stream_unary_rpc_method_handler(
                    self._put, pb.PutPart.FromString, pb.Done.SerializeToString
                ),
                "Read": grpc.unary_stream_rpc_method_handler(
                    self._read, pb.ReadFile.FromString, pb.Part.SerializeToString
                ),
                "Save": grpc.unary_stream_rpc_method_handler(
                    self._save, pb.SaveSession.FromString, pb.SavePart.SerializeToString
                ),
                "Restore": grpc.stream_unary_rpc_method_handler(
                    self._restore, pb.RestorePart.FromString, pb.Restored.SerializeToString
                ),
                "Watch": grpc.unary_stream_rpc_method_handler(
                    self._watch, pb.Hello.FromString, pb.State.SerializeToString
                ),
                "Drop": grpc.unary_unary_rpc_method_handler(
                    self._drop, pb.Key.FromString, pb.Done.SerializeToString
                ),
                "Measure": grpc.unary_unary_rpc_method_handler(
                    self._measure, pb.Key.FromString, pb.Measured.SerializeToString
                ),
                "Examine": grpc.unary_unary_rpc_method_handler(
                    self._examine, pb.Hello.FromString, pb.Examined.SerializeToString
                ),
            },
        )

    async def note_ending(self, _: str, session: Session) -> None:
        """Have whoever used a session last keep what it wants of it, or another one; see `Sessions.on_ending`."""
        hosted = self._hosted.get(session.id)
        attendances = hosted.attendances if hosted else ()
        for attendance in sorted(attendances, key=lambda one: one.used_at, reverse=True):
            if await attendance.tell_ending():
                return

    async def note_end(self, key: str, session: Session) -> None:
        """Tell whoever has a stream to a session that it is over; see `Sessions.on_closed`."""
        self.seated.note_end(key, session)
        hosted = self._hosted.pop(session.id, None)
        if hosted is not None:
            for attendance in hosted.attendances:
                attendance.over.set()

    @property
    def takes_contents(self) -> bool:
        """Whether files may be put that this host has already, or fetches."""
        return self._contents is not None

    async def open(self, claim: pb.Claim) -> HostedSession:
        """Return the session that is claimed."""
        tenant = Tenant(
            claim.tenant_id,
            max_sessions=claim.max_sessions if claim.HasField("max_sessions") else None,
            memory_bytes=claim.memory_bytes if claim.HasField("memory_bytes") else None,
        )
        session = await self.seated.open(claim.key, tenant, claim.generation)
        hosted = self._hosted.get(session.id)
        if hosted is None:
            ends_at = asyncio.get_running_loop().time() + session.limits.session_seconds
            hosted = HostedSession(claim.key, claim.generation, claim.tenant_id, session, ends_at)
            self._hosted[session.id] = hosted
        return hosted

    async def drop(self, hosted: HostedSession) -> None:
        """Close a session, unless its key has another one by now."""
        if hosted.session.id in self._hosted:
            await self.seated.drop(hosted.key, hosted.generation)

    async def settle(self) -> None:
        """Wait until nothing is left of the calls that end only with the server, once that has stopped.

        gRPC cancels them then, and does not wait.
        """
        while running := self._calls | self._leaving:
            await asyncio.wait(running)

    async def _live(self, _: object, context: Context) -> None:
        attendance = Attendance(self, context)
        try:
            with self._noting_call():
                await attendance.serve()
        finally:  # this task may be cancelled already, and again
            leaving = asyncio.create_task(attendance.leave(), name="sandbox stream over")
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def _put(self, parts: AsyncIterable[pb.PutPart], _: object) -> pb.Done:
        received = aiter(parts)
        file = (await anext(received)).file
        try:
            hosted = self._find(file.session_id)
            if self._contents is not None and file.HasField("stored"):
                return await self._put_content(self._contents, hosted, file, _unpack(received))
            source = self._open_source(file, received)
            await hosted.session.put(file.path, source, aliases=file.aliases)
        except Exception as error:  # noqa: BLE001  whoever puts it is told
            return pb.Done(failure=_explain(error))
        return pb.Done()

    async def _put_content(
        self,
        contents: ContentCache,
        hosted: HostedSession,
        file: pb.PutFile,
        sent: AsyncGenerator[bytes],
    ) -> pb.Done:
        """Put a stored file that is kept here, is fetched, or is sent: then it is kept for the next session."""
        stored = file.stored
        content, source = Content(stored.key, stored.size), None
        if not stored.is_offered:
            source = sent
        elif stored.url:
            source = contents.fetch(stored.url, stored.size)
        try:
            async with contents.holding(hosted.tenant_id, content, source) as (found, was_kept):
                await hosted.session.put(file.path, found, aliases=file.aliases)
        except AbsentError as error:
            if stored.is_offered:
                return pb.Done(failure=pb.Failure(kind=pb.Failure.ABSENT, message=str(error)))
            log.error("stored file not put into a session", reason=str(error))
            raise OSError(errno.EIO, str(error)) from error
        return pb.Done(was_kept=was_kept)

    def _open_source(
        self, file: pb.PutFile, parts: AsyncIterable[pb.PutPart]
    ) -> AsyncIterable[bytes]:
        if not file.stored_path:
            return _unpack(parts)
        if not self._shares_disk:
            raise HostLostError("this host shares no disk")
        return StoredFile(Path(file.stored_path))

    async def _read(
        self, file: pb.ReadFile, context: "grpc.aio.ServicerContext[pb.ReadFile, pb.Part]"
    ) -> None:
        try:
            async for chunk in self._find(file.session_id).session.read(file.path):
                for at in range(0, len(chunk), CHUNK_BYTES):
                    await context.write(pb.Part(data=chunk[at : at + CHUNK_BYTES]))
        except grpc.aio.BaseError:
            raise  # nobody reads any more
        except Exception as error:  # noqa: BLE001  whoever reads it is told
            await context.write(pb.Part(failure=_explain(error)))

    async def _save(
        self,
        asked: pb.SaveSession,
        context: "grpc.aio.ServicerContext[pb.SaveSession, pb.SavePart]",
    ) -> None:
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                session = self._find(asked.session_id).session
                saved = await session.save(file, asked.most_bytes, asked.seconds)
                for sections in encode_sections(saved):
                    await context.write(pb.SavePart(sections=sections))
                for chunk in read_sections(file, saved.sections):
                    await context.write(pb.SavePart(data=chunk))
        except grpc.aio.BaseError:
            raise  # nobody reads any more
        except Exception as error:  # noqa: BLE001  whoever saves it is told
            await context.write(pb.SavePart(failure=_explain(error)))

    async def _restore(self, parts: AsyncIterable[pb.RestorePart], _: object) -> pb.Restored:
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                received = aiter(parts)
                asked = (await anext(received)).session
                session = self._find(asked.session_id).session
                sections = await _receive_sections(received, file)
                return pb.Restored(lost=await session.restore(file, sections, asked.seconds))
        except Exception as error:  # noqa: BLE001  whoever restores it is told
            return pb.Restored(failure=_explain(error))

    async def _watch(
        self, hello: pb.Hello, context: "grpc.aio.ServicerContext[pb.Hello, pb.State]"
    ) -> None:
        if choose_version(hello) is None:
            code = grpc.StatusCode.FAILED_PRECONDITION
            await context.abort(code, explain_versions(hello))
        starting = asyncio.ensure_future(self.sessions.start())
        with self._noting_call():
            try:
                while True:
                    await context.write(encode_state(self.sessions))
                    if starting.done():
                        await asyncio.sleep(_STATE_SECONDS)
                    await asyncio.wait([starting], timeout=_STATE_SECONDS)
            finally:
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)

    @contextmanager
    def _noting_call(self) -> Generator[None]:
        """Note that the current task serves a call, until the block ends."""
        task = asyncio.current_task()
        assert task
        self._calls.add(task)
        try:
            yield
        finally:
            self._calls.discard(task)

    async def _drop(self, key: pb.Key, _: object) -> pb.Done:
        try:
            await self.seated.drop(
                key.key, key.generation, if_idle=key.if_idle, is_planned=key.is_planned
            )
        except Exception as error:  # noqa: BLE001  whoever drops it is told
            return pb.Done(failure=_explain(error))
        return pb.Done()

    async def _measure(self, key: pb.Key, _: object) -> pb.Measured:
        return encode_use(await self.sessions.measure(key.key))

    async def _examine(self, _: pb.Hello, __: object) -> pb.Examined:
        try:
            return encode_walls(await self.sessions.examine())
        except Exception as error:  # noqa: BLE001  whoever looks is told
            return pb.Examined(failure=_explain(error))

    def _find(self, session_id: str) -> HostedSession:
        hosted = self._hosted.get(session_id)
        if hosted is None:
            raise HostLostError("the session is over")
        return hosted


async def _unpack(parts: AsyncIterable[pb.PutPart]) -> AsyncGenerator[bytes]:
    async for part in parts:
        if part.HasField("end"):
            return
        yield part.data
    raise HostLostError("the file broke off")  # gRPC ends the parts of a cancelled call likewise


async def _receive_sections(
    parts: AsyncIterable[pb.RestorePart], file: BinaryIO
) -> tuple[Section, ...]:
    taking = Sections(file, _MOST_SNAPSHOT_BYTES)
    async for part in parts:
        match part.WhichOneof("part"):
            case "sections":
                taking.add(part.sections)
            case "data":
                taking.write(part.data)
            case _:
                return taking.finish().sections
    raise HostLostError("the variables broke off")


def _explain(error: Exception) -> pb.Failure:
    found = encode_failure(error)
    if found.kind == pb.Failure.FAULT:
        log.error("request to the sandbox host failed", **failure(error))
    return found
