"""Containers, the files that stand in them, and the memory of sessions that are billed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "containers",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("project_id", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
    )
    op.create_index("containers_by_project", "containers", ["project_id", "seq"])
    op.create_index("containers_by_expiry", "containers", ["expires_at"])
    op.add_column(
        "files", sa.Column("container_id", sa.String(64), nullable=False, server_default="")
    )
    op.create_index("files_by_container", "files", ["container_id", "seq"])
    op.add_column(
        "sessions", sa.Column("memory_gib", sa.Integer, nullable=False, server_default="1")
    )
