"""Vector stores, the files in them, and batches of such files."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _create_noun(
        "vector_stores",
        sa.Column("project_id", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.BigInteger),
    )
    op.create_index("vector_stores_by_project", "vector_stores", ["project_id", "seq"])
    op.create_index("vector_stores_by_expiry", "vector_stores", ["expires_at"])
    _create_noun("vector_store_batches", sa.Column("store_id", sa.String(64), nullable=False))
    op.create_index("vector_store_batches_by_store", "vector_store_batches", ["store_id"])
    op.create_table(
        "vector_store_files",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("project_id", sa.String(64), nullable=False),
        sa.Column("store_id", sa.String(64), nullable=False),
        sa.Column("file_id", sa.String(64), nullable=False),
        sa.Column("batch_id", sa.String(64)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(64), nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("usage_bytes", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("attributes", sa.Text, nullable=False),
        sa.Column("chunking", sa.Text, nullable=False),
        sa.Column("text_key", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("lease_owner", sa.String(64)),
        sa.Column("lease_until", sa.Float),
    )
    op.create_index(
        "one_file_in_a_store", "vector_store_files", ["store_id", "file_id"], unique=True
    )
    for name, columns in (
        ("store", ["store_id", "seq"]),
        ("batch", ["batch_id", "status"]),
        ("file", ["file_id"]),
        ("status", ["status", "seq"]),
        ("project", ["project_id", "usage_bytes"]),
    ):
        op.create_index(f"vector_store_files_by_{name}", "vector_store_files", columns)
    for lacking, condition in (("text", "text_key IS NULL"), ("vectors", "text_key IS NOT NULL")):
        is_lacking = sa.text(
            f"model IS NULL AND {condition} AND status IN ('in_progress', 'completed')"
        )
        op.create_index(
            f"vector_store_files_without_{lacking}",
            "vector_store_files",
            ["project_id", "store_id", "status", "attempts", "seq"],
            sqlite_where=is_lacking,
            postgresql_where=is_lacking,
        )


def _create_noun(name: str, *columns: sa.Column[object]) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("body", sa.Text, nullable=False),
        *columns,
    )
