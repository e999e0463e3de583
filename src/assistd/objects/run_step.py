"""A run step: one message written, or one turn of tool calls."""

from collections.abc import Set
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from assistd.objects.base import Object, Sparse, Timestamp
from assistd.objects.run import LastError, Run
from assistd.objects.usage import Usage

RESULT_CONTENT = "step_details.tool_calls[*].file_search.results[*].content"
"""The one name that `include[]` can have."""

StepStatus = Literal["in_progress", "completed", "failed", "cancelled", "expired"]


class LogsOutput(Object):
    """Text that code printed."""

    type: Literal["logs"] = "logs"
    logs: str


class OutputImage(Object):
    """A picture by file id."""

    file_id: str


class ImageOutput(Object):
    """A picture that code showed."""

    type: Literal["image"] = "image"
    image: OutputImage


CodeOutput = Annotated[LogsOutput | ImageOutput, Field(discriminator="type")]


class CodeExecution(Object):
    """The code of a call, as it ran, and its outputs."""

    input: str
    outputs: tuple[CodeOutput, ...] = ()


class CodeToolCall(Object):
    """A call of the code interpreter."""

    id: str
    type: Literal["code_interpreter"] = "code_interpreter"
    code_interpreter: CodeExecution


class ResultText(Object):
    """A part of what was found that is text."""

    type: Literal["text"] = "text"
    text: str


class FileSearchResult(Sparse):
    """A part of a file that was found; its content stands there only if asked for (trap 18)."""

    file_id: str
    file_name: str
    score: float
    attributes: dict[str, str | bool | int | float] = {}
    page: int | None = None
    content: tuple[ResultText, ...] | None = None


class SearchRanking(Object):
    """How the results of a call were ranked."""

    ranker: str
    score_threshold: float


class FileSearch(Object):
    """What a search found; what was asked is never shown."""

    ranking_options: SearchRanking
    results: tuple[FileSearchResult, ...] = ()


class FileSearchToolCall(Object):
    """A call of file search."""

    id: str
    type: Literal["file_search"] = "file_search"
    file_search: FileSearch

    def without_content(self) -> Self:
        """Return the call without the texts that were found."""
        results = tuple(each.evolve(content=None) for each in self.file_search.results)
        return self.evolve(file_search=self.file_search.evolve(results=results))


class FunctionExecution(Object):
    """A function's name, JSON arguments and, once submitted, its output."""

    name: str
    arguments: str
    output: str | None = None


class FunctionToolCall(Object):
    """A call of a client's function."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionExecution


ToolCall = Annotated[
    CodeToolCall | FileSearchToolCall | FunctionToolCall, Field(discriminator="type")
]


class ToolCalls(Object):
    """The tool calls of one model turn."""

    type: Literal["tool_calls"] = "tool_calls"
    tool_calls: tuple[ToolCall, ...] = ()


class CreatedMessage(Object):
    """A message by its id."""

    message_id: str


class MessageCreation(Object):
    """One message written."""

    type: Literal["message_creation"] = "message_creation"
    message_creation: CreatedMessage


class RunStep(Object):
    """The API's run step; `expires_at`, as recorded, not the spec's `expired_at` (contract trap 24)."""

    id: str
    object: Literal["thread.run.step"] = "thread.run.step"
    created_at: Timestamp
    run_id: str
    assistant_id: str
    thread_id: str
    type: Literal["message_creation", "tool_calls"]
    status: StepStatus = "in_progress"
    cancelled_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    expires_at: Timestamp | None = None
    failed_at: Timestamp | None = None
    last_error: LastError | None = None
    step_details: Annotated[ToolCalls | MessageCreation, Field(discriminator="type")]
    usage: Usage | None = None

    @classmethod
    def begin(cls, id_: str, at: int, run: Run, details: ToolCalls | MessageCreation) -> "RunStep":
        """Make a step of a run that begins at Unix second `at`."""
        return cls(
            id=id_,
            created_at=at,
            run_id=run.id,
            assistant_id=run.assistant_id,
            thread_id=run.thread_id,
            type=details.type,
            expires_at=run.expires_at,
            step_details=details,
        )

    def show(self, include: Set[str] = frozenset()) -> "RunStep":
        """Return the step as a client sees it, with the texts that searches found only if it asked for them.

        Args:
            include: what it asked for, such as `RESULT_CONTENT`.
        """
        details = self.step_details
        if isinstance(details, MessageCreation) or RESULT_CONTENT in include:
            return self
        calls = tuple(
            call.without_content() if isinstance(call, FileSearchToolCall) else call
            for call in details.tool_calls
        )
        return self.evolve(step_details=details.evolve(tool_calls=calls))

    def end(self, status: StepStatus, at: int, **changes: Any) -> "RunStep":
        """Return the step in a final state at Unix second `at`; its `expires_at` is null from then on."""
        stamp = {} if status == "expired" else {f"{status}_at": at}
        return self.evolve(status=status, expires_at=None, **stamp, **changes)
