"""The items of a response: what a client sends, what a model says, and the calls of tools between."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter

from assistd.objects.base import Object, Sparse

ItemStatus = Literal["in_progress", "completed", "incomplete"]
CallStatus = Literal["in_progress", "interpreting", "completed", "incomplete", "failed"]
Detail = Literal["auto", "low", "high", "original"]


class ContainerFileCitation(Object):
    """An annotation: `text[start_index:end_index]`, in code points, leads to a file of a container.

    A picture that was shown has both at 0 (contract, responses, trap 11).
    """

    type: Literal["container_file_citation"] = "container_file_citation"
    container_id: str
    end_index: int
    file_id: str
    filename: str
    start_index: int


class FileCitation(Sparse):
    """An annotation: before the code point `index` of the text a file that was searched is cited.

    A file without pages has no member `page`.
    """

    type: Literal["file_citation"] = "file_citation"
    file_id: str
    filename: str
    index: int
    page: int | None = None


class OutputText(Object):
    """A part of a message that is the model's text.

    Args:
        annotations: what leads from the text to files. Those that clients send back may be of other
            servers, and so are taken as they are.
        logprobs: the probabilities of its tokens, which only `include` shows.
        text: the text.
    """

    type: Literal["output_text"] = "output_text"
    annotations: tuple[dict[str, Any], ...] = ()
    logprobs: tuple[dict[str, Any], ...] = ()
    text: str


class Refusal(Object):
    """A part of a message that says why the model does not answer."""

    type: Literal["refusal"] = "refusal"
    refusal: str


class InputText(Object):
    """A part of a message or of a function's output that is text."""

    type: Literal["input_text"] = "input_text"
    text: str


class InputImage(Sparse):
    """A part that is a picture: an http(s) or data URL, or a file."""

    type: Literal["input_image"] = "input_image"
    detail: Detail = "auto"
    file_id: str | None = None
    image_url: str | None = None


class InputFile(Sparse):
    """A part that is a file: one of the project, a data URL, or an address."""

    type: Literal["input_file"] = "input_file"
    file_id: str | None = None
    filename: str | None = None
    file_data: str | None = None
    file_url: str | None = None


InputPart = Annotated[InputText | InputImage | InputFile, Field(discriminator="type")]
Part = Annotated[
    InputText | InputImage | InputFile | OutputText | Refusal, Field(discriminator="type")
]


class Message(Sparse):
    """What somebody said; key order as recorded. `phase` is there only where it is set (responses, trap 37)."""

    id: str
    type: Literal["message"] = "message"
    status: ItemStatus = "completed"
    content: tuple[Part, ...] = ()
    phase: Literal["commentary", "final_answer"] | None = None
    role: Literal["user", "assistant", "system", "developer"]

    @property
    def logprobs(self) -> list[list[dict[str, Any]]]:
        """The probabilities of the tokens of each part."""
        return [
            list(part.logprobs) if isinstance(part, OutputText) else [] for part in self.content
        ]

    def with_logprobs(self, logprobs: Sequence[Sequence[dict[str, Any]]]) -> Self:
        """Return the message with these probabilities for its parts; see `logprobs`."""
        parts = (
            part.evolve(logprobs=tuple(each)) if isinstance(part, OutputText) else part
            for part, each in zip(self.content, logprobs, strict=True)
        )
        return self.evolve(content=tuple(parts))

    def without_image_urls(self) -> Self:
        """Return the message without the addresses of its pictures, which only `include` shows."""
        if not any(isinstance(part, InputImage) and part.image_url for part in self.content):
            return self
        parts = (
            part.evolve(image_url=None) if isinstance(part, InputImage) else part
            for part in self.content
        )
        return self.evolve(content=tuple(parts))


class FunctionCall(Object):
    """A call that the client carries out; only `call_id` links its output to it (responses, trap 27)."""

    id: str
    type: Literal["function_call"] = "function_call"
    status: ItemStatus = "completed"
    arguments: str
    call_id: str
    name: str


class FunctionCallOutput(Object):
    """What the client's function gave; its id begins with `fc_` as the call's does (responses, trap 26)."""

    id: str
    type: Literal["function_call_output"] = "function_call_output"
    status: ItemStatus = "completed"
    call_id: str
    output: str | tuple[InputPart, ...]


class SummaryText(Object):
    """A part of the summary of a reasoning."""

    type: Literal["summary_text"] = "summary_text"
    text: str


class ReasoningText(Object):
    """A part of a reasoning as the model had it."""

    type: Literal["reasoning_text"] = "reasoning_text"
    text: str


class Reasoning(Sparse):
    """What the model thought before it spoke; without a status, as recorded (responses, trap 36).

    `encrypted_content` is stored apart: it is shown to who asks for it.
    """

    id: str
    type: Literal["reasoning"] = "reasoning"
    content: tuple[ReasoningText, ...] | None = None
    encrypted_content: str | None = None
    summary: tuple[SummaryText, ...] = ()


class CodeLogs(Object):
    """What code printed, and its last value."""

    type: Literal["logs"] = "logs"
    logs: str


class CodeImage(Sparse):
    """A picture that code showed, as a data URL (responses, trap 8); `file_id` is an addition of ours."""

    type: Literal["image"] = "image"
    url: str
    file_id: str | None = None


CodeOutput = Annotated[CodeLogs | CodeImage, Field(discriminator="type")]


class CodeInterpreterCall(Object):
    """A call of the code interpreter; all six keys are always there (responses, trap 7).

    `outputs` are stored apart: they are shown to who asks for them, and null to others.
    """

    id: str
    type: Literal["code_interpreter_call"] = "code_interpreter_call"
    status: CallStatus = "completed"
    code: str | None = ""
    container_id: str
    outputs: tuple[CodeOutput, ...] | None = None


class FileSearchResult(Sparse):
    """A piece of a file that was found, and the page it is on if the file has pages."""

    attributes: dict[str, Any] = {}
    file_id: str
    filename: str
    score: float
    text: str
    vector_store_id: str | None = None
    page: int | None = None


class FileSearchCall(Object):
    """A call of the file search; `results` are stored apart, as outputs of code are."""

    id: str
    type: Literal["file_search_call"] = "file_search_call"
    status: Literal["in_progress", "searching", "completed", "incomplete", "failed"] = "completed"
    queries: tuple[str, ...] = ()
    results: tuple[FileSearchResult, ...] | None = None


Item = Annotated[
    Message | FunctionCall | FunctionCallOutput | Reasoning | CodeInterpreterCall | FileSearchCall,
    Field(discriminator="type"),
]
"""Any item, of the input or the output."""

_ITEM: TypeAdapter[Item] = TypeAdapter(Item)
_OUTPUTS: TypeAdapter[tuple[CodeOutput, ...]] = TypeAdapter(tuple[CodeOutput, ...])
_RESULTS: TypeAdapter[tuple[FileSearchResult, ...]] = TypeAdapter(tuple[FileSearchResult, ...])

PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fc",
    "reasoning": "rs",
    "code_interpreter_call": "ci",
    "file_search_call": "fs",
}
"""What the id of an item begins with, by its type."""

IMAGE_URLS = "message.input_image.image_url"
LOGPROBS = "message.output_text.logprobs"
"""The `include` of what stands in parts of messages."""

INCLUDES = {
    "code_interpreter_call": ("outputs", "code_interpreter_call.outputs"),
    "file_search_call": ("results", "file_search_call.results"),
    "reasoning": ("encrypted_content", "reasoning.encrypted_content"),
}
"""By type of an item: the member that is stored apart, and the `include` that shows it."""


def read_item(json: str) -> Item:
    """Return the item that stored JSON describes."""
    return _ITEM.validate_json(json)


def read_outputs(stored: Iterable[Any]) -> tuple[CodeOutput, ...]:
    """Return the outputs of code that stored JSON describes."""
    return _OUTPUTS.validate_python(tuple(stored))


def read_results(stored: Iterable[Any]) -> tuple[FileSearchResult, ...]:
    """Return the results of a search that stored JSON describes."""
    return _RESULTS.validate_python(tuple(stored))
