"""How a model may spell a link to a file below /mnt/data, well-formed or nearly so."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

FOLDER = "/mnt/data/"
WELL_FORMED = f"sandbox:{FOLDER}"
SCHEMES = ("sandbox:", "file:", "attachment:")

# What may stand before a path below /mnt/data, and before one of those or the mere name of a file.
_FOLDERS = (FOLDER, "mnt/data/", "./mnt/data/", "%2fmnt%2fdata%2f")
_FOLDERS_OF_URLS = (*_FOLDERS, "//mnt/data/", "///mnt/data/")
_ROOTS = ("", "/", "./")
_ROOTS_OF_URLS = (*_ROOTS, "//", "///")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands at a place.

    Args:
        spelling: the text that spells a file; empty where none does.
        path: the file.
        undecided: whether text that is still to come may change that.
    """

    spelling: str = ""
    path: str = ""
    undecided: bool = False


_NOTHING = Reading()
_UNDECIDED = Reading(undecided=True)


class Names:
    """What files may be called, each name of exactly one path.

    A name counts in other case and with backslashes for slashes too, where one path fits that.

    Args:
        ranks: pairs of a name and its path. A name of an earlier rank hides the equal one of a later
            rank; one that has two paths in its rank is of neither.
    """

    def __init__(self, *ranks: Iterable[tuple[str, str]]) -> None:
        listed = [list(pairs) for pairs in ranks]
        self.exact = _of_one_path(listed)
        self._folded = _of_one_path(
            [[(_fold(name), path) for name, path in pairs] for pairs in listed]
        )
        self._sorted = sorted(self._folded)
        self._lengths = sorted({len(name) for name in self._sorted}, reverse=True)
        self._reach = max(self._lengths, default=0) + 2  # and the two characters behind it

    def read(self, text: str, start: int, *, ended: bool) -> Reading:
        """Return the longest name at `start` in `text`; undecided while a longer one may still come."""
        rest = text[start : start + self._reach]
        folded = _fold(rest)
        place = bisect_left(self._sorted, folded)
        if not ended and place < len(self._sorted) and self._sorted[place].startswith(folded):
            return _UNDECIDED
        for length in self._lengths:
            name = rest[:length]
            path = self.exact.get(name) or self._folded.get(folded[:length])
            if path and len(name) == length:
                if not ended and len(rest) <= length + 1:
                    return _UNDECIDED  # `a.csv)` or `a.csv.gz`
                return Reading(name, path) if ends_name(name, rest[length:]) else _NOTHING
        return _NOTHING


class Spellings:
    """What leads to a file: something that says where it is, and its name.

    Args:
        forms: a beginning, and the names that may follow it.
    """

    def __init__(self, forms: Iterable[tuple[str, Names]]) -> None:
        self._forms = sorted(forms, key=lambda form: len(form[0]), reverse=True)
        self._reach = len(self._forms[0][0])

    def read(self, text: str, start: int, *, ended: bool) -> Reading:
        """Return the spelling at `start` in `text`, or that it is undecided."""
        begun = _fold(text[start : start + self._reach])
        if not ended and any(
            begun != first and first.startswith(begun) for first, _ in self._forms
        ):
            return _UNDECIDED
        for first, names in self._forms:
            if begun.startswith(first):
                reading = names.read(text, start + len(first), ended=ended)
                if reading.undecided:
                    return reading
                if reading.path:
                    end = start + len(first) + len(reading.spelling)
                    return Reading(text[start:end], reading.path)
        return _NOTHING


def with_scheme(paths: Iterable[str]) -> Spellings:
    """Return the spellings that begin with a scheme, wherever they stand."""
    whole, short = _names(paths)
    folders = [(scheme + folder, whole) for scheme in SCHEMES for folder in _FOLDERS_OF_URLS]
    roots = [(scheme + root, short) for scheme in SCHEMES for root in _ROOTS_OF_URLS]
    return Spellings(folders + roots)


def as_target(paths: Iterable[str]) -> Spellings:
    """Return the spellings without a scheme that mean a file where a link leads, as in `[data](x.csv)`."""
    whole, short = _names(paths)
    return Spellings([(folder, whole) for folder in _FOLDERS] + [(root, short) for root in _ROOTS])


def in_prose(paths: Iterable[str]) -> Mapping[str, str]:
    """Return what a text without links calls a file: spelling -> path."""
    ways = list(_ways(paths))
    whole = [(prefix + name, path) for name, path in ways for prefix in (FOLDER, "")]
    return _of_one_path([whole, _base_ways(paths)])


def _names(paths: Iterable[str]) -> tuple[Names, Names]:
    """Names that are whole paths, and those that may be the mere name of a file."""
    ways = list(_ways(paths))
    return Names(ways), Names(ways, _base_ways(paths))


def _ways(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((written, path) for path in paths for written in variants(path))


def _base_ways(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((written, path) for path in paths for written in variants(PurePosixPath(path).name))


def variants(name: str) -> set[str]:
    """Return a name as it is, and with the characters escaped that a URL or Markdown may not hold."""
    forms = {name} if name.isascii() else {name, *_normal_forms(name)}
    return {
        written
        for form in forms
        for written in (
            form,
            form.replace(" ", "%20"),
            quote(form),
            quote(form, safe=""),
            quote(form, safe="/()!'*,;:@&=+$"),
            form.replace("_", r"\_"),
        )
    }


def _normal_forms(name: str) -> tuple[str, str]:
    """Macs name files with accents apart from their letters; models put both in one character."""
    return unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)


def _of_one_path(ranks: Iterable[Iterable[tuple[str, str]]]) -> dict[str, str]:
    found: dict[str, str | None] = {}
    for pairs in ranks:
        rank: dict[str, str | None] = {}
        for name, path in pairs:
            rank[name] = path if rank.get(name, path) == path else None
        found = rank | found
    return {name: path for name, path in found.items() if path is not None}


def _fold(text: str) -> str:
    """The text in lower case and with slashes, as long as it was."""
    if text.isascii():
        return text.lower().replace("\\", "/")
    # Letter by letter: how a letter is lowered may depend on the next, which has not come yet.
    lower = "".join(low if len(low := each.lower()) == 1 else each for each in text)
    return lower.replace("\\", "/")


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
