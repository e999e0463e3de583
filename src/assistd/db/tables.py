"""The tables: what is searched has a column, the object itself is one JSON document beside it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData()


def _noun(name: str, *columns: Column[object]) -> Table:
    """A table of API objects: `seq` orders them, `deleted` keeps the place of a removed one for cursors."""
    return Table(
        name,
        metadata,
        Column("id", String(64), primary_key=True),
        Column("seq", BigInteger, nullable=False),
        Column("deleted", Boolean, nullable=False, server_default=false()),
        Column("body", Text, nullable=False),
        *columns,
    )


projects = Table(
    "projects",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)

assistants = _noun("assistants", Column("project_id", String(64), nullable=False))
threads = _noun("threads", Column("project_id", String(64), nullable=False))
messages = _noun(
    "messages",
    Column("thread_id", String(64), nullable=False),
    Column("run_id", String(64)),
)
runs = _noun(
    "runs",
    Column("project_id", String(64), nullable=False),
    Column("thread_id", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("expires_at", BigInteger),
    Column("lease_owner", String(64)),
    Column("lease_until", Float),
)
run_steps = _noun(
    "run_steps",
    Column("run_id", String(64), nullable=False),
    Column("thread_id", String(64), nullable=False),
    Column("results", Text),  # what came of the calls, as the model is told it; never on the wire
)
files = _noun(
    "files",
    Column("project_id", String(64), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("expires_at", BigInteger),
)
uploads = _noun(
    "uploads",
    Column("project_id", String(64), nullable=False),
    Column("expires_at", BigInteger),  # null once it is completed, cancelled or expired
)
upload_parts = _noun(
    "upload_parts",
    Column("upload_id", String(64), nullable=False),
    Column("blob", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
)

written_files = Table(
    "written_files",
    metadata,
    Column("thread_id", String(64), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("file_id", String(64), nullable=False),
    Column("seq", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("thread_id", String(64), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
)


ACTIVE_RUN = text("status IN ('queued', 'in_progress', 'requires_action', 'cancelling')")
"""The states that lock a thread; `objects/run.py` has the table they come from."""

Index("assistants_by_project", assistants.c.project_id, assistants.c.seq)
Index("messages_by_thread", messages.c.thread_id, messages.c.seq)
Index("runs_by_thread", runs.c.thread_id, runs.c.seq)
Index(
    "one_active_run",
    runs.c.thread_id,
    unique=True,
    sqlite_where=ACTIVE_RUN,
    postgresql_where=ACTIVE_RUN,
)
Index("run_steps_by_run", run_steps.c.run_id, run_steps.c.seq)
Index("run_steps_by_thread", run_steps.c.thread_id, run_steps.c.seq)
Index("files_by_project", files.c.project_id, files.c.seq)
Index("files_by_expiry", files.c.expires_at)
Index("uploads_by_expiry", uploads.c.expires_at)
Index("upload_parts_by_upload", upload_parts.c.upload_id, upload_parts.c.seq)
Index("sessions_by_thread", sessions.c.thread_id, sessions.c.opened_at)
