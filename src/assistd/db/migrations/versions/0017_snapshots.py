"""What sessions kept of their variables, and the memory that threads were given."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "snapshots",
        sa.Column("workspace_id", sa.String(64), primary_key=True),
        sa.Column("file_id", sa.String(64)),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "tiers",
        sa.Column("thread_id", sa.String(64), primary_key=True),
        sa.Column("memory_gib", sa.Integer, nullable=False),
    )
