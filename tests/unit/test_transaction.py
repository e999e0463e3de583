"""Transactions are declared once, and what is not declared is not run."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine

from assistd.db.collection import Collection
from assistd.db.database import Database, add_guard, cost_of
from assistd.db.transaction import SHORT_PAGE, Cost, transaction, until_characters


def undeclared(_: Connection) -> None:
    raise AssertionError("it was called")


@transaction(writes=True, short=True)
def double(_: Connection, number: int) -> int:
    return 2 * number


@transaction()
def read_all(_: Connection) -> None:
    return None


async def test_what_is_not_declared_is_a_type_error_and_is_not_called(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.sqlite3")
    with pytest.raises(TypeError, match="undeclared is not declared with @transaction"):
        await database.run(undeclared)
    with pytest.raises(TypeError, match="undeclared is not declared"):
        database.run_sync(undeclared)
    database.close()


def test_a_function_is_declared_once() -> None:
    with pytest.raises(TypeError, match="double is declared as a transaction already"):
        transaction()(double)


def test_the_cost_stands_on_the_function_and_on_a_method_of_any_object() -> None:
    assert cost_of(double) == Cost(writes=True, short=True)
    assert cost_of(read_all) == Cost(writes=False, short=False)
    assert cost_of(Collection.page) == Cost(False, True, SHORT_PAGE.count)
    assert cost_of(transaction(short=until_characters(7))(lambda _: None)).max_characters == 7


def test_a_guard_is_asked_first_and_the_cost_stays() -> None:
    asked: list[Connection] = []

    def refuse(connection: Connection) -> None:
        asked.append(connection)
        raise PermissionError

    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        allowed = add_guard(double, asked.append)
        assert allowed(connection, 4) == 8
        refused = add_guard(double, refuse)
        with pytest.raises(PermissionError):
            refused(connection, 4)
        assert asked == [connection, connection]
    engine.dispose()
    assert cost_of(allowed) == cost_of(refused) == cost_of(double)
    with pytest.raises(TypeError, match="not declared"):
        add_guard(undeclared, refuse)
