"""Fixtures of the search index: one store after the other, and an embedder that needs no model."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pytest

from assistd.search import keywords
from assistd.search.index import schema
from assistd.search.index.postgres import PostgresStore
from assistd.search.index.sqlite import SqliteStore
from assistd.search.index.store import Store
from assistd.search.text_index import TextIndex

CACHE = 1 << 20


class WordEmbedder:
    """Texts are near where they have words in common: a vector counts words by their hash."""

    dimensions = 512

    def __init__(self, model: str = "words/1") -> None:
        self.model = model
        self.texts: list[str] = []

    async def embed(
        self, texts: Sequence[str], *, kind: Literal["passage", "query"]
    ) -> list[Sequence[float]]:
        if kind == "passage":
            self.texts += texts
        return [_count_words(text) for text in texts]

    def score(self, cosine: float) -> float:
        return max(0.0, cosine)


def _count_words(text: str) -> list[float]:
    counts = [0.001] * WordEmbedder.dimensions
    for term in keywords.cut_terms(text):
        counts[int.from_bytes(hashlib.sha256(term.encode()).digest()[:4]) % len(counts)] += 1
    norm = math.sqrt(sum(count * count for count in counts))
    return [count / norm for count in counts]


@pytest.fixture(params=["sqlite", "pgvector", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each store that an index can be kept in; `postgres` is a server without pgvector."""
    if request.param == "sqlite":
        opened = SqliteStore(tmp_path / "search", CACHE)
    else:
        url = request.getfixturevalue("backends").new_database()
        if request.param == "postgres":
            request.getfixturevalue("monkeypatch").setattr(
                schema, "_create_extension", lambda _connection: False
            )
        opened = PostgresStore(url, CACHE)
    yield opened
    opened.close()


@pytest.fixture
def embedder() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture
def index(store: Store, embedder: WordEmbedder) -> TextIndex:
    return TextIndex(store, embedder)
