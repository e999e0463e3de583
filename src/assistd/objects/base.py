"""What all API objects share: they are frozen, and have one form over REST and one in a stream."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

Metadata = dict[str, str]
Timestamp = Annotated[int, Field(description="Unix seconds")]


class Object(BaseModel):
    """A frozen value; `evolve` makes a changed copy."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def rest(self) -> str:
        """Return the object as JSON over REST: indented by two spaces, as recorded (contract section 1)."""
        return self.model_dump_json(indent=2)

    def sse(self) -> str:
        """Return the object as one line of JSON, the data of an event (contract section 6)."""
        return self.model_dump_json()

    def evolve(self, **changes: object) -> Self:
        """Return a copy with some fields changed; the values are not validated."""
        return self.model_copy(update=changes)


class Sparse(Object):
    """A part of an object; members that are not set are absent on the wire, not null."""

    @model_serializer(mode="wrap")
    def _without_nulls(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}


class CodeFiles(Object):
    """The files of the code interpreter: ids only."""

    file_ids: tuple[str, ...] = ()


class SearchStores(Object):
    """The vector stores of file search: ids only."""

    vector_store_ids: tuple[str, ...] = ()


class ToolResources(Sparse):
    """What tools may use; a tool that is not enabled is absent (contract section 4)."""

    code_interpreter: CodeFiles | None = None
    file_search: SearchStores | None = None

    @property
    def file_ids(self) -> tuple[str, ...]:
        """The ids of the code interpreter's files."""
        return self.code_interpreter.file_ids if self.code_interpreter else ()

    @property
    def store_ids(self) -> tuple[str, ...]:
        """The ids of the vector stores of file search."""
        return self.file_search.vector_store_ids if self.file_search else ()

    def with_stores(self, store_ids: Sequence[str]) -> Self:
        """Return the resources with these vector stores."""
        return self.evolve(file_search=SearchStores(vector_store_ids=tuple(store_ids)))

    def name_file_search(self) -> Self:
        """Return the form that names file search even if it has no stores."""
        return self if self.file_search else self.evolve(file_search=SearchStores())

    def name_code_interpreter(self) -> Self:
        """Return the form that names the code interpreter even if it has no files."""
        return self if self.code_interpreter else self.evolve(code_interpreter=CodeFiles())
