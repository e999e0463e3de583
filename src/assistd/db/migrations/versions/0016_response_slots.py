"""Responses without a row of their own that are made now, where their project has a limit."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    logged = op.get_context().dialect.name == "sqlite"
    op.create_table(
        "response_slots",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(64), nullable=False),
        sa.Column("lease_until", sa.Float, nullable=False),
        prefixes=[] if logged else ["UNLOGGED"],
    )
