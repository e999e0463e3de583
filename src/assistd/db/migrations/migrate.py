"""Brings a database to the newest schema, with Alembic and the scripts beside this file."""

from pathlib import Path

from sqlalchemy import Connection, Engine, func, inspect, select, text

_SCRIPTS = Path(__file__).parent
_VERSIONS = "alembic_version"  # Alembic's own table
_LOCK = 0x617373697374  # any number that no other program of the database takes


def migrate(engine: Engine) -> None:
    """Run the migrations a database lacks, in one transaction; processes that start at once queue."""
    with engine.connect() as connection:
        if _is_newest(connection):
            return
    from alembic import command  # noqa: PLC0415  it takes long to import, and is hardly ever needed
    from alembic.config import Config  # noqa: PLC0415  as well

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    with engine.connect().execution_options(writes=True) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def _is_newest(connection: Connection) -> bool:
    """Tell whether a database has the newest schema: the name of a script begins with its revision."""
    if not inspect(connection).has_table(_VERSIONS):
        return False
    newest = max(path.name for path in (_SCRIPTS / "versions").glob("*_*.py")).partition("_")[0]
    return list(connection.scalars(text(f"SELECT version_num FROM {_VERSIONS}"))) == [newest]  # noqa: S608
