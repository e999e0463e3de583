"""Sandbox hosts, and the seats of sessions on them."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_LEFT = sa.text("host_id IS NULL")


def upgrade() -> None:
    op.create_table(
        "hosts",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("build", sa.String(64), nullable=False),
        sa.Column("tiers", sa.String(64), nullable=False),
        sa.Column("state", sa.String(64), nullable=False),
        sa.Column("mib_total", sa.Integer, nullable=False),
        sa.Column("mib_free", sa.Integer, nullable=False),
        sa.Column("most", sa.Integer, nullable=False),
        sa.Column("sessions", sa.Integer, nullable=False),
        sa.Column("warm", sa.Integer, nullable=False),
        sa.Column("beat_at", sa.Float, nullable=False),
        sa.Column("drain_until", sa.Float),
        sa.Column("refused", sa.Integer, nullable=False),
        sa.Column("breaches", sa.Integer, nullable=False),
        sa.Column("breached_at", sa.Float, nullable=False),
        sa.Column("on_probation", sa.Boolean, nullable=False),
        sa.Column("probed_at", sa.Float, nullable=False),
    )
    op.create_table(
        "seats",
        sa.Column("workspace_id", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(64), nullable=False),
        sa.Column("host_id", sa.String(64)),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("tier", sa.Integer, nullable=False),
        sa.Column("mib", sa.Integer, nullable=False),
        sa.Column("until", sa.Float, nullable=False),
    )
    op.create_table(
        "seat_counts",
        sa.Column("project_id", sa.String(64), primary_key=True),
        sa.Column("seats", sa.Integer, nullable=False),
    )
    op.create_index("seats_by_host", "seats", ["host_id"])
    op.create_index("seats_left", "seats", ["until"], sqlite_where=_LEFT, postgresql_where=_LEFT)
