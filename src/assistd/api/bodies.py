"""What all bodies share: they know every key they may have, and the limits of common fields."""

import json
from typing import Annotated, Any, ClassVar, Literal, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from assistd.api.framework.json_body import MAX_VALUES
from assistd.api.validation import make_error
from assistd.objects.tools import HybridSearch
from assistd.objects.vector_store import AUTO, ChunkingStrategy, StaticChunking

Ranker = Literal["none", "auto", "default-2024-11-15", "default_2024_08_21"]
"""How a ranker may be named, at any door: there is one, which every name stands for (file search, trap 9)."""

MAX_TEXT = 256_000

_MAX_DEPTH = 64
_MAX_UNKNOWN = 20  # members of an object; pydantic tells of each


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


ItemT = TypeVar("ItemT")

Many = Annotated[list[ItemT], Field(fail_fast=True)]
"""A list that is read until the first wrong item: to tell of 20,000 would take 60 ms, and one is told."""

JsonObject = Annotated[dict[str, Any], Field(fail_fast=True), AfterValidator(_encodable)]
Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(max_length=64)],
        Annotated[str, StringConstraints(max_length=512)],
    ],
    Field(max_length=16, fail_fast=True),
]
Instructions = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Flag = Annotated[bool, Field(strict=True)]
Temperature = Annotated[float, Field(strict=True, ge=0, le=2, allow_inf_nan=False)]
TopP = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
FileIds = Annotated[Many[str], Field(max_length=20)]


class Body(BaseModel):
    """A body knows every key it may have: a misspelt one is an error, not ignored."""

    max_values: ClassVar[int] = MAX_VALUES
    """How many values its JSON may have."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        str_min_length=0,  # any bound has pydantic look into strings: half a character is refused
    )

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, sent: Any) -> Any:
        """Refuse an object with too many members at the first that is unknown."""
        members = list(cast("dict[str, Any]", sent)) if isinstance(sent, dict) else []
        if len(members) > len(cls.model_fields) + _MAX_UNKNOWN:
            known = {field.alias or name for name, field in cls.model_fields.items()}
            if cls.model_config.get("extra") == "forbid":
                unknown = next(name for name in members if name not in known)
                cls._refuse_name(unknown.encode("utf-8", "replace").decode()[:64])
        return sent  # pyright: ignore[reportUnknownVariableType]

    @classmethod
    def _refuse_name(cls, name: str) -> None:
        """Raise the error of an unknown member."""
        message = "Unknown parameter: '{param}'."
        raise make_error(message, code="unknown_parameter", member=name)

    def get_sent(self, *names: str) -> dict[str, Any]:
        """Return those of the named fields that the client sent, null or not."""
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}


class ModifyMetadata(Body):
    """The body of POST on a message or a run: only its metadata changes."""

    metadata: Metadata | None = None

    @property
    def wanted(self) -> dict[str, str] | None:
        """The new metadata, none for null; None where the body does not speak of it."""
        return (self.metadata or {}) if "metadata" in self.model_fields_set else None


_Weight = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]


class HybridSearchBody(Body):
    """How much nearness in meaning and the words of a query count (contract, file search, section 3)."""

    embedding_weight: _Weight
    text_weight: _Weight

    @field_validator("text_weight")
    @classmethod
    def _check_weights(cls, weight: float, info: ValidationInfo) -> float:
        if not weight and info.data.get("embedding_weight") == 0:
            raise ValueError("it must not be 0 if 'embedding_weight' is 0, too")
        return weight

    def options(self) -> HybridSearch:
        """Return the weights as they stand on objects."""
        return HybridSearch(**self.model_dump())


class StaticFields(Body):
    """The size of chunks, in tokens; both numbers must be given (contract, file search, section 3)."""

    max_chunk_size_tokens: Annotated[int, Field(strict=True, ge=100, le=4096)]
    chunk_overlap_tokens: Annotated[int, Field(strict=True, ge=0)]

    @field_validator("chunk_overlap_tokens")
    @classmethod
    def _check_overlap(cls, overlap: int, info: ValidationInfo) -> int:
        most = info.data.get("max_chunk_size_tokens")
        if most is not None and overlap > most // 2:
            raise ValueError(f"it must not exceed half of 'max_chunk_size_tokens', which is {most}")
        return overlap


class StaticChunkingBody(Body):
    """Files are cut as the client says."""

    type: Literal["static"]
    static: StaticFields


class AutoChunkingBody(Body):
    """Files are cut as it suits the server."""

    type: Literal["auto"]


ChunkingBody = Annotated[AutoChunkingBody | StaticChunkingBody, Field(discriminator="type")]
"""How files of a vector store are cut."""


def make_chunking(body: AutoChunkingBody | StaticChunkingBody | None) -> ChunkingStrategy:
    """Return the strategy that stands on files; nothing means `auto` (contract, file search, trap 4)."""
    if isinstance(body, StaticChunkingBody):
        return ChunkingStrategy(static=StaticChunking(**body.static.model_dump()))
    return AUTO
