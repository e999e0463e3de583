"""The rows of a text, split by the separator that fits it best."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

_SEPARATORS = ",;\t|"
_MOST_ROWS = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Args:
        line: the number of its first line in the text, from 0.
        text: its lines, without the last line break.
        cells: what they hold.
    """

    line: int
    text: str
    cells: Sequence[str]

    @property
    def filled(self) -> int:
        """How many cells are not blank."""
        return sum(1 for cell in self.cells if cell.strip())


@dataclass(frozen=True, slots=True)
class Rows:
    """The first rows of a text, blank ones left out.

    Args:
        separator: what stands between cells.
        rows: the rows.
        columns: the commonest number of cells; 1 where the separator splits nothing.
        share: the share of the rows that have as many.
    """

    separator: str
    rows: Sequence[Row]
    columns: int
    share: float

    @property
    def header(self) -> int:
        """Which row names the columns: the first that is filled as a row of the table is, not as a title."""
        return find_header([row.filled for row in self.rows])


def find_header(filled: Sequence[int]) -> int:
    """Return which row names the columns, by how many cells are filled in each."""
    widest = max(filled, default=0)
    return next((place for place, number in enumerate(filled) if number > widest / 2), 0)


def split(text: str) -> Rows:
    """Return the rows of `text`, split as most rows get the same number of cells; by commas in doubt."""
    lines = list(io.StringIO(text, newline=""))[: 4 * _MOST_ROWS]
    found = [_split(lines, separator) for separator in _SEPARATORS]
    return max(found, key=lambda each: (ceil(each.share * 20) * (each.columns > 1), each.columns))


def _split(lines: Sequence[str], separator: str) -> Rows:
    rows: list[Row] = []
    reader = csv.reader(lines, delimiter=separator)
    start = 0
    try:
        for cells in reader:
            text = "".join(lines[start : reader.line_num]).rstrip("\r\n")
            row = Row(start, text, cells)
            start = reader.line_num
            rows += [row] if row.filled else []
            if len(rows) == _MOST_ROWS:
                break
    except csv.Error:
        return Rows(separator, [], 1, 0)
    counts = Counter(len(row.cells) for row in rows if len(row.cells) > 1)
    if not counts:
        return Rows(separator, rows, 1, 0)
    columns, number = counts.most_common(1)[0]
    return Rows(separator, rows, columns, number / len(rows))
