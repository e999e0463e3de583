"""Citations of search results are found while text streams."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistd.engine.annotations.citations import CitationFinder, Source
from assistd.engine.annotations.links import LinkFinder, Piece

FOODS = Source(4, 0, "file-foods", "favorite_foods.txt", "Filip Carola: cake")
NOTES = Source(4, 1, "file-notes", "a】.md", "Notes.")
CHINESE = Source(4, 2, "file-zh", "年度报告.pdf", "營收成長")
LATER = Source(8, 0, "file-foods", "favorite_foods.txt", "Summanus Ferdinand: tacos")
SOURCES = (FOODS, NOTES, CHINESE, LATER)

NEAR_MISSES = [
    "[4:0]",
    "[4:0†x]",
    "[4:0†favorite_foods.txt]",
    "【4:0】",
    "【4\uff1a0†favorite_foods.txt】",
    "【 4:0 † favorite_foods.txt 】",
    "〖4:0†source〗",
    "\uff3b4:0\uff3d",
    "【4:0†source】",
    "【4:0†favorite_foods.txt]",
]
PARTS = st.sampled_from(
    [
        *(each.marker for each in SOURCES),
        *NEAR_MISSES,
        "【9:9†gone.md】",
        "【0】",
        "【0†x】",
        "【4:0, 4:2】",
        "【年度报告.pdf】",
        "[年度报告.pdf]",
        "[年度报告.pdf](https://a.example)",
        "【重要通知】",
        "【4:0†favo",
        "【",
        "[",
        "]",
        "】",
        "(",
        "†",
        "4:0",
        "4",
        " ",
        "\n",
        "`",
        "\n```\n",
        "😀",
        "蛋糕",
        "Filip likes cake",
        "[12:30]",
        "sandbox:/mnt/data/x.csv",
        "x" * 330,
    ]
)


def find(*deltas: str, sources: tuple[Source, ...] = SOURCES) -> list[Piece]:
    finder = CitationFinder(sources)
    pieces = [piece for delta in deltas for piece in finder.feed(delta)]
    return pieces + finder.end()


def read(*deltas: str, sources: tuple[Source, ...] = SOURCES) -> tuple[str, list[str]]:
    pieces = find(*deltas, sources=sources)
    text = "".join(piece.text for piece in pieces)
    for piece in pieces:
        if note := piece.annotation:
            assert text[note.start_index : note.end_index] == note.text == piece.text
    return text, [
        piece.annotation.file_citation.file_id
        for piece in pieces
        if piece.annotation and piece.annotation.type == "file_citation"
    ]


def test_a_marker_comes_whole_with_its_annotation() -> None:
    deltas = ["Cake", "【", "4", ":", "0", "†", "favorite", "_foods.txt", "】", "."]
    pieces = find(*deltas)
    assert [piece.text for piece in pieces] == ["Cake", FOODS.marker, "."]
    assert pieces[1].annotation == FOODS.cite(4).annotation
    assert pieces[1].annotation
    assert pieces[1].annotation.model_dump() == {
        "type": "file_citation",
        "text": "【4:0†favorite_foods.txt】",
        "start_index": 4,
        "end_index": 28,
        "file_citation": {"file_id": "file-foods"},
    }


@pytest.mark.parametrize("written", NEAR_MISSES)
def test_a_near_miss_becomes_the_marker(written: str) -> None:
    assert read(f"😀 蛋糕{written}。") == (f"😀 蛋糕{FOODS.marker}。", ["file-foods"])


@pytest.mark.parametrize(
    ("written", "markers"),
    [
        ("【4:0, 4:2】", (FOODS, CHINESE)),
        ("【4:0†favorite_foods.txt\uff0c4:2†年度报告.pdf】", (FOODS, CHINESE)),
        ("【4:0†a】【4:2†b】", (FOODS, CHINESE)),
        ("【0】", (LATER,)),
        ("【0†x】", (LATER,)),
        ("【年度报告.pdf】", (CHINESE,)),
        ("[年度报告.pdf]", (CHINESE,)),
        ("【7:7†年度报告.pdf】", (CHINESE,)),
        ("【4:0†年度报告.pdf】", (CHINESE,)),
        ("【4:1†a_.md】", (NOTES,)),
        ("【4:1†a】.md】", (NOTES, ".md】")),
    ],
)
def test_what_is_meant_is_cited(written: str, markers: tuple[Source | str, ...]) -> None:
    expected = "".join(each if isinstance(each, str) else each.marker for each in markers)
    text, cited = read(f"So it is {written}")
    assert text == f"So it is {expected}"
    assert cited == [each.file_id for each in markers if isinstance(each, Source)]


@pytest.mark.parametrize(
    "written", ["【9:9†gone.md】", "【4:9】", "[4:9†x]", "【9†x】", "【†x】", "【4:", "【9:9†"]
)
def test_what_fits_no_result_is_taken_out(written: str) -> None:
    assert read(f"So it is{written}") == ("So it is", [])


@pytest.mark.parametrize(
    "text",
    [
        "[12:30] Ada: hello",
        "at [12:30] she said",
        "【重要通知】請看",
        "a [link](https://a.example) and [favorite_foods.txt](sandbox:/mnt/data/favorite_foods.txt)",
        "【1】概述\n【12:30】會議",
        "`x[4:0]` and\n```python\nx[4:0]\ny = a[0]\n```\n",
        "a[0] and b[1] are [2]",
        "a footnote [†]",
        "【",
        "【" + "x" * 400 + "】",
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    assert read(text) == (text, [])
    assert read(*text) == (text, [])


def test_text_that_cannot_become_a_marker_is_not_held() -> None:
    finder = CitationFinder(SOURCES)
    assert finder.feed("see [li") == [Piece("see [li")]
    assert finder.feed("nk] 【重") == [Piece("nk] 【重")]
    assert finder.feed("要 [4") == [Piece("要 ")]


def test_a_marker_that_is_cut_off_is_completed() -> None:
    assert read("cake【4:0†favo") == (f"cake{FOODS.marker}", ["file-foods"])
    assert read("cake【4:0†favorite_foods.txt.\nMore") == (
        f"cake{FOODS.marker}.\nMore",
        ["file-foods"],
    )


def test_without_results_no_marker_stays() -> None:
    assert read("cake【4:0†favorite_foods.txt】.", sources=()) == ("cake.", [])


@given(st.lists(PARTS, max_size=8), st.lists(st.integers(0, 400), max_size=6))
def test_the_split_of_the_text_changes_nothing(parts: list[str], cuts: list[int]) -> None:
    text = "".join(parts)
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    deltas = [text[start:end] for start, end in itertools.pairwise(bounds)]
    expected, cited = read(text)
    assert read(*deltas) == (expected, cited)
    assert read(*text) == (expected, cited)
    assert len(re.findall(r"【\d+:\d+†", expected)) == len(cited)


@given(st.lists(PARTS, max_size=8))
def test_links_are_found_beside_citations(parts: list[str]) -> None:
    citations, links = CitationFinder(SOURCES), LinkFinder({"x.csv": "file-x"})
    pieces: list[Piece] = []
    for part in parts:
        for piece in citations.feed(part):
            pieces += links.pass_over(piece) if piece.annotation else links.feed(piece.text)
    for piece in citations.end():
        pieces += links.pass_over(piece) if piece.annotation else links.feed(piece.text)
    pieces += links.end()
    text = "".join(piece.text for piece in pieces)
    assert text == read("".join(parts))[0]
    for piece in pieces:
        if note := piece.annotation:
            assert text[note.start_index : note.end_index] == note.text
