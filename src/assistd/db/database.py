"""The connection to the database: whole transactions, run in worker threads."""

import asyncio
import contextlib
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, OperationalError

from assistd.db.migrate import migrate
from assistd.errors import StartupError, StorageFullError

P = ParamSpec("P")
R = TypeVar("R")

_READERS = 4
_WRITERS = 4  # of PostgreSQL
_ATTEMPTS = 5
_COLLISIONS = {"40001", "40P01"}  # PostgreSQL: serialization failure, deadlock
_DISK_FULL = "53100"


class Database:
    """Runs functions of the form `f(connection, ...)`, each in one transaction and one worker thread.

    A transaction is one hop to a thread however many statements it has, which is several times
    faster than an async driver's hop per statement (decision 0003). SQLite has one writer: its
    transactions queue in a thread of their own instead of polling for a lock. PostgreSQL has many:
    what they read by id they lock, and one that collides with another is begun anew (decision 0024).
    So a function may run more than once; it changes nothing but the database.

    Args:
        url: a SQLAlchemy URL, such as `sqlite:////data/assistd.sqlite3` or `postgresql://host/name`.

    Raises:
        StartupError: the URL cannot be used; the message says why.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        writers = 1 if self._engine.dialect.name == "sqlite" else _WRITERS
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="db-read")
        self._writer = ThreadPoolExecutor(writers, thread_name_prefix="db-write")

    def open(self) -> None:
        """Bring the schema up to date; blocks, for use before the server starts.

        Raises:
            StartupError: the database cannot be reached.
        """
        try:
            migrate(self._engine)
        except OperationalError as error:
            where = self._engine.url.render_as_string(hide_password=True)
            raise StartupError(f"The database {where} cannot be used: {error.orig}") from error

    async def read(
        self, function: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """The result of `function(connection, ...)` in a transaction that changes nothing."""
        return await self._run(self._readers, self._reading, function, *args, **kwargs)

    async def write(
        self, function: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """The result of `function(connection, ...)`, committed; an exception leaves no trace.

        A write that was begun ends, even where the awaiting task is cancelled: cancellation is
        raised after the commit, so that nobody acts on a state that is about to change.

        Raises:
            StorageFullError: the disk has no room; nothing was changed.
        """
        return await self._run(self._writer, self._writing, function, *args, **kwargs)

    def write_now(
        self, function: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """`write` without a loop, for the command line and the start."""
        with self._writing() as connection:
            return function(connection, *args, **kwargs)

    async def _run(
        self,
        executor: ThreadPoolExecutor,
        transaction: Callable[[], contextlib.AbstractContextManager[Connection]],
        function: Callable[..., R],
        *args: Any,
        **kwargs: Any,
    ) -> R:
        def call() -> R:
            for _ in range(_ATTEMPTS - 1):
                try:
                    with transaction() as connection:
                        return function(connection, *args, **kwargs)
                except OperationalError as error:
                    if _state(error) not in _COLLISIONS:
                        raise
            with transaction() as connection:
                return function(connection, *args, **kwargs)

        future = asyncio.get_running_loop().run_in_executor(executor, call)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            future.exception()  # looked at, or asyncio complains; being cancelled matters more
            raise

    @contextlib.contextmanager
    def _reading(self) -> Generator[Connection]:
        with self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def _writing(self) -> Generator[Connection]:
        try:
            with (
                self._engine.connect().execution_options(writes=True) as connection,
                connection.begin(),
            ):
                yield connection
        except OperationalError as error:
            if _state(error) == _DISK_FULL or "is full" in str(error.orig):  # PostgreSQL, SQLite
                raise StorageFullError from error
            raise

    def close(self) -> None:
        """Wait for transactions that run, then close every connection."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._engine.dispose()


def _engine(url: str) -> Engine:
    kind = url.partition(":")[0].partition("+")[0]
    try:
        engine = create_engine(
            url,
            pool_size=_READERS + _WRITERS,
            pool_pre_ping=kind != "sqlite",  # a server may have been restarted
            hide_parameters=True,
        )
    except ModuleNotFoundError as error:
        raise StartupError(
            f"PostgreSQL needs the package {error.name}: install assistd[postgres]."
        ) from error
    except ArgumentError as error:
        raise StartupError("The URL of the database cannot be read.") from error
    if kind == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _state(error: OperationalError) -> str | None:
    """PostgreSQL's code of an error; None where it has none, as in SQLite."""
    return getattr(error.orig, "sqlstate", None)


def _tune_sqlite(dbapi_connection: Any, _record: object) -> None:
    # The driver must not open transactions by itself: `_begin_sqlite` says which kind.
    dbapi_connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",  # readers do not wait for the writer
        "synchronous = NORMAL",  # a commit survives the death of the process
        "busy_timeout = 10000",
        "temp_store = MEMORY",
        "cache_size = -16384",
    ):
        dbapi_connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once: a deferred one fails when it has to upgrade.
    # Said to the driver itself, for it is said in every transaction.
    writes = connection.get_execution_options().get("writes")
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
