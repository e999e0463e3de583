"""The body of POST /responses: every parameter works, is echoed, or is refused by its name."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, StringConstraints, ValidationInfo, model_validator

from assistd import clock, ids
from assistd.api.bodies import (
    Body,
    Effort,
    Flag,
    JsonObject,
    Many,
    Metadata,
    ModelName,
    Temperature,
    TopP,
)
from assistd.api.responses.requests.common import (
    ConversationBody,
    Include,
    StrictBody,
    get_conversation_id,
)
from assistd.api.responses.requests.items import InputBody, read_input
from assistd.api.responses.requests.tools import SearchToolBody, ToolBody, ToolChoiceBody
from assistd.api.validation import make_error
from assistd.engine.policy import Policy
from assistd.engine.responses.runner import NewResponse
from assistd.engine.vector_stores.filters import parse_filter
from assistd.errors import NotFoundError, RequestError
from assistd.objects.responses.response import (
    AllowedTools,
    ConversationReference,
    NamedTool,
    PlainFormat,
    ReasoningSettings,
    Response,
    SchemaFormat,
    TextSettings,
)

_Text = Annotated[str, StringConstraints(max_length=10_485_760)]
_Key = Annotated[str, StringConstraints(max_length=512)]


class _LooseBody(Body):
    model_config = ConfigDict(extra="ignore")


class PlainFormatBody(_LooseBody):
    """Text, or any JSON object."""

    type: Literal["text", "json_object"]

    def format(self) -> PlainFormat:
        """Return the format as it stands on responses."""
        return PlainFormat(type=self.type)


class SchemaFormatBody(_LooseBody):
    """JSON of a schema."""

    type: Literal["json_schema"]
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    schema_: Annotated[JsonObject, Field(alias="schema")]
    description: str | None = None
    strict: Flag | None = None

    def format(self) -> SchemaFormat:
        """Return the format as it stands on responses; strict where it does not say (responses, trap 35)."""
        strict = self.strict is not False
        given = self.model_dump(by_alias=True, exclude={"strict"})
        return SchemaFormat.model_validate({**given, "strict": strict})


class TextBody(_LooseBody):
    """How the model is to write."""

    format: Annotated[PlainFormatBody | SchemaFormatBody, Field(discriminator="type")] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None

    def settings(self) -> TextSettings:
        """Return the settings as they stand on responses."""
        return TextSettings(
            format=self.format.format() if self.format else PlainFormat(),
            verbosity=self.verbosity or "medium",
        )


class ReasoningBody(_LooseBody):
    """How hard the model is to think."""

    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None


class StreamOptionsBody(_LooseBody):
    """What of a stream the client wants."""

    include_obfuscation: Flag | None = None


class PromptBody(_LooseBody):
    """A prompt that is kept at another server."""

    id: str


class CreateResponse(StrictBody):
    """The body of POST /responses."""

    moved: ClassVar = {
        "messages": "input",
        "max_tokens": "max_output_tokens",
        "max_completion_tokens": "max_output_tokens",
        "response_format": "text.format",
        "reasoning_effort": "reasoning.effort",
        "functions": "tools",
        "function_call": "tool_choice",
    }

    model: ModelName | None = None
    input: InputBody | None = None
    instructions: _Text | None = None
    previous_response_id: str | None = None
    conversation: ConversationBody | None = None
    store: Flag | None = None
    background: Flag | None = None
    stream: Flag | None = None
    stream_options: StreamOptionsBody | None = None
    include: Many[Include] | None = None
    tools: Annotated[Many[ToolBody], Field(max_length=128)] | None = None
    tool_choice: ToolChoiceBody | None = None
    parallel_tool_calls: Flag | None = None
    max_tool_calls: Annotated[int, Field(strict=True, ge=1)] | None = None
    max_output_tokens: Annotated[int, Field(strict=True, ge=16)] | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    text: TextBody | None = None
    reasoning: ReasoningBody | None = None
    truncation: Literal["auto", "disabled"] | None = None
    metadata: Metadata | None = None
    top_logprobs: Annotated[int, Field(strict=True, ge=0, le=20)] | None = None
    service_tier: (
        Literal["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"] | None
    ) = None
    prompt: PromptBody | None = None
    safety_identifier: _Key | None = None
    prompt_cache_key: _Key | None = None
    prompt_cache_retention: Literal["in_memory", "in-memory", "24h"] | None = None
    prompt_cache_options: JsonObject | None = None
    user: _Key | None = None
    moderation: JsonObject | None = None
    context_management: list[Any] | JsonObject | None = None
    personality: str | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    access_programs: list[Any] | JsonObject | None = None
    image: JsonObject | None = None
    background_options: JsonObject | None = None
    frequency_penalty: Annotated[float, Field(strict=True, ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(strict=True, ge=-2, le=2)] | None = None

    @model_validator(mode="after")
    def _check_filters(self, info: ValidationInfo) -> "CreateResponse":
        """Refuse filters of file search that are none, by the path in them (contract, file search, section 8)."""
        for number, tool in enumerate(self.tools or ()):
            if isinstance(tool, SearchToolBody) and tool.filters is not None:
                parse_filter(tool.filters, info.context or Policy(), f"tools[{number}].filters")
        return self

    @model_validator(mode="after")
    def _refuse_unserved(self) -> "CreateResponse":
        """Refuse by its name what would change the meaning if it were passed over (responses, section 2.1)."""
        unserved = ("moderation", "context_management", "access_programs", "image")
        for name in (*unserved, "background_options"):
            if getattr(self, name):
                raise make_error(
                    "Unsupported parameter: '{param}' is not supported by this server.",
                    code="unsupported_parameter",
                    member=name,
                )
        for name in ("frequency_penalty", "presence_penalty"):
            if getattr(self, name):
                raise make_error(
                    "Unsupported parameter: '{param}' is not supported by the Responses API.",
                    code="unsupported_parameter",
                    member=name,
                )
        return self

    def new_response(self) -> NewResponse:
        """Return what is asked for.

        Raises:
            NotFoundError: a prompt is named, which no server but another has.
            RequestError: parameters do not fit together.
        """
        if self.prompt:
            raise NotFoundError(f"Prompt with id '{self.prompt.id[:64]}' not found.")
        if self.model is None:
            raise RequestError(
                "Missing required parameter: 'model'.",
                param="model",
                code="missing_required_parameter",
            )
        response = self._response(self.model)
        _check(response, has_input=self.input is not None)
        options = self.stream_options
        return NewResponse(
            response,
            tuple(read_input(self.input)),
            streams=bool(self.stream),
            include=frozenset(self.include or ()),
            obfuscates=bool(options and options.include_obfuscation),
        )

    def _response(self, model: str) -> Response:
        names = (
            "instructions",
            "previous_response_id",
            "store",
            "background",
            "parallel_tool_calls",
            "max_tool_calls",
            "max_output_tokens",
            "temperature",
            "top_p",
            "truncation",
            "metadata",
            "top_logprobs",
            "safety_identifier",
            "prompt_cache_key",
            "prompt_cache_retention",
            "user",
        )
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        choice, reasoning = self.tool_choice, self.reasoning
        if choice is not None:
            given["tool_choice"] = choice if isinstance(choice, str) else choice.choice()
        if reasoning:
            given["reasoning"] = ReasoningSettings(
                effort=reasoning.effort,
                # The effective one is echoed: what comes is as detailed as the model makes it.
                summary="detailed" if reasoning.summary == "auto" else reasoning.summary,
            )
        text = (self.text or TextBody()).settings()
        if self.verbosity and not (self.text and self.text.verbosity):
            text = text.evolve(verbosity=self.verbosity)
        if id_ := get_conversation_id(self.conversation, self.previous_response_id):
            given["conversation"] = ConversationReference(id=id_)
        return Response(
            id=ids.new_hex("resp"),
            created_at=clock.seconds(),
            status="queued" if self.background else "in_progress",
            model=model,
            text=text,
            tools=tuple(each.tool() for each in self.tools or ()),
            **given,
        )


def _check(response: Response, *, has_input: bool) -> None:
    """See that the parameters fit together."""
    if response.background and not response.store:
        raise RequestError(
            "Unsupported parameter: 'background' needs 'store' to be true.",
            param="background",
            code="unsupported_parameter",
        )
    named = response.previous_response_id or response.conversation
    if not (has_input or response.instructions or named):
        raise RequestError(
            "One of 'input' or 'previous_response_id' or 'prompt' or 'conversation' must be provided.",
            param="input",
            code="missing_required_parameter",
        )
    _check_choice(response)


def _check_choice(response: Response) -> None:
    """See that the model has the tools that it must or may call (contract, responses, section 9)."""
    choice = response.tool_choice
    if choice == "required" and not response.tools:
        raise RequestError(
            "Tool choice 'required' must be specified with 'tools' parameter.", param="tool_choice"
        )
    wanted: tuple[NamedTool, ...] = ()
    if isinstance(choice, NamedTool):
        wanted = (choice,)
    elif isinstance(choice, AllowedTools):
        wanted = choice.tools
    for each in wanted:
        if not any(each.names(tool) for tool in response.tools):
            raise RequestError(
                f"Tool choice '{each.name or each.type}' not found in 'tools' parameter.",
                param="tool_choice",
            )
