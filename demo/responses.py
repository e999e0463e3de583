"""The second door: a container, a conversation, a response for each question."""

import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from openai import OpenAI
from openai.types.responses import (
    Response,
    ResponseCodeInterpreterToolCall,
    ResponseCompletedEvent,
    ResponseFailedEvent,
    ResponseIncompleteEvent,
    ResponseStreamEvent,
)
from openai.types.responses.response_output_text import AnnotationContainerFileCitation

from demo.door import ANSWER_SECONDS, INSTRUCTIONS, Answer, Record
from demo.server import DemoError
from demo.view import View

LAST_EVENTS = (ResponseCompletedEvent, ResponseFailedEvent, ResponseIncompleteEvent)


class ResponsesDoor:
    """`client.responses`, `client.containers` and `client.conversations`; see `Door`."""

    api = "Responses API"
    calls = "client.responses, client.containers and client.conversations"
    talk = "conversation"
    records = "items of the responses"

    def __init__(self, client: OpenAI, model: str, view: View) -> None:
        self._client = client
        self._model = model
        self._view = view
        self._file_id = ""
        self._container_id = ""
        self._conversation_id = ""
        self._response_ids: list[str] = []

    def begin(self, table: Path) -> None:
        """Upload the file, and make a container that has it."""
        file = self._client.files.create(file=table, purpose="user_data")
        self._view.note(f"uploaded {table.name} ({file.bytes} bytes) as {file.id}")
        self._file_id = file.id
        self.start_over()
        self._view.note(f"made the container {self._container_id} with a copy of {table.name}")

    def start_over(self) -> None:
        """Make a new conversation, and a new container: code left its variables in the old one."""
        container = self._client.containers.create(name="demo", file_ids=[self._file_id])
        self._container_id = container.id
        self._conversation_id = self._client.conversations.create().id

    def ask(self, question: str) -> Answer:
        """Stream a response to the question."""
        with self._view.run():
            try:
                response = self._stream(question)
            finally:
                self._view.code_end()
                self._view.answer_end()
        self._response_ids.append(response.id)
        if response.status != "completed":
            reason = response.error or response.incomplete_details
            raise DemoError(f"the response ended {response.status}: {reason}")
        return self._read_answer(response)

    def download(self, file_id: str) -> bytes:
        """Return the bytes of a file of the container."""
        content = self._client.containers.files.content
        return content.retrieve(file_id, container_id=self._container_id).read()

    def read_records(self) -> Iterator[Record]:
        """Yield the items of every response."""
        for id_ in self._response_ids:
            response = self._client.responses.retrieve(
                id_, include=["code_interpreter_call.outputs"]
            )
            for item in response.output:
                if item.type == "code_interpreter_call":
                    outputs = item.outputs or []
                    logs = [one.logs for one in outputs if one.type == "logs"]
                    yield Record(id_, item.type, item.code or "", logs, len(outputs) - len(logs))
                else:
                    yield Record(id_, item.type)

    def _stream(self, question: str) -> Response:
        """Show the events of a response; return it as its last event has it."""
        deadline = time.monotonic() + ANSWER_SECONDS
        with self._client.responses.create(
            model=self._model,
            instructions=INSTRUCTIONS,
            input=question,
            conversation=self._conversation_id,
            tools=[{"type": "code_interpreter", "container": self._container_id}],
            include=["code_interpreter_call.outputs"],
            stream=True,
        ) as stream:
            for event in stream:
                if isinstance(event, LAST_EVENTS):
                    return event.response
                self._show(event)
                if time.monotonic() > deadline:  # closing the stream stops the response
                    raise DemoError(f"the response had no end after {ANSWER_SECONDS:.0f} s")
        raise DemoError("the stream broke off")

    def _show(self, event: ResponseStreamEvent) -> None:
        match event.type:
            case "response.code_interpreter_call_code.delta":
                self._view.code_delta(event.delta)
            case "response.code_interpreter_call_code.done":
                self._view.code_end()
            case "response.output_item.done" if event.item.type == "code_interpreter_call":
                self._show_outputs(event.item)
            case "response.output_text.delta":
                self._view.answer_delta(event.delta)
            case "response.output_text.done":
                self._view.answer_end()
            case _:
                pass

    def _show_outputs(self, call: ResponseCodeInterpreterToolCall) -> None:
        for output in call.outputs or []:
            if output.type == "logs":
                self._view.logs(output.logs)
            else:
                self._view.picture()

    def _read_answer(self, response: Response) -> Answer:
        """Return the answer; its files are those that it cites, then all that code has written."""
        cited = _list_cited(response)
        pictures = [one.file_id for one in cited if one.filename == f"{one.file_id}.png"]
        files = {one.filename: one.file_id for one in cited if one.file_id not in pictures}
        for file in self._client.containers.files.list(self._container_id):
            if file.source == "assistant":
                files.setdefault(PurePosixPath(file.path).name, file.id)
        ran_code = any(
            item.type == "code_interpreter_call" and item.code for item in response.output
        )
        return Answer(response.output_text, pictures, files, ran_code)


def _list_cited(response: Response) -> list[AnnotationContainerFileCitation]:
    return [
        annotation
        for item in response.output
        if item.type == "message"
        for part in item.content
        if part.type == "output_text"
        for annotation in part.annotations
        if annotation.type == "container_file_citation"
    ]
