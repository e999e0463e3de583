"""Bodies of vector stores, their files and batches."""

from collections.abc import Sized
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
)
from pydantic_core import PydanticKnownError

from assistd.api.bodies import MAX_TEXT, Body, ChunkingBody, ItemT, Many, Metadata, make_chunking
from assistd.engine.policy import Policy
from assistd.engine.vector_stores import stores
from assistd.engine.vector_stores.attaching import NewStoreFile
from assistd.errors import RequestError
from assistd.objects.vector_store import Attributes, ExpiresAfter, VectorStore

_FileId = Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00]*$")]
"""Any text that can stand in a row: a batch also has files that do not exist."""

_Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]


def _check_size(value: int) -> int:
    """Refuse an integer that other programs could not read as a number."""
    try:
        float(value)
    except OverflowError as error:
        raise ValueError("the number is too large") from error
    return value


_Value = (
    Annotated[str, StringConstraints(strict=True, max_length=512)]
    | Annotated[bool, Field(strict=True)]
    | Annotated[int, Field(strict=True), AfterValidator(_check_size)]
    | Annotated[float, Field(strict=True, allow_inf_nan=False)]
)


def _check_length(items: Sized, most: int) -> None:
    if len(items) > most:
        found = {"field_type": "List", "max_length": most, "actual_length": len(items)}
        raise PydanticKnownError("too_long", found)


def _check_first_files(items: list[ItemT], info: ValidationInfo) -> list[ItemT]:
    policy: Policy = info.context or Policy()
    _check_length(items, policy.store_first_files)
    return items


def _check_batch(items: list[ItemT], info: ValidationInfo) -> list[ItemT]:
    policy: Policy = info.context or Policy()
    _check_length(items, policy.batch_files)
    return items


def _check_pairs(value: Any) -> Any:
    """Refuse too many pairs before each of them is looked at."""
    if isinstance(value, dict):
        _check_length(cast("dict[str, Any]", value), 16)
    return value  # pyright: ignore[reportUnknownVariableType]


_Batch = Annotated[Many[ItemT], Field(min_length=1), AfterValidator(_check_batch)]
AttributesBody = Annotated[
    dict[Annotated[str, StringConstraints(max_length=64)], _Value],
    Field(fail_fast=True),
    BeforeValidator(_check_pairs),
]
"""Attributes of a file: strings, numbers and booleans (contract, file search, section 3)."""


class ExpiresAfterBody(Body):
    """How long a store lives without being used."""

    anchor: Literal["last_active_at"]
    days: Annotated[int, Field(strict=True, ge=1, le=365)]

    def make_policy(self) -> ExpiresAfter:
        """Return the policy as it stands on stores."""
        return ExpiresAfter(days=self.days)


class CreateStore(Body):
    """The body of POST /vector_stores."""

    file_ids: Annotated[Many[_FileId], AfterValidator(_check_first_files)] = []
    name: _Text | None = None
    description: _Text | None = None
    expires_after: ExpiresAfterBody | None = None
    chunking_strategy: ChunkingBody | None = None
    metadata: Metadata | None = None

    def make_store(self) -> VectorStore:
        """Return the store, still without its files."""
        return stores.make(
            name=self.name,
            description=self.description,
            expires_after=self.expires_after and self.expires_after.make_policy(),
            metadata=self.metadata,
        )

    def make_files(self) -> list[NewStoreFile]:
        """Return its first files; later ones are cut as they are told (contract, file search, trap 28)."""
        chunking = make_chunking(self.chunking_strategy)
        return [NewStoreFile(each, chunking=chunking) for each in self.file_ids]


class ModifyStore(Body):
    """The body of POST /vector_stores/{id}."""

    name: _Text | None = None
    expires_after: ExpiresAfterBody | None = None
    metadata: Metadata | None = None

    def apply(self, store: VectorStore) -> VectorStore:
        """Return the store with what was sent; null takes the policy away (contract, file search, trap 38)."""
        changes = self.get_sent("name")
        if "metadata" in self.model_fields_set:
            changes["metadata"] = self.metadata or {}
        changed = store.evolve(**changes)
        if "expires_after" in self.model_fields_set:
            return changed.change_expiry(self.expires_after and self.expires_after.make_policy())
        return changed


class AttachFile(Body):
    """The body of POST /vector_stores/{id}/files, and one of the `files` of a batch."""

    file_id: _FileId
    attributes: AttributesBody | None = None
    chunking_strategy: ChunkingBody | None = None

    def make_file(self) -> NewStoreFile:
        """Return the file as it is to be attached."""
        chunking = make_chunking(self.chunking_strategy)
        return NewStoreFile(self.file_id, self.attributes, chunking)


class ModifyFile(Body):
    """The body of POST /vector_stores/{id}/files/{file_id}: all attributes anew; null is none."""

    attributes: AttributesBody | None

    @property
    def wanted(self) -> Attributes:
        """The attributes that the file is to have."""
        return self.attributes or {}


class CreateBatch(Body):
    """The body of POST /vector_stores/{id}/file_batches."""

    max_values = 50_000  # each file may have all its attributes

    file_ids: _Batch[_FileId] | None = None
    files: _Batch[AttachFile] | None = None
    attributes: AttributesBody | None = None
    chunking_strategy: ChunkingBody | None = None

    def make_files(self) -> list[NewStoreFile]:
        """Return the files; what is said of all is said of `file_ids` only (contract, file search, trap 27).

        Raises:
            RequestError: both lists were sent, or none.
        """
        if (self.file_ids is None) == (self.files is None):
            raise RequestError(
                "Exactly one of the parameters 'file_ids' and 'files' must be sent.",
                param="file_ids",
            )
        if self.files is not None:
            return [each.make_file() for each in self.files]
        chunking = make_chunking(self.chunking_strategy)
        return [NewStoreFile(each, self.attributes, chunking) for each in self.file_ids or ()]
