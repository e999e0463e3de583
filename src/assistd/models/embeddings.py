"""Embeddings of an upstream: how its models are asked, and what their cosines mean."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ValidationError

from assistd.models.base import ModelError

if TYPE_CHECKING:
    from assistd.models.upstream.connection import Upstream  # as in `chat_completions.py`

MOST_TEXTS = 64
"""Of one request."""


@dataclass(frozen=True, slots=True)
class _Family:
    """Models that are asked alike.

    Args:
        name: a part of their names.
        query: what stands before a question.
        passage: what stands before a text that may answer it.
        nothing: the cosine of two texts that have nothing in common.
        range: how far above it that of a question and its answer is.
    """

    name: str
    query: str = ""
    passage: str = ""
    nothing: float = 0.2
    range: float = 0.6


_FAMILIES = (
    _Family("e5-", "query: ", "passage: ", 0.75, 0.20),
    _Family("nomic-embed", "search_query: ", "search_document: ", 0.45, 0.40),
    _Family("text-embedding-3", nothing=0.10, range=0.55),
    _Family("ada-002", nothing=0.70, range=0.20),
    _Family("bge", nothing=0.35, range=0.45),
    _Family(""),
)


class _Vector(BaseModel):
    index: int
    embedding: list[float]


class _Vectors(BaseModel):
    data: list[_Vector]


class UpstreamEmbedder:
    """One embedding model of an upstream; it is an `Embedder` of search.

    Args:
        upstream: who is asked; closed by others.
        model: its name there.
    """

    def __init__(self, upstream: "Upstream", model: str) -> None:
        self._upstream = upstream
        self._name = model
        self._family = next(each for each in _FAMILIES if each.name in model.lower())
        self._dimensions = 0

    @property
    def model(self) -> str:
        """Names model and form of its input; vectors of different names are never compared."""
        return f"upstream/{self._name}/1"

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has; 0 before the first one came."""
        return self._dimensions

    async def embed(
        self, texts: Sequence[str], *, kind: Literal["passage", "query"]
    ) -> list[Sequence[float]]:
        """Return a vector of unit length for each text.

        Raises:
            ModelError: the upstream fails, after the retries.
        """
        prefix = self._family.query if kind == "query" else self._family.passage
        vectors: list[Sequence[float]] = []
        for at in range(0, len(texts), MOST_TEXTS):
            part = [prefix + (text.strip() or ".") for text in texts[at : at + MOST_TEXTS]]
            body = {"model": self._name, "input": part}
            response = await self._upstream.post("/embeddings", body)
            vectors += await asyncio.to_thread(_read, response, len(part))
        if vectors:
            self._dimensions = len(vectors[0])
        return vectors

    def score(self, cosine: float) -> float:
        """Return how near two texts are, from 0 to 1, by the cosine of their vectors."""
        return min(1.0, max(0.0, (cosine - self._family.nothing) / self._family.range))


def _read(response: bytes, count: int) -> list[Sequence[float]]:
    try:
        found = sorted(_Vectors.model_validate_json(response).data, key=lambda each: each.index)
    except ValidationError as error:
        raise _explain_nonsense() from error
    lengths = {len(each.embedding) for each in found}
    if len(found) != count or len(lengths) != 1 or 0 in lengths:
        raise _explain_nonsense()
    return [_normalize(each.embedding) for each in found]


def _normalize(vector: list[float]) -> list[float]:
    norm = sum(number * number for number in vector) ** 0.5 or 1.0
    return [number / norm for number in vector]


def _explain_nonsense() -> ModelError:
    return ModelError("server_error", "The model's upstream did not send a vector for each text.")
