"""A picture that is kept, as a model or a client is shown it."""

import asyncio
import base64
import re

from assistd.db import nouns
from assistd.engine.services import Services
from assistd.errors import NotFoundError
from assistd.objects.file import File

_MAX_BYTES = 20 << 20
# What models take (contract section 7), told by its first bytes: names may say anything.
_KINDS = {
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "jpeg": re.compile(rb"\xff\xd8\xff"),
    "gif": re.compile(rb"GIF8[79]a"),
    "webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}


async def find_picture(services: Services, file_id: str) -> str | None:
    """Return the picture of a file as a data URL; None where there is no such file, and see `read_picture`.

    Whoever asks has seen that the file is the project's.
    """
    file = await services.database.run(nouns.files.find, file_id)
    return await read_picture(services, file) if file else None


async def read_picture(services: Services, file: File) -> str | None:
    """Return a picture as a data URL; None where it is none, too large, or was deleted meanwhile."""
    if file.bytes > _MAX_BYTES:
        return None
    try:
        data = b"".join([chunk async for chunk in services.files.read(file)])
    except NotFoundError:
        return None
    kind = next((kind for kind, begins in _KINDS.items() if begins.match(data)), None)
    if kind is None:
        return None
    encoded = await asyncio.to_thread(base64.b64encode, data)
    return f"data:image/{kind};base64,{encoded.decode()}"
