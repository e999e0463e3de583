"""Finds files that a finished text mentions without a link: a path, or a name that one file has."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import PurePosixPath

from assistd.engine.spellings import FOLDER, CodeBlocks, ends_name, in_prose

_BEFORE = r"(?<![A-Za-z0-9_:/.~%@\\-])"
_LABEL = re.compile(r"`?\]\(")
_SAVED_AS = re.compile(
    r"(?:\b(?:as|to|in|into|at|named|called|file)|[:\uff1a为至到])\s*`$", re.IGNORECASE
)
_CODE_SPAN = re.compile(r"`[^`\n]+`")
_SAVED_AS_REACH = 16


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a text mentions a file: `text` stands at `start` (a code point) and means `path`."""

    start: int
    text: str
    path: str


def find(text: str, wanted: Set[str], paths: Iterable[str]) -> Iterator[Mention]:
    """The mentions of `wanted` paths, in order.

    Args:
        text: the whole text.
        wanted: paths below /mnt/data that may be found.
        paths: all that exist, which decide whether a name is of one file only.
    """
    if not wanted:
        return
    spellings = in_prose(paths)
    # A pattern of every spelling there may be would be tried at every place: seconds, for many files.
    known = sorted((each for each in spellings if each in text), key=len, reverse=True)
    if not known:
        return
    pattern = re.compile(_BEFORE + "(?:" + "|".join(map(re.escape, known)) + ")")
    code_spans = [match.span() for match in _CODE_SPAN.finditer(text)]
    code_blocks = CodeBlocks()
    for match in pattern.finditer(text):
        path = spellings[match[0]]
        if (
            path in wanted
            and _is_mention(text, match, code_spans)
            and not code_blocks.hold(text, match.start())
        ):
            yield Mention(match.start(), match[0], path)


def _is_mention(text: str, match: re.Match[str], code_spans: Sequence[tuple[int, int]]) -> bool:
    start, end = match.span()
    if not ends_name(match[0], text[end : end + 2]) or _LABEL.match(text, end):
        return False
    before = bisect_left(code_spans, (start,))
    around = code_spans[before - 1] if before and start < code_spans[before - 1][1] else None
    if around and around != (start - 1, end + 1):
        return False  # a piece of code that happens to hold a name
    if not PurePosixPath(match[0]).suffix and not match[0].startswith(FOLDER):
        introduction = text[max(0, start - _SAVED_AS_REACH) : start]
        if not (around and _SAVED_AS.search(introduction)):
            return False  # a word like any other
    return True
