"""The database: whole transactions, on the event loop where they are short, else in worker threads."""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from assistd import metrics, telemetry
from assistd.db.collection import TooLongError
from assistd.db.engine import BEGIN, BEGIN_WRITING, make_engine
from assistd.db.migrations.migrate import migrate
from assistd.db.prepared import DirectConnection
from assistd.db.transaction import ATTRIBUTE, Cost, name_of
from assistd.errors import DatabaseLostError, StartupError, StorageFullError
from assistd.logs import failure

FAILURES = (sqlite3.Error, DBAPIError, StorageFullError, DatabaseLostError)
"""What `Database.run` raises where the database fails, and not the function."""

P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger()

_READERS = 4
# Of PostgreSQL. Each thread that has an answer wants the interpreter's lock from the others: with four and
# four, a run with code costs the server a third more of the processor (decision 0054).
_POSTGRES_READERS = 2
_POSTGRES_WRITERS = 3
_ATTEMPTS = 5
_COLLISIONS = {"40001", "40P01"}  # PostgreSQL: serialization failure, deadlock
_DISK_FULL = "53100"
_STARTING = {"57P01", "57P02", "57P03"}  # PostgreSQL: it stops, has crashed, or starts
_OUTAGE_SECONDS = 5.0  # so long a restart is waited for, from its begin, in a thread
_OUTAGE_PAUSE_SECONDS = 0.1
_PATIENCE_SECONDS = 10.0  # with another process that writes to the same SQLite file
_BEAT_SECONDS = 0.001
_CHECKPOINT = 250  # transactions


def cost_of(function: Callable[..., Any]) -> Cost:
    """Return what was declared of a function.

    Raises:
        TypeError: nothing was.
    """
    cost: Cost | None = getattr(function, ATTRIBUTE, None)
    if cost is None:
        raise TypeError(f"{name_of(function)} is not declared with @transaction")
    return cost


def add_guard(
    function: Callable[Concatenate[Connection, P], R], guard: Callable[[Connection], None]
) -> Callable[Concatenate[Connection, P], R]:
    """Return a transaction of the same cost that calls `guard` first, which raises to prevent it."""

    def call(connection: Connection, /, *args: P.args, **kwargs: P.kwargs) -> R:
        guard(connection)
        return function(connection, *args, **kwargs)

    setattr(call, ATTRIBUTE, cost_of(function))
    return call


class Database:
    """Runs functions of the form `f(connection, ...)`, each in one transaction.

    Short ones, which read or write a few objects, run on the event loop itself where the database is
    SQLite: that takes some 50 us, less than a hop to a thread costs. Long ones, whose work grows with
    a list or a thread, run in worker threads, and so does everything that waits for PostgreSQL
    (decisions 0003, 0031). What collides with another transaction of PostgreSQL is begun anew
    (decision 0024). So a function may run more than once; it changes nothing but the database. Of one that
    only reads PostgreSQL, each statement is a transaction (decision 0108).

    Args:
        url: a SQLAlchemy URL, such as `sqlite:////data/assistd.sqlite3` or `postgresql://host/name`.

    Raises:
        StartupError: the URL cannot be used; the message says why.
    """

    def __init__(self, url: str) -> None:
        self._engine = make_engine(url)
        sqlite = self._engine.dialect.name == "sqlite"
        # Each statement that only reads is a transaction of PostgreSQL by itself: nothing is begun and undone around it,
        # and after no ROLLBACK, which the driver takes as a reason to forget every prepared statement (decision 0108).
        self._reading_engine = (
            self._engine if sqlite else self._engine.execution_options(isolation_level="AUTOCOMMIT")
        )
        self._at_hand = _AtHand(url) if sqlite else None
        readers, writers = (_READERS, 1) if sqlite else (_POSTGRES_READERS, _POSTGRES_WRITERS)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="db-read")
        self._lost_at: float | None = None
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="db-write")

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

    async def run(
        self, function: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return the result of `function(connection, ...)`, called in a transaction of its own.

        What it wrote is committed; an exception leaves no trace. A write that was begun ends, even
        where the awaiting task is cancelled: cancellation is raised after the commit, so that nobody
        acts on a state that is about to change.

        Args:
            function: declared with `@transaction`, which says whether it writes and where it runs.
            args: its other arguments.
            kwargs: likewise.

        Raises:
            TypeError: the function is not declared.
            StorageFullError: the disk has no room; nothing was changed.
            DatabaseLostError: PostgreSQL could not be reached for some seconds, or broke off at the commit.
        """
        cost = cost_of(function)
        with telemetry.measuring("transaction"), _Counting(writes=cost.writes):
            if self._at_hand is None or not cost.short:
                return await self._run_in_thread(cost, function, *args, **kwargs)
            if cost.max_characters is not None:
                least: Any = {**kwargs, "max_characters": cost.max_characters}
                try:
                    return await self._at_hand.run(self._at_hand.reading, function, *args, **least)
                except TooLongError:
                    return await self._run_in_thread(cost, function, *args, **kwargs)
            if not cost.writes:
                return await self._at_hand.run(self._at_hand.reading, function, *args, **kwargs)
            result = await self._at_hand.run(self._at_hand.writing, function, *args, **kwargs)
            if self._at_hand.wants_checkpoint():
                self._writers.submit(self._checkpoint).add_done_callback(_log_failure)
            return result

    def run_sync(
        self, function: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Do as `run` does without an event loop, for the command line and the start."""
        with self._transaction(cost_of(function)) as connection:
            return function(connection, *args, **kwargs)

    async def _run_in_thread(
        self, cost: Cost, function: Callable[..., R], *args: Any, **kwargs: Any
    ) -> R:
        given_up = threading.Event()

        def call() -> R:
            attempt = 0
            while True:
                attempt, returned = attempt + 1, False
                try:
                    with self._transaction(cost) as connection:
                        result = function(connection, *args, **kwargs)
                        returned = True
                    self._lost_at = None
                    return result  # noqa: TRY300  what fails at the commit is looked at, too
                except DBAPIError as error:
                    if self._is_outage(error):
                        # What is found dead at the commit may have brought it to the server.
                        is_over = attempt > 1 and self._measure_outage() > _OUTAGE_SECONDS
                        pause = _OUTAGE_PAUSE_SECONDS if attempt > 1 else 0.0
                        if returned or is_over or given_up.wait(pause):
                            raise DatabaseLostError("the database cannot be reached") from error
                    elif _state(error) not in _COLLISIONS or attempt >= _ATTEMPTS:
                        raise

        executor = self._writers if cost.writes else self._readers
        future = asyncio.get_running_loop().run_in_executor(executor, call)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            given_up.set()
            await asyncio.wait([future])
            future.exception()  # looked at, or asyncio complains; being cancelled matters more
            raise

    def _transaction(self, cost: Cost) -> contextlib.AbstractContextManager[Connection]:
        return self._writing() if cost.writes else self._reading()

    def _is_outage(self, error: DBAPIError) -> bool:
        """Tell whether PostgreSQL could not be reached, or is lost, so that no statement was at fault."""
        if self._engine.dialect.name == "sqlite":
            return False
        cannot_connect = isinstance(error, OperationalError) and _state(error) is None
        return error.connection_invalidated or cannot_connect or _state(error) in _STARTING

    def _measure_outage(self) -> float:
        """Return for how many seconds the database could not be reached, whoever tried."""
        now = time.monotonic()
        self._lost_at = self._lost_at or now
        return now - self._lost_at

    @contextlib.contextmanager
    def _reading(self) -> Generator[Connection]:
        with self._reading_engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def _writing(self) -> Generator[Connection]:
        with (
            _translating_full_disk(),
            self._engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    def _checkpoint(self) -> None:
        """Move what was written from the log to the file, beside who reads and writes."""
        with self._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Wait for transactions that run, then close every connection."""
        self._writers.shutdown()
        self._readers.shutdown()
        if self._at_hand:
            self._at_hand.close()
        self._engine.dispose()


class _AtHand:
    """Two connections to SQLite that the event loop itself uses; they never wait for a lock.

    Args:
        url: a SQLAlchemy URL of SQLite.
    """

    def __init__(self, url: str) -> None:
        # Who writes to the log here leaves moving it to the file, which waits for the disk, to a thread.
        self._engine = make_engine(url, "busy_timeout = 0", "wal_autocheckpoint = 0")
        self._reader: DirectConnection | None = None
        self._writer: DirectConnection | None = None
        self._written = 0

    async def run(
        self,
        transaction: Callable[[], contextlib.AbstractContextManager[Connection]],
        function: Callable[..., R],
        *args: Any,
        **kwargs: Any,
    ) -> R:
        """Return the result of `function(connection, ...)`; ask again for a lock that somebody has."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                with transaction() as connection:
                    return function(connection, *args, **kwargs)
            except (sqlite3.OperationalError, OperationalError) as error:
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_BEAT_SECONDS)

    def reading(self) -> contextlib.AbstractContextManager[Connection]:
        """Begin a transaction that changes nothing."""
        if self._reader is None:
            self._reader = DirectConnection(self._engine)
        return self._reader.transaction(BEGIN)

    @contextlib.contextmanager
    def writing(self) -> Generator[Connection]:
        """Begin a transaction that is committed at the end."""
        if self._writer is None:
            self._writer = DirectConnection(self._engine)
            self._writer.execution_options(writes=True)
        with _translating_full_disk(), self._writer.transaction(BEGIN_WRITING):
            yield self._writer
        self._written += 1

    def wants_checkpoint(self) -> bool:
        """Tell whether it is time to move what was written from the log to the file."""
        return self._written % _CHECKPOINT == 0

    def close(self) -> None:
        """Close both connections."""
        for connection in (self._reader, self._writer):
            if connection:
                connection.close()
        self._engine.dispose()


class _Counting:
    """Counts a transaction, and what the database fails; every request has one, so it is quick."""

    __slots__ = ("_access", "_began")

    def __init__(self, *, writes: bool) -> None:
        self._access = "write" if writes else "read"
        self._began = time.perf_counter()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        failed = kind is not None and issubclass(kind, FAILURES)
        metrics.count_transaction(self._access, time.perf_counter() - self._began, failed=failed)


@contextlib.contextmanager
def _translating_full_disk() -> Generator[None]:
    try:
        yield
    except (sqlite3.OperationalError, OperationalError) as error:
        cause = error.orig if isinstance(error, OperationalError) else error
        if getattr(cause, "sqlstate", None) == _DISK_FULL or "is full" in str(
            cause
        ):  # PostgreSQL, SQLite
            raise StorageFullError from error
        raise


def _is_busy(error: sqlite3.OperationalError | OperationalError) -> bool:
    """Tell whether somebody else has a lock of SQLite that is wanted, or is mending its log."""
    cause = error.orig if isinstance(error, OperationalError) else error
    return (getattr(cause, "sqlite_errorcode", 0) & 0xFF) == sqlite3.SQLITE_BUSY


def _log_failure(future: Future[None]) -> None:
    if error := future.exception():
        log.error("checkpoint failed", **failure(error))


def _state(error: DBAPIError) -> str | None:
    """Return PostgreSQL's code of an error; None where it has none, as in SQLite."""
    return getattr(error.orig, "sqlstate", None)
