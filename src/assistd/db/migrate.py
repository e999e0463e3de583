"""Brings a database to the newest schema, with Alembic and the scripts beside this file."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine


def migrate(engine: Engine) -> None:
    """Run the migrations a database lacks, each in a transaction."""
    config = Config()
    config.set_main_option("script_location", str(files("assistd.db") / "migrations"))
    config.set_main_option("path_separator", "os")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
