"""Contents of stored files that sessions of this host were given, kept for the next session of the same tenant."""

import asyncio
import os
import secrets
import shutil
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing, asynccontextmanager, closing
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from weakref import WeakValueDictionary

from blake3 import blake3

from assistd import ids
from assistd.logs import Logger, failure
from assistd.sandbox.stored_file import Content, StoredFile

log = Logger()

_MOST_KEPT = 20_000
_MOST_RESERVED = 1 << 30  # bytes of the disk that stay free for all else
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW

_Name = tuple[str, str]  # of a tenant, and the key of a content


class AbsentError(Exception):
    """A content cannot be had, or what came in its place is another one; the message says why."""


@dataclass(slots=True)
class _Kept:
    """A content that is kept."""

    path: Path
    size: int
    users: int = 0

    def is_used(self) -> bool:
        """Return whether a session shows it: then to remove it would free nothing."""
        return self.users > 0 or self.path.stat().st_nlink > 1

    def is_whole(self) -> bool:
        """Return whether nobody removed or cut it."""
        try:
            return self.path.stat().st_size == self.size
        except FileNotFoundError:
            return False


class ContentCache:
    """Contents on a disk of this host; what was not used for longest makes room for the next.

    A session finds contents of its own tenant alone. Nobody's word is taken for what a content is: all
    that comes in is hashed, with the tenant's name, and refused where that is not the key.

    Args:
        folder: where they are: empty, closed to other users, and on the disk of the overlay lowerdirs.
        most_bytes: of all of them. Those that live sessions show are among them.
        fetch: yields the bytes of a URL, so many as are told; raises AbsentError where it cannot.
    """

    def __init__(
        self, folder: Path, most_bytes: int, fetch: Callable[[str, int], AsyncGenerator[bytes]]
    ) -> None:
        self.fetch = fetch
        """Fetches a content, to be held."""
        self._folder = folder
        self._most_bytes = most_bytes
        self._kept: OrderedDict[_Name, _Kept] = OrderedDict()  # the one used last comes last
        self._bytes = 0  # with those that are on their way
        self._locks: WeakValueDictionary[_Name, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def holding(
        self, tenant_id: str, content: Content, chunks: AsyncGenerator[bytes] | None
    ) -> AsyncGenerator[tuple[AsyncIterable[bytes], bool]]:
        """Have a content, to put it into a session.

        Sessions that want the same one at once wait for the first of them.

        Args:
            tenant_id: whose session it is.
            content: which one.
            chunks: its bytes, read where it is not kept; None where there are none.

        Yields:
            Its bytes, as a file of this disk or, where there is no room for them, as they come; and whether
            they were kept before.

        Raises:
            AbsentError: the bytes are not those, or there are none; perhaps only when they are read.
        """
        name = tenant_id, content.key
        checked = chunks and check(chunks, tenant_id, content)
        async with self._locks.setdefault(name, asyncio.Lock()):
            kept = self._find(name)
            was_kept = kept is not None
            if kept is None and checked is not None:
                kept = await self._keep(name, content.size, checked)
            if kept is not None:
                kept.users += 1
        if kept is not None:
            try:
                yield StoredFile(kept.path), was_kept
            finally:
                kept.users -= 1
        elif checked is not None:
            async with aclosing(checked):
                yield checked, False
        else:
            raise AbsentError("it is not kept there")

    def _find(self, name: _Name) -> _Kept | None:
        kept = self._kept.get(name)
        if kept is None:
            return None
        if kept.is_whole():
            self._kept.move_to_end(name)
            return kept
        self._bytes -= self._kept.pop(name).size
        return None

    async def _keep(self, name: _Name, size: int, chunks: AsyncGenerator[bytes]) -> _Kept | None:
        """Write a content; None where there is no room for it, and nothing of it was read.

        Raises:
            AbsentError: see `holding`.
        """
        if not await self._make_room(size):
            return None
        self._bytes += size
        path, is_kept = self._folder / secrets.token_hex(16), False
        try:
            with closing(FileIO(os.open(path, _CREATE, 0o600), "wb")) as target:
                is_kept = await _allot(target, size) and await _write(target, chunks)
        except OSError as error:
            raise AbsentError(
                f"it cannot be written to the disk there: {error.strerror}"
            ) from error
        finally:
            if not is_kept:
                self._bytes -= size
                path.unlink(missing_ok=True)
        if not is_kept:
            return None
        kept = self._kept[name] = _Kept(path, size)
        return kept

    async def _make_room(self, size: int) -> bool:
        """Return whether so many bytes more have room, once what was not used for longest is removed."""
        if size > self._most_bytes:
            return False
        for name, kept in list(self._kept.items()):
            if self._has_room(size):
                break
            if self._kept.get(name) is not kept:
                continue  # it was removed while another one was
            if kept.is_whole() and kept.is_used():
                self._kept.move_to_end(name)
                continue
            self._bytes -= self._kept.pop(name).size
            await _finish(lambda path=kept.path: path.unlink(missing_ok=True))
        return self._has_room(size)

    def _has_room(self, size: int) -> bool:
        disk = shutil.disk_usage(self._folder)
        return (
            self._bytes + size <= self._most_bytes
            and len(self._kept) < _MOST_KEPT
            and disk.free - size >= min(_MOST_RESERVED, disk.total // 16)
        )


async def check(
    chunks: AsyncGenerator[bytes], tenant_id: str, content: Content
) -> AsyncGenerator[bytes]:
    """Yield the bytes of a content as they come; at their end it is sure that they are those.

    Raises:
        AbsentError: they are not. Whoever reads them to their end knows it by then.
    """
    digest, left = blake3(), content.size
    async with aclosing(chunks):
        async for chunk in chunks:
            left -= len(chunk)
            if left < 0:
                break
            await asyncio.to_thread(digest.update, chunk)
            yield chunk
    if left:
        raise AbsentError(f"{'fewer' if left > 0 else 'more'} bytes came than it has")
    if ids.make_content_key(tenant_id, digest.hexdigest()) != content.key:
        raise AbsentError("other bytes came than it has")


async def _allot(target: FileIO, size: int) -> bool:
    """Have the disk keep room for a file that is to come; False where it has none."""
    if not size:
        return True
    try:
        await _finish(lambda: os.posix_fallocate(target.fileno(), 0, size))
    except OSError as error:
        log.warning("content not kept on the disk of this host", bytes=size, **failure(error))
        return False
    return True


async def _write(target: FileIO, chunks: AsyncGenerator[bytes]) -> bool:
    """Write all that comes; return true."""
    async with aclosing(chunks):
        async for chunk in chunks:
            await _finish(lambda chunk=chunk: _write_all(target, chunk))
    return True


def _write_all(target: FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[target.write(view) :]


async def _finish(act: Callable[[], None]) -> None:
    """Do something in a thread, to its end, also where whoever waits for it is cancelled."""
    doing = asyncio.ensure_future(asyncio.to_thread(act))
    try:
        await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait([doing])
        raise
