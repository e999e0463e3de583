"""Uploads that code removed from a thread's /mnt/data."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "removed_files",
        sa.Column("thread_id", sa.String(64), primary_key=True),
        sa.Column("file_id", sa.String(64), primary_key=True),
    )
