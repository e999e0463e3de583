"""A collection of API objects of one kind: get, insert, replace, delete and list, for any table."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

from sqlalchemy import Connection, Select, Table, Update, bindparam, insert, select, update

from assistd import clock
from assistd.db.prepared import prepare
from assistd.db.transaction import SHORT_PAGE, transaction
from assistd.errors import AssistdError, NotFoundError, RequestError


class Noun(Protocol):
    """What a collection needs of its objects; every API object with an id has it."""

    @property
    def id(self) -> str:
        """The primary key."""
        ...

    def model_dump_json(self) -> str:
        """Return the whole object as JSON."""
        ...

    @classmethod
    def model_validate_json(cls, json_data: str, /) -> Self:
        """Return the object that JSON describes."""
        ...


_ENDLESS = (1 << 63) - 1  # above every `seq`

T = TypeVar("T", bound=Noun)
ItemT_co = TypeVar("ItemT_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted (contract section 2): `after` and `before` are ids."""

    limit: int = 20
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Listing(Generic[ItemT_co]):
    """One page: `items` in the wanted order, and whether more follow."""

    items: Sequence[ItemT_co]
    has_more: bool


class TooLongError(AssistdError):
    """There are more characters than were to be read."""


class Collection(Generic[T]):
    """The rows of one table, as frozen objects.

    Args:
        table: a table with the columns `id`, `seq`, `deleted` and `body`.
        kind: the class its bodies are read as.
        missing: the message for an unknown id, with `{id}` in it (contract section 9).
        param: the parameter that message blames, if any.
    """

    def __init__(self, table: Table, kind: type[T], missing: str, param: str | None = None) -> None:
        self.table = table
        self._kind = kind
        self._missing = missing
        self._param = param
        self._insert = prepare(insert(table))
        self._statements: dict[tuple[str, ...], Any] = {}

    @transaction(writes=True, short=True)
    def insert(self, connection: Connection, item: T, **columns: Any) -> None:
        """Add an object; `columns` are the searchable columns of its table."""
        row = {"id": item.id, "seq": clock.sequence(), "body": item.model_dump_json(), **columns}
        connection.execute(self._insert, row)

    @transaction(writes=True, short=True)
    def insert_all(self, connection: Connection, items: Sequence[tuple[T, dict[str, Any]]]) -> None:
        """Add objects, each with its searchable columns, in their order."""
        rows = [
            {"id": item.id, "seq": clock.sequence(), "body": item.model_dump_json(), **columns}
            for item, columns in items
        ]
        if rows:
            connection.execute(self._insert, rows)

    @transaction(writes=True, short=True)
    def replace(self, connection: Connection, item: T, **columns: Any) -> None:
        """Write the new state of an object that exists."""
        statement = self._once(_replace, *columns)
        row = {"body": item.model_dump_json(), **columns}
        connection.execute(statement, {"_id": item.id, **row})

    @transaction(short=True)
    def find(self, connection: Connection, id_: str, **scope: str) -> T | None:
        """Return the object, or None where the id is unknown, deleted or out of scope.

        In a writing transaction its row is locked to the end: what is written rests on what was read.
        """
        writes = connection.get_execution_options().get("writes", False)
        statement = self._once(_find_to_write if writes else _find, *scope)
        body = connection.execute(statement, {"_id": id_, **scope}).scalar()
        return None if body is None else self._kind.model_validate_json(body)

    @transaction(short=True)
    def get(self, connection: Connection, id_: str, **scope: str) -> T:
        """Return the object.

        Raises:
            NotFoundError: the id is unknown, deleted or out of scope: the caller cannot tell which.
        """
        item = self.find(connection, id_, **scope)
        if item is None:
            raise NotFoundError(self._missing.format(id=id_), param=self._param)
        return item

    @transaction(short=True)
    def due(self, connection: Connection, column: str, now: int) -> list[T]:
        """Return the objects whose time in `column` (Unix seconds) has come."""
        statement = select(self.table.c.body).where(
            self.table.c.deleted.is_(False), self.table.c[column] <= now
        )
        return [
            self._kind.model_validate_json(body) for body in connection.execute(statement).scalars()
        ]

    @transaction(short=True)
    def has(self, connection: Connection, count: int, **scope: str) -> bool:
        """Tell whether at least `count` objects are in scope."""
        statement = self._once(_nth, *scope)
        return connection.execute(statement, {"_skipped": count - 1, **scope}).scalar() is not None

    @transaction(short=SHORT_PAGE)
    def page(
        self, connection: Connection, page: Page, *, max_characters: int | None = None, **scope: str
    ) -> Listing[T]:
        """Return one page of the objects in scope; `max_characters` is how many characters of JSON to read.

        A cursor keeps its place after its object is deleted: the row stays, emptied.

        Raises:
            RequestError: a cursor names nothing in scope.
            TooLongError: there are more characters.
        """
        newest_first = page.order == "desc"
        between = {"_low": -1, "_high": _ENDLESS}
        for param, cursor in (("after", page.after), ("before", page.before)):
            if cursor is not None:
                edge = "_high" if newest_first == (param == "after") else "_low"
                between[edge] = self._place(connection, param, cursor, scope)
        # `before` alone wants the items nearest to the cursor: walk away from it, then turn round.
        turned = page.before is not None and page.after is None
        statement = self._once(_downward if newest_first != turned else _upward, *scope)
        values = {"_limit": page.limit + 1, **between, **scope}
        rows: Any = connection.execute(statement, values)
        bodies = [body for (body,) in read_rows(rows, max_characters)]
        items = [self._kind.model_validate_json(body) for body in bodies[: page.limit]]
        return Listing(items[::-1] if turned else items, has_more=len(bodies) > page.limit)

    @transaction(writes=True, short=True)
    def delete(self, connection: Connection, id_: str, **columns: Any) -> None:
        """Empty the row and hide it; its place in lists remains for cursors.

        `columns` are those by which nobody must find it any more, with what they are now.
        """
        connection.execute(self._once(_delete, *columns), {"_id": id_, **columns})

    def _once(self, build: Callable[[Table, tuple[str, ...]], Any], *names: str) -> Any:
        """Return the statement `build` makes for these columns; made once, for making it costs most."""
        key = (build.__name__, *names)
        if key not in self._statements:
            self._statements[key] = prepare(build(self.table, names))
        return self._statements[key]

    def _place(self, connection: Connection, param: str, cursor: str, scope: dict[str, str]) -> int:
        statement = self._once(_seq_of, *scope)
        seq = connection.execute(statement, {"_id": cursor, **scope}).scalar()
        if seq is None:
            raise RequestError(
                f"Invalid '{param}': no object with id '{cursor}' is in this list.", param=param
            )
        return seq


def read_rows(rows: Iterable[Any], max_characters: int | None) -> list[Any]:
    """Return the rows, as long as their texts together have no more than `max_characters` characters.

    Raises:
        TooLongError: they have more; the rest was not read.
    """
    kept: list[Any] = []
    size = 0
    for row in rows:
        kept.append(row)
        size += sum(len(each) for each in row if isinstance(each, str))
        if max_characters is not None and size > max_characters:
            raise TooLongError
    return kept


def _find(table: Table, scope: tuple[str, ...]) -> Select[Any]:
    statement = select(table.c.body).where(
        table.c.id == bindparam("_id"), table.c.deleted.is_(False)
    )
    return _add_scope(statement, table, scope)


def _find_to_write(table: Table, scope: tuple[str, ...]) -> Select[Any]:
    return _find(table, scope).with_for_update()  # SQLite, with its one writer, knows no such words


def _seq_of(table: Table, scope: tuple[str, ...]) -> Select[Any]:
    return _add_scope(select(table.c.seq).where(table.c.id == bindparam("_id")), table, scope)


def _upward(table: Table, scope: tuple[str, ...]) -> Select[Any]:
    return _between(table, scope).order_by(table.c.seq.asc())


def _downward(table: Table, scope: tuple[str, ...]) -> Select[Any]:
    return _between(table, scope).order_by(table.c.seq.desc())


def _between(table: Table, scope: tuple[str, ...]) -> Select[Any]:
    seq = table.c.seq
    statement = select(table.c.body).where(
        table.c.deleted.is_(False), seq > bindparam("_low"), seq < bindparam("_high")
    )
    return _add_scope(statement, table, scope).limit(bindparam("_limit"))


def _nth(table: Table, scope: tuple[str, ...]) -> Select[Any]:
    statement = select(table.c.seq).where(table.c.deleted.is_(False))
    return _add_scope(statement, table, scope).limit(1).offset(bindparam("_skipped"))


def _replace(table: Table, columns: tuple[str, ...]) -> Update:
    values: dict[str, Any] = {name: bindparam(name) for name in ("body", *columns)}
    return update(table).where(table.c.id == bindparam("_id")).values(values)


def _delete(table: Table, columns: tuple[str, ...]) -> Update:
    values: dict[str, Any] = {name: bindparam(name) for name in columns}
    gone = update(table).where(table.c.id == bindparam("_id"))
    return gone.values({"deleted": True, "body": "{}", **values})


def _add_scope(statement: Select[Any], table: Table, scope: tuple[str, ...]) -> Select[Any]:
    return statement.where(*(table.c[name] == bindparam(name) for name in scope))
