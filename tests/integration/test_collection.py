"""Lists keep their order and their cursors, whatever is inserted and deleted meanwhile."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, insert, inspect

from assistd import clock
from assistd.db import conversations, nouns, runs, tables
from assistd.db.cluster import tables as cluster
from assistd.db.collection import Page, TooLongError
from assistd.db.database import Database
from assistd.db.transaction import transaction
from assistd.engine.assistants import messages, threads
from assistd.engine.policy import Policy
from assistd.errors import NotFoundError, RequestError
from assistd.objects.message import Message
from assistd.objects.thread import Thread


@pytest.fixture(scope="module")
def database(each_database: Database) -> Database:
    return each_database


def fill(database: Database, project: str, count: int) -> list[str]:
    names = [f"{project}-{number}" for number in range(count)]
    for name in names:
        thread = Thread(id=name, created_at=1)  # all in one second: trap 29
        database.run_sync(nouns.threads.insert, thread, project_id=project)
    return names


def page(database: Database, project: str, **wanted: object) -> tuple[list[str], bool]:
    listing = database.run_sync(nouns.threads.page, Page(**wanted), project_id=project)
    return [item.id for item in listing.items], listing.has_more


_projects = iter(f"project{number}" for number in range(10_000))


@settings(max_examples=20)
@given(st.integers(0, 25), st.integers(1, 10), st.sampled_from(["asc", "desc"]))
def test_following_after_visits_everything_once_in_order(
    database: Database, count: int, limit: int, order: str
) -> None:
    project = next(_projects)
    names = fill(database, project, count)
    seen: list[str] = []
    more, cursor = True, None
    while more:
        ids, more = page(database, project, limit=limit, order=order, after=cursor)
        seen += ids
        cursor = ids[-1] if ids else None
    assert seen == (names if order == "asc" else names[::-1])


def test_before_gives_what_stands_ahead_in_the_order_of_the_list(database: Database) -> None:
    project = next(_projects)
    names = fill(database, project, 5)
    assert page(database, project, order="asc", before=names[3]) == (names[:3], False)
    assert page(database, project, order="desc", before=names[3]) == ([names[4]], False)
    assert page(database, project, order="asc", before=names[3], limit=2) == (names[1:3], True)


def test_trap_28_before_the_first_is_nothing(database: Database) -> None:
    project = next(_projects)
    names = fill(database, project, 3)
    assert page(database, project, order="asc", before=names[0]) == ([], False)


def test_a_cursor_whose_object_was_deleted_keeps_its_place(database: Database) -> None:
    project = next(_projects)
    names = fill(database, project, 4)
    database.run_sync(nouns.threads.delete, names[1])
    assert page(database, project, order="asc", after=names[1]) == (names[2:], False)


def test_a_cursor_of_another_list_is_refused(database: Database) -> None:
    project, other = next(_projects), next(_projects)
    fill(database, project, 1)
    names = fill(database, other, 1)
    with pytest.raises(RequestError, match="Invalid 'after'"):
        page(database, project, after=names[0])


def test_an_object_of_another_project_is_unknown(database: Database) -> None:
    project, other = next(_projects), next(_projects)
    names = fill(database, project, 1)
    with pytest.raises(NotFoundError):
        database.run_sync(nouns.threads.get, names[0], project_id=other)


def test_the_migrations_make_the_tables_the_code_uses(database: Database) -> None:
    inspector = inspect(database._engine)
    assert cluster.rates in tables.metadata.sorted_tables
    for table in tables.metadata.sorted_tables:
        made = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
        assert made == {column.name: column.nullable for column in table.columns}
        indexes = {index["name"] for index in inspector.get_indexes(table.name)}
        assert indexes >= {index.name for index in table.indexes}


def test_a_page_of_more_than_was_to_be_read_is_refused(database: Database) -> None:
    project = next(_projects)
    fill(database, project, 20)
    listed = Page(limit=20)
    size = sum(
        len(item.model_dump_json())
        for item in database.run_sync(nouns.threads.page, listed, project_id=project).items
    )
    database.run_sync(nouns.threads.page, listed, max_characters=size, project_id=project)
    with pytest.raises(TooLongError):
        database.run_sync(nouns.threads.page, listed, max_characters=size - 1, project_id=project)


def test_a_thread_takes_a_hundred_thousand_messages_and_no_more(database: Database) -> None:
    project = next(_projects)
    (thread,) = fill(database, project, 1)
    rows = [
        {"id": f"{thread}-{n}", "seq": n, "body": "{}", "thread_id": thread}
        for n in range(messages.MAX_MESSAGES - 1)
    ]
    database.run_sync(
        transaction(writes=True)(
            lambda connection: connection.execute(insert(tables.messages), rows)
        )
    )
    said = messages.NewMessage("user", ())
    last = database.run_sync(messages.create, project, thread, said, Policy())
    with pytest.raises(RequestError, match="cannot have more than 100000 messages"):
        database.run_sync(messages.create, project, thread, said, Policy())
    database.run_sync(nouns.messages.delete, last.id)
    database.run_sync(messages.create, project, thread, said, Policy())


def test_each_of_many_messages_costs_one_statement_however_many_there_are(
    database: Database,
) -> None:
    said = [messages.NewMessage("user", ())]
    statements: list[str] = []
    event.listen(
        database._engine,
        "before_cursor_execute",
        lambda *call: statements.append(call[2]),  # the others are who executes it, and how
    )

    def cost(count: int) -> int:
        before = len(statements)
        thread = Thread(id=f"many-{next(_projects)}", created_at=1)
        new = threads.NewThread(thread, said * count)
        database.run_sync(threads.create, "project", new, Policy())
        return len(statements) - before

    assert cost(40) - cost(20) == 20


def test_what_is_said_next_comes_last_though_the_clock_of_another_server_is_ahead(
    database: Database,
) -> None:
    project = next(_projects)
    (thread,) = fill(database, project, 1)
    said = messages.NewMessage("user", ())
    first = database.run_sync(messages.create, project, thread, said, Policy())
    ahead = tables.messages.update().where(tables.messages.c.id == first.id)
    place = clock.sequence() + 60_000_000
    database.run_sync(
        transaction(writes=True)(lambda connection: connection.execute(ahead.values(seq=place)))
    )
    second = database.run_sync(messages.create, project, thread, said, Policy())
    conversation = database.run_sync(conversations.read, thread)
    assert [message.id for _, message in conversation.messages] == [first.id, second.id]


def test_a_step_is_read_behind_what_a_server_with_a_clock_ahead_wrote(database: Database) -> None:
    place = clock.sequence() + 120_000_000
    thread = f"thread-{next(_projects)}"
    message = Message(id="msg_1", created_at=1, thread_id=thread, role="user")
    row = {
        "id": f"{thread}-1",
        "seq": place,
        "body": message.model_dump_json(),
        "thread_id": thread,
    }
    database.run_sync(
        transaction(writes=True)(
            lambda connection: connection.execute(insert(tables.messages), [row])
        )
    )
    assert database.run_sync(conversations.read, thread).last == place
    assert clock.sequence() > place


def test_the_run_that_locks_a_thread_is_found_without_a_look_at_those_that_have_ended(
    database: Database,
) -> None:
    @transaction()
    def plan(connection: Connection) -> str:
        said: list[tuple[str, Any]] = []
        hear = "before_cursor_execute"
        event.listen(connection, hear, lambda *call: said.append((call[2], call[3])))
        runs.active(connection, "thread_x")
        statement, values = said[0]
        if connection.dialect.name == "sqlite":
            statement = f"QUERY PLAN {statement}"
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the table is small
        return str(connection.exec_driver_sql(f"EXPLAIN {statement}", values).all())

    assert "one_active_run" in database.run_sync(plan)
