"""The preview of a table that is text: its first lines, and what pandas must be told to read it."""

from collections.abc import Sequence

from assistd.encoding import DecodedHead
from assistd.engine.previews import numerals
from assistd.engine.previews.separator import Row, Rows, split
from assistd.engine.previews.wording import call, shorten

_MOST_OF_A_TITLE = 80
_SHOWN_ROWS = 2  # below the header: they show how dates, sums and names are written
_MOST_OF_A_ROW = 80
_SURELY = 0.9
_FEWEST_ROWS = 3


def describe(path: str, head: DecodedHead, *, whole: bool, named_so: bool) -> str:
    """Return the preview of a text; empty where nothing is in it.

    Args:
        path: where code finds it.
        head: the text at its head.
        whole: whether that is all of it.
        named_so: whether its name says that it is a table; else it must look like one.
    """
    rows = split(head.text if whole else _complete_lines(head.text))
    if not rows.rows:
        return ""
    if named_so or _is_table(rows):
        return _describe_rows(path, rows, _encoding(head))
    return _describe_columns(path, rows, _encoding(head))


def _describe_rows(path: str, rows: Rows, encoding: list[tuple[str, object]]) -> str:
    header = rows.rows[rows.header]
    options: list[tuple[str, object]] = []
    if rows.columns > 1 and rows.separator != ",":
        options.append(("sep", rows.separator))
    options += encoding
    options += numerals.options(cell for row in rows.rows[rows.header + 1 :] for cell in row.cells)
    first = f"first line: {_line(header.text, header.cells)}"
    if rows.header:
        options.append(("skiprows", header.line))
        title = shorten(rows.rows[0].text, _MOST_OF_A_TITLE)
        first = f"first line: {title}; line {header.line + 1}: {_line(header.text, header.cells)}"
    below = rows.rows[rows.header + 1 :][:_SHOWN_ROWS]
    shown = "; ".join((first, *(_number_row(row) for row in below)))
    return f"read with {call('pd.read_csv', path, options)}; {shown}" if options else shown


def _number_row(row: Row) -> str:
    return f"line {row.line + 1}: {shorten(row.text, _MOST_OF_A_ROW)}"


def _describe_columns(path: str, rows: Rows, encoding: list[tuple[str, object]]) -> str:
    """The preview of columns that blanks part, or of other text that needs its encoding told."""
    cells = [row.text.split() for row in rows.rows]
    widths = {len(each) for each in cells}
    numbers = all(any(map(_is_number, each)) for each in cells[1:])
    if len(widths) == 1 and widths != {1} and len(cells) >= _FEWEST_ROWS and numbers:
        options = [("sep", r"\s+"), *encoding]
        reading = call("pd.read_csv", path, options)
        return f"read with {reading}; first line: {shorten(rows.rows[0].text)}"
    opening = f"; open with {call('open', path, encoding)}" if encoding else ""
    return f"text{opening}; first line: {shorten(rows.rows[0].text)}"


def _encoding(head: DecodedHead) -> list[tuple[str, object]]:
    return [] if head.is_default else [("encoding", head.encoding)]


def _line(text: str, cells: Sequence[str]) -> str:
    line = shorten(text)
    return f"{line} ({len(cells)} columns)" if "..." in line[-4:] else line


def _complete_lines(text: str) -> str:
    """The text without what may be a part of a line, unless it is all."""
    end = max(text.rfind("\n"), text.rfind("\r")) + 1
    return text[:end] if end else text


def _is_table(rows: Rows) -> bool:
    return rows.columns > 1 and rows.share >= _SURELY and len(rows.rows) >= _FEWEST_ROWS


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
