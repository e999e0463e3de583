"""What every index promises, whatever database it is kept in."""

import pytest

from assistd.extracted_text import ExtractedText, TextPage
from assistd.search.base import Hit, Searchable
from assistd.search.index.store import Store
from assistd.search.text_index import TextIndex
from tests.search.conftest import WordEmbedder

pytestmark = pytest.mark.anyio

TEXTS = {
    "food": "Filip likes cake. Filip never eats tacos. " * 3,
    "system": "如何升级系统？请运行 apt upgrade 命令。升级之前先备份数据。",
    "long": "".join(f"Line {n} is about topic{n} and nothing else at all.\n" for n in range(400)),
}


async def fill(index: TextIndex, project: str = "proj_1") -> list[Searchable]:
    for key, text in TEXTS.items():
        await index.add_text(project, key, ExtractedText(text))
        await index.embed_text(project, key)
    return [Searchable(key) for key in TEXTS]


def keys(hits: list[Hit]) -> list[str]:
    return [hit.searchable.text_key for hit in hits]


async def test_a_text_is_read_as_it_was_added(index: TextIndex) -> None:
    text = ExtractedText(
        "Eins.\nZwei. 三。\x01 \U0001f600", (TextPage(7, 0, 6), TextPage(8, 6, 20))
    )
    await index.add_text("proj_1", "a", text)
    await index.add_text("proj_1", "a", ExtractedText("another"))
    assert await index.read_text("proj_1", "a") == text
    assert await index.has_text("proj_1", "a")
    assert not await index.has_text("proj_2", "a")
    assert await index.read_text("proj_2", "a") is None
    assert await index.find_missing("proj_1", {"a", "b"}) == {"b"}
    assert await index.find_missing("proj_2", {"a"}) == {"a"}


async def test_what_no_database_keeps_is_replaced_in_its_place(index: TextIndex) -> None:
    await index.add_text("proj_1", "a", ExtractedText("a\0b\ud800c"))
    assert await index.read_text("proj_1", "a") == ExtractedText("a\ufffdb?c")


async def test_an_empty_text_has_no_chunks(index: TextIndex) -> None:
    await index.add_text("proj_1", "a", ExtractedText(""))
    await index.embed_text("proj_1", "a")
    assert await index.read_text("proj_1", "a") == ExtractedText("")
    assert await index.count_chunks("proj_1", Searchable("a")) == 0
    assert await index.search("proj_1", ["anything"], [Searchable("a")], limit=5) == []


async def test_the_best_chunk_comes_first(index: TextIndex) -> None:
    files = await fill(index)
    hits = await index.search("proj_1", ["What cake does Filip like?"], files, limit=10)
    assert keys(hits)[0] == "food"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(0 <= hit.score <= 1 for hit in hits)
    assert keys(await index.search("proj_1", ["升级"], files, limit=10))[0] == "system"
    [best, *_] = await index.search("proj_1", ["topic333"], files, limit=1)
    assert "about topic333 " in best.text
    assert best.text == TEXTS["long"][best.start : best.end]


async def test_only_what_is_named_is_found(index: TextIndex) -> None:
    await fill(index)
    await fill(index, "proj_2")
    found = await index.search("proj_1", ["Filip cake"], [Searchable("system")], limit=10)
    assert set(keys(found)) <= {"system"}
    assert await index.search("proj_1", ["Filip"], [], limit=10) == []
    assert await index.search("proj_1", ["Filip"], [Searchable("unknown")], limit=10) == []


async def test_several_queries_are_folded(index: TextIndex) -> None:
    files = await fill(index)
    hits = await index.search("proj_1", ["Filip cake", "升级系统"], files, limit=10)
    assert set(keys(hits)[:2]) == {"food", "system"}
    assert len({(hit.searchable, hit.start) for hit in hits}) == len(hits)


async def test_a_file_given_twice_is_answered_twice(index: TextIndex) -> None:
    await fill(index)
    small = Searchable("long", 100, 0)
    files = [Searchable("long"), small, Searchable("food"), Searchable("food")]
    hits = await index.search("proj_1", ["topic7 nothing"], files, limit=4)
    assert {hit.searchable for hit in hits[:2]} == {Searchable("long"), small}
    hits = await index.search("proj_1", ["Filip cake"], files, limit=4)
    assert keys(hits)[:2] == ["food", "food"]


async def test_chunks_are_as_long_as_asked(index: TextIndex) -> None:
    await fill(index)
    default, apart, long, short = [
        await index.count_chunks("proj_1", Searchable("long", *each))
        for each in ((800, 400), (800, 0), (4096, 0), (100, 50))
    ]
    assert short > default > apart > long > 1


async def test_a_hit_names_the_page_of_its_best_passage(index: TextIndex) -> None:
    pages: list[TextPage] = []
    text = ""
    for number in range(1, 31):
        part = f"Page about subject{number}. " + "Filler words stand here. " * 20 + "\n"
        pages.append(TextPage(number, len(text), len(text) + len(part)))
        text += part
    await index.add_text("proj_1", "a", ExtractedText(text, tuple(pages)))
    for number in (1, 17, 30):
        [hit] = await index.search("proj_1", [f"subject{number}"], [Searchable("a")], limit=1)
        assert hit.page == number
        assert f"subject{number}." in hit.text


async def test_keywords_find_before_there_are_vectors(index: TextIndex) -> None:
    for key, text in TEXTS.items():
        await index.add_text("proj_1", key, ExtractedText(text))
    files = [Searchable(key) for key in TEXTS]
    hits = await index.search("proj_1", ["Filip cake"], files, limit=10)
    assert keys(hits) == ["food"]
    assert hits[0].score > 0.5


async def test_each_batch_of_vectors_is_made_once(index: TextIndex, embedder: WordEmbedder) -> None:
    await fill(index)
    made = len(embedder.texts)
    await fill(index)
    assert len(embedder.texts) == made > 16


async def test_another_model_has_vectors_of_its_own(store: Store, index: TextIndex) -> None:
    files = await fill(index)
    other = WordEmbedder("words/2")
    another = TextIndex(store, other)
    hits = await another.search("proj_1", ["Filip cake"], files, limit=10)
    assert keys(hits) == ["food"]  # by keywords: there is no vector of this model
    await another.embed_text("proj_1", "food")
    assert other.texts
    hits = await another.search("proj_1", ["Filip cake"], files, limit=10)
    assert set(keys(hits)) == {"food"}


async def test_what_is_not_retained_is_gone(index: TextIndex) -> None:
    files = await fill(index)
    await index.search("proj_1", ["Filip cake"], files, limit=10)
    await index.retain("proj_1", ["system", "long"])
    assert not await index.has_text("proj_1", "food")
    hits = await index.search("proj_1", ["Filip cake"], files, limit=10)
    assert "food" not in keys(hits)
    await fill(index)
    assert keys(await index.search("proj_1", ["Filip cake"], files, limit=10))[0] == "food"


async def test_a_deleted_project_is_gone(index: TextIndex) -> None:
    files = await fill(index)
    await fill(index, "proj_2")
    await index.delete_project("proj_1")
    assert await index.search("proj_1", ["Filip cake"], files, limit=10) == []
    assert await index.search("proj_2", ["Filip cake"], files, limit=10)
