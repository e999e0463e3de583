"""How a model may spell a link to a file below /mnt/data, well-formed or nearly so."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

FOLDER = "/mnt/data/"
WELL_FORMED = f"sandbox:{FOLDER}"

_WITH_FOLDER = (WELL_FORMED, f"sandbox://{FOLDER}", f"file://{FOLDER}", f"file:{FOLDER}")
_WITHOUT_FOLDER = ("sandbox:", "sandbox:/", "sandbox:./")
_RELATIVE = ("", "./")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands at a place: a spelling (empty where none does), and whether more text may change that."""

    spelling: str
    undecided: bool = False


class Spellings:
    """A set of spellings, each of exactly one path.

    Args:
        pairs: spelling and path; a spelling that comes with two paths is of neither.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        found: dict[str, str | None] = {}
        for spelling, path in pairs:
            found[spelling] = path if found.get(spelling, path) == path else None
        self.paths = {spelling: path for spelling, path in found.items() if path is not None}
        self._sorted = sorted(self.paths)
        self._lengths = sorted({len(spelling) for spelling in self._sorted}, reverse=True)
        self._reach = max(self._lengths, default=0) + 2  # and the two characters behind it

    def read(self, text: str, start: int, *, ended: bool) -> Reading:
        """The longest spelling at `start` in `text`; undecided while a longer one may still come."""
        rest = text[start : start + self._reach]
        place = bisect_left(self._sorted, rest)
        if not ended and place < len(self._sorted) and self._sorted[place].startswith(rest):
            return Reading("", undecided=True)
        for length in self._lengths:
            if (spelling := rest[:length]) in self.paths and len(spelling) == length:
                if not ended and len(rest) <= length + 1:
                    return Reading("", undecided=True)  # `a.csv)` or `a.csv.gz`
                return Reading(spelling if ends_name(spelling, rest[length:]) else "")
        return Reading("")


def with_scheme(paths: Mapping[str, str]) -> Spellings:
    """Spellings that begin with `sandbox:` or `file:`, wherever they stand."""
    return Spellings(
        (prefix + written, path)
        for path in paths
        for prefixes, name in (
            (_WITH_FOLDER, path),
            (_WITHOUT_FOLDER, path),
            (_WITHOUT_FOLDER, _name(path)),
        )
        for prefix in prefixes
        for written in variants(name)
    )


def as_target(paths: Mapping[str, str]) -> Spellings:
    """Spellings without a scheme that mean a file where a link leads, as in `[data](x.csv)`."""
    return Spellings(
        (prefix + written, path)
        for path in paths
        for prefixes, name in (((FOLDER, *_RELATIVE), path), (_RELATIVE, _name(path)))
        for prefix in prefixes
        for written in variants(name)
    )


def _name(path: str) -> str:
    return PurePosixPath(path).name


def variants(name: str) -> set[str]:
    """A name as it is, and with the characters escaped that a URL or Markdown may not hold."""
    strict = quote(name)
    spaces_only = name.replace(" ", "%20")
    return {
        name,
        spaces_only,
        strict,
        quote(name, safe="/()!'*,;:@&=+$"),
        name.replace("_", r"\_"),
    }


def ends_name(name: str, rest: str) -> bool:
    """Whether `name` may end before `rest`: a full stop may close a sentence, not a name.

    Scripts that put no blanks between words may go on right after a name that ends in ASCII.
    """
    if rest[:1] == ".":
        return not _goes_on(name, rest[1:2])
    return not (_goes_on(name, rest[:1]) or rest[:1] in {"_", "-", "/"})


def _goes_on(name: str, character: str) -> bool:
    return character.isalnum() and (character.isascii() or not name[-1:].isascii())


class CodeBlocks:
    """Tells which places of a text are inside a fenced code block; the text may grow at its end."""

    def __init__(self) -> None:
        self._fence = ""
        self._seen = 0

    def hold(self, text: str, place: int) -> bool:
        """Whether `place` in `text` is in a block; places are asked for from left to right."""
        for match in _FENCE.finditer(text, self._seen, place):
            if not self._fence:
                self._fence = match[1]
            elif match[1].startswith(self._fence):
                self._fence = ""
        self._seen = place
        return bool(self._fence)
