"""The tools an assistant may use, as they stand on assistants and runs."""

from typing import Annotated, Any, Literal

from pydantic import Field

from assistd.objects.base import Object, Sparse


class CodeInterpreterTool(Object):
    """The model may run Python."""

    type: Literal["code_interpreter"] = "code_interpreter"


class HybridSearch(Object):
    """How much nearness in meaning counts, and how much the words; only their ratio matters."""

    embedding_weight: float
    text_weight: float

    @property
    def text_share(self) -> float:
        """How much the words count of all that counts, from 0 to 1; a half where neither counts."""
        most = max(self.embedding_weight, self.text_weight)
        if not most:
            return 0.5
        meaning, words = self.embedding_weight / most, self.text_weight / most
        return words / (meaning + words)


class RankingOptions(Object):
    """How results of a search are ranked; what was not given of `hybrid_search` is null (trap 10)."""

    ranker: str = "default_2024_08_21"
    score_threshold: float = 0.0
    hybrid_search: HybridSearch | None = None


class FileSearchSettings(Sparse):
    """How many results a search gives; a number stands there only if the client gave it (trap 11)."""

    max_num_results: int | None = None
    ranking_options: RankingOptions = RankingOptions()


class FileSearchTool(Object):
    """The model may search the vector stores of the assistant and the thread."""

    type: Literal["file_search"] = "file_search"
    file_search: FileSearchSettings = FileSearchSettings()


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


Tool = Annotated[CodeInterpreterTool | FileSearchTool | FunctionTool, Field(discriminator="type")]


class NamedFunction(Object):
    """The name in a `tool_choice` of one function."""

    name: str


class NamedTool(Sparse):
    """A `tool_choice` that names one tool."""

    type: Literal["code_interpreter", "file_search", "function"]
    function: NamedFunction | None = None

    def names(self, tool: Tool) -> bool:
        """Tell whether this is the tool."""
        if isinstance(tool, FunctionTool):
            return self.function is not None and self.function.name == tool.function.name
        return self.type == tool.type


ToolChoice = Literal["none", "auto", "required"] | NamedTool
ResponseFormat = Literal["auto"] | dict[str, Any]


def find_search(tools: tuple[Tool, ...]) -> FileSearchSettings | None:
    """Return the settings of file search; None where it is not among the tools."""
    return next((tool.file_search for tool in tools if isinstance(tool, FileSearchTool)), None)


def runs_code(tools: tuple[Tool, ...]) -> bool:
    """Tell whether the code interpreter is among the tools."""
    return any(tool.type == "code_interpreter" for tool in tools)
