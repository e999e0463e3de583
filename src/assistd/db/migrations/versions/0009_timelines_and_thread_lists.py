"""Where the time of runs and responses went, and the threads of a project in their order."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    for table in ("runs", "responses"):
        op.add_column(table, sa.Column("timeline", sa.Text))
    op.create_index("threads_by_project", "threads", ["project_id", "seq", "deleted", "id"])
