"""Statements that are built once, and given to SQLite's driver as they are (decision 0056)."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar, cast

from sqlalchemy import Connection, Executable, Select
from sqlalchemy.engine import CursorResult, Dialect
from sqlalchemy.sql import ClauseElement

StatementT = TypeVar("StatementT", bound=Executable)

_PREPARED = {"prepared": True}
_MOST_NAMES = 500  # in one statement


def prepare(statement: StatementT) -> StatementT:
    """Return the statement as one that is kept for as long as the process lives.

    Whatever changes from call to call must be a parameter.
    """
    return statement.execution_options(**_PREPARED)


def split_names(names: Iterable[str]) -> Iterator[list[str]]:
    """Yield all the names, as many at a time as one statement should have."""
    every = list(names)
    for start in range(0, len(every), _MOST_NAMES):
        yield every[start : start + _MOST_NAMES]


class _Mark(NamedTuple):
    """A question mark of a statement, and what stands for it.

    Args:
        name: of the parameter; None where the value is always the same.
        make: what is made of a value before the driver gets it, if anything is.
        constant: the value, where it is always the same.
    """

    name: str | None
    make: Callable[[Any], Any] | None
    constant: Any

    def settle(self) -> "_Mark":
        """Return the same mark, with the constant as the driver gets it."""
        if self.name or not self.make:
            return self
        return _Mark(None, None, self.make(self.constant))


class _Plan(NamedTuple):
    """A statement as the driver takes it."""

    sql: str
    marks: list[_Mark]

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """Return the parameters in the order of their marks."""
        return [
            constant if name is None else make(parameters[name]) if make else parameters[name]
            for name, make, constant in self.marks
        ]


class Rows:
    """What a statement returns: as much of SQLAlchemy's result as prepared statements are asked for.

    Args:
        cursor: the driver's.
    """

    __slots__ = ("_cursor",)

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._cursor

    def scalar(self) -> Any:
        """Return the first column of the first row; None where there is none."""
        row = self._cursor.fetchone()
        self._cursor.close()  # or what it has not read would keep its view of the database open
        return None if row is None else row[0]

    def scalars(self) -> Iterator[Any]:
        """Yield the first column of each row."""
        return (row[0] for row in self._cursor)

    def all(self) -> list[tuple[Any, ...]]:
        """Return every row."""
        return self._cursor.fetchall()


class DirectConnection(Connection):
    """A connection to SQLite that executes prepared statements without SQLAlchemy's machinery.

    That takes some 30 us for a statement which SQLite answers in 5. Every other statement goes
    its way, in the same transaction.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plans: dict[object, _Plan | None] = {}
        self._driver: Any = self.connection.driver_connection

    @contextmanager
    def transaction(self, begin: str) -> Generator[Connection]:
        """Begin a transaction of the driver's, which SQLAlchemy joins where it is needed.

        Args:
            begin: the SQL that begins it.
        """
        self._driver.execute(begin)
        try:
            yield self
            if self.in_transaction():
                super().commit()
            else:
                self._driver.commit()
        except BaseException:
            # A transaction of SQLAlchemy's that could not be committed is none any more, but without this it
            # would refuse the next one.
            super().rollback()
            self._driver.rollback()
            raise

    def execute(
        self, statement: Executable, parameters: Any = None, **options: Any
    ) -> CursorResult[Any]:
        """Execute a statement, with a list of parameters once for each; see `Connection.execute`."""
        is_list = isinstance(parameters, list)
        rows = cast("list[Any]", parameters if is_list else [parameters])
        if rows and isinstance(rows[0], dict) and "prepared" in statement.get_execution_options():
            plan = self._plan(statement, cast("dict[str, Any]", rows[0]))
            if plan:
                values = [plan.values(row) for row in rows]
                execute = self._driver.executemany if is_list else self._driver.execute
                found = Rows(execute(plan.sql, values if is_list else values[0]))
                return cast("CursorResult[Any]", found)
        return super().execute(statement, parameters, **options)

    def _plan(self, statement: Executable, parameters: Mapping[str, Any]) -> _Plan | None:
        key = (statement, *parameters)
        if key not in self._plans:
            self._plans[key] = _make_plan(statement, self.dialect, list(parameters))
        return self._plans[key]


def _make_plan(statement: Any, dialect: Dialect, names: list[str]) -> _Plan | None:
    """Return how to execute a statement without SQLAlchemy; None where only that can."""
    assert isinstance(statement, ClauseElement)
    compiled: Any = statement.compile(dialect=dialect, column_keys=names)
    if _has_work_for_sqlalchemy(compiled) or _has_made_results(statement, dialect):
        return None
    marks = [
        _Mark(
            name if name in names else None,
            _made_of_values(compiled.binds[name].type, dialect),
            compiled.params[name],
        )
        for name in compiled.positiontup
    ]
    return _Plan(compiled.string, [each.settle() for each in marks])


def _has_work_for_sqlalchemy(compiled: Any) -> bool:
    """Tell whether SQLAlchemy makes values, or parts of the SQL, when it executes a statement."""
    return bool(
        compiled.insert_prefetch
        or compiled.update_prefetch
        or compiled.post_compile_params
        or compiled.literal_execute_params
    )


def _has_made_results(statement: ClauseElement, dialect: Dialect) -> bool:
    """Tell whether SQLAlchemy makes something of what the driver returns."""
    returned = statement.selected_columns if isinstance(statement, Select) else ()
    kinds = (each.type.dialect_impl(dialect) for each in returned)
    return any(kind.result_processor(dialect, None) for kind in kinds)


def _made_of_values(kind: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    """Return what SQLAlchemy makes of a value before the driver gets it."""
    return kind.dialect_impl(dialect).bind_processor(dialect)
