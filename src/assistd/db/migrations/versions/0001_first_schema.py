"""The first schema."""

import sqlalchemy as sa
from alembic import op

from assistd import clock, ids

revision = "0001"
down_revision = None

ACTIVE_RUN = sa.text("status IN ('queued', 'in_progress', 'requires_action', 'cancelling')")


def _noun(name: str, *columns: "sa.Column[object]") -> None:
    op.create_table(
        name,
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("body", sa.Text, nullable=False),
        *columns,
    )


def upgrade() -> None:
    projects = op.create_table(
        "projects",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("archived_at", sa.BigInteger),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("limits", sa.Text, nullable=False),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("project_id", sa.String(64)),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
    )
    _noun("assistants", sa.Column("project_id", sa.String(64), nullable=False))
    _noun("threads", sa.Column("project_id", sa.String(64), nullable=False))
    _noun(
        "messages",
        sa.Column("thread_id", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(64)),
    )
    _noun(
        "runs",
        sa.Column("project_id", sa.String(64), nullable=False),
        sa.Column("thread_id", sa.String(64), nullable=False),
        sa.Column("api_key_id", sa.String(64)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("lease_owner", sa.String(64)),
        sa.Column("lease_until", sa.Float),
    )
    _noun(
        "run_steps",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("thread_id", sa.String(64), nullable=False),
        sa.Column("results", sa.Text),
    )
    _noun(
        "files",
        sa.Column("project_id", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("blob", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.BigInteger),
    )
    _noun(
        "uploads",
        sa.Column("project_id", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.BigInteger),
    )
    _noun(
        "upload_parts",
        sa.Column("upload_id", sa.String(64), nullable=False),
        sa.Column("blob", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "written_files",
        sa.Column("thread_id", sa.String(64), primary_key=True),
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("file_id", sa.String(64), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(64), nullable=False),
        sa.Column("thread_id", sa.String(64), nullable=False),
        sa.Column("api_key_id", sa.String(64)),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("billed", sa.Boolean, nullable=False),
    )
    op.create_index("api_keys_by_hash", "api_keys", ["hash"], unique=True)
    op.create_index("assistants_by_project", "assistants", ["project_id", "seq"])
    op.create_index("messages_by_thread", "messages", ["thread_id", "seq", "deleted"])
    op.create_index("runs_by_thread", "runs", ["thread_id", "seq"])
    op.create_index(
        "one_active_run",
        "runs",
        ["thread_id"],
        unique=True,
        sqlite_where=ACTIVE_RUN,
        postgresql_where=ACTIVE_RUN,
    )
    op.create_index(
        "active_runs",
        "runs",
        ["project_id"],
        sqlite_where=ACTIVE_RUN,
        postgresql_where=ACTIVE_RUN,
    )
    op.create_index("run_steps_by_run", "run_steps", ["run_id", "seq"])
    op.create_index("run_steps_by_thread", "run_steps", ["thread_id", "seq"])
    op.create_index("files_by_project", "files", ["project_id", "seq"])
    op.create_index("files_by_size", "files", ["project_id", "deleted", "bytes"])
    op.create_index("files_by_content", "files", ["hash"])
    op.create_index("files_by_blob", "files", ["blob"])
    op.create_index("files_by_expiry", "files", ["expires_at"])
    op.create_index("uploads_by_expiry", "uploads", ["expires_at"])
    op.create_index("upload_parts_by_blob", "upload_parts", ["blob"])
    op.create_index("upload_parts_by_upload", "upload_parts", ["upload_id", "seq"])
    op.create_index("sessions_by_thread", "sessions", ["thread_id", "opened_at"])
    op.create_index("sessions_by_time", "sessions", ["opened_at"])
    # Here, where processes that start at once queue: there is one default project.
    first = {"id": ids.new("proj"), "name": "default", "created_at": clock.seconds()}
    op.bulk_insert(projects, [{**first, "seq": clock.sequence(), "limits": "{}"}])
