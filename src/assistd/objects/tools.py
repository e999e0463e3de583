"""The tools an assistant may use, as they stand on assistants and runs."""

from typing import Annotated, Any, Literal

from pydantic import Field

from assistd.objects.base import Object, Sparse


class CodeInterpreterTool(Object):
    """The model may run Python."""

    type: Literal["code_interpreter"] = "code_interpreter"


class FunctionDefinition(Sparse):
    """A function of the client; omitted parameters mean none (contract section 4)."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})
    strict: bool = False


class FunctionTool(Object):
    """The model may ask the client to call a function."""

    type: Literal["function"] = "function"
    function: FunctionDefinition


Tool = Annotated[CodeInterpreterTool | FunctionTool, Field(discriminator="type")]


class NamedFunction(Object):
    """The name in a `tool_choice` of one function."""

    name: str


class NamedTool(Sparse):
    """A `tool_choice` that names one tool."""

    type: Literal["code_interpreter", "function"]
    function: NamedFunction | None = None

    def names(self, tool: Tool) -> bool:
        """Tell whether this is the tool."""
        if isinstance(tool, FunctionTool):
            return self.function is not None and self.function.name == tool.function.name
        return self.type == tool.type


ToolChoice = Literal["none", "auto", "required"] | NamedTool
ResponseFormat = Literal["auto"] | dict[str, Any]


def runs_code(tools: tuple[Tool, ...]) -> bool:
    """Tell whether the code interpreter is among the tools."""
    return any(tool.type == "code_interpreter" for tool in tools)
