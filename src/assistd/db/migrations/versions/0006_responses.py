"""Responses, their items, and the events of those that run in the background."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "responses",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("project_id", sa.String(64), nullable=False),
        sa.Column("api_key_id", sa.String(64)),
        sa.Column("status", sa.String(64), nullable=False),
        sa.Column("previous_response_id", sa.String(64)),
        sa.Column("conversation_id", sa.String(64)),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("events_until", sa.BigInteger),
        sa.Column("lease_owner", sa.String(64)),
        sa.Column("lease_until", sa.Float),
    )
    op.create_index("responses_by_expiry", "responses", ["expires_at"])
    op.create_index("responses_by_events", "responses", ["events_until"])
    active = sa.text("status IN ('queued', 'in_progress')")
    op.create_index(
        "active_responses",
        "responses",
        ["lease_until"],
        sqlite_where=active,
        postgresql_where=active,
    )
    op.create_table(
        "response_items",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner_id", sa.String(64), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("project_id", sa.String(64), nullable=False),
        sa.Column("response_id", sa.String(64)),
        sa.Column("conversation_id", sa.String(64)),
        sa.Column("is_input", sa.Boolean, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("more", sa.Text, nullable=False, server_default="{}"),
    )
    op.create_index("response_items_by_response", "response_items", ["response_id", "seq"])
    op.create_index("response_items_by_conversation", "response_items", ["conversation_id", "seq"])
    op.create_table(
        "response_events",
        sa.Column("response_id", sa.String(64), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )
