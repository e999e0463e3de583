"""Bytes that are on their way to a project, and count for its storage."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "arriving_blobs",
        sa.Column("blob", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("lease_until", sa.Float, nullable=False),
    )
    op.create_index("arriving_blobs_by_project", "arriving_blobs", ["project_id"])
