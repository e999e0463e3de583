"""Advice on text in an encoding that was not asked for: a guess, made of the very bytes and tried on them."""

# chardet lives in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

import codecs
import os
import re
from collections.abc import Iterator

from assistd.sandbox.guest.advice.failure import Failure, quote, read_head
from assistd.sandbox.guest.advice.rule import Match, rule

_TRIED = 1 << 20  # bytes that a guess must decode
_SAMPLE = 64  # bytes by which a file is known
_GUESSED = 1 << 14  # bytes that it is made of
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS = ("cp1252", "latin-1")
# Guesses that are taken: of few words of a Western language the guess is any of dozens.
_DISTINCT = re.compile(
    r"gb|big5|hz|shift|cp932|euc|cp949|johab|iso2022|koi8|cp125[013456]|iso8859-(?:2|5|6|7|8|9)$|tis|cp874|utf"
)
_SEPARATORS = ",;\t|"


def guess_encoding(data: bytes) -> str | None:
    """Return the name of an encoding that decodes the beginning of a file; None for what is no text."""
    if not any(data.startswith(mark) for mark, _ in _MARKS) and b"\0" in data:
        return None
    return next((name for name in _candidates(data) if _decodes(data, name)), None)


def guess_separator(text: str) -> str | None:
    """Return what stands between the columns of a table, by its first lines; None where nothing does."""
    lines = [line for line in text.splitlines()[:10] if line.strip()]
    counts = {mark: [line.count(mark) for line in lines] for mark in _SEPARATORS}
    even = [mark for mark, each in counts.items() if each and min(each) == max(each) > 0]
    usual = even or [mark for mark, each in counts.items() if each and min(each) > 0]
    return max(usual, key=lambda mark: counts[mark][0], default=None)


def read_options(path: str) -> str | None:
    """Return the arguments with which `pd.read_csv` reads a text file; None for what is no text."""
    data = read_head(path, _TRIED)
    name = guess_encoding(data)
    if name is None:
        return None
    separator = guess_separator(data[:_GUESSED].decode(name, "ignore"))
    options = [] if name == "utf-8" else [f"encoding={name!r}"]
    if separator not in {",", None}:
        options.append(f"sep={separator!r}")
    return "".join(f", {option}" for option in options)


def _candidates(data: bytes) -> Iterator[str]:
    for mark, name in _MARKS:
        if data.startswith(mark):
            yield name
    yield "utf-8"
    try:
        import chardet  # noqa: PLC0415  an environment may lack it

        name = codecs.lookup(chardet.detect(data[:_GUESSED])["encoding"] or "utf-8").name
        if _DISTINCT.match(name):
            yield name
    except (ImportError, LookupError):
        pass
    yield from _OTHERS


def _decodes(data: bytes, name: str) -> bool:
    """Return whether an encoding takes the bytes; a character that is cut off at their end is none."""
    try:
        codecs.getincrementaldecoder(name)("strict").decode(data, len(data) < _TRIED)
    except (ValueError, LookupError):
        return False
    return True


def _advise(failure: Failure, _: Match) -> str | None:
    failing = getattr(failure.error, "object", b"")
    failing = failing[:_TRIED] if isinstance(failing, bytes) else b""
    path = _file_with(failure, failing[:_SAMPLE])
    data = read_head(path, _TRIED) if path else failing
    name = guess_encoding(data)
    what = quote(os.path.basename(path)) if path else "The text"
    if name is None or not data:
        return None  # not text: what it is, another rule says
    if name == "utf-8":
        return f"{what} is UTF-8: leave encoding= out, or give encoding='utf-8'."
    if not failure.runs_in("pandas"):
        return f"{what} is not in this encoding: give encoding={name!r}, a guess that decodes it."
    options = (read_options(path) if path else None) or f", encoding={name!r}"
    return (
        f"{what} is not in this encoding: pd.read_csv({quote(path or 'path')}{options}) decodes it; "
        "look whether the words are right."
    )


def _file_with(failure: Failure, sample: bytes) -> str | None:
    """Return the file that the bytes come from which were not decoded."""
    return next((path for path in failure.files() if sample in read_head(path, _TRIED)), None)


def _advise_on_writing(failure: Failure, _: Match) -> str:
    if failure.runs_in("fpdf"):
        return "Its built-in fonts have Latin-1 only: pdf.add_font a .ttf file, or use reportlab."
    return "Write it with encoding='utf-8' ('utf-8-sig' for a CSV that Excel opens)."


RULES = (
    rule("UnicodeDecodeError", "", _advise),
    rule("UnicodeError", r"does not start with BOM", _advise),
    rule("UnicodeEncodeError", "", _advise_on_writing),
)
