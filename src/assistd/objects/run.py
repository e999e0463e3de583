"""A run: one pass of an assistant over a thread, and the table of its states."""

from typing import Any, ClassVar, Literal

from assistd.errors import AssistdError
from assistd.objects.base import Metadata, Object, Timestamp, ToolResources
from assistd.objects.tools import ResponseFormat, Tool, ToolChoice
from assistd.objects.usage import Usage

RunStatus = Literal[
    "queued",
    "in_progress",
    "requires_action",
    "cancelling",
    "cancelled",
    "failed",
    "completed",
    "incomplete",
    "expired",
]

TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    "queued": frozenset({"in_progress", "cancelling", "failed", "expired"}),
    "in_progress": frozenset(
        {"requires_action", "cancelling", "completed", "failed", "incomplete", "expired"}
    ),
    "requires_action": frozenset({"queued", "cancelling", "expired", "failed"}),
    "cancelling": frozenset({"cancelled"}),
    "cancelled": frozenset(),
    "failed": frozenset(),
    "completed": frozenset(),
    "incomplete": frozenset(),
    "expired": frozenset(),
}
"""The next states of each state (contract section 5). From `cancelling` a run can only become `cancelled`."""

ACTIVE: frozenset[RunStatus] = frozenset(s for s, onward in TRANSITIONS.items() if onward)
"""The states that lock the thread (contract section 5)."""

TERMINAL: frozenset[RunStatus] = frozenset(s for s, onward in TRANSITIONS.items() if not onward)


class TransitionError(AssistdError):
    """The table of states has no transition from the state that a run is in to the one it was to enter."""

    def __init__(self, status: RunStatus, to: RunStatus) -> None:
        super().__init__(f"a run does not go from {status} to {to}")
        self.status = status


class FunctionCallArguments(Object):
    """The name and the JSON arguments of a call the client must make."""

    name: str
    arguments: str


class RequiredCall(Object):
    """One call the client must make."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionCallArguments


class RequiredCalls(Object):
    """All calls of the turn; they must be answered together."""

    tool_calls: tuple[RequiredCall, ...]


class RequiredAction(Object):
    """What the run waits for."""

    type: Literal["submit_tool_outputs"] = "submit_tool_outputs"
    submit_tool_outputs: RequiredCalls


class LastError(Object):
    """Why a run or a step failed."""

    code: Literal["server_error", "rate_limit_exceeded", "invalid_prompt"]
    message: str


class IncompleteRun(Object):
    """Which limit ended the run."""

    reason: Literal["max_completion_tokens", "max_prompt_tokens"]


class TruncationStrategy(Object):
    """How the conversation is shortened for the model."""

    type: Literal["auto", "last_messages"] = "auto"
    last_messages: int | None = None


class Run(Object):
    """The API's run; fields in the recorded order (contract section 4)."""

    id: str
    object: Literal["thread.run"] = "thread.run"
    created_at: Timestamp
    assistant_id: str
    thread_id: str
    status: RunStatus = "queued"
    started_at: Timestamp | None = None
    expires_at: Timestamp | None
    cancelled_at: Timestamp | None = None
    failed_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    required_action: RequiredAction | None = None
    last_error: LastError | None = None
    model: str
    instructions: str | None = None
    tools: tuple[Tool, ...] = ()
    tool_resources: ToolResources = ToolResources()
    metadata: Metadata = {}
    temperature: float | None = 1.0
    top_p: float | None = 1.0
    reasoning_effort: str | None = None
    max_completion_tokens: int | None = None
    max_prompt_tokens: int | None = None
    truncation_strategy: TruncationStrategy = TruncationStrategy()
    incomplete_details: IncompleteRun | None = None
    usage: Usage | None = None
    response_format: ResponseFormat = "auto"
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True

    _ENDED_AT: ClassVar[dict[str, str]] = {
        "cancelled": "cancelled_at",
        "failed": "failed_at",
        "completed": "completed_at",
        "incomplete": "completed_at",
    }

    def rest(self) -> str:
        """Return the JSON over REST, where `tool_resources` is always empty, as recorded (contract section 4)."""
        return self.evolve(tool_resources=ToolResources()).model_dump_json(indent=2)

    def sse(self) -> str:
        """Return the JSON in streams, which always names the code interpreter, as recorded (trap 26)."""
        resources = self.tool_resources.name_code_interpreter().evolve(file_search=None)
        return self.evolve(tool_resources=resources).model_dump_json()

    def move_to(self, status: RunStatus, at: int, **changes: Any) -> "Run":
        """Return the run in its next state, with the times that belong to it.

        Args:
            status: the next state.
            at: Unix seconds of the change.
            changes: other fields that change with it.

        Raises:
            TransitionError: the table of states has no such transition.
        """
        if status not in TRANSITIONS[self.status]:
            raise TransitionError(self.status, status)
        if status == "in_progress":
            changes["started_at"] = at
        if status != "requires_action":
            changes["required_action"] = None
        if status in TERMINAL:
            changes["expires_at"] = None
        if status in self._ENDED_AT:
            changes[self._ENDED_AT[status]] = at
        return self.evolve(status=status, **changes)
