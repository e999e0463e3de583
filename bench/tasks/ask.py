"""One run of one question through the official SDK, and what the user has of it."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.tasks.task import Outcome, Task

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.beta.threads import Message, Run

INSTRUCTIONS = "You are a data analyst. Write and run Python to answer the user's questions."
MOST_TURNS = 8
MOST_TOKENS = 2000
# A run is bounded by what the model does, never by how busy the machine is.
SETTINGS = {
    "ASSISTD_RUN_TURNS": str(MOST_TURNS),
    "ASSISTD_RUN_SECONDS": "3600",
    "ASSISTD_UPSTREAM_SECONDS": "1800",
    "ASSISTD_LOG_LEVEL": "error",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a run.

    Args:
        solved: whether the run was completed and the task's check passed.
        first_try: whether it was solved and no second code call was made.
        status: the run's.
        calls: the code that was run and what was printed, in turn.
        text: the last message.
        tokens: those that the model wrote.
        seconds: from the question to the end.
    """

    solved: bool
    first_try: bool
    status: str
    calls: tuple[tuple[str, str], ...]
    text: str
    tokens: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return the answer as plain values."""
        return asdict(self)


def make_assistant(client: "OpenAI") -> str:
    """Make the assistant that all tasks are asked of, and return its id."""
    return client.beta.assistants.create(
        model="gpt-4o",
        instructions=INSTRUCTIONS,
        tools=[{"type": "code_interpreter"}],
        temperature=0,
    ).id


def ask(client: "OpenAI", assistant: str, task: Task, wording: int, folder: Path) -> Answer:
    """Ask a task in a fresh thread.

    Args:
        client: of the server.
        assistant: the assistant's id.
        task: the task.
        wording: which of its wordings.
        folder: where its files are.
    """
    began = time.perf_counter()
    thread = _begin_thread(client, task, wording, folder)
    run = client.beta.threads.runs.create_and_poll(
        thread_id=thread,
        assistant_id=assistant,
        max_completion_tokens=MOST_TOKENS,
        poll_interval_ms=500,
    )
    calls = tuple(_read_calls(client, run))
    outcome = _read_outcome(client, run)
    client.beta.threads.delete(thread)
    solved = run.status == "completed" and task.check(outcome)
    return Answer(
        solved=solved,
        first_try=solved and len(calls) < 2,
        status=run.status,
        calls=calls,
        text=outcome.text,
        tokens=run.usage.completion_tokens if run.usage else 0,
        seconds=round(time.perf_counter() - began, 1),
    )


def _begin_thread(client: "OpenAI", task: Task, wording: int, folder: Path) -> str:
    """Upload the files and make a thread of the question; its id."""
    files = [
        client.files.create(file=folder / each.name, purpose="assistants").id
        for each in task.inputs
    ]
    message: Any = {
        "role": "user",
        "content": task.wordings[wording],
        "attachments": [
            {"file_id": each, "tools": [{"type": "code_interpreter"}]} for each in files
        ],
    }
    return client.beta.threads.create(messages=[message]).id


def _read_calls(client: "OpenAI", run: "Run") -> Iterator[tuple[str, str]]:
    steps = client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id, order="asc")
    for step in steps:
        if step.step_details.type == "tool_calls":
            for call in step.step_details.tool_calls:
                if call.type == "code_interpreter":
                    logs = [
                        each.logs for each in call.code_interpreter.outputs if each.type == "logs"
                    ]
                    yield call.code_interpreter.input, "".join(logs)


def _read_outcome(client: "OpenAI", run: "Run") -> Outcome:
    """Return what all messages of the run hand over, and the text of the last."""
    said = list(client.beta.threads.messages.list(run.thread_id, run_id=run.id, order="asc"))
    ids = {file_id for message in said for file_id in _list_files(message)}
    names = {each: client.files.retrieve(each).filename for each in ids}
    files = {Path(names[each]).name: client.files.content(each).read() for each in ids}
    shown = [
        part.image_file.file_id
        for message in said
        for part in message.content
        if part.type == "image_file"
    ]
    pictures = tuple(client.files.content(each).read() for each in shown)
    return Outcome(_join_text(said[-1]) if said else "", files, pictures)


def _list_files(message: "Message") -> Iterator[str]:
    for each in message.attachments or ():
        if each.file_id:
            yield each.file_id
    for part in message.content:
        if part.type == "text":
            for annotation in part.text.annotations:
                if annotation.type == "file_path":
                    yield annotation.file_path.file_id


def _join_text(message: "Message") -> str:
    return "\n".join(part.text.value for part in message.content if part.type == "text")
