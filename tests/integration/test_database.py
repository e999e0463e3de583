"""SQLite on the event loop: short transactions never make it wait, whoever else writes to the file."""

import asyncio
import resource
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, delete, func, insert, select
from sqlalchemy.exc import OperationalError

from assistd.db import database as module
from assistd.db import tables
from assistd.db.collection import read_rows
from assistd.db.database import Database
from assistd.db.prepared import prepare
from assistd.db.transaction import transaction, until_characters
from assistd.errors import StorageFullError
from assistd.settings import Settings

pytestmark = pytest.mark.local_state


@pytest.fixture
def database_file(settings: Settings) -> Path:
    """Where the database is."""
    return settings.data_dir / "assistd.sqlite3"


@transaction(writes=True, short=True)
def add(connection: Connection, name: str) -> threading.Thread:
    """Insert a project, and say which thread did it."""
    row = {"id": name, "name": name, "created_at": 1, "seq": 1, "limits": "{}"}
    connection.execute(insert(tables.projects), row)
    return threading.current_thread()


@transaction(writes=True)
def add_in_thread(connection: Connection, name: str) -> threading.Thread:
    return add(connection, name)


_NAME_OF = prepare(
    select(tables.projects.c.name).where(tables.projects.c.id == bindparam("id")).limit(1)
)
_ADD = prepare(insert(tables.projects))


@transaction(writes=True, short=True)
def add_prepared(connection: Connection, *names: str) -> None:
    rows = [{"id": name, "name": name, "created_at": 1, "seq": 1, "limits": "{}"} for name in names]
    connection.execute(_ADD, rows if len(rows) > 1 else rows[0])


@transaction(short=True)
def name_of(connection: Connection, id_: str) -> str | None:
    return connection.execute(_NAME_OF, {"id": id_}).scalar()


@transaction()
def name_of_in_thread(connection: Connection, id_: str) -> str | None:
    return name_of(connection, id_)


@transaction(short=True)
def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(tables.projects)).scalar_one()


@transaction()
def count_in_thread(connection: Connection) -> int:
    return count(connection)


@transaction(writes=True)
def wait_for_writer(_: Connection) -> None:
    """Do nothing in the thread that writes, behind what it was given before."""


class Lock:
    """The write lock of the file, taken the way another process would."""

    def __init__(self, file: Path) -> None:
        self._other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._other.execute("BEGIN IMMEDIATE")

    def release(self) -> None:
        self._other.rollback()
        self._other.close()


async def test_short_ones_run_here_and_long_ones_elsewhere(database: Database) -> None:
    here = threading.current_thread()
    assert await database.run(add, "a") is here
    assert await database.run(add_in_thread, "b") is not here
    assert await database.run(count) == await database.run(count_in_thread)


async def test_what_turns_out_to_be_long_is_read_elsewhere(database: Database) -> None:
    here = threading.current_thread()

    @transaction(short=until_characters(300))
    def text(_: Connection, size: int, *, max_characters: int | None = None) -> threading.Thread:
        assert len(read_rows([("row",)] * (size // 3), max_characters)) == size // 3
        return threading.current_thread()

    assert await database.run(text, 300) is here
    assert await database.run(text, 303) is not here


async def test_a_write_waits_for_another_process_and_the_loop_goes_on(
    database: Database, database_file: Path
) -> None:
    before = await database.run(count)
    lock = Lock(database_file)
    writing = asyncio.create_task(database.run(add, "late"))
    for _ in range(20):  # a loop that is held up never comes to where the lock is released
        await asyncio.sleep(0.01)
        assert await database.run(count) == before
    assert not writing.done()
    lock.release()
    await writing
    assert await database.run(count) == before + 1


async def test_a_lock_that_stays_is_an_error_and_the_next_write_works(
    database: Database, database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.05)
    lock = Lock(database_file)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        await database.run(add, "never")
    lock.release()
    await database.run(add, "now")


async def test_a_short_write_waits_for_a_long_one_beside_it(database: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    @transaction(writes=True)
    def slow(connection: Connection) -> None:
        begun.set()
        go_on.wait(10)
        add(connection, "long")

    long = asyncio.create_task(database.run(slow))
    await asyncio.to_thread(begun.wait)
    short = asyncio.create_task(database.run(add, "short"))
    assert await database.run(count) >= 0, "readers wait for nobody"
    assert not short.done()
    go_on.set()
    await asyncio.gather(long, short)


async def test_an_exception_leaves_no_trace(database: Database) -> None:
    def fails(connection: Connection) -> None:
        add(connection, "x")
        raise ZeroDivisionError

    @transaction(writes=True, short=True)
    def fails_here(connection: Connection) -> None:
        fails(connection)

    @transaction(writes=True)
    def fails_in_thread(connection: Connection) -> None:
        fails(connection)

    before = await database.run(count)
    for write in (fails_here, fails_in_thread):
        with pytest.raises(ZeroDivisionError):
            await database.run(write)
    assert await database.run(count) == before
    assert await database.run(add, "x")


async def test_a_prepared_statement_and_another_one_are_one_transaction(
    database: Database,
) -> None:
    @transaction(writes=True, short=True)
    def both(connection: Connection, *, fails: bool) -> None:
        add(connection, "plain")
        add_prepared(connection, "prepared")
        assert name_of(connection, "plain") == "plain"
        assert count(connection) == before + 2
        if fails:
            raise ZeroDivisionError

    before = await database.run(count)
    with pytest.raises(ZeroDivisionError):
        await database.run(both, fails=True)
    assert await database.run(name_of, "prepared") is None
    await database.run(both, fails=False)
    assert await database.run(name_of, "prepared") == "prepared"
    assert await database.run(name_of_in_thread, "plain") == "plain"


async def test_a_prepared_list_of_rows_is_one_transaction_of_the_driver(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    @transaction(writes=True, short=True)
    def add_two(connection: Connection, *, fails: bool) -> None:
        add_prepared(connection, "one", "two")
        if fails:
            raise ZeroDivisionError

    before = await database.run(count)
    with monkeypatch.context() as without_sqlalchemy:
        without_sqlalchemy.delattr(Connection, "execute")
        with pytest.raises(ZeroDivisionError):
            await database.run(add_two, fails=True)
        assert await database.run(name_of, "two") is None
        await database.run(add_two, fails=False)
    assert await database.run(name_of_in_thread, "two") == "two"
    assert await database.run(count) == before + 2


async def test_a_prepared_write_is_there_for_another_process_at_once(
    database: Database, database_file: Path
) -> None:
    await database.run(add_prepared, "told")
    other = sqlite3.connect(database_file)
    assert other.execute("SELECT count(*) FROM projects WHERE id = 'told'").fetchone() == (1,)
    other.close()


async def test_a_prepared_statement_answers_what_the_same_one_would(database: Database) -> None:
    for statement, parameters in (
        (select(tables.projects), {}),  # not prepared: there is nothing to give it
        (_NAME_OF, {"id": "p\0q"}),
        (
            select(tables.sessions.c.billed).where(tables.sessions.c.id == bindparam("id")),
            {"id": "s"},
        ),
    ):

        @transaction(writes=True, short=True)
        def seed(connection: Connection) -> None:
            connection.execute(delete(tables.projects))
            connection.execute(delete(tables.sessions))
            add_prepared(connection, "p\0q")
            session = {
                "id": "s",
                "project_id": "p",
                "thread_id": "t",
                "opened_at": 1,
                "billed": True,
            }
            connection.execute(prepare(insert(tables.sessions)), session)

        @transaction(short=True)
        def answer(connection: Connection, statement: Any, parameters: dict[str, str]) -> Any:
            return [tuple(row) for row in connection.execute(statement, parameters)]

        @transaction()
        def answer_in_thread(
            connection: Connection, statement: Any, parameters: dict[str, str]
        ) -> Any:
            return answer(connection, statement, parameters)

        await database.run(seed)
        direct = await database.run(answer, prepare(statement), parameters)
        assert direct == await database.run(answer_in_thread, statement, parameters)
        assert direct
        assert [[type(each) for each in row] for row in direct] == [
            [type(each) for each in row]
            for row in await database.run(answer_in_thread, statement, parameters)
        ]


async def test_a_prepared_statement_that_was_not_read_to_its_end_leaves_no_snapshot(
    database: Database,
) -> None:
    every = prepare(select(tables.projects.c.id).where(tables.projects.c.seq >= bindparam("least")))

    @transaction(short=True)
    def first(connection: Connection) -> str | None:
        return connection.execute(every, {"least": 0}).scalar()

    for name in ("a", "b", "c"):
        await database.run(add_prepared, name)
    assert await database.run(first)
    await database.run(add_prepared, "d")
    assert await database.run(name_of, "d") == "d"


async def test_a_full_disk_is_said_of_a_prepared_write_too(database: Database) -> None:
    @transaction(writes=True, short=True)
    def limit(connection: Connection, pages: int) -> None:
        connection.connection.driver_connection.execute(f"PRAGMA max_page_count = {pages}")  # pyright: ignore[reportOptionalMemberAccess]

    @transaction(writes=True, short=True)
    def fill(connection: Connection) -> None:
        for number in range(2000):
            add_prepared(connection, f"{number}".rjust(60, "x"))

    before = await database.run(count)
    await database.run(limit, 1)  # SQLite takes the size that it has
    with pytest.raises(StorageFullError):
        await database.run(fill)
    assert await database.run(count) == before
    await database.run(limit, 1 << 30)
    await database.run(add_prepared, "again")


async def test_a_commit_that_fails_does_not_prevent_the_next_one(
    database: Database, database_file: Path
) -> None:
    await database.run(add, "before")
    log_bytes = database_file.with_name(database_file.name + "-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log_bytes, hard))  # the log cannot grow
    try:
        with pytest.raises(OperationalError):
            await database.run(add, "lost")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await database.run(add, "after")
    assert await database.run(name_of, "lost") is None
    assert await database.run(name_of, "after") == "after"


async def test_what_was_written_leaves_the_log_in_time(
    database: Database, database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHECKPOINT", 20)
    log = database_file.with_name(f"{database_file.name}-wal")
    sizes: list[int] = []
    for number in range(120):
        await database.run(add, f"p{number}")
        if number % 20 == 0:
            await database.run(wait_for_writer)  # behind the checkpoint
            sizes.append(log.stat().st_size)
    assert sizes[-1] < 3 * sizes[2], "the log is used again from its beginning"
