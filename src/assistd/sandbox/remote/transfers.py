"""Carries files and variables to and from the sessions of a host: each by a call of its own, with gRPC's flow control."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, BinaryIO, Literal

import grpc.aio

from assistd import metrics
from assistd.logs import Logger
from assistd.sandbox.base import HostLostError
from assistd.sandbox.remote.stream import BROKEN_CODES, REPLY_SECONDS, explain_break
from assistd.sandbox.remote.wire import sandbox_pb2 as pb
from assistd.sandbox.remote.wire.calls import CHUNK_BYTES, HostCalls
from assistd.sandbox.remote.wire.checking import BreachError, require_message, require_success
from assistd.sandbox.remote.wire.snapshots import Sections, encode_sections, read_lost
from assistd.sandbox.snapshot import SavedSession, Section, read_sections
from assistd.sandbox.stored_file import Content, StoredFile, StoredObject

log = Logger()

_WARNED_SECONDS = 60.0
_MOST_REASON = 200


class _NotTakenError(Exception):
    """A host neither has a content that it was offered nor can fetch it."""


class Transfers:
    """Puts files and variables into sessions of one host, and reads them.

    Args:
        calls: of the host.
        shares_disk: whether the host finds a `StoredFile` under the same path.
        note_breach: told when the host sends what no correct host sends.
    """

    def __init__(
        self, calls: HostCalls, *, shares_disk: bool, note_breach: Callable[[str], None]
    ) -> None:
        self._calls = calls
        self._shares_disk = shares_disk
        self._note_breach = note_breach
        self._warned_until = 0.0

    async def put(
        self, file: pb.PutFile, source: AsyncIterable[bytes], *, takes_contents: bool
    ) -> None:
        """Write a file below the /mnt/data of a session; see `Session.put`.

        Args:
            file: which session, and under which names.
            source: its bytes.
            takes_contents: whether the host takes stored files that it has already, or fetches.
        """
        if self._shares_disk and isinstance(source, StoredFile):
            file.stored_path = str(source.path)
            await self._send(file, None)
            return
        content = _find_content(source)
        if takes_contents and content is not None:
            file.stored.key, file.stored.size = content.key, content.size
            if way := await self._offer(file, source):
                metrics.FILES_TO_HOSTS.add(way)
                return
        await self._send(file, source)
        if content is not None:
            metrics.FILES_TO_HOSTS.add("server")

    async def _offer(
        self, file: pb.PutFile, source: AsyncIterable[bytes]
    ) -> Literal["kept", "store"] | None:
        """Have the host put a content that it has already, or fetches; return how, None where it can do neither."""
        url = await source.sign() if isinstance(source, StoredObject) else None
        if url is None and file.stored.size <= CHUNK_BYTES:
            return None  # to send it takes as long as to ask
        offer = pb.PutFile()
        offer.CopyFrom(file)
        offer.stored.is_offered = True
        offer.stored.url = url or ""
        try:
            return "kept" if (await self._send(offer, None)).was_kept else "store"
        except _NotTakenError as error:
            if url is not None:
                self._warn(str(error))
            return None

    async def _send(self, file: pb.PutFile, source: AsyncIterable[bytes] | None) -> pb.Done:
        """Return the answer to a put; without a source, the host has the bytes from elsewhere.

        Raises:
            _NotTakenError: it has not.
        """
        call = self._calls.put()
        async with _sending(call):
            await call.write(pb.PutPart(file=file))
            if source is not None:
                async for chunk in source:
                    for at in range(0, len(chunk), CHUNK_BYTES):
                        await call.write(pb.PutPart(data=chunk[at : at + CHUNK_BYTES]))
                await call.write(pb.PutPart(end=pb.PutEnd()))
        try:
            done = require_message(await call, pb.Done)
            if file.stored.is_offered and done.failure.kind == pb.Failure.ABSENT:
                raise _NotTakenError(done.failure.message)
            return require_success(done, pb.Done)
        except (grpc.aio.AioRpcError, BreachError) as error:
            raise self._explain(error) from None

    def _warn(self, reason: str) -> None:
        """Say now and then that files go through this server."""
        if time.monotonic() >= self._warned_until:
            self._warned_until = time.monotonic() + _WARNED_SECONDS
            log.warning("sandbox host cannot fetch files itself", reason=reason[:_MOST_REASON])

    async def read(self, session_id: str, path: str) -> AsyncGenerator[bytes]:
        """Yield the bytes of a file below the /mnt/data of a session; see `Session.read`."""
        call = self._calls.read(pb.ReadFile(session_id=session_id, path=path))
        try:
            while (received := await call.read()) is not grpc.aio.EOF:
                yield _read_part(require_success(received, pb.Part))
        except (grpc.aio.AioRpcError, BreachError) as error:
            raise self._explain(error) from None
        finally:
            call.cancel()

    async def save(
        self, session_id: str, file: BinaryIO, most_bytes: int, seconds: float
    ) -> SavedSession:
        """Write the variables of a session into a file; see `Session.save`."""
        sections = Sections(file, 2 * most_bytes)  # a session may exceed it, and keep nothing then
        call = self._calls.save(
            pb.SaveSession(session_id=session_id, most_bytes=most_bytes, seconds=seconds),
            timeout=seconds + REPLY_SECONDS,
        )
        try:
            while (received := await call.read()) is not grpc.aio.EOF:
                _take_part(require_success(received, pb.SavePart), sections)
            return sections.finish()
        except (grpc.aio.AioRpcError, BreachError) as error:
            raise self._explain(error) from None
        finally:
            call.cancel()

    async def restore(
        self, session_id: str, file: BinaryIO, sections: Sequence[Section], seconds: float
    ) -> Mapping[str, str]:
        """Load variables into a session; see `Session.restore`."""
        call = self._calls.restore(timeout=seconds + REPLY_SECONDS)
        session = pb.RestoreSession(session_id=session_id, seconds=seconds)
        async with _sending(call):
            await call.write(pb.RestorePart(session=session))
            for part in encode_sections(SavedSession(tuple(sections), is_whole=True)):
                await call.write(pb.RestorePart(sections=part))
            for chunk in read_sections(file, sections):
                await call.write(pb.RestorePart(data=chunk))
            await call.write(pb.RestorePart(end=pb.PutEnd()))
        try:
            restored = require_success(await call, pb.Restored)
            return read_lost(restored.lost, sections)
        except (grpc.aio.AioRpcError, BreachError) as error:
            raise self._explain(error) from None

    def _explain(self, error: grpc.aio.AioRpcError | BreachError) -> HostLostError:
        if isinstance(error, BreachError):
            self._note_breach(str(error))
            return HostLostError(f"the sandbox host sent {error}")
        if error.code() in BROKEN_CODES:
            self._note_breach(explain_break(error))
        return HostLostError(explain_break(error))


@asynccontextmanager
async def _sending(call: grpc.aio.StreamUnaryCall[Any, Any]) -> AsyncGenerator[None]:
    """Send a call's messages within the block; what the block raises ends the call."""
    try:
        yield
        await call.done_writing()
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        pass  # the host has answered before all was sent: the answer tells why
    except BaseException:
        call.cancel()
        raise


def _find_content(source: AsyncIterable[bytes]) -> Content | None:
    return source.content if isinstance(source, StoredFile | StoredObject) else None


def _read_part(part: pb.Part) -> bytes:
    if not 0 < len(part.data) <= CHUNK_BYTES:
        raise BreachError("a part of a file that is empty, or too large")
    return part.data


def _take_part(part: pb.SavePart, sections: Sections) -> None:
    if part.HasField("sections"):
        sections.add(part.sections)
    else:
        sections.write(part.data)
