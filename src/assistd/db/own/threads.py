"""The threads of a project as people look for them: the last used first, with a title and counts."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, literal, select
from sqlalchemy.sql import ColumnElement

from assistd.db import tables
from assistd.db.collection import Listing
from assistd.db.transaction import transaction
from assistd.errors import RequestError
from assistd.objects.message import Message, TextContent
from assistd.objects.thread import Thread, ThreadSummary

_TITLE_CHARACTERS = 60
_BATCH = 500  # threads that are read at once, where not all of them fit the words
_MICROSECONDS = 1_000_000  # of `clock.sequence`

_THREADS, _MESSAGES, _RUNS = tables.threads.c, tables.messages.c, tables.runs.c


@dataclass(frozen=True, slots=True)
class Search:
    """Which threads are wanted.

    Args:
        limit: how many at most.
        after: the id of the thread behind which the list begins; None for its beginning.
        words: what must stand in the title or the id, in whatever case; empty for all threads.
    """

    limit: int = 20
    after: str | None = None
    words: str = ""

    def fits(self, summary: ThreadSummary) -> bool:
        """Tell whether a thread has the words."""
        words = self.words.casefold()
        return words in (summary.title or "").casefold() or words in summary.id.casefold()


@transaction()
def page(connection: Connection, project_id: str, search: Search) -> Listing[ThreadSummary]:
    """Return the threads that are wanted, the last used first.

    A thread that is used while somebody turns pages moves to the front: it may be met a second time.

    Raises:
        RequestError: `after` names no thread of the project.
    """
    before = _find_activity(connection, project_id, search.after) if search.after else None
    found: list[ThreadSummary] = []
    batch = _BATCH if search.words else search.limit + 1
    while True:
        rows = _read(connection, project_id, batch, before)
        found += [each for each in map(_summarize, rows) if search.fits(each)]
        if len(found) > search.limit or len(rows) < batch:
            return Listing(found[: search.limit], has_more=len(found) > search.limit)
        before = rows[-1].activity


def _find_activity(connection: Connection, project_id: str, thread_id: str) -> int:
    statement = select(_activity(_THREADS.id, _THREADS.seq)).where(
        _THREADS.id == thread_id, _THREADS.project_id == project_id
    )
    found = connection.execute(statement).scalar()
    if found is None:
        raise RequestError(
            f"Invalid 'after': no object with id '{thread_id}' is in this list.", param="after"
        )
    return found


def _activity(thread_id: ColumnElement[str], seq: ColumnElement[int]) -> ColumnElement[int]:
    """Return the newest sequence number of a thread, of its messages and of its runs.

    It is looked up for each thread of a project, in an index: some 2 us. A column of its own would be
    written with each message and each run.
    """
    message, run = (
        func.coalesce(
            select(func.max(column.seq)).where(column.thread_id == thread_id).scalar_subquery(), seq
        )
        for column in (_MESSAGES, _RUNS)
    )
    return case((run > message, run), else_=message)


def _read(connection: Connection, project_id: str, limit: int, before: int | None) -> list[Any]:
    """Return so many threads that were last used before a sequence number, with what is shown of them."""
    activity = _activity(_THREADS.id, _THREADS.seq).label("activity")
    wanted = select(_THREADS.id, activity).where(
        _THREADS.project_id == project_id, _THREADS.deleted.is_(False)
    )
    if before is not None:
        wanted = wanted.where(activity < before)
    # Only of the threads that are shown is anything else looked up.
    shown = wanted.order_by(activity.desc()).limit(limit).subquery()
    here, of_messages = shown.c.id, _MESSAGES.thread_id == shown.c.id
    standing = of_messages & _MESSAGES.deleted.is_(False)
    said = standing & _MESSAGES.body.contains('"role":"user"')
    statement = (
        select(
            _THREADS.body,
            shown.c.activity,
            select(_MESSAGES.body)
            .where(said)
            .order_by(_MESSAGES.seq)
            .limit(1)
            .scalar_subquery()
            .label("said"),
            select(_RUNS.id)
            .where(_RUNS.thread_id == here, tables.ACTIVE_RUN)
            .limit(1)
            .scalar_subquery()
            .label("active"),
            select(func.count(literal(1)))
            .select_from(tables.runs)
            .where(_RUNS.thread_id == here)
            .scalar_subquery()
            .label("runs"),
            select(func.count(literal(1)))
            .select_from(tables.messages)
            .where(standing)
            .scalar_subquery()
            .label("messages"),
        )
        .join(shown, _THREADS.id == here)
        .order_by(shown.c.activity.desc())
    )
    return list(connection.execute(statement))


def _summarize(row: Any) -> ThreadSummary:
    thread = Thread.model_validate_json(row.body)
    return ThreadSummary(
        id=thread.id,
        title=thread.metadata.get("title") or _first_words(row.said),
        created_at=thread.created_at,
        last_active_at=row.activity // _MICROSECONDS,
        active_run=row.active,
        runs=row.runs,
        messages=row.messages,
    )


def _first_words(body: str | None) -> str | None:
    """Return what a message begins with, on one line; None where it says nothing."""
    if body is None:
        return None
    content = Message.model_validate_json(body).content
    texts = [part.text.value for part in content if isinstance(part, TextContent)]
    return " ".join(" ".join(texts)[: 4 * _TITLE_CHARACTERS].split())[:_TITLE_CHARACTERS] or None
