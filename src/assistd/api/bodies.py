"""What all bodies share: they know every key they may have, and the limits of common fields."""

import json
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from assistd.api.framework.json_body import MAX_VALUES
from assistd.objects.vector_store import AUTO, ChunkingStrategy, StaticChunking

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
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Flag = Annotated[bool, Field(strict=True)]
Temperature = Annotated[float, Field(strict=True, ge=0, le=2, allow_inf_nan=False)]
TopP = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
FileIds = Annotated[list[str], Field(max_length=20)]


class Body(BaseModel):
    """A body knows every key it may have: a misspelt one is an error, not ignored."""

    max_values: ClassVar[int] = MAX_VALUES
    """How many values its JSON may have."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        str_min_length=0,  # any bound has pydantic look into strings: half a character is refused
    )

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
