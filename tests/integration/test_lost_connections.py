"""Connections to PostgreSQL that die: what was not committed for sure is done again, all else is an error."""

import asyncio
import threading

import pytest
from sqlalchemy import Connection, func, insert, select, text, update

from assistd.db import engine, tables
from assistd.db.database import Database
from assistd.db.transaction import transaction
from assistd.errors import DatabaseLostError
from tests.live.backends import Backends, Postgres

pytestmark = pytest.mark.cluster

_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_OWN = text("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.fixture
def database(backends: Backends) -> Database:
    made = Database(backends.new_database())
    made.open()
    return made


@transaction(writes=True, short=True)
def add(connection: Connection, name: str) -> None:
    row = {"id": name, "name": name, "created_at": 1, "seq": 1, "limits": "{}"}
    connection.execute(insert(tables.projects), row)


@transaction(short=True)
def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(tables.projects)).scalar_one()


async def test_no_request_meets_a_connection_that_died_while_it_was_idle(
    database: Database,
) -> None:
    before = await database.run(count)
    await database.run(add, "a")
    database.run_sync(transaction(writes=True)(lambda connection: connection.execute(_OTHERS)))
    assert await database.run(count) == before + 1
    await database.run(add, "b")
    assert await database.run(count) == before + 2
    database.close()


async def test_a_transaction_whose_connection_dies_in_it_is_done_again(database: Database) -> None:
    before, attempts = await database.run(count), list[int]()

    @transaction(writes=True, short=True)
    def dies_once(connection: Connection) -> None:
        attempts.append(1)
        add(connection, "a")
        if len(attempts) == 1:
            connection.execute(_OWN)

    await database.run(dies_once)
    assert await database.run(count) == before + 1
    database.close()


async def test_a_process_that_stops_within_a_transaction_keeps_nobody_from_its_rows(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.run(add, "a")
    monkeypatch.setattr(engine, "_IDLE_SECONDS", 0.5)
    stopping, attempts = Database(database._engine.url.render_as_string(False)), list[int]()
    has_row, goes_on = threading.Event(), threading.Event()

    @transaction(writes=True, short=True)
    def rename(connection: Connection, name: str) -> None:
        connection.execute(update(tables.projects).values(name=name))

    @transaction(writes=True, short=True)
    def stop_with_the_row(connection: Connection) -> None:
        attempts.append(1)
        rename(connection, "b")
        has_row.set()
        goes_on.wait()
        rename(connection, "c")

    stopped = asyncio.create_task(stopping.run(stop_with_the_row))
    await asyncio.to_thread(has_row.wait)
    await database.run(rename, "d")
    goes_on.set()
    await stopped
    assert len(attempts) == 2, "it finds that its connection is over, and begins anew"
    stopping.close()
    database.close()


async def test_a_commit_that_may_have_come_through_is_not_done_again(database: Database) -> None:
    attempts: list[int] = []

    @transaction(writes=True, short=True)
    def dies_before_its_commit(connection: Connection) -> None:
        attempts.append(1)
        add(connection, "a")
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with database._engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})

    with pytest.raises(DatabaseLostError):
        await database.run(dies_before_its_commit)
    assert len(attempts) == 1
    database.close()


async def test_a_server_that_starts_again_is_waited_for() -> None:
    server = Postgres()
    database = Database(server.new_database())
    try:
        database.open()
        await database.run(add, "a")
        server.crash()
        counting = asyncio.create_task(database.run(count))
        adding = asyncio.create_task(database.run(add, "b"))
        await asyncio.sleep(0.2)
        server.start()
        await adding
        await counting
        assert await database.run(count) == 3, "beside the default project"
    finally:
        database.close()
        server.stop()


async def test_a_server_that_is_gone_is_an_error_that_clients_may_try_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("assistd.db.database._OUTAGE_SECONDS", 0.3)
    server = Postgres()
    database = Database(server.new_database())
    try:
        database.open()
        server.crash()
        for transact in (database.run(count), database.run(add, "a")):
            with pytest.raises(DatabaseLostError):
                await transact
        monkeypatch.setattr("assistd.db.database._OUTAGE_SECONDS", 600)
        with pytest.raises(TimeoutError):  # who does not want to wait, does not
            async with asyncio.timeout(0.1):
                await database.run(count)
    finally:
        database.close()
        server.start()
        server.stop()
