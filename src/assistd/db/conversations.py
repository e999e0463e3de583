"""What was said and done in a thread: messages, steps and what came of the calls."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    select,
    union_all,
)

from assistd import clock
from assistd.db import nouns, tables
from assistd.db.collection import read_rows
from assistd.db.prepared import prepare
from assistd.db.transaction import SHORT_PAGE, transaction
from assistd.db.workspaces.tables import tiers
from assistd.objects.message import Message
from assistd.objects.run_step import RunStep

_MESSAGES, _STEPS, _WRITTEN = tables.messages.c, tables.run_steps.c, tables.written_files.c
_REMOVED = tables.removed_files.c


def _steps_where(wanted: ColumnElement[bool]) -> Select[int, str, str | None]:
    return prepare(
        select(_STEPS.seq, _STEPS.body, _STEPS.results).where(wanted).order_by(_STEPS.seq)
    )


# Statements are built once: building one costs more than SQLite takes to answer it.
_THREAD: BindParameter[str] = bindparam("thread_id")
_MESSAGES_BEHIND = prepare(
    select(_MESSAGES.seq, _MESSAGES.body)
    .where(
        _MESSAGES.thread_id == _THREAD,
        _MESSAGES.deleted.is_(False),
        _MESSAGES.seq > bindparam("behind"),
    )
    .order_by(_MESSAGES.seq)
)
_STEPS_BEHIND = _steps_where(and_(_STEPS.thread_id == _THREAD, _STEPS.seq > bindparam("behind")))
_STEPS_OF_RUN = _steps_where(_STEPS.run_id == bindparam("run_id"))
_PLACES = union_all(
    *(
        select(func.max(column.seq).label("seq")).where(column.thread_id == _THREAD)
        for column in (_MESSAGES, _STEPS)
    )
).subquery()
_NEWEST = prepare(select(func.max(_PLACES.c.seq)))
_WRITTEN_IN = prepare(
    select(_WRITTEN.path, _WRITTEN.file_id)
    .where(_WRITTEN.thread_id == _THREAD)
    .order_by(_WRITTEN.seq)
)
_REMOVED_IN = prepare(select(_REMOVED.file_id).where(_REMOVED.thread_id == _THREAD))
_FORGET = [
    prepare(delete(table).where(table.c.thread_id == _THREAD))
    for table in (
        tables.messages,
        tables.runs,
        tables.run_steps,
        tables.written_files,
        tables.removed_files,
        tiers,
    )
]


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """A step and, as JSON, what the model was told of its calls; `seq` orders it among messages."""

    seq: int
    step: RunStep
    results: str | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread's messages with their place, and its tool steps, each oldest first."""

    messages: list[tuple[int, Message]] = field(default_factory=list[tuple[int, Message]])
    steps: list[RecordedStep] = field(default_factory=list[RecordedStep])

    @property
    def last(self) -> int:
        """The place of what came last."""
        said = self.messages[-1][0] if self.messages else 0
        return max(said, self.steps[-1].seq if self.steps else 0)

    def extend(self, more: "Conversation") -> None:
        """Add what came behind the last place."""
        self.messages.extend(more.messages)
        self.steps.extend(more.steps)


@transaction(short=SHORT_PAGE)
def read(
    connection: Connection, thread_id: str, *, behind: int = 0, max_characters: int | None = None
) -> Conversation:
    """Return the conversation of a thread, or what of it came behind a place; what is added next sorts last.

    Args:
        connection: a transaction.
        thread_id: the thread.
        behind: the place.
        max_characters: of JSON to read; None for all.

    Raises:
        TooLongError: there are more.
    """
    place = {"thread_id": thread_id, "behind": behind}
    spoken = read_rows(connection.execute(_MESSAGES_BEHIND, place), max_characters)
    done = read_rows(connection.execute(_STEPS_BEHIND, place), max_characters)
    found = Conversation(
        [(seq, Message.model_validate_json(body)) for seq, body in spoken], _read_steps(done)
    )
    clock.follow(found.last)
    return found


def go_on(connection: Connection, thread_id: str) -> None:
    """Advance the local sequence past the thread's newest row, also where another server's clock is ahead."""
    clock.follow(connection.execute(_NEWEST, {"thread_id": thread_id}).scalar() or 0)


@transaction()
def steps(connection: Connection, run_id: str) -> list[RecordedStep]:
    """Return the steps of one run, oldest first."""
    return _read_steps(connection.execute(_STEPS_OF_RUN, {"run_id": run_id}))


def _read_steps(rows: Iterable[Any]) -> list[RecordedStep]:
    return [
        RecordedStep(seq, RunStep.model_validate_json(body), results) for seq, body, results in rows
    ]


@transaction(writes=True, short=True)
def add_step(connection: Connection, step: RunStep) -> None:
    """Insert a step that was begun."""
    nouns.run_steps.insert(connection, step, run_id=step.run_id, thread_id=step.thread_id)


@transaction(writes=True, short=True)
def save_step(connection: Connection, step: RunStep, results: str | None = None) -> None:
    """Write a step's new state and, where given, what the model is told of its calls."""
    columns = {} if results is None else {"results": results}
    nouns.run_steps.replace(connection, step, **columns)


@transaction(writes=True, short=True)
def add_message(connection: Connection, message: Message) -> None:
    """Insert a message at the end of its thread."""
    nouns.messages.insert(connection, message, thread_id=message.thread_id, run_id=message.run_id)


@transaction(writes=True, short=True)
def open_message(connection: Connection, message: Message, step: RunStep) -> None:
    """Insert a message that the assistant begins, and its step."""
    add_step(connection, step)
    add_message(connection, message)


@transaction(writes=True, short=True)
def save_message(connection: Connection, message: Message, step: RunStep) -> Message:
    """Write the end of a message of the assistant, and that of its step.

    Returns:
        The message with the metadata that the client may have given it meanwhile.
    """
    known = nouns.messages.find(connection, message.id)
    if known:  # else it was deleted while it was written
        message = message.evolve(metadata=known.metadata)
        nouns.messages.replace(connection, message)
    nouns.run_steps.replace(connection, step)
    return message


@transaction(writes=True)
def forget(connection: Connection, thread_id: str) -> None:
    """Delete a thread with its messages, runs and steps; files stay (contract section 7)."""
    for each in _FORGET:
        connection.execute(each, {"thread_id": thread_id})
    nouns.threads.delete(connection, thread_id)


@transaction(writes=True, short=True)
def remember_written(connection: Connection, thread_id: str, files: Mapping[str, str]) -> None:
    """Keep files (path -> file id) as the newest states of their paths in the thread's /mnt/data."""
    written = tables.written_files
    rows = [
        {"thread_id": thread_id, "path": path, "file_id": file_id, "seq": clock.sequence()}
        for path, file_id in files.items()
    ]
    if rows:
        older = (written.c.thread_id == thread_id, written.c.path == bindparam("_path"))
        connection.execute(delete(written).where(*older), [{"_path": path} for path in files])
        connection.execute(written.insert(), rows)


@transaction(short=True)
def find_written(connection: Connection, thread_id: str) -> dict[str, str]:
    """Return the files that code wrote in a thread: path below /mnt/data -> file id, in order of writing."""
    rows = connection.execute(_WRITTEN_IN, {"thread_id": thread_id})
    return {path: file_id for path, file_id in rows}  # noqa: C416  a row is no pair to the types


@transaction(writes=True, short=True)
def remember_removed(
    connection: Connection, thread_id: str, paths: Iterable[str], file_ids: Iterable[str]
) -> None:
    """Take files out of a thread's /mnt/data for good; they stay files of the project.

    Args:
        connection: a transaction.
        thread_id: the thread.
        paths: below /mnt/data, where code may have written them.
        file_ids: the uploads among them.
    """
    written = tables.written_files
    gone = (written.c.thread_id == thread_id, written.c.path == bindparam("_path"))
    if found := [{"_path": path} for path in paths]:
        connection.execute(delete(written).where(*gone), found)
    known = find_removed(connection, thread_id)
    rows = [{"thread_id": thread_id, "file_id": one} for one in file_ids if one not in known]
    if rows:
        connection.execute(tables.removed_files.insert(), rows)


@transaction(short=True)
def find_removed(connection: Connection, thread_id: str) -> set[str]:
    """Return the ids of uploads that code removed from a thread's /mnt/data."""
    return set(connection.execute(_REMOVED_IN, {"thread_id": thread_id}).scalars())


def bring_back(connection: Connection, thread_id: str, file_ids: Sequence[str]) -> None:
    """Have uploads that code removed put into a thread's /mnt/data again."""
    gone = (_REMOVED.thread_id == thread_id, _REMOVED.file_id.in_(file_ids))
    connection.execute(delete(tables.removed_files).where(*gone))
