"""What servers say of themselves, keys that can be told apart, and tokens that models wrote."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "servers",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("jail", sa.String(64)),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.Column("watched_until", sa.Float, nullable=False, server_default="0"),
    )
    op.add_column("api_keys", sa.Column("redacted", sa.String(64)))
    for name in ("output_tokens", "cached_tokens"):
        op.add_column(
            "metered_requests", sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
        )
