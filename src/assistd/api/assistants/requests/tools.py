"""Bodies of tools: what may be used, which files, which one, and in which form to answer."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from assistd.api.bodies import Body, FileIds, Flag, JsonObject
from assistd.errors import RequestError
from assistd.objects.base import CodeFiles, ToolResources
from assistd.objects.tools import (
    CodeInterpreterTool,
    FunctionDefinition,
    FunctionTool,
    NamedFunction,
    NamedTool,
    Tool,
)


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
    strict: Flag | None = None


class FunctionToolBody(Body):
    """Enables a function of the client."""

    type: Literal["function"]
    function: FunctionBody

    def tool(self) -> FunctionTool:
        """Return the tool as it stands on objects, with its defaults filled in (trap 41)."""
        given = {key: value for key, value in self.function if value is not None}
        return FunctionTool(function=FunctionDefinition(**given))


ToolBody = Annotated[
    CodeInterpreterBody | FunctionToolBody | FileSearchBody, Field(discriminator="type")
]
Tools = Annotated[list[ToolBody], Field(max_length=128)]


def tools_of(bodies: list[ToolBody] | None) -> tuple[Tool, ...]:
    """Return the tools as they stand on objects.

    Raises:
        RequestError: a tool is asked for that assistd does not serve.
    """
    found: list[Tool] = []
    for index, body in enumerate(bodies or ()):
        if isinstance(body, FileSearchBody):
            raise RequestError(
                "The tool 'file_search' ('retrieval' in v1) is not served here; "
                "'code_interpreter' and 'function' are.",
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

    def over(self, resources: ToolResources) -> ToolResources:
        """Return the resources, changed for the tools that are named: each has its own list to override.

        Raises:
            RequestError: vector stores are asked for.
        """
        if any((self.file_search or {}).values()):
            raise RequestError(
                "The tool 'file_search' and its vector stores are not served here.",
                param="tool_resources.file_search",
                code="unsupported_value",
            )
        if self.code_interpreter is None:
            return resources
        files = CodeFiles(file_ids=tuple(self.code_interpreter.file_ids))
        return resources.evolve(code_interpreter=files)


class NamedFunctionBody(Body):
    """The function a choice names."""

    name: str


class CodeChoiceBody(Body):
    """The choice of the code interpreter."""

    type: Literal["code_interpreter"]

    def choice(self) -> NamedTool:
        """Return the choice as it stands on runs."""
        return NamedTool(type=self.type)


class FunctionChoiceBody(Body):
    """The choice of one function."""

    type: Literal["function"]
    function: NamedFunctionBody

    def choice(self) -> NamedTool:
        """Return the choice as it stands on runs."""
        return NamedTool(type=self.type, function=NamedFunction(name=self.function.name))


ToolChoiceBody = Annotated[CodeChoiceBody | FunctionChoiceBody, Field(discriminator="type")]


class PlainFormatBody(Body):
    """The form of the answer: text, or any JSON object."""

    type: Literal["text", "json_object"]


class SchemaBody(Body):
    """A schema that the answer must fit."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: str | None = None
    schema_: Annotated[JsonObject | None, Field(alias="schema")] = None
    strict: bool | None = None


class SchemaFormatBody(Body):
    """The form of the answer: JSON of a schema."""

    type: Literal["json_schema"]
    json_schema: SchemaBody


ResponseFormatBody = Annotated[PlainFormatBody | SchemaFormatBody, Field(discriminator="type")]


def response_format(
    body: Literal["auto"] | ResponseFormatBody | None,
) -> Literal["auto"] | dict[str, Any]:
    """Return the format as it stands on objects; none is `auto`."""
    if body is None or isinstance(body, str):
        return "auto"
    return body.model_dump(by_alias=True, exclude_none=True)
