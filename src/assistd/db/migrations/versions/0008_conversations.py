"""Conversations of the Responses API, with who works on each."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("project_id", sa.String(64), nullable=False),
        sa.Column("locked_by", sa.String(64)),
        sa.Column("locked_until", sa.Float),
        sa.Column("expires_at", sa.BigInteger),
    )
    op.create_index("conversations_by_lock", "conversations", ["locked_by"])
    op.create_index("conversations_by_expiry", "conversations", ["expires_at"])
    op.create_index("responses_by_conversation", "responses", ["conversation_id"])
    op.create_index("responses_by_previous", "responses", ["previous_response_id"])
