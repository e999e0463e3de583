"""What indexing one file takes: its text is added to the index, then the vectors of that text."""

import asyncio
from pathlib import Path
from weakref import WeakValueDictionary

from assistd.db.database import Database
from assistd.db.leases import Lease
from assistd.db.search import jobs
from assistd.db.search.jobs import Job
from assistd.engine.policy import Policy
from assistd.errors import ExtractionError
from assistd.extracted_text import ExtractedText
from assistd.files.store import FileStore
from assistd.objects.file import File
from assistd.search.base import Extractor, Searchable, SearchIndex
from assistd.units import MIB

_CHUNK_BYTES = 1024  # what a chunk counts beside its text (contract, file search, trap 23)
_INDEX_GROWTH = 4  # times the bytes of a text: of prose the index takes 2.5 to 3.4
_READING_SECONDS_PER_MIB = 10.0
# A core makes some two vectors for each KiB of English in a second, and several files share it.
_EMBEDDING_SECONDS_PER_KIB = 4.0
_TOO_LARGE = ExtractionError(
    "invalid_file", "The file could not be parsed because it is too large."
)


class Indexing:
    """Does the jobs of indexing, each stage within a time that grows with the file.

    Both stages may be done again: what is in the index already is not made anew.

    Args:
        database: where the jobs are.
        files: the bytes of the files.
        extractor: takes text out of them.
        index: where the text goes.
        policy: its limits.
    """

    def __init__(
        self,
        database: Database,
        files: FileStore,
        extractor: Extractor,
        index: SearchIndex,
        policy: Policy,
    ) -> None:
        self._database = database
        self._files = files
        self._extractor = extractor
        self._index = index
        self._policy = policy
        self._embedding: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def text_key(self, content_key: str) -> str:
        """Return the key of the text of all files with this content."""
        return f"{content_key}.{self._extractor.version}"

    async def add_text(self, lease: Lease, job: Job) -> None:
        """Put the text of a file into the index, where keywords find it from then on.

        Raises:
            ExtractionError: the file has no text to be had.
            StorageFullError: the disk has no room for it.
            TimeoutError: it took too long.
            LeaseLostError: the file was detached meanwhile, or cancelled.
        """
        source = await self._database.run(jobs.read_source, job.file_id)
        if source is None:
            raise ExtractionError("invalid_file", "The file does not exist.")
        key = self.text_key(source.content_key)
        size = source.file.bytes
        if size > self._policy.index_file_bytes:
            raise _TOO_LARGE
        seconds = self._policy.index_file_seconds + size / MIB * _READING_SECONDS_PER_MIB
        if not await self._index.has_text(job.queue.project_id, key):
            async with asyncio.timeout(seconds):
                content = await self._read(source.file)
            text = await self._extractor.extract(source.file.filename, content, seconds=seconds)
            del content
            async with asyncio.timeout(seconds):
                size = await asyncio.to_thread(_count_bytes, text)
                await self._files.require_room(size * _INDEX_GROWTH)
                await self._index.add_text(job.queue.project_id, key, text)
        await self._database.run(jobs.note_text, lease, job, key)

    async def add_vectors(self, lease: Lease, job: Job) -> None:
        """Make the vectors of a file whose text is in the index; then it is completed.

        Raises:
            AssistdError: the embedding model does not answer.
            StorageQuotaError: the project may not keep that much.
            TimeoutError: it took too long.
            LeaseLostError: the file was detached meanwhile, or cancelled.
        """
        project_id, key = job.queue.project_id, job.text_key
        text = await self._index.read_text(project_id, key) if key else None
        if text is None or key is None:
            await self._database.run(jobs.start_over, lease, job)
            return
        size = await asyncio.to_thread(_count_bytes, text)
        del text
        seconds = self._policy.index_file_seconds + size / 1024 * _EMBEDDING_SECONDS_PER_KIB
        async with self._embedding.setdefault(key, asyncio.Lock()), asyncio.timeout(seconds):
            await self._index.embed_text(project_id, key)
        static = job.chunking
        file = Searchable(key, static.max_chunk_size_tokens, static.chunk_overlap_tokens)
        chunks = await self._index.count_chunks(project_id, file)
        await self._database.run(
            jobs.complete,
            lease,
            job,
            model=self._index.model,
            usage_bytes=size + chunks * _CHUNK_BYTES,
            limits=self._policy.project_limits,
        )

    async def _read(self, file: File) -> bytes:
        source = await self._files.source(file)
        if isinstance(source, Path):
            return await asyncio.to_thread(source.read_bytes)
        return b"".join([chunk async for chunk in source])


def _count_bytes(text: ExtractedText) -> int:
    return len(text.text.encode())
