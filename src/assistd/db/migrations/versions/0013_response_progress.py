"""How far responses in the background have come, and what else another process needs to go on with them."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("responses", sa.Column("include", sa.Text))
    op.create_table(
        "response_progress",
        sa.Column("response_id", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("more", sa.Text, nullable=False),
        sa.Column("usage", sa.Text, nullable=False),
    )
