"""Runs of threads and their steps: each function is one transaction, with the rules of the API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistd import clock, ids
from assistd.db import Connection, conversations, nouns, projects
from assistd.db import runs as stored_runs
from assistd.db.collection import Listing, Page
from assistd.db.leases import Lease
from assistd.db.transaction import SHORT_PAGE, transaction
from assistd.engine.assistants import files, messages, stores, threads
from assistd.engine.assistants.messages import NewMessage
from assistd.engine.assistants.threads import NewThread
from assistd.engine.policy import Policy
from assistd.errors import RequestError
from assistd.objects.assistant import Assistant
from assistd.objects.base import Metadata
from assistd.objects.project import Caller
from assistd.objects.run import TERMINAL, Run
from assistd.objects.run_step import FunctionToolCall, RunStep, ToolCalls
from assistd.objects.thread import Thread
from assistd.objects.tools import NamedTool


@dataclass(frozen=True, slots=True)
class RunKey:
    """What names a run: all three must fit, or the run is unknown."""

    project_id: str
    thread_id: str
    run_id: str


def make(assistant: Assistant, thread_id: str, seconds: int, overrides: dict[str, Any]) -> Run:
    """Return a queued run of an assistant on a thread, which is not stored yet.

    Args:
        assistant: its settings become those of the run.
        thread_id: the thread.
        seconds: how long the run may live.
        overrides: settings that take the place of the assistant's, by the names of the run's fields.
    """
    now = clock.seconds()
    settings: dict[str, Any] = {
        "model": assistant.model,
        "instructions": assistant.instructions,
        "tools": assistant.tools,
        "tool_resources": assistant.tool_resources,
        "temperature": assistant.temperature,
        "top_p": assistant.top_p,
        "reasoning_effort": assistant.reasoning_effort,
        "response_format": assistant.response_format,
    }
    return Run(
        id=ids.new("run"),
        created_at=now,
        assistant_id=assistant.id,
        thread_id=thread_id,
        expires_at=now + seconds,
        **(settings | overrides),
    )


@transaction(short=True)
def get(connection: Connection, key: RunKey) -> Run:
    """Return the run.

    Raises:
        NotFoundError: the thread has no such run, or the project no such thread.
    """
    return nouns.runs.get(
        connection, key.run_id, project_id=key.project_id, thread_id=key.thread_id
    )


@transaction(short=SHORT_PAGE)
def page(
    connection: Connection,
    project_id: str,
    thread_id: str,
    page: Page,
    *,
    max_characters: int | None = None,
) -> Listing[Run]:
    """Return a page of a thread's runs.

    Raises:
        NotFoundError: the thread or a cursor of the page is unknown.
        TooLongError: the page has more than `max_characters` of JSON.
    """
    nouns.threads.get(connection, thread_id, project_id=project_id)
    return nouns.runs.page(connection, page, max_characters=max_characters, thread_id=thread_id)


@transaction(short=True)
def find_active(connection: Connection, project_id: str, thread_id: str) -> Run | None:
    """Return the run that locks a thread, or None.

    Raises:
        NotFoundError: the thread is unknown.
    """
    nouns.threads.get(connection, thread_id, project_id=project_id)
    return stored_runs.active(connection, thread_id)


@transaction(writes=True, short=True)
def create(
    connection: Connection,
    caller: Caller,
    run: Run,
    additional_messages: Sequence[NewMessage],
    *,
    lease: Lease,
    policy: Policy,
) -> Run:
    """Insert a run, leased to who will execute it, behind the messages that come with it.

    Raises:
        NotFoundError: the thread is unknown, or a file of a message.
        RequestError: another run is active, there is nothing to run on (contract section 9), or a
            tool is demanded that the run does not have.
        RateLimitError: the project has as many active runs as it may.
    """
    project_id = caller.project.id
    thread = nouns.threads.get(connection, run.thread_id, project_id=project_id)
    active = stored_runs.active(connection, thread.id)
    if active:
        raise RequestError(f"Thread {thread.id} already has an active run {active.id}.")
    conversations.go_on(connection, thread.id)
    thread = messages.add_all(connection, project_id, thread, additional_messages, policy)
    if not run.instructions and not nouns.messages.has(connection, 1, thread_id=thread.id):
        raise RequestError(
            "Run creation requires a Thread with a user message or an assistant with instructions.",
            code="invalid_thread",
        )
    _require_tool(run)
    projects.require_run(connection, project_id, caller.project.limits)
    stored_runs.create(connection, run, caller, lease)
    return run


@transaction(writes=True, short=True)
def create_with_thread(
    connection: Connection,
    caller: Caller,
    new: NewThread,
    run: Run,
    *,
    store_ids: Sequence[str] = (),
    lease: Lease,
    policy: Policy,
) -> tuple[Thread, Run]:
    """Insert a thread with its first messages and a run on it, as `threads.create` and `create` do.

    Args:
        connection: a writing transaction.
        caller: who wants them.
        new: the thread.
        run: the run.
        store_ids: the vector stores that the run has in the place of its assistant's.
        lease: who executes the run.
        policy: how many files a store may have.
    """
    project_id = caller.project.id
    thread = threads.create(connection, project_id, new, policy)
    files.require(connection, project_id, run.tool_resources.file_ids)
    stores.require(connection, project_id, store_ids)
    return thread, create(connection, caller, run, (), lease=lease, policy=policy)


@transaction(writes=True, short=True)
def cancel(connection: Connection, key: RunKey, lease: Lease) -> tuple[Run, bool]:
    """Ask a run to stop; it is `cancelling` until whoever executes it has stopped.

    Returns:
        The run, and whether nobody executes it: then it is leased to the caller, who must end it.

    Raises:
        NotFoundError: the run is unknown.
        RequestError: it has ended, or is cancelling already.
    """
    run = get(connection, key)
    if run.status in TERMINAL or run.status == "cancelling":
        raise RequestError(f"Cannot cancel run with status '{run.status}'.")
    waiting = run.status == "requires_action"
    run = stored_runs.move(connection, run.id, "cancelling", lease=lease if waiting else None)
    return run, waiting


@transaction(writes=True, short=True)
def modify(connection: Connection, key: RunKey, metadata: Metadata | None) -> Run:
    """Give a run new metadata, once it has ended; None leaves what it has.

    Raises:
        NotFoundError: the run is unknown.
        RequestError: it is still active (contract section 5).
    """
    run = get(connection, key)
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
    run = get(connection, key)
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
            conversations.save_step(connection, _fill_outputs(recorded.step, dict(outputs)))
    return stored_runs.move(connection, run.id, "queued", lease=lease)


@transaction(short=SHORT_PAGE)
def page_steps(
    connection: Connection, key: RunKey, page: Page, *, max_characters: int | None = None
) -> Listing[RunStep]:
    """Return a page of a run's steps.

    Raises:
        NotFoundError: the run or a cursor of the page is unknown.
        TooLongError: the page has more than `max_characters` of JSON.
    """
    get(connection, key)
    return nouns.run_steps.page(connection, page, max_characters=max_characters, run_id=key.run_id)


@transaction(short=True)
def get_step(connection: Connection, key: RunKey, step_id: str) -> RunStep:
    """Return a step.

    Raises:
        NotFoundError: the run is unknown, or has no such step.
    """
    get(connection, key)
    return nouns.run_steps.get(connection, step_id, run_id=key.run_id)


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


def _fill_outputs(step: RunStep, outputs: Mapping[str, str]) -> RunStep:
    """Return the step with the client's outputs in its function calls."""
    assert isinstance(step.step_details, ToolCalls)
    calls = tuple(
        call.evolve(function=call.function.evolve(output=outputs[call.id]))
        if isinstance(call, FunctionToolCall)
        else call
        for call in step.step_details.tool_calls
    )
    return step.evolve(step_details=ToolCalls(tool_calls=calls))
