"""Whether a task was solved: looks at what the user got, with the standard library alone."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from bench.tasks import pictures, spreadsheets
from bench.tasks.inputs import Cell, Row
from bench.tasks.task import Check, Outcome

_NUMBER = re.compile(r"-?\d+(?:[.,']\d+)*")
_THIN_SPACE = re.compile(r"(?<=\d)[\u2009\u202f\u00a0](?=\d{3})")
_MOST_NUMBERS = 12  # more are a dump of the table: the user would have to look for the answer


@dataclass(frozen=True, slots=True)
class Says:
    """The last message says a number.

    Args:
        number: the right one.
        within: how far from it the message may be; half a cent by default.
    """

    number: float
    within: float = 0.0051

    def __call__(self, outcome: Outcome) -> bool:
        """Return whether the number is among the few of the message."""
        found = find_numbers(outcome.text)
        near = (abs(each - self.number) <= self.within for readings in found for each in readings)
        return len(found) <= _MOST_NUMBERS and any(near)


@dataclass(frozen=True, slots=True)
class Names:
    """The last message contains a name.

    Args:
        spellings: the name, and how another language writes it: small models answer in English.
    """

    spellings: tuple[str, ...]

    def __call__(self, outcome: Outcome) -> bool:
        """Return whether the name is in the message, in whatever case."""
        text = outcome.text.casefold()
        return any(each.casefold() in text for each in self.spellings)


@dataclass(frozen=True, slots=True)
class Shows:
    """A picture that is not of one colour was shown, or handed over."""

    def __call__(self, outcome: Outcome) -> bool:
        """Return whether there is one."""
        files = [content for name, content in outcome.files.items() if name.endswith(".png")]
        return any(pictures.shows_something(each) for each in (*outcome.pictures, *files))


@dataclass(frozen=True, slots=True)
class HandsPicture:
    """A picture was handed over.

    Args:
        suffix: the end of its name, which its bytes must agree with: `.png` or `.jpg`.
        width: in pixels.
        height: in pixels, give or take one for rounding.
    """

    suffix: str
    width: int
    height: int

    def __call__(self, outcome: Outcome) -> bool:
        """Return whether there is one of that format and size."""
        endings = (".jpg", ".jpeg") if self.suffix == ".jpg" else (self.suffix,)
        for name, content in outcome.files.items():
            if name.lower().endswith(endings) and pictures.find_suffix(content) == self.suffix:
                width, height = pictures.read_size(content)
                if width == self.width and abs(height - self.height) <= 1:
                    return True
        return False


@dataclass(frozen=True, slots=True)
class HandsTable:
    """A table was handed over.

    Args:
        suffix: the end of its name: `.xlsx` or `.csv`.
        rows: each is found in the table: its cells in one row, among others.
        height: the number of rows below the header, or None if it does not matter.
    """

    suffix: str
    rows: tuple[Row, ...]
    height: int | None = None

    def __call__(self, outcome: Outcome) -> bool:
        """Return whether there is such a table."""
        for name, content in outcome.files.items():
            if name.lower().endswith(self.suffix):
                for table in _tables(self.suffix, content):
                    if self._fits(table):
                        return True
        return False

    def _fits(self, table: list[Row]) -> bool:
        fits = self.height is None or len(table) == self.height + 1
        return fits and all(any(_holds(row, wanted) for row in table) for wanted in self.rows)


@dataclass(frozen=True, slots=True)
class Every:
    """All of several checks."""

    checks: tuple[Check, ...]

    def __call__(self, outcome: Outcome) -> bool:
        """Return whether each check passes."""
        return all(check(outcome) for check in self.checks)


def find_numbers(text: str) -> list[set[float]]:
    """Return the numbers of a text, each in all its readings: 1.234 may be 1234."""
    plain = _THIN_SPACE.sub("'", text.replace("{,}", ",").replace("\\,", ""))
    plain = unicodedata.normalize("NFKC", plain)
    plain = re.sub(r"(?<=\d)\s*[-\u2013](?=\d)", " ", plain)  # 2024-03-05 and 3-5 hold no minus
    return [set(_readings(match)) for match in _NUMBER.findall(plain.replace("\u2212", "-"))]


def _readings(token: str) -> Iterator[float]:
    token = token.replace("'", "")
    for separator, decimal in (",.", ".,"):
        parts = token.split(decimal)
        groups = parts[0].split(separator)
        whole = all(len(group) == 3 for group in groups[1:])
        if whole and len(parts) <= 2 and separator not in "".join(parts[1:]):
            yield float(".".join([parts[0].replace(separator, ""), *parts[1:]]))


def _tables(suffix: str, content: bytes) -> list[list[Row]]:
    """Return the sheets of a workbook, or the one table of a CSV; none of a damaged file."""
    try:
        if suffix == ".xlsx":
            return list(spreadsheets.read(content).values())
        lines = csv.reader(io.StringIO(_decoded(content)))
        return [[tuple(row) for row in lines if row]]
    except (ValueError, KeyError):
        return []


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030")


def _holds(row: Row, wanted: Row) -> bool:
    return all(any(_same(cell, value) for cell in row) for value in wanted)


def _same(cell: Cell, value: Cell) -> bool:
    if isinstance(value, str):
        return str(cell).strip() == value
    try:
        return abs(float(cell) - value) < 0.0051
    except ValueError:
        return False
