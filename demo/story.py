"""The story: three questions to one assistant, each answered by code that really ran."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
from openai import AssistantEventHandler, OpenAI
from openai.types.beta.threads import Message, Run
from openai.types.beta.threads.runs import RunStep
from typing_extensions import override

from demo import checks
from demo.server import DemoError
from demo.view import View

SALES = Path(__file__).with_name("sales.csv")
INSTRUCTIONS = (
    "You are a data analyst. Write and run Python code to answer the user's questions, "
    "and answer in one or two sentences."
)
TRIES = 3
RUN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Task:
    """A question, and what must have happened when it is answered."""

    title: str
    question: str
    check: Callable[["Story", Message], None]
    """Raises DemoError or ValueError if it did not happen; saves what came."""


@dataclass(slots=True)
class Story:
    """One assistant, its file, and what came of the questions so far.

    Args:
        client: the SDK, pointed at the server.
        model: the name to ask for.
        view: where it is told.
        folder: where pictures and files are saved.
        deadline: the monotonic time at which no further try begins.
    """

    client: OpenAI
    model: str
    view: View
    folder: Path
    deadline: float
    runs: list[Run] = field(default_factory=list[Run])
    results: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    _assistant_id: str = ""
    _thread_id: str = ""

    def begin(self) -> None:
        """Upload the file and make the assistant."""
        file = self.client.files.create(file=SALES, purpose="assistants")
        self.view.note(f"uploaded {SALES.name} ({file.bytes} bytes) as {file.id}")
        assistant = self.client.beta.assistants.create(
            name="Data analyst",
            instructions=INSTRUCTIONS,
            model=self.model,
            tools=[{"type": "code_interpreter"}],
            tool_resources={"code_interpreter": {"file_ids": [file.id]}},
        )
        self.view.note(f"made the assistant {assistant.id} with the tool code_interpreter")
        self._assistant_id = assistant.id
        self._new_thread()

    def tell(self, number: int, task: Task) -> None:
        """Ask until it is answered, at most `TRIES` times; what came is in `results`."""
        problem = ""
        for attempt in range(1, TRIES + 1):
            if attempt > 1:
                if time.monotonic() > self.deadline:
                    break
                self._new_thread()  # what went wrong would lead the model astray again
            self.view.question(number, task.title, task.question, attempt)
            began = time.monotonic()
            problem = self._try(task)
            self.view.verdict(seconds=time.monotonic() - began, problem=problem)
            if not problem:
                break
        self.results.append((task.title, problem))

    def steps(self) -> list[tuple[Run, RunStep]]:
        """Every step of every run, oldest first."""
        return [
            (run, step)
            for run in self.runs
            for step in self.client.beta.threads.runs.steps.list(
                run.id, thread_id=run.thread_id, order="asc"
            )
        ]

    def save(self, file_id: str, name: str) -> bytes:
        """Download a file that code made into the folder."""
        content = self.client.files.content(file_id).read()
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        path.write_bytes(content)
        self.view.show_saved(name, path)
        return content

    def _new_thread(self) -> None:
        self._thread_id = self.client.beta.threads.create().id

    def _try(self, task: Task) -> str:
        """Run once; what is missing afterwards, or nothing."""
        try:
            task.check(self, self._ask(task.question))
        except (DemoError, ValueError, openai.APIError) as error:
            return str(error)
        return ""

    def _ask(self, question: str) -> Message:
        """Run the thread on `question` and give the assistant's last message."""
        thread = self._thread_id
        self.client.beta.threads.messages.create(thread, role="user", content=question)
        handler = _Teller(self.view)
        with (
            self.view.run(),
            self.client.beta.threads.runs.stream(
                thread_id=thread, assistant_id=self._assistant_id, event_handler=handler
            ) as stream,
        ):
            watch = threading.Timer(RUN_SECONDS, lambda: self._cancel(handler))
            watch.start()
            try:
                stream.until_done()
            finally:
                watch.cancel()
                self.view.code_end()
                self.view.answer_end()
        run = self.client.beta.threads.runs.retrieve(handler.run_id, thread_id=thread)
        self.runs.append(run)
        if run.status != "completed":
            reason = run.last_error.message if run.last_error else f"after {RUN_SECONDS:.0f} s"
            raise DemoError(f"the run ended {run.status}: {reason}")
        _require_code(self.client, run)
        newest = self.client.beta.threads.messages.list(thread, run_id=run.id, limit=1).data
        if not newest:
            raise DemoError("the model gave no answer")
        return newest[0]

    def _cancel(self, handler: "_Teller") -> None:
        """End a run in which the model does not find an end."""
        self.client.beta.threads.runs.cancel(handler.run_id, thread_id=self._thread_id)


class _Teller(AssistantEventHandler):
    """Hands the events of a run to the view."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self.run_id = ""
        self._view = view

    @override
    def on_event(self, event: Any) -> None:
        if event.event == "thread.run.created":
            self.run_id = event.data.id

    @override
    def on_tool_call_delta(self, delta: Any, snapshot: Any) -> None:
        if delta.type != "code_interpreter" or not delta.code_interpreter:
            return
        if delta.code_interpreter.input:
            self._view.code_delta(delta.code_interpreter.input)
        for output in delta.code_interpreter.outputs or []:
            self._view.code_end()
            if output.type == "logs":
                self._view.logs(output.logs)
            else:
                self._view.picture()

    @override
    def on_tool_call_done(self, tool_call: Any) -> None:
        self._view.code_end()

    @override
    def on_text_delta(self, delta: Any, snapshot: Any) -> None:
        self._view.answer_delta(delta.value or "")

    @override
    def on_text_done(self, text: Any) -> None:
        self._view.answer_end()


def _require_code(client: OpenAI, run: Run) -> None:
    steps = client.beta.threads.runs.steps.list(run.id, thread_id=run.thread_id)
    if not any(_code_inputs(step) for step in steps):
        raise DemoError("the model answered without running code")


def _code_inputs(step: RunStep) -> list[str]:
    if step.step_details.type != "tool_calls":
        return []
    return [
        call.code_interpreter.input
        for call in step.step_details.tool_calls
        if call.type == "code_interpreter" and call.code_interpreter.input
    ]


def _chart(story: Story, message: Message) -> None:
    pictures = [part.image_file.file_id for part in message.content if part.type == "image_file"]
    if not pictures:
        raise DemoError("no picture came with the answer")
    png = story.save(pictures[0], "my-image.png")
    width, height = checks.picture_size(png)
    story.view.proof(f"it is a real PNG of {width} x {height} pixels")
    story.view.thumbnail(png)


def _shuffle(story: Story, message: Message) -> None:
    original = SALES.read_bytes()
    for name, file_id in _files(story.client, message).items():
        if name.lower().endswith(".csv"):
            content = story.save(file_id, Path(name).name)
            if checks.is_shuffled(original, content):
                story.view.proof("it holds the same rows in another order")
                return
            raise DemoError("the CSV does not hold the same rows in another order")
    raise DemoError("no CSV came with the answer")


def _equation(story: Story, message: Message) -> None:
    answer = "\n".join(part.text.value for part in message.content if part.type == "text")
    if not checks.says_x_is_one(answer):
        raise DemoError("the answer does not say that x = 1")


def _files(client: OpenAI, message: Message) -> dict[str, str]:
    """The ids of the files that came with a message, linked in its text or only attached, by name."""
    linked = [
        annotation.file_path.file_id
        for part in message.content
        if part.type == "text"
        for annotation in part.text.annotations
        if annotation.type == "file_path"
    ]
    attached = [one.file_id for one in message.attachments or [] if one.file_id]
    return {client.files.retrieve(id_).filename: id_ for id_ in dict.fromkeys(linked + attached)}


TASKS = (
    Task(
        "a chart of revenue by month",
        "Draw a bar chart of the revenue by month from sales.csv.",
        _chart,
    ),
    Task(
        "the rows shuffled into a new CSV",
        "Shuffle the rows of sales.csv and save them as shuffled_sales.csv.",
        _shuffle,
    ),
    Task(
        "an equation",
        "I need to solve the equation `3x + 11 = 14`. Can you help me?",
        _equation,
    ),
)
