"""The beginnings, changes and waits of runs, threads and messages: each one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assistd import clock, ids
from assistd.db import Connection, conversations, nouns, projects, runs
from assistd.db.runs import Lease
from assistd.db.transaction import transaction
from assistd.errors import RequestError
from assistd.objects.base import CodeFiles, Metadata
from assistd.objects.message import Attachment, Content, Message
from assistd.objects.project import Caller
from assistd.objects.run import TERMINAL, Run
from assistd.objects.run_step import FunctionToolCall, RunStep, ToolCalls
from assistd.objects.thread import Thread
from assistd.objects.tools import NamedTool

MAX_MESSAGES = 100_000
"""Messages of one thread (contract section 3)."""

MAX_FILES = 20
"""Files for the code interpreter on one thread or assistant (contract section 3)."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message as a client sends it, validated."""

    role: str
    content: tuple[Content, ...]
    attachments: tuple[Attachment, ...] = ()
    metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class RunKey:
    """What names a run: all three must fit, or the run is unknown."""

    project_id: str
    thread_id: str
    run_id: str


@transaction(short=True)
def get_run(connection: Connection, key: RunKey) -> Run:
    """The run.

    Raises:
        NotFoundError: the thread has no such run, or the project no such thread.
    """
    return nouns.runs.get(
        connection, key.run_id, project_id=key.project_id, thread_id=key.thread_id
    )


@transaction(short=True)
def active_run(connection: Connection, project_id: str, thread_id: str) -> Run | None:
    """The run that locks a thread, if there is one.

    Raises:
        NotFoundError: the thread is unknown.
    """
    nouns.threads.get(connection, thread_id, project_id=project_id)
    return runs.active(connection, thread_id)


@transaction(writes=True, short=True)
def create_thread(
    connection: Connection, project_id: str, thread: Thread, messages: Sequence[NewMessage]
) -> Thread:
    """Insert a thread and its first messages; their attachments join its files (trap 18).

    Raises:
        NotFoundError: a file is unknown.
        RequestError: there are more messages or files than a thread may have.
    """
    require_files(connection, project_id, thread.tool_resources.file_ids)
    nouns.threads.insert(connection, thread, project_id=project_id)
    return _add_messages(connection, project_id, thread, messages)


@transaction(writes=True, short=True)
def create_message(
    connection: Connection, project_id: str, thread_id: str, new: NewMessage
) -> Message:
    """Add a message to a thread that no run has locked.

    Raises:
        NotFoundError: the thread or a file is unknown.
        RequestError: a run is active (contract section 9).
    """
    thread = nouns.threads.get(connection, thread_id, project_id=project_id)
    active = runs.active(connection, thread_id)
    if active:
        raise RequestError(f"Can't add messages to {thread_id} while a run {active.id} is active.")
    _require_space(connection, thread, 1)
    conversations.go_on(connection, thread.id)
    message, _ = _add_message(connection, project_id, thread, new)
    return message


def _add_messages(
    connection: Connection, project_id: str, thread: Thread, news: Sequence[NewMessage]
) -> Thread:
    """Insert messages in their order; the thread with the files that were attached."""
    if news:
        _require_space(connection, thread, len(news))
    for new in news:
        _, thread = _add_message(connection, project_id, thread, new)
    return thread


def _require_space(connection: Connection, thread: Thread, more: int) -> None:
    """See that a thread may have so many more messages; asked once, for it counts those there are."""
    most = MAX_MESSAGES - more
    if most < 0 or nouns.messages.has(connection, most + 1, thread_id=thread.id):
        raise RequestError(f"Thread {thread.id} cannot have more than {MAX_MESSAGES} messages.")


def _add_message(
    connection: Connection, project_id: str, thread: Thread, new: NewMessage
) -> tuple[Message, Thread]:
    """Insert a message; the thread comes back with the files that were attached.

    Raises:
        NotFoundError: a file is unknown.
        RequestError: the thread has as many files as it may.
    """
    pictures = [part.image_file.file_id for part in new.content if part.type == "image_file"]
    attached = [each.file_id for each in new.attachments]
    _require_known(connection, project_id, (*pictures, *attached))
    joining = [each.file_id for each in new.attachments if each.joins_thread]
    now = clock.seconds()
    message = Message(
        id=ids.new("msg"),
        created_at=now,
        thread_id=thread.id,
        role="assistant" if new.role == "assistant" else "user",
        content=new.content,
        attachments=new.attachments,
        metadata=new.metadata or {},
        completed_at=now,
    )
    conversations.add_message(connection, message)
    if joining:
        conversations.bring_back(connection, thread.id, joining)
        file_ids = tuple(dict.fromkeys((*thread.tool_resources.file_ids, *joining)))
        _require_room(file_ids)
        resources = thread.tool_resources.evolve(code_interpreter=CodeFiles(file_ids=file_ids))
        thread = thread.evolve(tool_resources=resources)
        nouns.threads.replace(connection, thread)
    return message, thread


@transaction(writes=True, short=True)
def create_run(
    connection: Connection,
    caller: Caller,
    run: Run,
    additional_messages: Sequence[NewMessage],
    lease: Lease,
) -> Run:
    """Insert a run, leased to who will execute it, behind the messages that come with it.

    Raises:
        NotFoundError: the thread is unknown.
        RequestError: another run is active, there is nothing to run on (contract section 9), or a
            tool is demanded that the run does not have.
        RateLimitError: the project has as many active runs as it may.
    """
    project_id = caller.project.id
    thread = nouns.threads.get(connection, run.thread_id, project_id=project_id)
    active = runs.active(connection, thread.id)
    if active:
        raise RequestError(f"Thread {thread.id} already has an active run {active.id}.")
    conversations.go_on(connection, thread.id)
    thread = _add_messages(connection, project_id, thread, additional_messages)
    if not run.instructions and not nouns.messages.has(connection, 1, thread_id=thread.id):
        raise RequestError(
            "Run creation requires a Thread with a user message or an assistant with instructions.",
            code="invalid_thread",
        )
    _require_tool(run)
    projects.require_run(connection, project_id, caller.project.limits)
    runs.create(connection, run, caller, lease)
    return run


@transaction(writes=True, short=True)
def cancel(connection: Connection, key: RunKey, lease: Lease) -> tuple[Run, bool]:
    """Ask a run to stop; it is `cancelling` until whoever executes it has stopped.

    Returns:
        The run, and whether nobody executes it: then it is leased to the caller, who must end it.

    Raises:
        NotFoundError: the run is unknown.
        RequestError: it has ended, or is cancelling already.
    """
    run = get_run(connection, key)
    if run.status in TERMINAL or run.status == "cancelling":
        raise RequestError(f"Cannot cancel run with status '{run.status}'.")
    waiting = run.status == "requires_action"
    run = runs.move(connection, run.id, "cancelling", lease=lease if waiting else None)
    return run, waiting


@transaction(writes=True, short=True)
def modify_run(connection: Connection, key: RunKey, metadata: Metadata | None) -> Run:
    """Give a run new metadata, once it has ended; None leaves what it has.

    Raises:
        NotFoundError: the run is unknown.
        RequestError: it is still active (contract section 5).
    """
    run = get_run(connection, key)
    if run.status not in TERMINAL:
        raise RequestError(f"Cannot update run with status '{run.status}'.")
    if metadata is not None:
        run = run.evolve(metadata=metadata)
        nouns.runs.replace(connection, run)
    return run


@transaction(writes=True, short=True)
def submit_tool_outputs(
    connection: Connection, key: RunKey, outputs: Sequence[tuple[str, str]], lease: Lease
) -> Run:
    """Write the client's outputs into the waiting step and queue the run again (trap 40, trap 49).

    Args:
        connection: a writing transaction.
        key: the run.
        outputs: tool call id and output, of every call that waits.
        lease: who executes the run from now on.

    Raises:
        NotFoundError: the run is unknown.
        RequestError: it does not wait, or other outputs are expected.
    """
    run = get_run(connection, key)
    overdue = run.expires_at is not None and run.expires_at <= clock.seconds()
    if run.status != "requires_action" or run.required_action is None or overdue:
        status = "expired" if overdue else run.status
        raise RequestError(f'Runs in status "{status}" do not accept tool outputs.')
    expected = [call.id for call in run.required_action.submit_tool_outputs.tool_calls]
    given = [call_id for call_id, _ in outputs]
    if sorted(expected) != sorted(given):
        raise RequestError(
            f"Expected tool outputs for call_ids {expected}, got {given}",
            param="tool_outputs",
        )
    for recorded in conversations.steps(connection, run.id):
        if recorded.step.status == "in_progress":
            conversations.save_step(connection, _answered(recorded.step, dict(outputs)))
    return runs.move(connection, run.id, "queued", lease=lease)


def require_files(connection: Connection, project_id: str, file_ids: Sequence[str]) -> None:
    """See that every file exists in the project.

    Raises:
        NotFoundError: one does not.
        RequestError: there are more than a thread or an assistant may have.
    """
    _require_room(file_ids)
    _require_known(connection, project_id, file_ids)


def _require_known(connection: Connection, project_id: str, file_ids: Sequence[str]) -> None:
    for file_id in file_ids:
        nouns.files.get(connection, file_id, project_id=project_id)


def _require_room(file_ids: Sequence[str]) -> None:
    count = len(set(file_ids))
    if count > MAX_FILES:
        raise RequestError(
            f"Invalid 'file_ids': array too long. Expected an array with maximum length {MAX_FILES}, "
            f"but got an array with length {count} instead.",
            param="file_ids",
            code="array_above_max_length",
        )


def _require_tool(run: Run) -> None:
    choice = run.tool_choice
    if choice == "required" and not run.tools:
        raise RequestError(
            "Invalid value for 'tool_choice': 'required' is only allowed when the run has tools.",
            param="tool_choice",
            code="invalid_value",
        )
    if isinstance(choice, NamedTool) and not any(choice.names(tool) for tool in run.tools):
        name = choice.function.name if choice.function else choice.type
        raise RequestError(
            f"Invalid value for 'tool_choice': '{name}' is not among the tools of the run.",
            param="tool_choice",
            code="invalid_value",
        )


def _answered(step: RunStep, outputs: Mapping[str, str]) -> RunStep:
    assert isinstance(step.step_details, ToolCalls)
    calls = tuple(
        call.evolve(function=call.function.evolve(output=outputs[call.id]))
        if isinstance(call, FunctionToolCall)
        else call
        for call in step.step_details.tool_calls
    )
    return step.evolve(step_details=ToolCalls(tool_calls=calls))
