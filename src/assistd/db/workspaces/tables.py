"""The tables of what is kept of workspaces between their sessions."""

from sqlalchemy import Column, Integer, String, Table, Text

from assistd.db.tables import metadata

snapshots = Table(  # what sessions kept of their variables
    "snapshots",
    metadata,
    Column("workspace_id", String(64), primary_key=True),
    Column("file_id", String(64)),  # null where nothing could be kept
    Column("body", Text, nullable=False),
)

tiers = (
    Table(  # of threads whose sessions have more memory than others; containers say it themselves
        "tiers",
        metadata,
        Column("thread_id", String(64), primary_key=True),
        Column("memory_gib", Integer, nullable=False),
    )
)
