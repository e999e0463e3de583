"""Tells which search results say what an answer says, by the words both share, in any script."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from assistd.engine.annotations.citations import Source

_WORD = re.compile(r"[^\W_]+")
# Scripts without blanks between words, or whose words take many endings: cut into pairs of characters.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_SENTENCE_END = re.compile(r"(?<=[.!?\u2026])\s+|(?<=[\u3002\uff01\uff1f\uff1b])|\n+")
_COMMON = frozenset(
    _WORD.findall("""
    a an the and or but if of in on at to for from by with without as into about than then this that
    these those it its he she they them their his her our your my we you i is are was were be been
    being has have had do does did can could will would should may might must not no yes there here
    what which who whom whose when where why how all any some more most other only also such so
    """)
)
_STEM = 6  # letters that a word shares with its other forms
_PASSAGE = 80  # units of a result that are looked at together
_RUN = 6  # units in a row that are a quotation
_MOST_UNITS = 20_000  # of one result, and of one answer
_ENOUGH = 0.6  # of what a sentence says
_ENOUGH_REPEATED = (
    0.5  # of what it repeats of the question: a passage on another subject is no support
)
_ENOUGH_NEW = 1.0  # what the question did not say, in words
_ENOUGH_IN_ALL = 1.5  # likewise, with what the question said at half


@dataclass(frozen=True, slots=True)
class _Text:
    """A text as its units in order, and where each of them stands.

    Args:
        is_unspaced: whether most units are pairs of characters: words of other scripts say little of it.
    """

    units: list[str]
    positions: Mapping[str, list[int]]
    runs: frozenset[tuple[str, ...]]
    is_unspaced: bool


def find_support(
    answer: str, question: str, sources: Sequence[Source], *, most: int = 3
) -> list[Source]:
    """Return the results that an answer rests on, in the order in which it uses them.

    A sentence rests on a result if one passage there holds most of its words, and among them some that
    the question did not bring; or if it quotes some words in a row. What it repeats of the question must
    stand there, too: a passage on another subject is none, however much of it is repeated. An answer that
    no result supports gets none.

    Args:
        answer: the whole text.
        question: what it answers.
        sources: the results; of equals the first is taken.
        most: how many to return at most.
    """
    asked = set(_cut(question))
    texts = [_read(source.text) for source in sources]
    weights = _Weights(texts)
    found: dict[int, None] = {}
    for sentence in _SENTENCE_END.split(answer):
        units = _cut(sentence)
        scores = [_score(units, asked, text, weights) for text in texts]
        best = max(scores, default=0.0)
        if best > 0:
            found.setdefault(scores.index(best))
    return [sources[place] for place in list(found)[:most]]


class _Weights:
    """How much it says that a unit is shared: less for common words, and for those that most results have."""

    def __init__(self, texts: Sequence[_Text]) -> None:
        passages = [
            set(text.units[start : start + _PASSAGE])
            for text in texts
            for start in range(0, len(text.units), _PASSAGE)
        ]
        self._count = len(passages)
        self._holding = Counter(unit for passage in passages for unit in passage)

    def weigh(self, unit: str) -> float:
        """Return the weight of a unit: 1 for an ordinary word."""
        if unit in _COMMON:
            return 0.1
        if _is_unspaced(unit):
            base = 0.5
        elif any(each.isdigit() for each in unit):
            base = 1.5
        else:
            base = 1.0 if len(unit) > 2 else 0.4
        if self._count < 4 or unit not in self._holding:
            return base
        return base * max(0.2, min(1.0, 1.2 - self._holding[unit] / self._count))

    def sum(self, units: Iterable[str]) -> float:
        """Return the weight of some units together."""
        return sum(map(self.weigh, units))


def _score(units: list[str], asked: set[str], text: _Text, weights: _Weights) -> float:
    """Return how well a text supports a sentence; 0 where it does not."""
    said = set(units)
    new = said - asked
    total, total_new = weights.sum(said), weights.sum(new)
    if not total_new:
        return 0.0
    quoted = any(run in text.runs and not asked.issuperset(run) for run in _runs(units))
    held = _best_passage(said | asked, text, weights)
    shared, shared_new = weights.sum(held & said), weights.sum(held & new)
    in_all = shared + weights.sum(held & asked - said) / 2
    repeated = {unit for unit in said & asked if text.is_unspaced is _is_unspaced(unit)}
    if weights.sum(held & repeated) < _ENOUGH_REPEATED * weights.sum(repeated):
        return 0.0
    is_stated = (
        shared >= _ENOUGH * total
        and shared_new >= max(_ENOUGH_NEW, _ENOUGH * total_new)
        and in_all >= _ENOUGH_IN_ALL
    )
    return in_all + shared if quoted or is_stated else 0.0


def _best_passage(units: set[str], text: _Text, weights: _Weights) -> set[str]:
    """Return those of the units that stand together in the passage that has the most of them."""
    places = sorted((place, unit) for unit in units for place in text.positions.get(unit, ()))
    count: Counter[str] = Counter()
    weight, best, best_weight, first = 0.0, set[str](), 0.0, 0
    for place, unit in places:
        count[unit] += 1
        weight += weights.weigh(unit) if count[unit] == 1 else 0
        while place - places[first][0] >= _PASSAGE:
            gone = places[first][1]
            count[gone] -= 1
            weight -= 0 if count[gone] else weights.weigh(gone)
            first += 1
        if weight > best_weight:
            best, best_weight = {each for each, number in count.items() if number}, weight
    return best


def _is_unspaced(unit: str) -> bool:
    return _UNSPACED.match(unit) is not None


def _read(text: str) -> _Text:
    units = _cut(text)
    positions: defaultdict[str, list[int]] = defaultdict(list)
    for place, unit in enumerate(units):
        positions[unit].append(place)
    is_unspaced = 2 * sum(map(_is_unspaced, units)) > len(units)
    return _Text(units, positions, frozenset(_runs(units)), is_unspaced)


def _runs(units: list[str]) -> Iterator[tuple[str, ...]]:
    return (tuple(units[at : at + _RUN]) for at in range(len(units) - _RUN + 1))


def _cut(text: str) -> list[str]:
    """Return the units of a text: words without their endings, or pairs of characters."""
    return list(_units(unicodedata.normalize("NFKC", text).casefold()))[:_MOST_UNITS]


def _units(text: str) -> Iterator[str]:
    for match in _WORD.finditer(text):
        word, at = match[0], 0
        for unspaced in _UNSPACED.finditer(word):
            yield from _stems(word[at : unspaced.start()])
            pairs = unspaced[0]
            yield from (pairs[n : n + 2] for n in range(max(1, len(pairs) - 1)))
            at = unspaced.end()
        yield from _stems(word[at:])


def _stems(word: str) -> Iterator[str]:
    if word:
        stem = word[:-1] if len(word) > 3 and word.endswith("s") else word
        yield stem if word.isdigit() or word in _COMMON else stem[:_STEM]
