"""Brings a database to the newest schema, with Alembic and the scripts beside this file."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, func, select

_LOCK = 0x617373697374  # any number that no other program of the database takes


def migrate(engine: Engine) -> None:
    """Run the migrations a database lacks, in one transaction; processes that start at once queue."""
    config = Config()
    config.set_main_option("script_location", str(files("assistd.db") / "migrations"))
    config.set_main_option("path_separator", "os")
    with engine.connect().execution_options(writes=True) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
