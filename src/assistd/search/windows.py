"""Windows: the parts of a text that are embedded and found by keywords, each as long as a model reads well."""

import re
from collections.abc import Iterator

from assistd.extracted_text import ExtractedText
from assistd.search.sentences import Span, pack_sentences

TOKENS = 250
"""The most of a window, estimated for the vocabulary of multilingual models (XLM-R)."""

_PARAGRAPH_TOKENS = 100
"""A window with so many ends with its paragraph: of two subjects a vector is near to neither."""

_PIECES = re.compile(
    r"""
    (?P<unspaced>[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af]{1,1000})
    | (?P<digits>\d{1,1000})
    | (?P<letters>[^\W\d_]{1,1000})
    | (?P<other>\S)
    """,
    re.VERBOSE,
)
_LONG_WORD = 30  # letters; what is longer is no word of a language, but encoded bytes


def cut_windows(text: ExtractedText) -> Iterator[Span]:
    """Yield the windows of a text: they cover it, do not overlap, and are on one page each.

    A window ends where a paragraph does, unless it would be short: then it goes on into the next one.
    """
    edges = {edge for page in text.pages for edge in (page.start, page.end)}
    start = 0
    for end in sorted({*edges, len(text.text)}):
        part = text.text[start:end]
        if not part or (part.isspace() and end < len(text.text)):
            continue
        for span in pack_sentences(part, estimate_tokens, TOKENS, paragraph=_PARAGRAPH_TOKENS):
            yield Span(start + span.start, start + span.end)
        start = end


def estimate_tokens(text: str) -> int:
    """Estimate how many tokens a multilingual model has for a text.

    Measured against multilingual-e5-small's own tokenizer on parts of 900 characters: for prose in nine
    languages and for code, the real number is 0.4 to 1.1 times the estimate.
    """
    tokens = 0.0
    run = 0  # letters and digits without a space: `a1b2c3` is read character by character
    end = 0
    for match in _PIECES.finditer(text):
        length = match.end() - match.start()
        kind = match.lastgroup
        run = run + length if match.start() == end and kind in {"digits", "letters"} else length
        end = match.end()
        if kind == "unspaced":
            tokens += 0.7 * length
        elif kind == "other":
            tokens += 1
        elif run > _LONG_WORD:
            tokens += 0.8 * length
        elif kind == "digits":
            tokens += (length + 1) // 2
        else:
            tokens += 1 + (length - 1) // 5
    return max(round(tokens), 1 if text else 0)
