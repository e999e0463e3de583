"""The first door: an assistant, a thread, a run for each question."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openai import AssistantEventHandler, OpenAI
from openai.types.beta.threads import Message, Run
from typing_extensions import override

from demo.door import ANSWER_SECONDS, INSTRUCTIONS, Answer, Record
from demo.server import DemoError
from demo.view import View


class AssistantsDoor:
    """`client.beta.assistants` and `client.beta.threads`; see `Door`."""

    api = "Assistants API"
    calls = "client.beta.assistants and client.beta.threads"
    talk = "thread"
    records = "run steps"

    def __init__(self, client: OpenAI, model: str, view: View) -> None:
        self._client = client
        self._model = model
        self._view = view
        self._assistant_id = ""
        self._thread_id = ""
        self._runs: list[Run] = []

    def begin(self, table: Path) -> None:
        """Upload the file and make the assistant."""
        file = self._client.files.create(file=table, purpose="assistants")
        self._view.note(f"uploaded {table.name} ({file.bytes} bytes) as {file.id}")
        assistant = self._client.beta.assistants.create(
            name="Data analyst",
            instructions=INSTRUCTIONS,
            model=self._model,
            tools=[{"type": "code_interpreter"}],
            tool_resources={"code_interpreter": {"file_ids": [file.id]}},
        )
        self._view.note(f"made the assistant {assistant.id} with the tool code_interpreter")
        self._assistant_id = assistant.id
        self.start_over()

    def start_over(self) -> None:
        """Make a new thread."""
        self._thread_id = self._client.beta.threads.create().id

    def ask(self, question: str) -> Answer:
        """Add the question to the thread, stream a run, and read the message it ended with."""
        thread = self._thread_id
        self._client.beta.threads.messages.create(thread, role="user", content=question)
        handler = _Teller(self._view)
        with (
            self._view.run(),
            self._client.beta.threads.runs.stream(
                thread_id=thread, assistant_id=self._assistant_id, event_handler=handler
            ) as stream,
        ):
            watch = threading.Timer(ANSWER_SECONDS, lambda: self._cancel(handler))
            watch.start()
            try:
                stream.until_done()
            finally:
                watch.cancel()
                self._view.code_end()
                self._view.answer_end()
        run = self._client.beta.threads.runs.retrieve(handler.run_id, thread_id=thread)
        self._runs.append(run)
        if run.status != "completed":
            reason = run.last_error.message if run.last_error else f"after {ANSWER_SECONDS:.0f} s"
            raise DemoError(f"the run ended {run.status}: {reason}")
        newest = self._client.beta.threads.messages.list(thread, run_id=run.id, limit=1).data
        if not newest:
            raise DemoError("the model gave no answer")
        return self._read_answer(run, newest[0])

    def download(self, file_id: str) -> bytes:
        """Return the bytes of a file."""
        return self._client.files.content(file_id).read()

    def read_records(self) -> Iterator[Record]:
        """Yield the steps of every run."""
        for run in self._runs:
            yield from self._read_steps(run)

    def _cancel(self, handler: "_Teller") -> None:
        """End a run in which the model does not find an end."""
        self._client.beta.threads.runs.cancel(handler.run_id, thread_id=self._thread_id)

    def _read_answer(self, run: Run, message: Message) -> Answer:
        texts = [part.text for part in message.content if part.type == "text"]
        linked = [
            annotation.file_path.file_id
            for text in texts
            for annotation in text.annotations
            if annotation.type == "file_path"
        ]
        attached = [one.file_id for one in message.attachments or [] if one.file_id]
        retrieve = self._client.files.retrieve
        return Answer(
            text="\n".join(text.value for text in texts),
            pictures=[
                part.image_file.file_id for part in message.content if part.type == "image_file"
            ],
            files={retrieve(id_).filename: id_ for id_ in dict.fromkeys(linked + attached)},
            ran_code=any(record.code for record in self._read_steps(run)),
        )

    def _read_steps(self, run: Run) -> Iterator[Record]:
        steps = self._client.beta.threads.runs.steps
        for step in steps.list(run.id, thread_id=run.thread_id, order="asc"):
            if step.step_details.type != "tool_calls":
                yield Record(run.id, step.step_details.type)
                continue
            for call in step.step_details.tool_calls:
                if call.type == "code_interpreter":
                    code, outputs = call.code_interpreter.input, call.code_interpreter.outputs
                    logs = [one.logs for one in outputs if one.type == "logs"]
                    yield Record(run.id, call.type, code, logs, len(outputs) - len(logs))


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
