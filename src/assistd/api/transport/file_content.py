"""The response with the bytes of a file: its media type, and its name for saving it (RFC 6266, RFC 8187)."""

import asyncio
from collections.abc import AsyncIterator
from io import FileIO
from urllib.parse import quote

from fastapi.responses import StreamingResponse

from assistd import metrics
from assistd.api.transport.sendfile import OpenFileResponse
from assistd.files.media import UNKNOWN, media_type
from assistd.files.store import FileStore
from assistd.objects.file import File

_HEAD_BYTES = 8 << 10  # of a file, to tell its type by


async def respond_with_content(
    files: FileStore, file: File, path: str, *, has_type: bool = True
) -> StreamingResponse:
    """Return the response with the bytes of a file.

    Args:
        files: where they are.
        file: the file.
        path: it is saved under the last name in it.
        has_type: whether the response tells the file's own media type.

    Raises:
        NotFoundError: the file was deleted meanwhile.
    """
    name = path.rpartition("/")[2]
    plain = "".join(
        each if each.isascii() and each.isprintable() and each not in '"\\' else "_"
        for each in name
    )
    content = await files.open(file)  # the response to an error is still one of its own
    if isinstance(content, FileIO):
        head = await asyncio.to_thread(content.read, _HEAD_BYTES)
        response = OpenFileResponse(content, file.bytes)
    else:
        head = await anext(content, b"")
        response = StreamingResponse(_join(head, content))
    metrics.FILES_BYTES_OUT.add(by=file.bytes)
    response.headers.update(
        {
            "content-type": media_type(name, head) if has_type else UNKNOWN,
            "content-disposition": f'attachment; filename="{plain}"; '
            f"filename*=UTF-8''{quote(name, safe='')}",
            "content-length": str(file.bytes),
            "x-content-type-options": "nosniff",
        }
    )
    return response


async def _join(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
