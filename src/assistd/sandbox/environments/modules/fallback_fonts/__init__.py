"""Fonts for text that the standard fonts of a PDF cannot show, and the order in which it is drawn.

A PDF's own fonts (Helvetica, Times, Courier) have the letters of Western Europe. Text with others is cut
here into runs, each for one font, in the order in which a reader sees them from left to right.
"""

# These packages live in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import bisect
import functools
import itertools
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

FOLDER = f"{sys.prefix}/share/fonts"
ROUND = "wqy-microhei.ttc"  # Han, Kana, Hangul, alphabets and symbols
ALPHABETS = "NotoSans.ttf"  # Latin, Greek and Cyrillic, and the one that has an italic
_LAST_RESORTS = (ROUND, ALPHABETS, "NotoSansSymbols.ttf", "NotoEmoji.ttf")
# First character of each block, and its script; what lies between the named blocks has none.
_BLOCKS = (
    (0x0000, ALPHABETS), (0x0530, "Armenian"), (0x0590, "Hebrew"), (0x0600, "Arabic"), (0x0700, ""),
    (0x0750, "Arabic"), (0x0780, ""), (0x0870, "Arabic"), (0x0900, "Devanagari"), (0x0980, "Bengali"),
    (0x0A00, "Gurmukhi"), (0x0A80, "Gujarati"), (0x0B00, "Oriya"), (0x0B80, "Tamil"),
    (0x0C00, "Telugu"), (0x0C80, "Kannada"), (0x0D00, "Malayalam"), (0x0D80, "Sinhala"),
    (0x0E00, "Thai"), (0x0E80, "Lao"), (0x0F00, ""), (0x1000, "Myanmar"), (0x10A0, "Georgian"),
    (0x1100, ""), (0x1200, "Ethiopic"), (0x13A0, ""), (0x1780, "Khmer"), (0x1800, ""),
    (0x1C80, "Georgian"), (0x1CC0, ""), (0x1E00, ALPHABETS), (0x2000, ""), (0xA8E0, "Devanagari"),
    (0xA900, ""), (0xFB1D, "Hebrew"), (0xFB50, "Arabic"), (0xFE00, ""), (0xFE70, "Arabic"),
    (0xFF00, ""), (0x1F000, "NotoEmoji.ttf"), (0x1FB00, ""),
)  # fmt: skip
_STARTS = [start for start, _ in _BLOCKS]
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe]")
GREEK_WORD = re.compile("[\u0370-\u03ff]{2}")  # a single letter is a sign, which Symbol has, too
_MARKS = dict.fromkeys((0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_WORD = re.compile("[A-Za-z\u00aa-\u052f\u1e00-\u1fff]+")  # of an alphabet; it stays in one font


class Run(NamedTuple):
    """Text of one font and direction, in the order in which it is read.

    Args:
        text: the text; of a core font, as it is drawn from left to right.
        file: the font's file in FOLDER; None for the core font.
        is_right_to_left: whether it is drawn from right to left.
    """

    text: str
    file: str | None
    is_right_to_left: bool


@functools.lru_cache(4096)
def file_of(char: str) -> str:
    """Return the font that is looked into first for a character."""
    script = _BLOCKS[bisect.bisect_right(_STARTS, ord(char)) - 1][1]
    return script if "." in script else f"NotoSans{script}.ttf" if script else ROUND


def is_right_to_left(text: str) -> bool:
    """Return whether the first letter of a text is of a script that runs from right to left."""
    kinds = (unicodedata.bidirectional(char) for char in text)
    return next((kind for kind in kinds if kind in {"L", "R", "AL"}), "L") != "L"


def has_right_to_left(text: str) -> bool:
    """Return whether any letter of a text is of a script that runs from right to left."""
    return _RIGHT_TO_LEFT.search(text) is not None


def reorder(text: str, lengths: list[int], base: str | None) -> Iterator[tuple[int, str, bool]]:
    """Yield the parts of a line from left to right, cut where the direction changes.

    Args:
        text: the line, in the order in which it is read.
        lengths: those of its parts.
        base: the direction of the paragraph; see `split`.

    Yields:
        the number of a part, its text in the order in which it is read, whether it is read from
        right to left.
    """
    owners = [number for number, length in enumerate(lengths) for _ in range(length)]

    def kind(entry: dict[str, Any]) -> tuple[int, int]:
        return owners[entry["index"]], entry["level"]

    for (owner, level), group in itertools.groupby(_visual_order(text, base), key=kind):
        ends = [entry["index"] for entry in group]
        first, last = min(ends[0], ends[-1]), max(ends[0], ends[-1])
        yield owner, text[first : last + 1], bool(level % 2)


def mirror(text: str) -> str:
    """Return signs that are read from right to left as they are drawn from left to right."""
    from bidi.mirror import MIRRORED  # noqa: PLC0415  only text of these scripts needs it

    return "".join(MIRRORED.get(char, char) for char in reversed(text))


def split(
    text: str,
    is_encodable: Callable[[str], bool],
    has: Callable[[str, str], bool],
    *,
    base: str | None = None,
) -> list[Run]:
    """Return a text as runs from left to right.

    Args:
        text: one line, in the order in which it is read.
        is_encodable: whether the core font has a character.
        has: whether a font's file has a character.
        base: the direction of the paragraph, "L" or "R"; by default that of its first letter.
    """
    if not has_right_to_left(text):
        return cut(text, is_encodable, has)
    return _without_marks(_visual_runs(text, _files(text, is_encodable, has), base))


def cut(
    text: str, is_encodable: Callable[[str], bool], has: Callable[[str, str], bool]
) -> list[Run]:
    """Return a text that runs in one direction as runs, in the order in which it is read."""
    files = _files(text, is_encodable, has)
    groups = itertools.groupby(zip(text, files, strict=True), key=lambda pair: pair[1])
    return _without_marks(
        Run("".join(char for char, _ in pairs), file, is_right_to_left=False)
        for file, pairs in groups
    )


def _without_marks(runs: Iterable[Run]) -> list[Run]:
    """Drop the marks of direction, which have done their work and are drawn as nothing."""
    seen = (run._replace(text=run.text.translate(_MARKS)) for run in runs)
    return [run for run in seen if run.text]


def _files(
    text: str, is_encodable: Callable[[str], bool], has: Callable[[str, str], bool]
) -> list[str | None]:
    """Return the font of each character."""
    files: list[str | None] = []
    for char in text:
        joins = unicodedata.category(char) in {"Mn", "Mc", "Me", "Cf"}
        if joins and files and files[-1] and (has(files[-1], char) or not has(file_of(char), char)):
            files.append(files[-1])
        else:
            files.append(None if is_encodable(char) else _file_that_has(char, has))
    for word in _WORD.finditer(text):
        own = next((file for file in files[word.start() : word.end()] if file), None)
        if own or GREEK_WORD.search(word[0]):
            files[word.start() : word.end()] = [own or ALPHABETS] * len(word[0])
    return files


def _file_that_has(char: str, has: Callable[[str, str], bool]) -> str | None:
    candidates = (file_of(char), *_LAST_RESORTS)
    return next((file for file in candidates if has(file, char)), None)


def _visual_runs(text: str, files: list[str | None], base: str | None) -> Iterator[Run]:

    def kind(entry: dict[str, Any]) -> tuple[str | None, int]:
        return files[entry["index"]], entry["level"]

    for (file, level), group in itertools.groupby(_visual_order(text, base), key=kind):
        entries = list(group)
        first, last = sorted((entries[0]["index"], entries[-1]["index"]))
        is_backward = bool(level % 2)
        if file is None:
            yield Run("".join(entry["ch"] for entry in entries), None, is_backward)
        else:  # as it is read, with the joiners that the algorithm leaves out
            yield Run(text[first : last + 1], file, is_backward)


def _visual_order(text: str, base: str | None) -> list[dict[str, Any]]:
    """Return the characters from left to right, each with its index and level (UAX 9)."""
    from bidi import algorithm  # noqa: PLC0415  only text of these scripts needs it

    storage = algorithm.get_empty_storage()
    level = "LR".index(base) if base else algorithm.get_base_level(text)
    storage["base_level"], storage["base_dir"] = level, "LR"[level]
    algorithm.get_embedding_levels(text, storage)
    for index, entry in enumerate(storage["chars"]):
        entry["index"] = index
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    algorithm.resolve_neutral_types(storage, False)  # noqa: FBT003  it has no default
    algorithm.resolve_implicit_levels(storage, False)  # noqa: FBT003
    algorithm.reorder_resolved_levels(storage, False)  # noqa: FBT003
    algorithm.apply_mirroring(storage, False)  # noqa: FBT003
    return storage["chars"]
