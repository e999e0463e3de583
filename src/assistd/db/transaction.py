"""The declaration of a transaction: what a function does to the database, and how long that takes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

ATTRIBUTE = "__transaction__"
"""Where the cost of a transaction stands on its function."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What is declared of a transaction.

    Args:
        writes: whether it changes rows; one that does not is never committed.
        short: whether it may be run on the event loop: it reads or writes a few objects.
        max_characters: where that depends on the rows, how many characters of them are still short.
    """

    writes: bool
    short: bool
    max_characters: int | None = None


@dataclass(frozen=True, slots=True)
class UntilCharacters:
    """See `until_characters`."""

    count: int


def until_characters(count: int) -> UntilCharacters:
    """Return the cost of a read that is short as long as it reads at most `count` characters.

    The function takes `max_characters` and raises `TooLongError` as soon as there are more; then it
    is called again in a thread, without `max_characters`.
    """
    return UntilCharacters(count)


SHORT_PAGE = until_characters(200_000)
"""The cost of a list of objects: so much JSON is read in some 3 ms."""


def transaction(
    *, writes: bool = False, short: bool | UntilCharacters = False
) -> Callable[[FunctionT], FunctionT]:
    """Declare a function `f(connection, ...)` as a transaction that `Database.run` can run.

    It may be called more than once, so it changes nothing but the database. It can still be called
    with the connection of another transaction, of which it is a part then.

    Args:
        writes: whether it changes rows.
        short: whether it reads or writes a few objects only, so that it may run on the event loop;
            False where its work grows with a list or a thread.

    Raises:
        TypeError: the function was declared before.
    """
    most = short.count if isinstance(short, UntilCharacters) else None
    cost = Cost(writes, bool(short), most)

    def declare(function: FunctionT) -> FunctionT:
        if hasattr(function, ATTRIBUTE):
            raise TypeError(f"{name_of(function)} is declared as a transaction already")
        setattr(function, ATTRIBUTE, cost)
        return function

    return declare


def name_of(function: Callable[..., Any]) -> str:
    """Return the name of a function, for an error message."""
    return getattr(function, "__qualname__", repr(function))
