"""The server's hands in a session's /mnt/data: everything in it is hostile, nothing outside is reached.

All access goes through the descriptor that the session handed over before any code ran, with
`openat2`, which refuses links, mount points and ways out, whatever the code swaps in between.
"""

import asyncio
import errno
import io
import os
import secrets
import stat
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from assistd.quoting import quote_path
from assistd.sandbox.base import Changes, DataFile, UnsafeFileError
from assistd.sandbox.guest.shared import channel, folders, syscalls
from assistd.sandbox.guest.shared.wire import Writing
from assistd.sandbox.session import file_formats, scan
from assistd.sandbox.session.file_formats import Wholeness
from assistd.sandbox.session.ledger import Ledger
from assistd.sandbox.session.scan import FOLDER, LOOK, RESOLVE, TEMPORARY, check_path
from assistd.sandbox.stored_file import StoredFile
from assistd.sandbox.zygote.lowerdir import Lower

_P = ParamSpec("_P")
_T = TypeVar("_T")

_CHUNK_BYTES = 1 << 20
_LINKED_BYTES = 1 << 20  # a smaller file is copied: as fast, and its owner is the session
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_PLANTED = {
    errno.EACCES,
    errno.EAGAIN,
    errno.EEXIST,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.ENOTEMPTY,
    errno.ENXIO,
    errno.EPERM,
    errno.EXDEV,
}


class DataFolder:
    """One session's /mnt/data, alive as long as its descriptor, also after the session's death.

    Args:
        folder: an O_PATH descriptor of it; closed by `close`.
        uid: the session's id on the host where the server is root, else None.
        lower: its overlay lowerdir, removed by `close`; None where files can only be copied into it.
        own: the folder of the host that `close` removes with all that is in it; None where there is none.
    """

    def __init__(self, folder: int, uid: int | None, lower: Lower | None, own: str | None) -> None:
        self._folder = folder
        self._uid = uid
        self._lower = lower
        self._own = own
        self._ledger = Ledger(self._judge, lambda path: scan.is_gone(self._folder, path))
        self._aliases: dict[str, str] = {}  # another name for a file -> its path
        self._lock = asyncio.Lock()

    async def put(self, path: str, source: AsyncIterable[bytes], aliases: Sequence[str]) -> None:
        """Write or link a file, and take note of other names for it; see `Session.put`."""
        check_path(path)
        for alias in aliases:
            check_path(alias, most_depth=1)
        async with self._lock:
            is_linked = isinstance(source, StoredFile) and await asyncio.to_thread(
                self._put_stored, source.path, path
            )
            if not is_linked:
                await self._copy(source, path)
            self._aliases |= dict.fromkeys(aliases, path)

    async def remove(self, path: str) -> None:
        """Remove a plain file; see `Session.remove`."""
        check_path(path)
        async with self._lock:
            if self._folder >= 0:
                act = self._run_as_session_user
                with _refusing_planted(path):
                    await asyncio.to_thread(act, scan.unlink, self._folder, path)
                self._ledger.forget(path)

    async def _copy(self, chunks: AsyncIterable[bytes], path: str) -> None:
        folder, temporary, target = await _open_patiently(
            lambda: self._run_as_session_user(self._create, path),
            lambda made: channel.close_all((made[0], made[2])),
        )
        try:
            try:
                async for chunk in chunks:
                    await asyncio.to_thread(_write_all, target, chunk)
            finally:
                os.close(target)
            await asyncio.to_thread(
                self._run_as_session_user, self._publish, folder, temporary, path
            )
        except BaseException:
            await asyncio.shield(
                asyncio.to_thread(self._run_as_session_user, _remove, temporary, folder)
            )
            raise
        finally:
            os.close(folder)

    def _put_stored(self, blob: Path, path: str) -> bool:
        """Link a stored file; False where it must be copied, nothing having been done."""
        lower = self._lower
        if lower is None or "/" in path or blob.stat().st_size < _LINKED_BYTES:
            return False
        try:
            shown = self._show(lower, blob, path)
        except OSError:
            return False  # the name is taken, or there is no link to be had on this disk
        if shown is None:
            return False
        self._ledger.note_linked(path, shown)
        return True

    def _show(self, lower: Lower, blob: Path, name: str) -> os.stat_result | None:
        """Link a stored file into the overlay lowerdir; None where code was quicker to take the name.

        The kernel remembers names that it did not find, and what a folder held. A file that comes
        and goes under the name makes it forget the first, one under another name the second.
        """
        self._run_as_session_user(self._come_and_go, name)
        stored = lower.link(blob, name)
        try:
            self._run_as_session_user(self._come_and_go, TEMPORARY + secrets.token_hex(8))
            found = syscalls.openat2(self._folder, name, LOOK, resolve=RESOLVE)
            try:
                shown = os.fstat(found)
            finally:
                os.close(found)
        except BaseException:
            lower.unlink(name)
            raise
        if (shown.st_ino, shown.st_size) == (stored.st_ino, stored.st_size):
            return shown
        lower.unlink(name)
        return None

    def _come_and_go(self, name: str) -> None:
        os.close(syscalls.openat2(self._folder, name, _CREATE, mode=0o600, resolve=RESOLVE))
        os.unlink(name, dir_fd=self._folder)

    async def link_named(self, code: str) -> tuple[str, ...]:
        """Link the aliases that code names; see `Session.put`.

        Returns:
            Those that lead to a file now.
        """
        named = [alias for alias in self._aliases if alias in code]
        if not named:
            return ()
        async with self._lock:
            if self._folder < 0:
                return ()
            return tuple(await asyncio.to_thread(self._link_all, named))

    async def has_changed(self) -> bool:
        """Return whether anything is otherwise than it was when `changes` was called last."""
        async with self._lock:
            return self._folder >= 0 and await asyncio.to_thread(self._differs)

    def _differs(self) -> bool:
        return self._ledger.differs(scan.scan(self._folder), self._aliases)

    async def changes(self, writing: Mapping[str, Writing], *, failed: bool) -> Changes:
        """Return what was written, changed, renamed or removed since the last call; see `Session.changes`.

        Args:
            writing: path -> how far it is, of files that code still has open.
            failed: whether the call failed.
        """
        async with self._lock:
            if self._folder < 0:
                return Changes()
            return await asyncio.to_thread(self._compare, writing, failed)

    def _compare(self, writing: Mapping[str, Writing], failed: bool) -> Changes:  # noqa: FBT001
        found = scan.scan(self._folder)
        return self._ledger.compare(found, writing, self._aliases, failed=failed)

    async def files(self) -> tuple[DataFile, ...]:
        """Return every plain file; see `Session.files`."""
        async with self._lock:
            if self._folder < 0:
                return ()
            found = await asyncio.to_thread(scan.scan, self._folder)
        return tuple(DataFile(path, found.files[path].st_size) for path in sorted(found.files))

    async def read_small(self, files: Sequence[DataFile], most: int) -> dict[str, bytes]:
        """Return many plain files at once; see `Session.read_small`."""
        async with self._lock:
            return await asyncio.to_thread(self._read_small, files, most)

    def _read_small(self, files: Sequence[DataFile], most: int) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for each in files:
            try:
                source, size = self._open(each.path)
            except (UnsafeFileError, OSError):
                continue
            allowed = min(each.size, most)  # a file that grew could take the server's memory
            with os.fdopen(source, "rb", 0) as file:
                data = _read_whole(file, min(size, allowed + 1))
            if len(data) <= allowed:
                found[each.path] = data
        return found

    async def read(self, path: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a plain file; see `Session.read`."""
        check_path(path)
        async with self._lock:
            source, size = await _open_patiently(
                lambda: self._open(path), lambda found: os.close(found[0])
            )
        try:
            while size > 0:
                chunk = await asyncio.to_thread(os.read, source, min(size, _CHUNK_BYTES))
                if not chunk:
                    return  # it shrank meanwhile
                size -= len(chunk)
                yield chunk
        finally:
            os.close(source)

    async def close(self) -> None:
        """Let the folder and all that is in it go."""
        async with self._lock:
            folder, self._folder = self._folder, -1
            if folder >= 0:
                os.close(folder)
                if self._own is not None:
                    await asyncio.to_thread(folders.remove_session, self._own)
                if self._lower is not None:
                    await asyncio.to_thread(self._lower.remove)

    def _run_as_session_user(
        self, act: Callable[_P, _T], *args: _P.args, **options: _P.kwargs
    ) -> _T:
        """Act as the session's user: its tmpfs takes no files from ids it does not know."""
        if self._uid is None:
            return act(*args, **options)
        syscalls.set_file_ids(self._uid)
        try:
            return act(*args, **options)
        finally:
            syscalls.set_file_ids(0)

    def _create(self, path: str) -> tuple[int, str, int]:
        """Return a fresh temporary file beside `path`: the folder's descriptor, its name, its descriptor."""
        with _refusing_planted(path):
            if os.fstat(self._folder).st_mode & 0o700 != 0o700:
                os.chmod(f"/proc/self/fd/{self._folder}", 0o755)  # noqa: S103  code locked itself out
            folder = self._open_folders(os.path.dirname(path))
            temporary = TEMPORARY + secrets.token_hex(8)
            try:
                target = syscalls.openat2(folder, temporary, _CREATE, mode=0o644, resolve=RESOLVE)
            except BaseException:
                os.close(folder)
                raise
        return folder, temporary, target

    def _open_folders(self, path: str) -> int:
        """Return a descriptor of the folder `path`, made where it is missing."""
        current = syscalls.openat2(self._folder, ".", FOLDER, resolve=RESOLVE)
        for name in path.split("/") if path else ():
            try:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=current)
                below = syscalls.openat2(current, name, FOLDER, resolve=RESOLVE)
            finally:
                os.close(current)
            current = below
        return current

    def _publish(self, folder: int, temporary: str, path: str) -> None:
        """Give the temporary file its name: replaces a link instead of following it."""
        name = os.path.basename(path)
        with _refusing_planted(path):
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        self._ledger.note(path, status)

    def _link_all(self, aliases: Sequence[str]) -> Iterator[str]:
        """Link these names, as far as they and what they lead to stand where they should."""
        for alias in aliases:
            if scan.is_gone(self._folder, self._aliases[alias]):
                continue
            try:
                self._run_as_session_user(
                    os.symlink, self._aliases[alias], alias, dir_fd=self._folder
                )
            except FileExistsError:
                pass  # our own of an earlier call, or what code made
            except OSError:
                continue  # code filled the folder, or closed it
            yield alias

    def _judge(self, path: str) -> Wholeness:
        """Return what the format of a file says of it."""
        try:
            source, size = self._open(path)
        except (UnsafeFileError, OSError):
            return Wholeness.UNKNOWN
        try:
            return file_formats.judge(lambda offset, count: os.pread(source, count, offset), size)
        finally:
            os.close(source)

    def _open(self, path: str) -> tuple[int, int]:
        """Return a plain file for reading, and its size."""
        with _refusing_planted(path):
            source = syscalls.openat2(self._folder, path, _READ, resolve=RESOLVE)
        status = os.fstat(source)
        if not stat.S_ISREG(status.st_mode):
            os.close(source)
            raise UnsafeFileError(f"{quote_path(path)} is not a plain file")
        return source, status.st_size


async def _open_patiently(act: Callable[[], _T], close: Callable[[_T], None]) -> _T:
    """Return what `act` opens, in a thread; closed again where the caller is cancelled meanwhile."""
    opening = asyncio.ensure_future(asyncio.to_thread(act))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:

        def let_go(done: asyncio.Future[_T]) -> None:
            if not done.cancelled() and done.exception() is None:
                close(done.result())

        opening.add_done_callback(let_go)
        raise


def _read_whole(file: io.FileIO, size: int) -> bytes:
    """Return the first `size` bytes of a file; fewer where it shrank meanwhile."""
    data = b""
    while len(data) < size and (piece := file.read(size - len(data))):
        data += piece
    return data


def _write_all(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view[:_CHUNK_BYTES]) :]


def _remove(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except OSError:
        return  # it has its final name already, or the code removed it


@contextmanager
def _refusing_planted(path: str) -> Generator[None]:
    """Tell an obstacle that code put in the way from trouble of the host (no room, no memory)."""
    try:
        yield
    except FileNotFoundError as error:
        raise UnsafeFileError(f"{quote_path(path)} is not there") from error
    except OSError as error:
        if error.errno in _PLANTED:
            raise UnsafeFileError(f"{quote_path(path)} is not a plain file: {error}") from error
        raise
