"""Finds links to files below /mnt/data in text that streams, and what mentions files without a link."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import PurePosixPath

from assistd.engine.annotations.spellings import (
    FOLDER,
    SCHEMES,
    CodeBlocks,
    Reading,
    Spellings,
    ends_name,
    in_prose,
    spellings_of,
    unescape,
    words,
)
from assistd.objects.message import FileCitation, FilePath, FileReference

# A link's target may stand in the brackets that Chinese and Japanese use.
_TRIGGER = re.compile(rf"(?={'|'.join(SCHEMES)})|\][(\uff08]<?", re.IGNORECASE)
_LONGEST_TRIGGER = max(len(scheme) for scheme in SCHEMES)
_MOST_PATHS = 20_000
_MANY_PATHS = 300  # that take some milliseconds

# Of mentions: what is no mention, and what makes one of a name without an ending.
_PART_OF_MORE = re.compile(r"[A-Za-z0-9_:/.~%@\\-]")
_LABEL = re.compile(r"`?\]\(")
_SAVED_AS = re.compile(
    r"(?:\b(?:as|to|in|into|at|named|called|file)|[:\uff1a为至到])\s*`$", re.IGNORECASE
)
_CODE_SPAN = re.compile(r"`[^`\n]+`")
_SAVED_AS_REACH = 16
_MOST_LIKELY = 1000  # files whose names may be in one text
_COVER = "\ufffc"  # stands for each character of a citation: the name in it is no mention


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that may be sent on, with its annotation, if it is a link or a citation."""

    text: str
    annotation: FilePath | FileCitation | None = None


class LinkFinder:
    """Splits streamed text so that each link travels in one piece with its annotation (section 6.4).

    Only links to files that exist are annotated (trap 16), so the known paths themselves say where a
    link ends: names with blanks, brackets or any script need no quoting rules. Near misses count where
    one file fits (docs/decisions/0028). Text is held back only while it may still become a link. What
    only mentions a file, without leading to it, is annotated at the end, if no link led there. The text
    itself is never changed; indices count code points (trap 15).

    Args:
        written: the files that code wrote: path below /mnt/data -> file id; the last count, where they
            are more than can be told apart in reasonable time.
        uploads: those that were given to it, likewise; one that code wrote over is among `written`.
            Only links lead to them: an answer names them all the time.
    """

    def __init__(
        self, written: Mapping[str, str], uploads: Mapping[str, str] | None = None
    ) -> None:
        paths = {**(uploads or {}), **written}
        self._paths = dict(islice(paths.items(), max(0, len(paths) - _MOST_PATHS), None))
        self._written = written.keys() & self._paths.keys()
        self._linked: set[str] = set()
        self._code_blocks = CodeBlocks()
        self._text = ""
        self._sent = 0
        self._searched = 0

    @property
    def has_many_paths(self) -> bool:
        """Whether `prepare` and `end` take long: call them in a thread."""
        return len(self._paths) > _MANY_PATHS

    def prepare(self) -> None:
        """Work out the spellings now, for which else the first link would wait."""
        _ = self._spellings

    @cached_property
    def _spellings(self) -> tuple[Spellings, Spellings]:
        return spellings_of(list(self._paths))

    def feed(self, text: str) -> list[Piece]:
        """Take more text; return the pieces that may be sent on."""
        self._text += text
        return self._split(ended=False) if self._paths else self._release(len(self._text))

    def pass_over(self, piece: Piece) -> list[Piece]:
        """Take a piece that has its annotation; return what was held, then the piece as it is."""
        pieces = self._split(ended=True) if self._paths else []
        self._text += _COVER * len(piece.text)
        self._sent = self._searched = len(self._text)
        return [*pieces, piece]

    def end(self) -> list[Piece]:
        """Return the rest, as no more text comes, then the annotations of mere mentions."""
        pieces = self._split(ended=True)
        unlinked = self._written - self._linked
        pieces += [
            Piece("", self._annotation(found.start, found.text, found.path))
            for found in find_mentions(self._text, unlinked, self._paths)
        ]
        return pieces

    def _split(self, *, ended: bool) -> list[Piece]:
        pieces: list[Piece] = []
        while trigger := _TRIGGER.search(self._text, self._searched):
            start = trigger.end()
            anywhere, targets = self._spellings
            spellings = targets if trigger[0] else anywhere
            reading = spellings.read(self._text, start, ended=ended)
            if reading.undecided:
                return pieces + self._release(start)
            self._searched = start + (not trigger[0])
            if reading.path and not self._code_blocks.hold(self._text, start):
                pieces += self._release(start)
                pieces.append(self._link(reading))
        # No trigger is in what was searched, but one may have begun at its end.
        self._searched = max(self._searched, len(self._text) - _LONGEST_TRIGGER + 1)
        return pieces + self._release(len(self._text) if ended else self._find_safe_end())

    def _find_safe_end(self) -> int:
        """Return where the end of the text begins that may become a link."""
        for start in range(
            max(self._sent, len(self._text) - _LONGEST_TRIGGER + 1), len(self._text)
        ):
            if any(scheme.startswith(self._text[start:].lower()) for scheme in SCHEMES):
                return start
        return len(self._text)

    def _release(self, until: int) -> list[Piece]:
        """Return the text that was not sent yet, up to an index."""
        text, self._sent = self._text[self._sent : until], max(until, self._sent)
        return [Piece(text)] if text else []

    def _link(self, found: Reading) -> Piece:
        start = self._sent
        self._linked.add(found.path)
        self._sent = self._searched = start + len(found.spelling)
        return Piece(found.spelling, self._annotation(start, found.spelling, found.path))

    def _annotation(self, start: int, text: str, path: str) -> FilePath:
        return FilePath(
            text=text,
            start_index=start,
            end_index=start + len(text),
            file_path=FileReference(file_id=self._paths[path]),
        )


@dataclass(frozen=True, slots=True)
class Mention:
    """Where a text mentions a file: `text` stands at `start` (a code point) and means `path`."""

    start: int
    text: str
    path: str


def find_mentions(text: str, wanted: Set[str], paths: Iterable[str]) -> Iterator[Mention]:
    """Yield the mentions of `wanted` paths, in order.

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
    """Yield where each spelling stands in a text, unless it is the end of a longer word."""
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
