"""Paragraphs of reportlab whose letters run from right to left."""

# These packages live in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import functools
from typing import Any

import fallback_fonts

_MARKS = "\u200e\u200f"  # left-to-right mark, right-to-left mark


def change(paragraph: Any) -> None:
    """Have each line of a paragraph drawn in the direction of the whole, across its styles."""
    cls = paragraph.Paragraph
    cls.drawPara = functools.partialmethod(_draw, cls.drawPara)
    paragraph._putFragLine = functools.partial(_put_line, paragraph._putFragLine)  # noqa: SLF001


def _draw(paragraph: Any, original: Any, *args: Any, **options: Any) -> Any:
    text = "".join(getattr(part, "text", "") or "" for part in paragraph.frags)
    canvas = paragraph.canv
    canvas.direction_of_paragraph = "R" if fallback_fonts.is_right_to_left(text) else "L"
    try:
        return original(paragraph, *args, **options)
    finally:
        canvas.direction_of_paragraph = None


def _put_line(original: Any, x: float, page: Any, line: Any, *args: Any) -> None:
    """Draw a line of parts that differ in style."""
    parts = line.words
    base = getattr(page._canvas, "direction_of_paragraph", None)  # noqa: SLF001
    try:
        line.words = _reorder(parts, base)
        original(x, page, line, *args)
    finally:
        line.words = parts


def _reorder(parts: list[Any], base: str | None) -> list[Any]:
    """Return the parts of a line as they stand from left to right."""
    if any(hasattr(part, "cbDefn") for part in parts):  # pictures and anchors keep their places
        return parts
    text = "".join(part.text for part in parts)
    if len(parts) < 2 or not fallback_fonts.has_right_to_left(text):
        return parts
    seen: list[Any] = []
    for number, words, is_backward in fallback_fonts.reorder(
        text, [len(part.text) for part in parts], base
    ):
        mark = _MARKS[is_backward]  # keeps the direction that it has in its line
        seen.append(parts[number].clone(text=f"{mark}{words}{mark}"))
    return seen
