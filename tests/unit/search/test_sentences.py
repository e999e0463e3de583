"""Texts are cut at the ends of sentences, in every script, and no part is longer than it may be."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistd.extracted_text import ExtractedText, TextPage
from assistd.search.chunks import cut_chunks, find_chunk, token_counter
from assistd.search.sentences import Span, pack_sentences, split_sentences
from assistd.search.windows import TOKENS, cut_windows, estimate_tokens

_SCRIPTS = (
    "aB z9_.!?,;\n\t \u00a0。！？，、「」中文字日本ひらカナ한국어กขคงआपहैणДатыאבגعرب۔؟።😀👍\u0301\0"
)
_TEXTS = st.text(st.sampled_from(_SCRIPTS), max_size=3000)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three", ["One. ", "Two! ", "Three"]),
        ("中文。第二句！“三？”四", ["中文。", "第二句！", "“三？”", "四"]),
        ("見て。「行く。」次", ["見て。", "「行く。」", "次"]),
        ("हिंदी वाक्य। दूसरा।", ["हिंदी वाक्य। ", "दूसरा।"]),
        ("هل؟ نعم۔ لا", ["هل؟ ", "نعم۔ ", "لا"]),
        ("version 3.11 of obj.total", ["version 3.11 of obj.total"]),
        ("# Head\n\n  Text\n", ["# Head\n\n  ", "Text\n"]),
    ],
)
def test_sentences_end_where_their_script_ends_them(text: str, sentences: list[str]) -> None:
    assert [text[span.start : span.end] for span in split_sentences(text)] == sentences


@given(_TEXTS)
def test_sentences_and_windows_cover_the_text(text: str) -> None:
    for spans in (split_sentences(text), cut_windows(ExtractedText(text))):
        assert "".join(text[span.start : span.end] for span in spans) == text


@given(_TEXTS)
def test_no_window_is_longer_than_a_model_reads(text: str) -> None:
    assert all(
        estimate_tokens(text[start:end]) <= TOKENS
        for start, end in cut_windows(ExtractedText(text))
    )


def test_a_window_ends_with_a_paragraph_unless_it_would_be_short() -> None:
    heading, short, long = "# Head\n\n", "Two words. \n \n", "Some more of the same words. " * 20
    paragraphs = [heading + short + long + "\n\n", long + "\n\n\n", long + long]
    text = "".join(paragraphs)
    windows = [text[start:end] for start, end in cut_windows(ExtractedText(text))]
    assert windows[:2] == paragraphs[:2]
    assert "".join(windows[2:]) == paragraphs[2]


@given(_TEXTS, st.lists(st.integers(0, 3000)))
def test_a_window_is_on_one_page(text: str, edges: list[int]) -> None:
    cuts = [0, *sorted({edge for edge in edges if edge < len(text)}), len(text)]
    pages = [TextPage(at, *pair) for at, pair in enumerate(itertools.pairwise(cuts), 1)]
    windows = list(cut_windows(ExtractedText(text, tuple(pages))))
    assert "".join(text[start:end] for start, end in windows) == text
    for start, end in windows:
        shown = [
            page for page in pages if text[max(start, page.start) : min(end, page.end)].strip()
        ]
        assert len(shown) <= 1


@given(_TEXTS, st.integers(100, 400), st.data())
def test_chunks_keep_length_and_overlap(text: str, tokens: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, tokens // 2))
    count = token_counter()
    chunks = list(cut_chunks(text, tokens, overlap))
    slack = 1.05  # a tokenizer may have some more for a whole than for its parts
    assert all(count(text[start:end]) <= tokens * slack for start, end in chunks)
    assert [0, len(text)] == [chunks[0].start, chunks[-1].end] if text else chunks == []
    for one, other in itertools.pairwise(chunks):
        assert one.start < other.start <= one.end < other.end
        assert count(text[other.start : one.end]) <= overlap * slack + 1


@pytest.mark.parametrize(
    "text", ["x" * 50_000, " " * 300_000, "." * 300_000, "\n" * 9, "字" * 9_999]
)
def test_what_has_no_sentences_is_cut_all_the_same(text: str) -> None:
    spans = list(pack_sentences(text, estimate_tokens, TOKENS))
    assert "".join(text[span.start : span.end] for span in spans) == text


def test_a_window_is_shown_in_the_chunk_that_has_it_in_the_middle() -> None:
    chunks = [Span(0, 800), Span(400, 1200), Span(800, 1600)]
    assert find_chunk(chunks, Span(0, 200)) == 0
    assert find_chunk(chunks, Span(700, 850)) == 1
    assert find_chunk(chunks, Span(1100, 1300)) == 2


@given(_TEXTS, st.data())
def test_a_chunk_is_found_as_if_all_were_compared(text: str, data: st.DataObject) -> None:
    chunks = list(cut_chunks(text, 100, 50))
    if not chunks:
        return
    start = data.draw(st.integers(0, len(text) - 1))
    window = Span(start, data.draw(st.integers(start + 1, len(text))))
    shown = [min(chunk.end, window.end) - max(chunk.start, window.start) for chunk in chunks]
    assert shown[find_chunk(chunks, window)] == max(shown)
