"""How a model may spell a link to a file below /mnt/data, well-formed or nearly so."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

FOLDER = "/mnt/data/"
WELL_FORMED = f"sandbox:{FOLDER}"
SCHEMES = ("sandbox:", "file:", "attachment:")

# What may stand before a path below /mnt/data, and before one of those or the mere name of a file.
_FOLDERS = (FOLDER, "mnt/data/", "./mnt/data/", "%2fmnt%2fdata%2f")
_FOLDERS_OF_URLS = (*_FOLDERS, "//mnt/data/", "///mnt/data/")
_ROOTS = ("", "/", "./")
_ROOTS_OF_URLS = (*_ROOTS, "//", "///")
_START = 2  # characters of a key that tell most texts from all names
_MOST_ESCAPED = 12  # characters of one that is escaped, of up to four bytes
_MOST_ALIKE = 32  # names of one key, such as those that differ in case only
_CUT_OFF = re.compile(r"%[0-9A-Fa-f]?\Z")
_ESCAPED_AGAIN = re.compile(r"%(?:25)+(?=[0-9A-Fa-f]{2})")
_ESCAPED_LINE = re.compile(r"\\+_")
_WORD = re.compile(r"[A-Za-z0-9_]+")
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

    A name counts in other case and with backslashes for slashes too, where one path fits that. How names
    may be written is worked out only for the few that stand at a place: each has a key, which is the
    same however the name is written, and what stands there has a key that begins with it.

    Args:
        ranks: pairs of a name and its path. A name of an earlier rank hides the equal one of a later
            rank; one that has two paths in its rank is of neither.
    """

    def __init__(self, *ranks: Iterable[tuple[str, str]]) -> None:
        self._ranks = len(ranks)
        self._by_key: dict[str, dict[tuple[int, str], str | None]] = {}
        longest = 0
        for rank, pairs in enumerate(ranks):
            for name, path in pairs:
                longest = max(longest, len(name))
                alike = self._by_key.setdefault(_key(name), {})
                if (rank, name) in alike or len(alike) < _MOST_ALIKE:
                    alike[rank, name] = path if alike.get((rank, name), path) == path else None
        self._keys = sorted(self._by_key)
        self._lengths = sorted({len(key) for key in self._keys})
        self._starts = {key[:_START] for key in self._keys}
        self._reach = _MOST_ESCAPED * longest + 2  # and the two characters behind it

    def read(self, text: str, start: int, *, ended: bool) -> Reading:
        """Return the longest name at `start` in `text`; undecided while a longer one may still come."""
        begun = _key(text[start : start + _MOST_ESCAPED * _START], cut=True)[:_START]
        if len(begun) == _START and self._starts.isdisjoint((begun, begun[:1], "")):
            return _NOTHING
        rest = text[start : start + self._reach]
        cut = not ended and len(rest) < self._reach
        key = _key(rest, cut=cut)
        place = bisect_left(self._keys, key)
        if cut and place < len(self._keys) and self._keys[place].startswith(key):
            return _UNDECIDED
        return self._read_exactly(key, rest, ended=ended)

    def _read_exactly(self, key: str, rest: str, *, ended: bool) -> Reading:
        """Return the longest name that `rest`, whose key is `key`, begins with."""
        ranks: list[list[tuple[str, str | None]]] = [[] for _ in range(self._ranks)]
        for length in self._lengths[: bisect_right(self._lengths, len(key))]:
            for (rank, name), path in self._by_key.get(key[:length], {}).items():
                ranks[rank] += [(written, path) for written in variants(name)]
        exact = _of_one_path(ranks)
        folded = _of_one_path([[(_fold(name), path) for name, path in pairs] for pairs in ranks])
        folded_rest = _fold(rest)
        for length in sorted({len(name) for name in (*exact, *folded)}, reverse=True):
            name = rest[:length]
            path = exact.get(name) or folded.get(folded_rest[:length])
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


def spellings_of(paths: Sequence[str]) -> tuple[Spellings, Spellings]:
    """Return what leads to a file: with a scheme, anywhere; and without one, where a link leads to.

    `sandbox:x.csv` is of the first kind, `[data](x.csv)` has one of the second.
    """
    ways = [(path, path) for path in paths]
    base_ways = [(path.rpartition("/")[2], path) for path in paths]
    whole, short = Names(ways), Names(ways, base_ways)
    anywhere = [(scheme + folder, whole) for scheme in SCHEMES for folder in _FOLDERS_OF_URLS]
    anywhere += [(scheme + root, short) for scheme in SCHEMES for root in _ROOTS_OF_URLS]
    targets = [(folder, whole) for folder in _FOLDERS] + [(root, short) for root in _ROOTS]
    return Spellings(anywhere), Spellings(targets)


def in_prose(paths: Iterable[str]) -> Mapping[str, str]:
    """Return what a text without links calls a file: spelling -> path."""
    whole: list[tuple[str, str]] = []
    base: list[tuple[str, str]] = []
    for path in paths:
        whole += [(prefix + name, path) for name in variants(path) for prefix in (FOLDER, "")]
        base += [(name, path) for name in variants(PurePosixPath(path).name)]
    return _of_one_path([whole, base])


def words(text: str) -> set[str]:
    """Return the ASCII words of a text: one that mentions a file holds all those of its name."""
    return set(_WORD.findall(text))


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


def _of_one_path(ranks: Iterable[Iterable[tuple[str, str | None]]]) -> dict[str, str]:
    """Each name with its path; without those that two paths of a rank have, or one that is None."""
    found: dict[str, str | None] = {}
    for pairs in ranks:
        rank: dict[str, str | None] = {}
        for name, path in pairs:
            rank[name] = path if rank.get(name, path) == path else None
        found = rank | found
    return {name: path for name, path in found.items() if path is not None}


def _key(text: str, *, cut: bool = False) -> str:
    """What is the same of all ways to write a name, near misses too; without what `cut` may have cut off."""
    plain = _CUT_OFF.sub("", unescape(_CUT_OFF.sub("", text))) if cut else unescape(text)
    return _fold(plain).replace("/", "")


def unescape(text: str) -> str:
    """Return the text without escapes, however often it was escaped, and with its accents apart."""
    if "%" in text:
        text = unquote(_ESCAPED_AGAIN.sub("%", text), errors="ignore")
    text = _ESCAPED_LINE.sub("_", text)
    return text if text.isascii() else unicodedata.normalize("NFD", text)


def _fold(text: str) -> str:
    """The text in lower case and with slashes, as long as it was."""
    lower = text.lower()
    # Else letter by letter: how a sigma is lowered depends on the next letter, which has not come yet.
    if len(lower) != len(text) or "\u03a3" in text:
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
