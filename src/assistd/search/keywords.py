"""Keywords: a text as the terms that it is found by, in every script, and what a match of some is worth."""

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping

from assistd.search.stemming import stem

# Scripts that write no spaces between words, and Korean, whose words have many endings: cut into bigrams.
_UNSPACED = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003ffff"
)
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff\u1a00-\u1aff"  # of spaced scripts
_RUNS = re.compile(f"(?P<unspaced>[{_UNSPACED}]+)|(?:[^\\W_{_UNSPACED}]|[{_MARKS}])+")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_LONGEST = 64  # characters; nobody looks for more of a word
_MOST_TERMS = 64  # of a query
_MOST_MATCHES = 20_000  # windows that a query looks at: what is in more of them tells little
_K1 = 1.2  # of BM25; it and the length's share of 0.75 are SQLite's, too
_B = 0.75


def cut_terms(text: str) -> list[str]:
    """Return the terms of a text, in their order: stems of words, and pairs of neighbouring characters."""
    return list(_terms(text))


def _terms(text: str) -> Iterator[str]:
    for match in _RUNS.finditer(_fold(text)):
        run = match[0]
        if match["unspaced"] is None:
            yield stem(run[:_LONGEST])
        elif len(run) == 1:
            yield run
        else:
            yield from (run[at : at + 2] for at in range(len(run) - 1))


def _fold(text: str) -> str:
    """Return a text without what writers are free in: case, accents, forms of the same character."""
    if text.isascii():
        return text.lower()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.lower()))
    return unicodedata.normalize("NFKC", bare).lower()


def list_query_terms(query: str) -> list[str]:
    """Return the terms of a query, each once, the first ones of a long query."""
    return list(dict.fromkeys(_terms(query)))[:_MOST_TERMS]


def weigh_terms(found: Mapping[str, int], windows: int) -> dict[str, float]:
    """Return what each term is worth that is worth looking for: its inverse document frequency.

    Args:
        found: in how many windows each term of a query is.
        windows: how many there are.

    Returns:
        The rarest first. Terms that most windows have are left out where the rarer ones lead to enough.
    """
    weights: dict[str, float] = {}
    matches = 0
    for term, count in sorted(found.items(), key=lambda each: each[1]):
        if weights and matches + count > _MOST_MATCHES:
            break
        weights[term] = max(math.log((windows - count + 0.5) / (count + 0.5)), 1e-6)
        matches += count
    return weights


def rate_match(
    weights: Mapping[str, float], counts: Mapping[str, int], length: int, mean_length: float
) -> float:
    """Return the BM25 of a window, as SQLite's FTS5 has it.

    Args:
        weights: of the query's terms.
        counts: how often the window has each of them.
        length: terms of the window.
        mean_length: terms of a window.
    """
    norm = _K1 * (1 - _B + _B * length / mean_length)
    return sum(weights[term] * count * (_K1 + 1) / (count + norm) for term, count in counts.items())


def best_match(weights: Mapping[str, float], missing: int) -> float:
    """Return the BM25 of a good match: a window of half the mean length that has each term once.

    Args:
        weights: of the terms that are somewhere.
        missing: terms that are nowhere; each counts like the rarest that is.
    """
    counts = dict.fromkeys(weights, 1)
    rarest = max(weights.values(), default=0.0)
    all_found = rate_match(weights, counts, 1, 2)
    return all_found * (1 + missing * rarest / (sum(weights.values()) or 1))
