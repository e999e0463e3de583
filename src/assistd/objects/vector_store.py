"""Vector stores: files that are searched together, and the batches in which they are added."""

from typing import Literal

from assistd.objects.base import Metadata, Object, Timestamp

FileStatus = Literal["in_progress", "completed", "failed", "cancelled"]
"""The states of a file in a store; every state but the first is an ending."""

FileErrorCode = Literal["server_error", "unsupported_file", "invalid_file"]
"""The only codes that strict clients take (contract, file search, trap 34)."""

Attributes = dict[str, str | bool | int | float]
"""What a search can filter files by; numbers and booleans keep their type (contract, file search, trap 30)."""

DAY_SECONDS = 86_400


class ExpiresAfter(Object):
    """How long a store lives without being used."""

    anchor: Literal["last_active_at"] = "last_active_at"
    days: int


class StaticChunking(Object):
    """The size of chunks, in tokens."""

    max_chunk_size_tokens: int = 800
    chunk_overlap_tokens: int = 400


class ChunkingStrategy(Object):
    """How a file is cut; `auto` is shown as what it does (contract, file search, trap 4)."""

    type: Literal["static"] = "static"
    static: StaticChunking = StaticChunking()


AUTO = ChunkingStrategy()
"""What clients get who ask for `auto`, or for nothing."""


class FileCounts(Object):
    """How many files are in which state."""

    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    total: int = 0


class FileError(Object):
    """Why a file cannot be searched."""

    code: FileErrorCode
    message: str


class VectorStore(Object):
    """The API's vector store; fields in the recorded order (contract, file search, section 4).

    `usage_bytes`, `file_counts` and `status` follow from the files and the time. They are read, not
    stored: a stored store has their defaults.
    """

    id: str
    object: Literal["vector_store"] = "vector_store"
    created_at: Timestamp
    name: str | None = None
    description: str | None = None
    usage_bytes: int = 0
    file_counts: FileCounts = FileCounts()
    status: Literal["in_progress", "completed", "expired"] = "completed"
    expires_after: ExpiresAfter | None = None
    expires_at: Timestamp | None = None
    last_active_at: Timestamp
    metadata: Metadata = {}

    def is_expired(self, now: int) -> bool:
        """Whether the store has not been used for too long, at a time in Unix seconds."""
        return self.expires_at is not None and self.expires_at <= now

    def change_expiry(self, expires_after: ExpiresAfter | None) -> "VectorStore":
        """Return the store with another policy; None is none."""
        days = expires_after and expires_after.days
        expires_at = None if days is None else self.last_active_at + days * DAY_SECONDS
        return self.evolve(expires_after=expires_after, expires_at=expires_at)

    def note_use(self, now: int) -> "VectorStore":
        """Return the store as it is after a run or a search used it, at a time in Unix seconds."""
        return self.evolve(last_active_at=now).change_expiry(self.expires_after)

    def show(self, counts: FileCounts, usage_bytes: int, now: int) -> "VectorStore":
        """Return what a client is shown: the store with what follows from its files and the time."""
        status = "in_progress" if counts.in_progress else "completed"
        return self.evolve(
            usage_bytes=usage_bytes,
            file_counts=counts,
            status="expired" if self.is_expired(now) else status,
        )


class BatchFile(Object):
    """A file as the list of a batch shows it (contract, file search, trap 5)."""

    id: str
    object: Literal["vector_store.file"] = "vector_store.file"
    created_at: Timestamp
    vector_store_id: str
    status: FileStatus
    last_error: FileError | None = None


class VectorStoreFile(Object):
    """The API's file of a store; `id` is the file's own (contract, file search, trap 1)."""

    id: str
    object: Literal["vector_store.file"] = "vector_store.file"
    usage_bytes: int = 0
    created_at: Timestamp
    vector_store_id: str
    status: FileStatus = "in_progress"
    last_error: FileError | None = None
    chunking_strategy: ChunkingStrategy = AUTO
    attributes: Attributes = {}

    def shorten(self) -> BatchFile:
        """Return the file as the list of a batch shows it."""
        return BatchFile.model_validate(self.model_dump())


class VectorStoreBatch(Object):
    """The API's batch; `status` is read from its files, except that a cancelled one stays so."""

    id: str
    object: Literal["vector_store.file_batch"] = "vector_store.file_batch"
    created_at: Timestamp
    status: Literal["in_progress", "completed", "cancelled", "failed"] = "in_progress"
    vector_store_id: str
    file_counts: FileCounts = FileCounts()

    def show(self, counts: FileCounts) -> "VectorStoreBatch":
        """Return what a client is shown: the batch with what follows from its files."""
        status = "in_progress" if counts.in_progress else "completed"
        if self.status == "cancelled":
            status = "cancelled"
        return self.evolve(file_counts=counts, status=status)
