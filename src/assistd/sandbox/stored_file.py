"""Files of the blob store, as sources for `Session.put`: on a disk of this host, or elsewhere."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """What tells the bytes of a stored file from all others.

    Args:
        key: of the content within its project (`ids.make_content_key`).
        size: how many bytes it has.
    """

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file on a disk of this host whose bytes never change.

    It is a stream as any other, but a session of this host may link it instead of reading it.

    Args:
        path: where it is.
        content: its bytes, for hosts that may have them already; None where it is not known.
    """

    path: Path
    content: Content | None = None

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        """Yield its bytes, in chunks of about a megabyte."""
        with await asyncio.to_thread(open, self.path, "rb", 0) as file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                yield chunk


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A file of a blob store that is elsewhere.

    It is a stream as any other, but the host of a session may have its bytes already, or fetch them.

    Args:
        content: its bytes.
        sign: returns a URL by which anybody can read it for some minutes; None where there can be none.
        read: returns its bytes, in chunks of about a megabyte.
    """

    content: Content
    sign: Callable[[], Awaitable[str | None]]
    read: Callable[[], AsyncIterable[bytes]]

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield its bytes."""
        return aiter(self.read())
