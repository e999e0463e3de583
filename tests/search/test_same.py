"""SQLite and PostgreSQL, with pgvector and without, find the same and rate it alike."""

from pathlib import Path

import pytest

from assistd.extracted_text import ExtractedText
from assistd.search.base import Searchable
from assistd.search.index import schema
from assistd.search.index.postgres import PostgresStore
from assistd.search.index.sqlite import SqliteStore
from assistd.search.index.store import Store
from assistd.search.text_index import TextIndex
from tests.live.backends import Backends
from tests.search.conftest import CACHE, WordEmbedder

pytestmark = pytest.mark.anyio

_ROOT = Path(__file__).parents[2]
_CHINESE = """
升级系统之前，请先备份重要数据。使用 apt update 获取软件包列表，然后运行 apt upgrade 安装新版本。
如果下载速度很慢，可以在 sources.list 中更换镜像站点。安全更新由安全团队维护，应当尽快安装。
内核由单独的软件包提供。重新启动计算机之后，新的内核才会生效。旧的内核可以用 apt autoremove 删除。
代码解释器在隔离的环境中运行程序，无法访问网络，运行时间和内存都有限制。
向量数据库保存文件的片段，搜索时同时使用关键词和语义两种方式，结果按照得分排列。
"""
QUERIES = [
    "How does the server decide which process runs a run?",
    "leases of runs",
    "升级系统",
    "内核 重新启动",
    "搜索向量数据库的方式",
    "sandbox memory limit",
    "sqlite3",
    "the server",
    "what is in none of them: zxqvw",
]


async def test_all_stores_find_the_same(
    tmp_path: Path, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {
        page.name: page.read_text() for page in sorted((_ROOT / "docs/decisions").glob("00[0-3]*"))
    }
    texts["chinese"] = _CHINESE
    stores: list[Store] = [SqliteStore(tmp_path, CACHE)]
    stores.append(PostgresStore(backends.new_database(), CACHE))
    stores[1].find_texts("proj_1", [])  # makes the tables
    monkeypatch.setattr(schema, "_create_extension", lambda _connection: False)
    stores.append(PostgresStore(backends.new_database(), CACHE))
    for embedder in (WordEmbedder(), None):
        found = [await _search_all(TextIndex(store, embedder), texts) for store in stores]
        for query, first, *others in zip(QUERIES, *found, strict=True):
            for other in others:
                assert other.keys() == first.keys(), query
                assert all(abs(other[key] - score) < 0.02 for key, score in first.items()), query
    for store in stores:
        store.close()


async def _search_all(
    index: TextIndex, texts: dict[str, str]
) -> list[dict[tuple[str, int], float]]:
    for key, text in texts.items():
        await index.add_text("proj_1", key, ExtractedText(text))
        await index.embed_text("proj_1", key)
    files = [Searchable(key, 200, 100) for key in texts]
    found = [await index.search("proj_1", [query], files, limit=8) for query in QUERIES]
    assert sum(map(len, found)) > 40
    return [{(hit.searchable.text_key, hit.start): hit.score for hit in hits} for hits in found]
