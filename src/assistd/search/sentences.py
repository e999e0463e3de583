"""Text cut at the ends of its sentences, in every script, and sentences packed into longer passages."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

CountTokens = Callable[[str], int]
"""Returns how many tokens a text has, at least 1 unless it is empty."""

# No repetition without a bound that could match the same text from each of its characters again.
_END = re.compile(
    r"""
    \n\s*+
    | [.!?;]{1,8}["'”’)\]]{0,4}[ \t]{1,64}
    | [。．！？；…｡।॥۔؟؛።፧។៕၊။՜։]{1,8}["'”’）)\]」』》〉】]{0,4}[ \t]{0,64}
    """,
    re.VERBOSE,
)
_PARAGRAPH_END = re.compile(r"\n[^\S\n]*+\n\s*+\Z")
_BLOCK = (
    1 << 16
)  # characters; a regular expression holds the interpreter's lock while it looks for the next end
_LONGEST = 1000  # characters of what is taken for a sentence
_SPACES = " \t\n,，、"


class Span(NamedTuple):
    """A part of a text, in code points; `end` is exclusive."""

    start: int
    end: int


def pack_sentences(
    text: str,
    count_tokens: CountTokens,
    limit: int,
    *,
    overlap: int = 0,
    paragraph: int | None = None,
) -> Iterator[Span]:
    """Yield parts of at most `limit` tokens that cover a text, each as many whole sentences as fit.

    A sentence that is longer by itself is cut, at a space where it has any.

    Args:
        text: of any length.
        count_tokens: a part has as many as its sentences have together, give or take a few.
        limit: tokens of a part.
        overlap: tokens that a part shares with the one before, at most; less than the limit.
        paragraph: a part ends with the first paragraph that ends behind so many tokens; None for with none.
    """
    sentences = [
        (piece, tokens)
        for span in split_sentences(text)
        for piece, tokens in _split_long(text, span, count_tokens, limit)
    ]
    first = 0
    while first < len(sentences):
        end = _find_end(sentences, first, limit)
        if paragraph is not None:
            end = _find_paragraph_end(text, sentences[first:end], paragraph) + first
        yield Span(sentences[first][0].start, sentences[end - 1][0].end)
        first = end if end == len(sentences) else _step_back(sentences, first, end, limit, overlap)


def _find_end(sentences: Sequence[tuple[Span, int]], first: int, limit: int) -> int:
    """Return the first sentence that does not fit behind `first` any more."""
    total = 0
    for at in range(first, len(sentences)):
        total += sentences[at][1]
        if total > limit and at > first:
            return at
    return len(sentences)


def _find_paragraph_end(text: str, sentences: Sequence[tuple[Span, int]], least: int) -> int:
    """Return how many sentences there are to the end of a paragraph, with at least so many tokens; else all."""
    total = 0
    for number, (span, tokens) in enumerate(sentences, 1):
        total += tokens
        if total >= least and _PARAGRAPH_END.search(text, span.start, span.end):
            return number
    return len(sentences)


def _step_back(
    sentences: Sequence[tuple[Span, int]], first: int, end: int, limit: int, overlap: int
) -> int:
    """Return where the next part begins: as far back as it may, if what is new still fits in."""
    room = min(overlap, limit - sentences[end][1])
    while end - 1 > first and sentences[end - 1][1] <= room:
        end -= 1
        room -= sentences[end][1]
    return end


def split_sentences(text: str) -> Iterator[Span]:
    """Yield the sentences of a text, which cover it: spaces belong to the sentence before them."""
    start = 0
    for end in _ends(text):
        while end - start > _LONGEST:
            cut = _find_space(text, start + _LONGEST // 2, start + _LONGEST)
            yield Span(start, cut)
            start = cut
        if end > start:
            yield Span(start, end)
            start = end


def _ends(text: str) -> Iterator[int]:
    for block in range(0, len(text), _BLOCK):
        for match in _END.finditer(text, block, min(block + _BLOCK, len(text))):
            yield match.end()
    yield len(text)


def _split_long(
    text: str, span: Span, count_tokens: CountTokens, limit: int
) -> Iterator[tuple[Span, int]]:
    tokens = count_tokens(text[span.start : span.end])
    length = span.end - span.start
    if tokens <= limit or length == 1:
        yield span, tokens
        return
    middle = _find_space(text, span.start + length // 4, span.start + (length + 1) // 2)
    yield from _split_long(text, Span(span.start, middle), count_tokens, limit)
    yield from _split_long(text, Span(middle, span.end), count_tokens, limit)


def _find_space(text: str, start: int, end: int) -> int:
    """Return the position behind the last space between two others; the second, where there is none."""
    return max(_rfind_all(text, start, end), default=end)


def _rfind_all(text: str, start: int, end: int) -> Iterable[int]:
    for space in _SPACES:
        at = text.rfind(space, start, end)
        if at >= 0:
            yield at + 1
