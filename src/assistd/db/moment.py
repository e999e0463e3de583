"""The one clock of all who share a database."""

from sqlalchemy import Connection, Float, extract, func, select

from assistd import clock

_TIME_OF_DATABASE = select(extract("epoch", func.clock_timestamp()).cast(Float))


def now(connection: Connection) -> float:
    """Return the time (Unix seconds) by this host's clock, or by PostgreSQL's."""
    if connection.dialect.name == "sqlite":
        return clock.now()
    return clock.shift(connection.execute(_TIME_OF_DATABASE).scalar_one())
