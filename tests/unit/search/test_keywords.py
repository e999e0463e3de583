"""Texts are found by stems of words, and by pairs of characters where a script writes no spaces."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistd.search import keywords
from assistd.search.stemming import stem

_ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Upgrading the systems", ["upgrad", "the", "system"]),
        ("dpkg-deb, obj.total foo_bar", ["dpkg", "deb", "obj", "total", "foo", "bar"]),
        ("如何升级 Debian 系统", ["如何", "何升", "升级", "debian", "系统"]),
        ("水", ["水"]),
        ("ﾃﾞｰﾀ ｄａｔａ", ["デー", "ータ", "data"]),
        ("Café ÉCOLE Straße", ["cafe", "ecol", "straße"]),
        ("한국어 문장", ["한국", "국어", "문장"]),
        ("हिंदी वाक्य", ["हिंदी", "वाक्य"]),
        ("x" * 100, ["x" * 64]),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    assert keywords.cut_terms(text) == terms


@given(st.text(max_size=300))
def test_terms_are_words_for_any_database(text: str) -> None:
    for term in keywords.cut_terms(text):
        assert term
        assert not any(each in " \0\"'" or each.isspace() for each in term)


def test_stems_are_those_of_sqlite() -> None:
    pages = " ".join(page.read_text() for page in (_ROOT / "docs").rglob("*.md"))
    words = sorted({word for word in pages.lower().split() if word.isalpha() and word.isascii()})
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE f USING fts5(t, tokenize = 'porter ascii')")
        connection.execute("CREATE VIRTUAL TABLE v USING fts5vocab(f, instance)")
        connection.executemany("INSERT INTO f (rowid, t) VALUES (?, ?)", list(enumerate(words)))
        stems = dict(connection.execute("SELECT doc, term FROM v"))
    assert len(words) > 2000
    assert {word: stem(word) for word in words} == {words[at]: term for at, term in stems.items()}


def test_what_nearly_all_have_is_not_looked_for() -> None:
    weights = keywords.weigh_terms({"the": 90_000, "debian": 15_000, "dpkg": 40}, 100_000)
    assert list(weights) == ["dpkg", "debian"]
    assert weights["dpkg"] > weights["debian"] > 0


def test_a_match_is_rated_as_sqlite_rates_it() -> None:
    texts = ["a b c", "a a d e f g", "h", "b b b b", "i j", "k l"]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE f USING fts5(t, tokenize = 'ascii')")
        connection.executemany("INSERT INTO f (rowid, t) VALUES (?, ?)", list(enumerate(texts)))
        theirs = dict(connection.execute("SELECT rowid, -bm25(f) FROM f WHERE f MATCH 'a OR b'"))
    weights = keywords.weigh_terms({"a": 2, "b": 2}, len(texts))
    mean = sum(len(text.split()) for text in texts) / len(texts)
    for at, rating in theirs.items():
        words = texts[at].split()
        counts = {term: words.count(term) for term in weights}
        assert keywords.rate_match(weights, counts, len(words), mean) == pytest.approx(rating)
