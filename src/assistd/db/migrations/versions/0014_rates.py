"""What is left of the requests of projects, for all server processes."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    logged = op.get_context().dialect.name == "sqlite"
    op.create_table(
        "rates",
        sa.Column("project_id", sa.String(64), primary_key=True),
        sa.Column("tokens", sa.Float, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        prefixes=[] if logged else ["UNLOGGED"],
    )
