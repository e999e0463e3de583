"""A response: what the model gave for an input, and the settings that it was asked with."""

from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, SerializerFunctionWrapHandler, field_serializer, model_serializer

from assistd.objects.base import Metadata, Object, Sparse, Timestamp
from assistd.objects.responses.item import Item
from assistd.objects.tools import HybridSearch

ResponseStatus = Literal["queued", "in_progress", "completed", "failed", "incomplete", "cancelled"]
"""The states of a response; a function call ends it as completed (contract, responses, trap 2)."""

TERMINAL: frozenset[ResponseStatus] = frozenset({"completed", "failed", "incomplete", "cancelled"})

ErrorCode = Literal[
    "server_error",
    "rate_limit_exceeded",
    "invalid_prompt",
    "context_length_exceeded",
    "model_not_found",
]
"""Why a response fails: official names, and codes of errors of HTTP that are passed on as these."""


class ResponseError(Object):
    """Why a response failed; strict clients want `type`, too (responses, trap 18)."""

    code: ErrorCode
    message: str
    type: str = "server_error"
    param: str | None = None


class IncompleteResponse(Object):
    """What cut the response off."""

    reason: Literal["max_output_tokens", "content_filter"]


class InputDetails(Object):
    """Of the input's tokens, those that the upstream had in its cache."""

    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OutputDetails(Object):
    """Of the output's tokens, those of reasoning."""

    reasoning_tokens: int = 0


class ResponseUsage(Object):
    """Tokens of all questions to the model together (responses, trap 33)."""

    input_tokens: int = 0
    input_tokens_details: InputDetails = InputDetails()
    output_tokens: int = 0
    output_tokens_details: OutputDetails = OutputDetails()
    total_tokens: int = 0

    def add(
        self, *, prompt: int, completion: int, cached: int = 0, reasoning: int = 0
    ) -> "ResponseUsage":
        """Return the usage with one more answer of the model."""
        return ResponseUsage(
            input_tokens=self.input_tokens + prompt,
            input_tokens_details=InputDetails(
                cached_tokens=self.input_tokens_details.cached_tokens + cached
            ),
            output_tokens=self.output_tokens + completion,
            output_tokens_details=OutputDetails(
                reasoning_tokens=self.output_tokens_details.reasoning_tokens + reasoning
            ),
            total_tokens=self.total_tokens + prompt + completion,
        )


class DisabledNetwork(Object):
    """Code has no network here."""

    type: Literal["disabled"] = "disabled"


class AutoContainer(Sparse):
    """The container of an earlier call in the context, or a new one (contract, responses, 7.1)."""

    type: Literal["auto"] = "auto"
    file_ids: tuple[str, ...] | None = None
    memory_limit: Literal["1g", "4g", "16g", "64g"] | None = None
    network_policy: DisabledNetwork | None = None


class CodeInterpreterTool(Object):
    """The model may run Python in a container: a named one, or `auto`."""

    type: Literal["code_interpreter"] = "code_interpreter"
    container: str | AutoContainer


class FunctionTool(Object):
    """The model may ask the client to call a function."""

    type: Literal["function"] = "function"
    description: str | None = None
    name: str
    parameters: dict[str, Any]
    strict: bool


class SearchRanking(Sparse):
    """How results of a search are ranked; weights are there only where they were given."""

    ranker: str = "auto"
    score_threshold: float = 0.0
    hybrid_search: HybridSearch | None = None


_USUAL_RESULTS = 20


class FileSearchTool(Object):
    """The model may search vector stores; every member is echoed, as recorded (file search, section 4).

    Args:
        max_num_results: None: as many as suit the model. What is echoed then is what the hosted service
            echoes (file search, trap 11).
    """

    type: Literal["file_search"] = "file_search"
    filters: dict[str, Any] | None = None
    max_num_results: int | None = None
    ranking_options: SearchRanking = SearchRanking()
    vector_store_ids: tuple[str, ...]

    @field_serializer("max_num_results")
    def _show_number(self, number: int | None) -> int:
        return _USUAL_RESULTS if number is None else number


Tool = Annotated[CodeInterpreterTool | FunctionTool | FileSearchTool, Field(discriminator="type")]


ToolT = TypeVar("ToolT", CodeInterpreterTool, FunctionTool, FileSearchTool)


class NamedTool(Sparse):
    """A `tool_choice` that names one tool, and an entry of `AllowedTools`."""

    type: Literal["function", "code_interpreter", "file_search"]
    name: str | None = None

    def names(self, tool: Tool) -> bool:
        """Tell whether this is the tool."""
        if isinstance(tool, FunctionTool):
            return self.type == "function" and self.name == tool.name
        return self.type == tool.type


class AllowedTools(Object):
    """A `tool_choice` that lets the model use some of the tools only."""

    type: Literal["allowed_tools"] = "allowed_tools"
    mode: Literal["auto", "required"]
    tools: tuple[NamedTool, ...]


ToolChoice = Literal["none", "auto", "required"] | NamedTool | AllowedTools


class PlainFormat(Object):
    """Text, or any JSON object."""

    type: Literal["text", "json_object"] = "text"


class SchemaFormat(Object):
    """JSON of a schema; `strict` is echoed as true where it was not sent (responses, trap 35)."""

    type: Literal["json_schema"] = "json_schema"
    description: str | None = None
    name: str
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool = True

    @model_serializer(mode="wrap")
    def _name_schema(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Give the schema its name on the wire, which is a method of every model of pydantic."""
        return {key.removesuffix("_"): value for key, value in handler(self).items()}


class TextSettings(Object):
    """How the model is to write."""

    format: PlainFormat | SchemaFormat = PlainFormat()
    verbosity: Literal["low", "medium", "high"] = "medium"


class ReasoningSettings(Object):
    """How hard the model is to think."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None


class ConversationReference(Object):
    """The conversation that a response belongs to."""

    id: str


class Response(Object):
    """The API's response; fields in the order of the recordings of 2026 (contract, responses, 4.2).

    A stored response has no output: that is read from its items.
    """

    id: str
    object: Literal["response"] = "response"
    created_at: Timestamp
    status: ResponseStatus = "in_progress"
    background: bool = False
    completed_at: Timestamp | None = None
    conversation: ConversationReference | None = None
    error: ResponseError | None = None
    frequency_penalty: float = 0.0
    incomplete_details: IncompleteResponse | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    model: str
    moderation: None = None
    output: tuple[Item, ...] = ()
    parallel_tool_calls: bool = True
    presence_penalty: float = 0.0
    previous_response_id: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    reasoning: ReasoningSettings = ReasoningSettings()
    safety_identifier: str | None = None
    service_tier: Literal["auto", "default"] = "auto"
    store: bool = True
    temperature: float = 1.0
    text: TextSettings = TextSettings()
    tool_choice: ToolChoice = "auto"
    tools: tuple[Tool, ...] = ()
    top_logprobs: int = 0
    top_p: float = 1.0
    truncation: Literal["auto", "disabled"] = "disabled"
    usage: ResponseUsage | None = None
    user: str | None = None
    metadata: Metadata = {}

    @model_serializer(mode="wrap")
    def _without_conversation(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the conversation where there is none: every other member is there, or null."""
        members = handler(self)
        if self.conversation is None:
            del members["conversation"]
        return members

    def end(self, status: ResponseStatus, at: int, **changes: Any) -> Self:
        """Return the response as it ended.

        Args:
            status: how.
            at: Unix seconds.
            changes: other fields that the ending sets.
        """
        completed_at = at if status == "completed" else None
        return self.evolve(
            status=status, completed_at=completed_at, service_tier="default", **changes
        )

    def find_tool(self, kind: type[ToolT]) -> ToolT | None:
        """Return the tool of a kind, if the response has it."""
        return next((tool for tool in self.tools if isinstance(tool, kind)), None)
