"""Bodies of tools: what may be used, which files, which one, and in which form to answer."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from assistd.api.bodies import (
    Body,
    ChunkingBody,
    FileIds,
    Flag,
    HybridSearchBody,
    JsonObject,
    Many,
    Metadata,
    Ranker,
    make_chunking,
)
from assistd.engine.assistants.stores import NewStore
from assistd.engine.vector_stores import stores
from assistd.engine.vector_stores.attaching import NewStoreFile
from assistd.errors import RequestError
from assistd.objects.base import CodeFiles, ToolResources
from assistd.objects.tools import (
    CodeInterpreterTool,
    FileSearchSettings,
    FileSearchTool,
    FunctionDefinition,
    FunctionTool,
    NamedFunction,
    NamedTool,
    RankingOptions,
    Tool,
)
from assistd.objects.vector_store import ExpiresAfter


class CodeInterpreterBody(Body):
    """Enables the code interpreter."""

    type: Literal["code_interpreter"]

    def tool(self) -> CodeInterpreterTool:
        """Return the tool as it stands on objects."""
        return CodeInterpreterTool()


def _spell_ranker(name: str) -> str:
    """Return the name of a ranker as this API spells it (file search, trap 9)."""
    return {"default-2024-11-15": "default_2024_08_21", "none": "auto"}.get(name, name)


class RankingBody(Body):
    """How results of a search are ranked."""

    ranker: Annotated[Ranker, AfterValidator(_spell_ranker)] | None = None
    score_threshold: Annotated[float, Field(strict=True, ge=0, le=1)] | None = None
    hybrid_search: HybridSearchBody | None = None

    def options(self) -> RankingOptions:
        """Return the options as they stand on objects."""
        return RankingOptions(**self.model_dump(exclude_none=True))


class FileSearchFields(Body):
    """How many results a search gives."""

    max_num_results: Annotated[int, Field(strict=True, ge=1, le=50)] | None = None
    ranking_options: RankingBody | None = None


class FileSearchBody(Body):
    """Enables file search."""

    type: Literal["file_search"]
    file_search: FileSearchFields | None = None

    def tool(self) -> FileSearchTool:
        """Return the tool as it stands on objects, with its defaults filled in (file search, trap 10)."""
        given = self.file_search or FileSearchFields()
        ranking = given.ranking_options.options() if given.ranking_options else RankingOptions()
        return FileSearchTool(
            file_search=FileSearchSettings(
                max_num_results=given.max_num_results, ranking_options=ranking
            )
        )


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
Tools = Annotated[Many[ToolBody], Field(max_length=128)]


def tools_of(bodies: list[ToolBody] | None) -> tuple[Tool, ...]:
    """Return the tools as they stand on objects."""
    return tuple(body.tool() for body in bodies or ())


class CodeFilesBody(Body):
    """Files for the code interpreter."""

    file_ids: FileIds = []


class NewStoreBody(Body):
    """A vector store that is made together with what it is for."""

    file_ids: Annotated[Many[str], Field(max_length=500)] = []
    chunking_strategy: ChunkingBody | None = None
    metadata: Metadata | None = None

    def make(self, expires_after: ExpiresAfter | None) -> NewStore:
        """Return the store with its first files."""
        chunking = make_chunking(self.chunking_strategy)
        return NewStore(
            stores.make(expires_after=expires_after, metadata=self.metadata),
            tuple(NewStoreFile(each, chunking=chunking) for each in self.file_ids),
        )


class SearchStoresBody(Body):
    """Vector stores for file search: one that there is, or one to be made."""

    vector_store_ids: Annotated[Many[str], Field(max_length=1)] | None = None
    vector_stores: Annotated[Many[NewStoreBody], Field(max_length=1)] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if self.vector_store_ids and self.vector_stores:
            raise ValueError("only one of 'vector_store_ids' and 'vector_stores' can be sent")
        return self


class ToolResourcesBody(Body):
    """What tools may use."""

    code_interpreter: CodeFilesBody | None = None
    file_search: SearchStoresBody | None = None

    def make(
        self, resources: ToolResources, expires_after: ExpiresAfter | None = None
    ) -> tuple[ToolResources, NewStore | None]:
        """Return the resources, changed as by `over`, and the vector store that is to be made, if one is.

        Args:
            resources: what is changed.
            expires_after: how long the store lives without being used; None: for ever.
        """
        search = self.file_search or SearchStoresBody()
        if self.code_interpreter is not None:
            files = CodeFiles(file_ids=tuple(self.code_interpreter.file_ids))
            resources = resources.evolve(code_interpreter=files)
        if search.vector_stores:
            new = search.vector_stores[0].make(expires_after)
            return resources.with_stores([new.store.id]), new
        if search.vector_store_ids is not None:
            resources = resources.with_stores(search.vector_store_ids)
        return resources, None

    def over(self, resources: ToolResources) -> ToolResources:
        """Return the resources, changed for the tools that are named: each has its own list to override.

        Raises:
            RequestError: a store is to be made, of what is there already (file search, trap 37).
        """
        changed, store = self.make(resources)
        if store:
            param = "tool_resources.file_search.vector_stores"
            raise RequestError(
                f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter"
            )
        return changed


class NamedFunctionBody(Body):
    """The function a choice names."""

    name: str


class HostedChoiceBody(Body):
    """The choice of a tool that this server runs."""

    type: Literal["code_interpreter", "file_search"]

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


ToolChoiceBody = Annotated[HostedChoiceBody | FunctionChoiceBody, Field(discriminator="type")]


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
