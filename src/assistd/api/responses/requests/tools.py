"""Tools of a response, as clients ask for them: which, and which of them is to be called."""

from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from assistd.api.bodies import Body, Flag, HybridSearchBody, JsonObject, Many, Ranker
from assistd.api.responses.requests.common import StrictBody
from assistd.api.validation import make_error
from assistd.objects.responses.response import (
    AllowedTools,
    AutoContainer,
    CodeInterpreterTool,
    FileSearchTool,
    FunctionTool,
    NamedTool,
)

SERVED = ("function", "code_interpreter", "file_search")
_OTHERS = (
    "apply_patch", "computer", "computer_use_preview", "custom", "image_generation", "local_shell", "mcp",
    "namespace", "programmatic_tool_calling", "shell", "tool_search", "web_search",
    "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11",
)  # fmt: skip
"""Tools that other servers run."""

_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
_FileIds = Annotated[Many[str], Field(max_length=50)]


class _LooseBody(Body):
    """An object of which only some members mean something here."""

    model_config = ConfigDict(extra="ignore")


class NetworkBody(_LooseBody):
    """What of the network code may reach: nothing."""

    type: Literal["disabled", "allowlist"]

    @model_validator(mode="after")
    def _refuse(self) -> "NetworkBody":
        if self.type != "disabled":
            raise make_error(
                "Invalid value: 'allowlist'. This server's sandboxes have no network; only 'disabled' is "
                "supported.",
                code="unsupported_value",
                member="type",
            )
        return self


class AutoContainerBody(StrictBody):
    """A container of an earlier call, or a new one."""

    type: Literal["auto"]
    file_ids: _FileIds | None = None
    memory_limit: Literal["1g", "4g", "16g", "64g"] | None = None
    network_policy: NetworkBody | None = None
    skills: list[Any] | None = None

    @model_validator(mode="after")
    def _refuse_skills(self) -> "AutoContainerBody":
        if self.skills:
            raise make_error(
                "Skills are not supported by this server.",
                code="unsupported_value",
                member="skills",
            )
        return self

    def container(self) -> AutoContainer:
        """Return it as it stands on responses."""
        return AutoContainer.model_validate(self.model_dump(exclude_none=True))


class CodeToolBody(Body):
    """The code interpreter, and the container that it runs in."""

    type: Literal["code_interpreter"]
    container: str | AutoContainerBody
    allowed_callers: Many[str] | None = None

    @model_validator(mode="after")
    def _check_callers(self) -> "CodeToolBody":
        if set(self.allowed_callers or ()) - {"direct"}:
            raise make_error(
                "This server's tools are called by the model alone: '{param}' can only be ['direct'].",
                code="unsupported_value",
                member="allowed_callers",
            )
        return self

    def tool(self) -> CodeInterpreterTool:
        """Return the tool as it stands on responses."""
        asked = self.container
        return CodeInterpreterTool(container=asked if isinstance(asked, str) else asked.container())


class FunctionToolBody(_LooseBody):
    """A function of the client."""

    type: Literal["function"]
    name: _Name
    description: str | None = None
    parameters: JsonObject | None = None
    strict: Flag | None = None

    @model_validator(mode="after")
    def _check_schema(self) -> "FunctionToolBody":
        if self.strict and (reason := _find_looseness(self.parameters or {})):
            raise make_error(
                f"Invalid schema for function '{self.name}': {reason}",
                code="invalid_function_parameters",
                member="parameters",
            )
        return self

    def tool(self) -> FunctionTool:
        """Return the tool as it stands on responses: strict where its schema can be (responses, section 12)."""
        parameters = self.parameters or {"type": "object", "properties": {}}
        strict = self.strict
        if strict is None:
            strict = bool(self.parameters) and not _find_looseness(parameters)
        return FunctionTool(
            name=self.name, description=self.description, parameters=parameters, strict=strict
        )


def _spell_ranker(name: str) -> str:
    """Return the name of a ranker as this API spells it (file search, trap 9)."""
    return {"default_2024_08_21": "default-2024-11-15", "none": "auto"}.get(name, name)


class RankingBody(StrictBody):
    """How results are ranked."""

    ranker: Annotated[Ranker, AfterValidator(_spell_ranker)] | None = None
    score_threshold: (
        Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)] | None
    ) = None
    hybrid_search: HybridSearchBody | None = None


class SearchToolBody(StrictBody):
    """Search in vector stores."""

    type: Literal["file_search"]
    vector_store_ids: Annotated[Many[str], Field(min_length=1)]
    max_num_results: Annotated[int, Field(strict=True, ge=1, le=50)] | None = None
    ranking_options: RankingBody | None = None
    filters: JsonObject | None = None

    def tool(self) -> FileSearchTool:
        """Return the tool as it stands on responses."""
        return FileSearchTool.model_validate(self.model_dump(exclude_none=True))


class RefusedToolBody(_LooseBody):
    """A tool that is not served."""

    type: str

    @model_validator(mode="after")
    def _refuse(self) -> "RefusedToolBody":
        raise _refuse_tool(self.type)

    def tool(self) -> FunctionTool:
        """Return nothing; there is no such tool."""
        raise NotImplementedError


def _refuse_tool(kind: str) -> Exception:
    names = ", ".join(f"'{name}'" for name in SERVED[:-1]) + f" and '{SERVED[-1]}'"
    if kind in _OTHERS:
        message = f"Hosted tool '{kind}' is not supported by this server; it serves {names}."
        return make_error(message, code="unsupported_value", member="type")
    message = f"Invalid value: '{kind[:64]}'. Supported values are: {names}."
    return make_error(message, member="type")


def _tell_tool(value: Any) -> str | None:
    if not isinstance(value, dict):
        return getattr(value, "type", None)
    kind = cast("dict[str, Any]", value).get("type")
    return kind if kind in SERVED or kind is None else "refused"


ToolBody: TypeAlias = Annotated[
    Annotated[CodeToolBody, Tag("code_interpreter")]
    | Annotated[FunctionToolBody, Tag("function")]
    | Annotated[SearchToolBody, Tag("file_search")]
    | Annotated[RefusedToolBody, Tag("refused")],
    Discriminator(_tell_tool),
]


class NamedToolBody(_LooseBody):
    """The choice of one tool."""

    type: str
    name: _Name | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> "NamedToolBody":
        if self.type not in SERVED:
            raise _refuse_tool(self.type)
        if self.type == "function" and self.name is None:
            raise make_error(
                "Missing required parameter: '{param}'.",
                code="missing_required_parameter",
                member="name",
            )
        return self

    def choice(self) -> NamedTool:
        """Return the choice as it stands on responses."""
        return NamedTool.model_validate(self.model_dump())


class AllowedToolsBody(_LooseBody):
    """The choice of some tools."""

    type: Literal["allowed_tools"]
    mode: Literal["auto", "required"]
    tools: Annotated[Many[NamedToolBody], Field(min_length=1, max_length=128)]

    def choice(self) -> AllowedTools:
        """Return the choice as it stands on responses."""
        return AllowedTools(mode=self.mode, tools=tuple(each.choice() for each in self.tools))


def _tell_choice(value: Any) -> str:
    if not isinstance(value, dict):
        return "word" if isinstance(value, str) else getattr(value, "type", "named")
    is_some = cast("dict[str, Any]", value).get("type") == "allowed_tools"
    return "allowed_tools" if is_some else "named"


ToolChoiceBody: TypeAlias = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("word")]
    | Annotated[AllowedToolsBody, Tag("allowed_tools")]
    | Annotated[NamedToolBody, Tag("named")],
    Discriminator(_tell_choice),
]


def _find_looseness(schema: Any, path: str = "the schema") -> str:
    """Return why a schema does not qualify as strict; empty if it does (every object lists all it has)."""
    if not isinstance(schema, dict):
        return ""
    known = cast("dict[str, Any]", schema)
    properties = known.get("properties")
    if known.get("type") == "object" or properties is not None:
        named = cast("dict[str, Any]", properties) if isinstance(properties, dict) else {}
        if known.get("additionalProperties") is not False:
            return f"In {path}, 'additionalProperties' is required to be supplied and to be false."
        required = known.get("required", [])
        if not isinstance(required, list) or set(named) - set(cast("list[Any]", required)):
            return f"In {path}, 'required' is required to be an array of all keys in 'properties'."
        for name, each in named.items():
            if reason := _find_looseness(each, f"'{name}'"):
                return reason
    for each in (known.get("items"), *known.get("anyOf", ())):
        if reason := _find_looseness(each, path):
            return reason
    return ""
