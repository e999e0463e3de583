"""How many processes died with a run or a response: one that kills its server goes on a few times only."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    for table in ("runs", "responses"):
        op.add_column(table, sa.Column("takeovers", sa.Integer))
