"""Where there are many vectors, pgvector's index finds the nearest."""

import pytest
from sqlalchemy import create_engine

from assistd.extracted_text import ExtractedText
from assistd.search.base import Searchable
from assistd.search.index import pgvector
from assistd.search.index.postgres import PostgresStore
from assistd.search.text_index import TextIndex
from tests.live.backends import Backends
from tests.search.conftest import CACHE, WordEmbedder

pytestmark = pytest.mark.anyio


async def test_the_index_is_built_and_finds_what_comparing_each_finds(
    backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = backends.new_database()
    store = PostgresStore(url, CACHE)
    index = TextIndex(store, WordEmbedder("o'clock/100%"))
    files = [Searchable(f"t{number}") for number in range(40)]

    async def search() -> list[tuple[str, float]]:
        hits = await index.search("proj_1", ["topic7 in a text"], files, limit=5)
        return [(hit.searchable.text_key, round(hit.score, 2)) for hit in hits]

    for file in files:
        text = f"This text is about {file.text_key.replace('t', 'topic')}. "
        await index.add_text("proj_1", file.text_key, ExtractedText(text * 30))
        await index.embed_text("proj_1", file.text_key)
    exact = await search()
    monkeypatch.setattr(pgvector, "_EXACT", 20)
    await index.embed_text("proj_1", "t1")
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'assistd_search' AND indexdef LIKE '%%hnsw%%'"
        ).all()
    engine.dispose()
    assert len(found) == 1
    assert await search() == exact
    store.close()
