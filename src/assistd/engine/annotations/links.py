"""Finds links to files below /mnt/data in text that streams, and names the files they lead to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from assistd.engine.annotations import mentions
from assistd.engine.annotations.spellings import (
    SCHEMES,
    CodeBlocks,
    Reading,
    Spellings,
    spellings_of,
)
from assistd.objects.message import FilePath, FileReference

# A link's target may stand in the brackets that Chinese and Japanese use.
_TRIGGER = re.compile(rf"(?={'|'.join(SCHEMES)})|\][(\uff08]<?", re.IGNORECASE)
_LONGEST_TRIGGER = max(len(scheme) for scheme in SCHEMES)
_MOST_PATHS = 20_000
_MANY_PATHS = 300  # that take some milliseconds


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that may be sent on, with the annotation whose link it completes, if it does."""

    text: str
    annotation: FilePath | None = None


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
        """Do at once what else the first link would wait for."""
        _ = self._spellings

    @cached_property
    def _spellings(self) -> tuple[Spellings, Spellings]:
        return spellings_of(list(self._paths))

    def feed(self, text: str) -> list[Piece]:
        """The pieces that `text` sets free."""
        self._text += text
        return self._split(ended=False) if self._paths else self._release(len(self._text))

    def end(self) -> list[Piece]:
        """The rest, when no more text comes, then the annotations of mere mentions."""
        pieces = self._split(ended=True)
        unlinked = self._written - self._linked
        pieces += [
            Piece("", self._annotation(found.start, found.text, found.path))
            for found in mentions.find(self._text, unlinked, self._paths)
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
        return pieces + self._release(len(self._text) if ended else self._safe())

    def _safe(self) -> int:
        """How far the text cannot be the beginning of a link."""
        for start in range(
            max(self._sent, len(self._text) - _LONGEST_TRIGGER + 1), len(self._text)
        ):
            if any(scheme.startswith(self._text[start:].lower()) for scheme in SCHEMES):
                return start
        return len(self._text)

    def _release(self, until: int) -> list[Piece]:
        """The text not sent yet, up to a place."""
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
