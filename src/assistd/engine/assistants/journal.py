"""A journal: what the writers of one run share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from pydantic import JsonValue

from assistd.db import Connection, conversations, nouns, runs
from assistd.db.database import Database, add_guard
from assistd.engine.annotations.annotator import Citable
from assistd.engine.feed import Feed
from assistd.engine.timeline import Timeline
from assistd.engine.workspace.contents import Scope
from assistd.engine.workspace.workspace import Workspace
from assistd.objects import tools
from assistd.objects.base import Object
from assistd.objects.run import LastError, Run
from assistd.objects.usage import Usage

P = ParamSpec("P")
R = TypeVar("R")

INTERRUPTED = LastError(
    code="server_error",
    message="The server was stopped in the middle of this step; the run goes on with a new one.",
)
"""Of a step whose answer did not come to its end, and is asked for anew."""


class StepResults(Object):
    """What is stored beside a tool step, and never shown.

    Args:
        code: call id -> what the face of its tool has stored (`EndedCall.result`). The name is of
            the first tool; rows have it.
        usage: the tokens of the step's turn, public only once the step has ended.
        pictures: file ids of the pictures its calls showed.
        files: file ids of the files its calls wrote.
    """

    code: dict[str, JsonValue] = {}
    usage: Usage = Usage()
    pictures: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def results_of(recorded: conversations.RecordedStep) -> StepResults:
    """Return the results beside a step; empty where it has none."""
    return StepResults.model_validate_json(recorded.results or "{}")


def scope_of(run: Run, project_id: str) -> Scope:
    """Return the workspace of a run's thread, which has the files of both."""
    return Scope(
        run.thread_id,
        project_id,
        find_key_id=partial(runs.find_key_id, run_id=run.id),
        read_file_ids=partial(_read_file_ids, run=run),
    )


def _read_file_ids(connection: Connection, run: Run) -> tuple[str, ...]:
    """Return which files code may see: the run's, then its thread's."""
    if not tools.runs_code(run.tools):
        return ()
    thread = nouns.threads.find(connection, run.thread_id)
    return run.tool_resources.file_ids + (thread.tool_resources.file_ids if thread else ())


@dataclass(slots=True)
class Journal:
    """The state of one run while it is executed; the only mutable thing its writers share.

    Args:
        database: where everything is kept.
        feed: who listens, if anybody does.
        run: the run as the database has it.
        owner: who executes it, as its lease says.
        workspace: the thread's /mnt/data and the session that serves it.
        on_move: called after each new state of the run.
        timeline: where the run's time goes.
        usage: tokens of the steps that have ended.
        include: what of a step its listener wants to see besides (`RunStep.show`).
        citable: what the next message may cite; None where no file was ever searched.
        pictures: file ids of pictures that no message has shown yet.
        files: file ids of written files that no message has attached yet.
    """

    database: Database
    feed: Feed | None
    run: Run
    owner: str
    workspace: Workspace
    on_move: Callable[[], None] | None = None
    timeline: Timeline = field(default_factory=Timeline)
    usage: Usage = field(default_factory=Usage)
    citable: Citable | None = None
    include: frozenset[str] = frozenset()
    pictures: list[str] = field(default_factory=list[str])
    files: list[str] = field(default_factory=list[str])

    def recall(self, steps: Sequence[conversations.RecordedStep]) -> None:
        """Take usage, pictures and files from the steps that the database has, oldest first."""
        self.usage, self.pictures, self.files = Usage(), [], []
        for recorded in steps:
            if recorded.step.usage:
                self.usage += recorded.step.usage
            if recorded.step.type == "tool_calls":
                results = results_of(recorded)
                self.pictures.extend(results.pictures)
                self.files.extend(results.files)
            elif recorded.step.status == "completed":  # others are said anew
                self.pictures.clear()
                self.files.clear()

    async def write(
        self, function: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a transaction that needs the lease of the run; see `Database.run`.

        Raises:
            LeaseLostError: another process executes the run by now; nothing was written.
        """
        return await self.database.run(add_guard(function, self._require_lease), *args, **kwargs)

    def _require_lease(self, connection: Connection) -> None:
        runs.LEASES.require(connection, self.run.id, self.owner)

    def move(self, run: Run) -> None:
        """Take the run's new state, which the database has already, and tell of it."""
        self.run = run
        if self.on_move:
            self.on_move()
        self.publish(f"thread.run.{run.status}", run)

    def forget(self, file_ids: Sequence[str]) -> None:
        """Attach files no more that code removed."""
        for file_id in file_ids:
            if file_id in self.files:
                self.files.remove(file_id)

    def publish(self, name: str, item: Object) -> None:
        """Send a whole object to who listens."""
        if self.feed:
            self.feed.publish(name, item.sse())

    def publish_begun(self, noun: str, item: Object) -> None:
        """Send a message (`thread.message`) or step (`thread.run.step`) that begins: made, and under way."""
        if self.feed:
            data = item.sse()
            for state in ("created", "in_progress"):
                self.feed.publish(f"{noun}.{state}", data)

    def publish_delta(self, noun: str, id_: str, delta: dict[str, object]) -> None:
        """Send a part of a message (`thread.message`) or step (`thread.run.step`)."""
        if self.feed:
            name = f"{noun}.delta"
            self.feed.publish_value(name, {"id": id_, "object": name, "delta": delta})
