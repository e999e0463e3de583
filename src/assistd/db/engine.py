"""Connections to the database, as SQLAlchemy makes them: what each is told before it is used."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError

from assistd.errors import StartupError

BEGIN = "BEGIN"
BEGIN_WRITING = (
    "BEGIN IMMEDIATE"  # takes the write lock at once: a deferred one fails when it has to upgrade
)
_CONNECTIONS = 7  # that are kept open; `Database` has as many threads, or fewer
_IDLE_SECONDS = 10.0  # within a transaction, which takes milliseconds


def make_engine(url: str, *more: str) -> Engine:
    """Return an engine whose connections are told all that transactions rely on.

    Args:
        url: a SQLAlchemy URL of SQLite or PostgreSQL.
        more: what is set for each connection of SQLite, over what is set for all.

    Raises:
        StartupError: the URL cannot be used; the message says why.
    """
    kind = url.partition(":")[0].partition("+")[0]
    try:
        engine = create_engine(
            url,
            pool_size=_CONNECTIONS,
            pool_use_lifo=True,  # what was used last has its statements prepared, and its caches filled
            hide_parameters=True,
        )
    except ModuleNotFoundError as error:
        raise StartupError(
            f"PostgreSQL needs the package {error.name}: install assistd[postgres]."
        ) from error
    except ArgumentError as error:
        raise StartupError("The URL of the database cannot be read.") from error
    if kind == "sqlite":
        event.listen(engine, "connect", _tuner(more))
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _bound_transactions)
    return engine


def _tuner(more: Sequence[str]) -> Callable[[Any, object], None]:
    settings = (
        "journal_mode = WAL",  # readers do not wait for the writer
        "synchronous = NORMAL",  # a commit survives the death of the process
        "busy_timeout = 10000",
        "temp_store = MEMORY",
        "cache_size = -16384",
        *more,
    )

    def tune(dbapi_connection: Any, _record: object) -> None:
        # The driver must not open transactions by itself: `_begin_sqlite` says which kind.
        dbapi_connection.isolation_level = None
        for setting in settings:
            dbapi_connection.execute(f"PRAGMA {setting}")

    return tune


def _begin_sqlite(connection: Connection) -> None:
    # Said to the driver itself, for it is said in every transaction.
    writes = connection.get_execution_options().get("writes")
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction:  # else SQLAlchemy joins one of a `DirectConnection`
        driver.execute(BEGIN_WRITING if writes else BEGIN)


def _bound_transactions(dbapi_connection: Any, _record: object) -> None:
    """Have PostgreSQL end the connection where its transaction is left alone.

    A process that is stopped, or a machine that is gone, would keep what it has locked from all others.
    """
    # Said behind the start: a pooler between may refuse what it does not know in the message that begins a connection.
    milliseconds = round(1000 * _IDLE_SECONDS)
    dbapi_connection.execute(f"SET idle_in_transaction_session_timeout = {milliseconds}")
    dbapi_connection.commit()
