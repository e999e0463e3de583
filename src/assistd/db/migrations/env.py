"""Alembic's entry point: migrates the connection that `migrate` hands over."""

from alembic import context

from assistd.db import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
