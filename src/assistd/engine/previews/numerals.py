"""How the numbers of a table are written: with a comma or a point before the decimals."""

import re
from collections.abc import Iterable

_POINT = re.compile(r"[+-]?\d+\.\d+|[+-]?\d{1,3}(?:,\d{3})+\.\d+")
_COMMA = re.compile(r"[+-]?\d+,(?:\d{1,2}|\d{4,})|[+-]?\d{1,3}(?:\.\d{3})+,\d+")
_GROUPED = {
    ",": re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"),
    ".": re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?"),
}
_LOOKS_GROUPED = {mark: re.compile(rf"\d+{re.escape(mark)}\d+.*") for mark in _GROUPED}


def options(cells: Iterable[str]) -> list[tuple[str, str]]:
    """Return what pandas must be told to read the numbers among `cells` as numbers.

    Args:
        cells: of the table's body.
    """
    found = [cell.strip() for cell in cells]
    commas = any(_COMMA.fullmatch(cell) for cell in found)
    points = any(_POINT.fullmatch(cell) for cell in found)
    if commas and not points:
        return [("decimal", ","), *_thousands(found, ".")]
    return [] if commas else _thousands(found, ",")


def _thousands(cells: list[str], mark: str) -> list[tuple[str, str]]:
    """The mark, where it groups digits and does nothing else: pandas would take dates for numbers."""
    grouped = _GROUPED[mark]
    like = [cell for cell in cells if _LOOKS_GROUPED[mark].fullmatch(cell.lstrip("+-"))]
    return [("thousands", mark)] if like and all(map(grouped.fullmatch, like)) else []
