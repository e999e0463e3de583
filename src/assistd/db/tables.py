"""The tables: what is searched has a column, the object itself is one JSON document beside it."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
)
from sqlalchemy.engine import Dialect

metadata = MetaData()


class _Name(TypeDecorator[str]):
    """An id or a word that may come from a client; PostgreSQL refuses strings with a NUL in them."""

    impl = String(64)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:  # SQLAlchemy keeps the type to itself
        """Return what PostgreSQL gets in place of a value; SQLite gets the value itself."""
        return None if dialect.name == "sqlite" else _replace_nul


def _replace_nul(value: str | None) -> str | None:
    """Put the character for what cannot be read, which is in no name of ours, for a NUL."""
    return value.replace("\0", "\ufffd") if value else value


def _noun(name: str, *columns: Column[object]) -> Table:
    """Return a table of API objects: `seq` orders them, `deleted` keeps the place of a removed one for cursors."""
    return Table(
        name,
        metadata,
        Column("id", _Name, primary_key=True),
        Column("seq", BigInteger, nullable=False),
        Column("deleted", Boolean, nullable=False, server_default=false()),
        Column("body", Text, nullable=False),
        *columns,
    )


projects = Table(
    "projects",
    metadata,
    Column("id", _Name, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("archived_at", BigInteger),
    Column("seq", BigInteger, nullable=False),
    Column("limits", Text, nullable=False),  # JSON
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", _Name, primary_key=True),
    Column("hash", _Name, nullable=False),
    Column("project_id", _Name),  # null: an admin key, which opens the organization
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Column("redacted", _Name),  # its first and last letters; null of one from before they were kept
    Column("last_used_at", BigInteger),  # the beginning of that day, UTC
)

assistants = _noun("assistants", Column("project_id", _Name, nullable=False))
threads = _noun("threads", Column("project_id", _Name, nullable=False))
messages = _noun(
    "messages",
    Column("thread_id", _Name, nullable=False),
    Column("run_id", _Name),
)
runs = _noun(
    "runs",
    Column("project_id", _Name, nullable=False),
    Column("thread_id", _Name, nullable=False),
    Column("api_key_id", _Name),
    Column("status", _Name, nullable=False),
    Column("expires_at", BigInteger),
    Column("lease_owner", _Name),
    Column("lease_until", Float),
    Column("timeline", Text),  # JSON: where the time went; null until it has ended or waits
    Column("takeovers", Integer),  # processes that died with it; null: none
)
run_steps = _noun(
    "run_steps",
    Column("run_id", _Name, nullable=False),
    Column("thread_id", _Name, nullable=False),
    Column("results", Text),  # what came of the calls, as the model is told it; never on the wire
)
files = _noun(
    "files",
    Column("project_id", _Name, nullable=False),
    Column("purpose", _Name, nullable=False),
    Column(
        "hash", _Name, nullable=False
    ),  # `ids.make_content_key`; older commits: the content's hash
    Column("bytes", BigInteger, nullable=False),
    Column("blob", _Name, nullable=False),  # of a project's files with the same content, the same
    Column("expires_at", BigInteger),
    Column("container_id", _Name, nullable=False, server_default=""),  # where it stands, if in one
)
uploads = _noun(
    "uploads",
    Column("project_id", _Name, nullable=False),
    Column("expires_at", BigInteger),  # null once it is completed, cancelled or expired
)
upload_parts = _noun(
    "upload_parts",
    Column("upload_id", _Name, nullable=False),
    Column("blob", _Name, nullable=False),
    Column("bytes", BigInteger, nullable=False),
)

written_files = Table(
    "written_files",
    metadata,
    Column("thread_id", _Name, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("file_id", _Name, nullable=False),
    Column("seq", BigInteger, nullable=False),
)

removed_files = Table(  # uploads that code removed from a thread's /mnt/data
    "removed_files",
    metadata,
    Column("thread_id", _Name, primary_key=True),
    Column("file_id", _Name, primary_key=True),
)

arriving_blobs = Table(  # of projects with a limit on their storage
    "arriving_blobs",
    metadata,
    Column("blob", _Name, primary_key=True),
    Column("project_id", _Name, nullable=False),
    Column("bytes", BigInteger, nullable=False),  # that came, or that the client said would come
    Column("lease_until", Float, nullable=False),  # by when the server that takes them renews it
)

vector_stores = _noun(
    "vector_stores",
    Column("project_id", _Name, nullable=False),
    Column("expires_at", BigInteger),
)
vector_store_batches = _noun("vector_store_batches", Column("store_id", _Name, nullable=False))
vector_store_files = Table(  # the files that stand in vector stores, and the job of indexing each
    "vector_store_files",
    metadata,
    Column("id", _Name, primary_key=True),  # of one attachment
    Column("seq", BigInteger, nullable=False),
    Column("project_id", _Name, nullable=False),
    Column("store_id", _Name, nullable=False),
    Column("file_id", _Name, nullable=False),
    Column("batch_id", _Name),
    Column("created_at", BigInteger, nullable=False),
    Column("status", _Name, nullable=False),
    Column("last_error", Text),  # JSON
    Column("usage_bytes", BigInteger, nullable=False, server_default="0"),
    Column("attributes", Text, nullable=False),  # JSON
    Column("chunking", Text, nullable=False),  # JSON
    Column("text_key", Text),  # of its text in the index; null until that is there
    Column("model", Text),  # whose vectors it has; null until they are there
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lease_owner", _Name),
    Column("lease_until", Float),
)

vector_store_places = Table(  # of files that were taken out of stores, for cursors
    "vector_store_places",
    metadata,
    Column("store_id", _Name, primary_key=True),
    Column("file_id", _Name, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

index_bytes = (
    Table(  # what the stores of a project took, whenever that was another number than before
        "index_bytes",
        metadata,
        Column("project_id", _Name, primary_key=True),
        Column("at", BigInteger, primary_key=True),
        Column("bytes", BigInteger, nullable=False),
    )
)

metered_requests = Table(  # searches of vector stores, embeddings and completions, by the minute
    "metered_requests",
    metadata,
    Column("kind", _Name, primary_key=True),
    Column("minute", BigInteger, primary_key=True),
    Column("project_id", _Name, primary_key=True),
    Column("api_key_id", _Name, primary_key=True),  # empty where it is not known
    Column("subject", Text, primary_key=True),  # the store, or the model
    Column("requests", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),  # that were read
    Column("output_tokens", BigInteger, nullable=False, server_default="0"),
    Column("cached_tokens", BigInteger, nullable=False, server_default="0"),  # of those read
)

responses = _noun(  # without their output, which is read from the items
    "responses",
    Column("project_id", _Name, nullable=False),
    Column("api_key_id", _Name),
    Column("status", _Name, nullable=False),
    Column("previous_response_id", _Name),
    Column("conversation_id", _Name),
    Column("expires_at", BigInteger),  # when it is deleted; null: never by itself
    Column("events_until", BigInteger),  # when its events are deleted; 0: they are; null: none yet
    Column("lease_owner", _Name),
    Column("lease_until", Float),
    Column("timeline", Text),  # JSON: where the time went; null until it has ended
    Column("takeovers", Integer),  # processes that died with it; null: none
    # JSON: what of its items the client wants to see besides; null: no other process can go on with it
    Column("include", Text),
)
response_items = Table(
    "response_items",
    metadata,
    Column("id", _Name, primary_key=True),
    # The response or the conversation that it was made for: clients send items back with their ids.
    Column("owner_id", _Name, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("project_id", _Name, nullable=False),
    Column("response_id", _Name),  # null: it was added to a conversation by itself
    Column("conversation_id", _Name),  # null until its response has ended, if that has one
    Column("is_input", Boolean, nullable=False),
    Column("body", Text, nullable=False),  # JSON, without what only `include` shows
    Column("more", Text, nullable=False, server_default="{}"),  # JSON of that
)
conversations = _noun(
    "conversations",
    Column("project_id", _Name, nullable=False),
    Column("locked_by", _Name),  # the response that works on it; null: none
    Column("locked_until", Float),  # by when whoever executes that renews the lock
    Column("expires_at", BigInteger),  # when its items are deleted; null until it is deleted itself
)
response_events = Table(  # of background responses that can be streamed again
    "response_events",
    metadata,
    Column("response_id", _Name, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("name", _Name, nullable=False),
    Column("data", Text, nullable=False),  # one line of JSON
)

response_progress = Table(  # the output of background responses until they end
    "response_progress",
    metadata,
    Column("response_id", _Name, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("body", Text, nullable=False),  # as in `response_items`
    Column("more", Text, nullable=False),
    Column("usage", Text, nullable=False),  # JSON: the tokens of the answers until then
)

containers = _noun(
    "containers",
    Column("project_id", _Name, nullable=False),
    Column("name", Text, nullable=False),
    Column("expires_at", BigInteger),  # null once its files were deleted
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", _Name, primary_key=True),
    Column("project_id", _Name, nullable=False),
    Column("thread_id", _Name, nullable=False),
    Column("api_key_id", _Name),
    Column("opened_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("billed", Boolean, nullable=False),
    Column("memory_gib", Integer, nullable=False, server_default="1"),
)

servers = Table(  # the processes that serve this database, as each said itself
    "servers",
    metadata,
    Column("id", _Name, primary_key=True),
    Column("host", Text, nullable=False),
    Column("version", _Name, nullable=False),
    Column("jail", _Name),  # null until it is known
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", Float, nullable=False),  # by the clock of the database
    Column("report", Text, nullable=False),  # JSON of ids, names and numbers: never of content
    Column("watched_until", Float, nullable=False, server_default="0"),  # by when an operator looks
)


ACTIVE_RUN = text("status IN ('queued', 'in_progress', 'requires_action', 'cancelling')")
"""The states that lock a thread; `objects/run.py` has the table they come from."""
WITHOUT_TEXT = text("model IS NULL AND text_key IS NULL AND status IN ('in_progress', 'completed')")
"""The files of vector stores whose text is to be put into the index."""
WITHOUT_VECTORS = text(
    "model IS NULL AND text_key IS NOT NULL AND status IN ('in_progress', 'completed')"
)
"""The files of vector stores whose text is there, and whose vectors are to be made."""

ACTIVE_RESPONSE = text("status IN ('queued', 'in_progress')")
"""The states of a response that somebody has to execute; of background responses only."""

Index("api_keys_by_hash", api_keys.c.hash, unique=True)
Index("assistants_by_project", assistants.c.project_id, assistants.c.seq)
Index(  # a list of all threads by it alone
    "threads_by_project", threads.c.project_id, threads.c.seq, threads.c.deleted, threads.c.id
)
# `deleted` lets messages be counted by the index alone.
Index("messages_by_thread", messages.c.thread_id, messages.c.seq, messages.c.deleted)
Index("runs_by_thread", runs.c.thread_id, runs.c.seq)
Index(
    "one_active_run",
    runs.c.thread_id,
    unique=True,
    sqlite_where=ACTIVE_RUN,
    postgresql_where=ACTIVE_RUN,
)
Index(
    "active_runs",
    runs.c.project_id,
    sqlite_where=ACTIVE_RUN,
    postgresql_where=ACTIVE_RUN,
)
Index("run_steps_by_run", run_steps.c.run_id, run_steps.c.seq)
Index("run_steps_by_thread", run_steps.c.thread_id, run_steps.c.seq)
Index("files_by_project", files.c.project_id, files.c.seq)
Index("files_by_size", files.c.project_id, files.c.deleted, files.c.bytes)  # a sum by it alone
Index("files_by_content", files.c.hash)
Index("files_by_blob", files.c.blob)
Index("files_by_expiry", files.c.expires_at)
Index("uploads_by_expiry", uploads.c.expires_at)
Index("upload_parts_by_blob", upload_parts.c.blob)
Index("upload_parts_by_upload", upload_parts.c.upload_id, upload_parts.c.seq)
Index("arriving_blobs_by_project", arriving_blobs.c.project_id)
Index("vector_stores_by_project", vector_stores.c.project_id, vector_stores.c.seq)
Index("vector_stores_by_expiry", vector_stores.c.expires_at)
Index("vector_store_batches_by_store", vector_store_batches.c.store_id)
Index(
    "one_file_in_a_store",
    vector_store_files.c.store_id,
    vector_store_files.c.file_id,
    unique=True,
)
Index("vector_store_files_by_store", vector_store_files.c.store_id, vector_store_files.c.seq)
Index("vector_store_files_by_batch", vector_store_files.c.batch_id, vector_store_files.c.status)
Index("vector_store_files_by_file", vector_store_files.c.file_id)
Index("vector_store_files_by_status", vector_store_files.c.status, vector_store_files.c.seq)
Index(  # a sum by it alone
    "vector_store_files_by_project",
    vector_store_files.c.project_id,
    vector_store_files.c.usage_bytes,
)
Index(  # counted by it alone
    "vector_store_files_by_state",
    vector_store_files.c.store_id,
    vector_store_files.c.status,
    vector_store_files.c.usage_bytes,
)
for _lacking, _is_lacking in (("text", WITHOUT_TEXT), ("vectors", WITHOUT_VECTORS)):
    Index(
        f"vector_store_files_without_{_lacking}",
        vector_store_files.c.project_id,
        vector_store_files.c.store_id,
        vector_store_files.c.status,
        vector_store_files.c.attempts,
        vector_store_files.c.seq,
        sqlite_where=_is_lacking,
        postgresql_where=_is_lacking,
    )
Index("responses_by_expiry", responses.c.expires_at)
Index("responses_by_conversation", responses.c.conversation_id)
Index("responses_by_previous", responses.c.previous_response_id)
Index("conversations_by_lock", conversations.c.locked_by)
Index("conversations_by_expiry", conversations.c.expires_at)
Index("responses_by_events", responses.c.events_until)
Index(
    "active_responses",
    responses.c.lease_until,
    sqlite_where=ACTIVE_RESPONSE,
    postgresql_where=ACTIVE_RESPONSE,
)
Index("response_items_by_response", response_items.c.response_id, response_items.c.seq)
Index("response_items_by_conversation", response_items.c.conversation_id, response_items.c.seq)
Index("containers_by_project", containers.c.project_id, containers.c.seq)
Index("containers_by_expiry", containers.c.expires_at)
Index("files_by_container", files.c.container_id, files.c.seq)
Index("sessions_by_thread", sessions.c.thread_id, sessions.c.opened_at)
Index("sessions_by_time", sessions.c.opened_at)
