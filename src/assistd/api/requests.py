"""The bodies of requests, with the limits of contract section 3."""

import json
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from assistd.engine.lifecycle import NewMessage
from assistd.errors import RequestError
from assistd.objects.assistant import Assistant
from assistd.objects.base import CodeFiles, Object, ToolResources
from assistd.objects.message import (
    Attachment,
    Content,
    ImageFile,
    ImageFileContent,
    ImageURL,
    ImageURLContent,
    TextContent,
    TextValue,
)
from assistd.objects.tools import (
    CodeInterpreterTool,
    FunctionDefinition,
    FunctionTool,
    NamedFunction,
    NamedTool,
    Tool,
)

MAX_TEXT = 256_000


_MAX_DEPTH = 64


def _encodable(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse what no JSON answer could carry again: lone surrogates, NaN, infinities, endless depth."""
    _check_depth(value, _MAX_DEPTH)
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    return value


def _check_depth(value: object, room: int) -> None:
    if isinstance(value, dict):
        members = list(cast("dict[str, object]", value).values())
    elif isinstance(value, list):
        members = cast("list[object]", value)
    else:
        return
    if not room:
        raise ValueError(f"nested more than {_MAX_DEPTH} levels deep")
    for each in members:
        _check_depth(each, room - 1)


JsonObject = Annotated[dict[str, Any], AfterValidator(_encodable)]
Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(max_length=64)],
        Annotated[str, StringConstraints(max_length=512)],
    ],
    Field(max_length=16),
]
Instructions = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Temperature = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
TopP = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
FileIds = Annotated[list[str], Field(max_length=20)]


class Body(BaseModel):
    """A body knows every key it may have: a misspelt one is an error, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def given(self, *names: str) -> dict[str, Any]:
        """Those of the named fields that the client sent, null or not."""
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}


class CodeInterpreterBody(Body):
    """Enables the code interpreter."""

    type: Literal["code_interpreter"]


class FileSearchBody(Body):
    """What `file_search` looks like; assistd refuses it by name."""

    model_config = ConfigDict(extra="allow")

    type: Literal["file_search"]


class FunctionBody(Body):
    """A function of the client."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class FunctionToolBody(Body):
    """Enables a function of the client."""

    type: Literal["function"]
    function: FunctionBody

    def tool(self) -> FunctionTool:
        """The tool as it stands on objects, with its defaults filled in (trap 41)."""
        given = {key: value for key, value in self.function if value is not None}
        return FunctionTool(function=FunctionDefinition(**given))


ToolBody = Annotated[
    CodeInterpreterBody | FunctionToolBody | FileSearchBody, Field(discriminator="type")
]
Tools = Annotated[list[ToolBody], Field(max_length=128)]


def tools_of(bodies: list[ToolBody] | None) -> tuple[Tool, ...]:
    """The tools as they stand on objects.

    Raises:
        RequestError: a tool is asked for that assistd does not serve.
    """
    found: list[Tool] = []
    for index, body in enumerate(bodies or ()):
        if isinstance(body, FileSearchBody):
            raise RequestError(
                "The tool 'file_search' is not served here; 'code_interpreter' and 'function' are.",
                param=f"tools[{index}].type",
                code="unsupported_value",
            )
        found.append(body.tool() if isinstance(body, FunctionToolBody) else CodeInterpreterTool())
    return tuple(found)


class CodeFilesBody(Body):
    """Files for the code interpreter."""

    file_ids: FileIds = []


class ToolResourcesBody(Body):
    """What tools may use; resources of `file_search` may be sent empty, as some programs do."""

    code_interpreter: CodeFilesBody | None = None
    file_search: JsonObject | None = None

    def resources(self) -> ToolResources:
        """The resources as they stand on objects.

        Raises:
            RequestError: vector stores are asked for.
        """
        if self.file_search:
            raise RequestError(
                "The tool 'file_search' and its vector stores are not served here.",
                param="tool_resources.file_search",
                code="unsupported_value",
            )
        files = self.code_interpreter
        return ToolResources(
            code_interpreter=CodeFiles(file_ids=tuple(files.file_ids)) if files else None
        )


class NamedFunctionBody(Body):
    """The function a choice names."""

    name: str


class CodeChoiceBody(Body):
    """The choice of the code interpreter."""

    type: Literal["code_interpreter"]

    def choice(self) -> NamedTool:
        """The choice as it stands on runs."""
        return NamedTool(type=self.type)


class FunctionChoiceBody(Body):
    """The choice of one function."""

    type: Literal["function"]
    function: NamedFunctionBody

    def choice(self) -> NamedTool:
        """The choice as it stands on runs."""
        return NamedTool(type=self.type, function=NamedFunction(name=self.function.name))


ToolChoiceBody = Annotated[CodeChoiceBody | FunctionChoiceBody, Field(discriminator="type")]


class ResponseFormatBody(Body):
    """The form of the answer: text, any JSON object, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonObject | None = None


class TruncationBody(Body):
    """How the conversation is shortened for the model."""

    type: Literal["auto", "last_messages"]
    last_messages: Annotated[int, Field(ge=1)] | None = None


class AssistantFields(Body):
    """What can be set on an assistant."""

    name: Annotated[str, StringConstraints(max_length=256)] | None = None
    description: Annotated[str, StringConstraints(max_length=512)] | None = None
    instructions: Instructions | None = None
    tools: Tools | None = None
    tool_resources: ToolResourcesBody | None = None
    metadata: Metadata | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    reasoning_effort: Effort | None = None
    response_format: Literal["auto"] | ResponseFormatBody | None = None

    def apply(self, assistant: Assistant) -> Assistant:
        """The assistant with the fields that were sent; null means the default (contract section 4)."""
        changes = self.given("name", "description", "instructions", "reasoning_effort", "model")
        for name in ("temperature", "top_p"):
            if name in self.model_fields_set:
                value = getattr(self, name)
                changes[name] = 1.0 if value is None else value
        if "tools" in self.model_fields_set:
            changes["tools"] = tools_of(self.tools)
        if self.tool_resources is not None:
            changes["tool_resources"] = self.tool_resources.resources()
        if "metadata" in self.model_fields_set:
            changes["metadata"] = self.metadata or {}
        if "response_format" in self.model_fields_set:
            changes["response_format"] = response_format(self.response_format)
        changed = assistant.evolve(**changes)
        if any(tool.type == "code_interpreter" for tool in changed.tools):
            return changed.evolve(tool_resources=changed.tool_resources.filled())
        return changed


class CreateAssistant(AssistantFields):
    """The body of POST /assistants."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class ModifyAssistant(AssistantFields):
    """The body of POST /assistants/{id}."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None

    def apply(self, assistant: Assistant) -> Assistant:
        """As on create; a model cannot be taken away."""
        changed = super().apply(assistant)
        return changed if self.model else changed.evolve(model=assistant.model)


class TextBody(Body):
    """A part of text; in a request it is a plain string (trap 30)."""

    type: Literal["text"]
    text: Annotated[str, StringConstraints(max_length=MAX_TEXT)]


class ImageFileFields(Body):
    """A picture that was uploaded."""

    file_id: str
    detail: Literal["auto", "low", "high"] = "auto"


class ImageFileBody(Body):
    """A part that is an uploaded picture."""

    type: Literal["image_file"]
    image_file: ImageFileFields


class ImageURLFields(Body):
    """A picture elsewhere."""

    url: Annotated[str, StringConstraints(min_length=1)]
    detail: Literal["auto", "low", "high"] = "auto"


class ImageURLBody(Body):
    """A part that is a picture elsewhere."""

    type: Literal["image_url"]
    image_url: ImageURLFields


PartBody = Annotated[TextBody | ImageFileBody | ImageURLBody, Field(discriminator="type")]


class AttachmentToolBody(Body):
    """A tool an attachment is for."""

    type: Literal["code_interpreter", "file_search"]


class AttachmentBody(Body):
    """A file that comes with a message."""

    file_id: str
    tools: list[AttachmentToolBody] = [AttachmentToolBody(type="code_interpreter")]

    def attachment(self) -> Attachment:
        """The attachment as it stands on messages.

        Raises:
            RequestError: it is for `file_search`.
        """
        if any(tool.type == "file_search" for tool in self.tools):
            raise RequestError(
                "The tool 'file_search' is not served here; attach files for 'code_interpreter'.",
                param="attachments",
                code="unsupported_value",
            )
        return Attachment(file_id=self.file_id)


class CreateMessage(Body):
    """The body of POST /threads/{id}/messages, and of messages within other bodies."""

    role: Literal["user", "assistant"]
    content: (
        Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
        | Annotated[list[PartBody], Field(min_length=1)]
    )
    attachments: list[AttachmentBody] | None = None
    metadata: Metadata | None = None

    def message(self) -> NewMessage:
        """The message as the engine takes it."""
        if isinstance(self.content, str):
            content: tuple[Content, ...] = (TextContent(text=TextValue(value=self.content)),)
        else:
            content = tuple(_content(part) for part in self.content)
        attachments = tuple(each.attachment() for each in self.attachments or ())
        return NewMessage(self.role, content, attachments, self.metadata)


class CreateThread(Body):
    """The body of POST /threads; everything may be left out."""

    messages: list[CreateMessage] = []
    tool_resources: ToolResourcesBody | None = None
    metadata: Metadata | None = None


class ModifyThread(Body):
    """The body of POST /threads/{id}."""

    tool_resources: ToolResourcesBody | None = None
    metadata: Metadata | None = None


class ModifyMetadata(Body):
    """The body of POST on a message or a run: only its metadata changes."""

    metadata: Metadata | None = None


class RunFields(Body):
    """What may be set for one run, in the assistant's place."""

    assistant_id: str
    model: str | None = None
    instructions: Instructions | None = None
    tools: Annotated[list[ToolBody], Field(max_length=20)] | None = None
    metadata: Metadata | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    stream: bool | None = None
    max_prompt_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    truncation_strategy: TruncationBody | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoiceBody | None = None
    parallel_tool_calls: bool | None = None
    response_format: Literal["auto"] | ResponseFormatBody | None = None

    def overrides(self) -> dict[str, Any]:
        """The fields of a run that this body sets; null inherits (contract section 5)."""
        names = (
            "model",
            "instructions",
            "metadata",
            "temperature",
            "top_p",
            "max_prompt_tokens",
            "max_completion_tokens",
            "parallel_tool_calls",
        )
        found = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if self.tools is not None:
            found["tools"] = tools_of(self.tools)
        if self.truncation_strategy:
            found["truncation_strategy"] = self.truncation_strategy.model_dump()
        if self.tool_choice is not None:
            choice = self.tool_choice
            found["tool_choice"] = choice if isinstance(choice, str) else choice.choice()
        if self.response_format is not None:
            found["response_format"] = response_format(self.response_format)
        return found


class CreateRun(RunFields):
    """The body of POST /threads/{id}/runs."""

    additional_instructions: Instructions | None = None
    additional_messages: list[CreateMessage] | None = None
    reasoning_effort: Effort | None = None


class CreateThreadAndRun(RunFields):
    """The body of POST /threads/runs; here the run may have files of its own (trap 42)."""

    thread: CreateThread = CreateThread()
    tool_resources: ToolResourcesBody | None = None


class ToolOutputBody(Body):
    """What the client's function answered; no output is an empty one."""

    tool_call_id: str
    output: str | None = None


class SubmitToolOutputs(Body):
    """The body of POST .../submit_tool_outputs."""

    tool_outputs: list[ToolOutputBody]
    stream: bool | None = None


def response_format(
    body: Literal["auto"] | ResponseFormatBody | None,
) -> Literal["auto"] | dict[str, Any]:
    """The format as it stands on objects; none is `auto`."""
    if body is None or isinstance(body, str):
        return "auto"
    return body.model_dump(exclude_none=True)


def _content(part: TextBody | ImageFileBody | ImageURLBody) -> Content:
    match part:
        case TextBody():
            return TextContent(text=TextValue(value=part.text))
        case ImageFileBody():
            fields = part.image_file
            return ImageFileContent(
                image_file=ImageFile(file_id=fields.file_id, detail=fields.detail)
            )
        case ImageURLBody():
            return ImageURLContent(
                image_url=ImageURL(url=part.image_url.url, detail=part.image_url.detail)
            )


class Deleted(Object):
    """What a delete answers (trap 47)."""

    id: str
    object: str
    deleted: Literal[True] = True
