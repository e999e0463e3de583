"""Finds files that a finished text mentions without a link: a path, or a name that one file has."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import PurePosixPath

from assistd.engine.annotations.spellings import (
    FOLDER,
    CodeBlocks,
    ends_name,
    in_prose,
    unescape,
    words,
)

_PART_OF_MORE = re.compile(r"[A-Za-z0-9_:/.~%@\\-]")
_LABEL = re.compile(r"`?\]\(")
_SAVED_AS = re.compile(
    r"(?:\b(?:as|to|in|into|at|named|called|file)|[:\uff1a为至到])\s*`$", re.IGNORECASE
)
_CODE_SPAN = re.compile(r"`[^`\n]+`")
_SAVED_AS_REACH = 16
_MOST_LIKELY = 1000  # files whose names may be in one text


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
    there = words(text) | words(unescape(text))
    likely = [path for path in paths if words(unescape(path.rpartition("/")[2])) <= there]
    spellings = in_prose(likely[:_MOST_LIKELY])
    code_spans = [match.span() for match in _CODE_SPAN.finditer(text)]
    code_blocks = CodeBlocks()
    end = 0
    for start, spelling in sorted(_places(text, spellings), key=lambda at: (at[0], -len(at[1]))):
        if start < end:
            continue  # a part of the name before
        end = start + len(spelling)
        path = spellings[spelling]
        if (
            path in wanted
            and _is_mention(text, start, spelling, code_spans)
            and not code_blocks.hold(text, start)
        ):
            yield Mention(start, spelling, path)


def _places(text: str, spellings: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Where each spelling stands in a text, not behind what it would be a part of."""
    for spelling in spellings:
        at = text.find(spelling)
        while at >= 0:
            if at == 0 or not _PART_OF_MORE.match(text, at - 1):
                yield at, spelling
            at = text.find(spelling, at + 1)


def _is_mention(text: str, start: int, name: str, code_spans: Sequence[tuple[int, int]]) -> bool:
    end = start + len(name)
    if not ends_name(name, text[end : end + 2]) or _LABEL.match(text, end):
        return False
    before = bisect_left(code_spans, (start,))
    around = code_spans[before - 1] if before and start < code_spans[before - 1][1] else None
    if around and around != (start - 1, end + 1):
        return False  # a piece of code that happens to hold a name
    if not PurePosixPath(name).suffix and not name.startswith(FOLDER):
        introduction = text[max(0, start - _SAVED_AS_REACH) : start]
        if not (around and _SAVED_AS.search(introduction)):
            return False  # a word like any other
    return True
