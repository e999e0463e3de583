"""Files whose bytes come within an input: they become files of the project, as if they were uploaded."""

import asyncio
import base64
import mimetypes
from collections.abc import AsyncIterator, Sequence

from assistd import clock
from assistd.db.database import Database
from assistd.db.responses.files import find_sent
from assistd.engine.policy import Policy
from assistd.engine.responses.input import GivenItem
from assistd.files.blobs import hash_of
from assistd.files.rows import NewFile
from assistd.files.store import FileStore, Room
from assistd.objects.responses.item import FunctionCallOutput, InputFile, Message


class SentFiles:
    """Keeps files that come within an input, for as long as a response is kept.

    So code finds them in /mnt/data, no row of an item holds their bytes, and a client that sends
    everything back with each turn makes one file, not one a turn.

    Args:
        database: where the rows are.
        files: where the bytes are.
        policy: for how long.
    """

    def __init__(self, database: Database, files: FileStore, policy: Policy) -> None:
        self._database = database
        self._files = files
        self._policy = policy

    async def keep(self, project_id: str, given: Sequence[GivenItem]) -> list[GivenItem]:
        """Return what a client sent, with the ids of files in the place of their bytes.

        Raises:
            TooLargeError: a file is larger than an upload may be.
            StorageQuotaError: the project may not keep that much.
            StorageFullError: the disk is full.
        """
        return [await self._keep_files_of(project_id, each) for each in given]

    async def _keep_files_of(self, project_id: str, item: GivenItem) -> GivenItem:
        if isinstance(item, Message):
            parts = [await self._keep_part(project_id, part) for part in item.content]
            return item.evolve(content=tuple(parts))
        if isinstance(item, FunctionCallOutput) and not isinstance(item.output, str):
            parts = [await self._keep_part(project_id, part) for part in item.output]
            return item.evolve(output=tuple(parts))
        return item

    async def _keep_part(self, project_id: str, part: object) -> object:
        if not isinstance(part, InputFile) or part.file_data is None:
            return part
        head, _, encoded = part.file_data.rpartition(",")
        data = await asyncio.to_thread(base64.b64decode, encoded)
        name = part.filename or _make_name(head)
        return InputFile(file_id=await self._keep_file(project_id, data, name), filename=name)

    async def _keep_file(self, project_id: str, data: bytes, name: str) -> str:
        """Return the id of a file of this content and name."""
        hash_ = await asyncio.to_thread(hash_of, data)
        now, seconds = clock.seconds(), self._policy.response_seconds
        run = self._database.run
        known = await run(find_sent, project_id, hash_, name, now + seconds // 2)
        if known is not None:
            return known

        async def chunks() -> AsyncIterator[bytes]:
            yield data

        room = Room(project_id, len(data))
        blob = await self._files.put(chunks(), self._policy.upload_bytes, "file_data", room)
        new = NewFile(blob, project_id, name, "user_data", created_at=now, expires_at=now + seconds)
        return (await self._files.add(new)).id


def _make_name(head: str) -> str:
    """Return a name for a file that has none, by the media type in the head of its data URL."""
    media_type = head.removeprefix("data:").partition(";")[0]
    return f"file{mimetypes.guess_extension(media_type) or ''}"
