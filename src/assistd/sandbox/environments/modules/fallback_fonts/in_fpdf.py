"""fpdf2's standard fonts, with other fonts for what they cannot show.

Without this fpdf2 raises an error at the first letter that Helvetica, Times and Courier lack.
"""

# These packages live in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUntypedBaseClass=false
# The stubs that the type checker has are of another version.
# pyright: reportMissingModuleSource=false, reportCallIssue=false, reportArgumentType=false
# pyright: reportOptionalMemberAccess=false

import functools
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fpdf.enums import Align, TextDirection
from fpdf.errors import FPDFUnicodeEncodingException
from fpdf.fonts import TTFFont
from fpdf.line_break import Fragment, TextLine, TotalPagesSubstitutionFragment

import fallback_fonts
from fallback_fonts import shaping

_BOLD = 0.03  # of the size: how much wider the lines of a letter are that has no bold font
_SIGNS = {"symbol", "zapfdingbats"}
_DIRECTIONS = (TextDirection.LTR, TextDirection.RTL)


class _Bold(Fragment):
    """Text whose outlines are drawn, too, in its own colour: none of the fonts has a bold one."""

    def render_pdf_text(self, *args: Any, **options: Any) -> str:
        drawn = super().render_pdf_text(*args, **options)
        colour, outline = self.text_color, self.draw_color
        width = self.font_size_pt * _BOLD
        before = f"{colour.serialize().upper()} " if colour else ""
        after = f" {outline.serialize().upper()}" if outline else ""
        return (
            f"{before}2 Tr {width:.2f} w {drawn}{after} {self.text_mode} Tr {self.line_width:.2f} w"
        )


class _Font(TTFFont):
    """A font of the folder, whose glyphs know their part of the text."""

    def perform_harfbuzz_shaping(
        self, text: str, font_size_pt: float, text_shaping_params: Any
    ) -> tuple[list[Any], list[Any]]:
        """Return glyphs and their places; these are the same objects here."""
        self.hbfont.ptem = font_size_pt
        is_backward = text_shaping_params["fragment_direction"] is TextDirection.RTL
        glyphs = shaping.shape(self.hbfont, text, is_backward=is_backward)
        return glyphs, glyphs

    def shape_text(
        self, text: str, font_size_pt: float, text_shaping_params: Any
    ) -> list[dict[str, Any]]:
        """Return what fpdf2 draws for a text, from left to right."""
        glyphs, _ = self.perform_harfbuzz_shaping(text, font_size_pt, text_shaping_params)
        return [self._describe(glyph) for glyph in glyphs]

    def _describe(self, glyph: shaping.Glyph) -> dict[str, Any]:
        name = self.ttfont.getGlyphName(glyph.number)
        width = round(self.scale * self.ttfont["hmtx"].metrics[name][0])
        drawn = self.subset.get_glyph(
            glyph=glyph.number,
            unicode=tuple(map(ord, glyph.text)),
            glyph_name=name,
            glyph_width=width,
        )
        numbers = ("x_advance", "y_advance", "x_offset", "y_offset")
        places = {number: getattr(glyph, number) for number in numbers}
        moves = places != dict.fromkeys(numbers, 0) | {"x_advance": width}
        code = self.subset.pick_glyph(drawn) if drawn else None
        return {"mapped_char": code, "force_positioning": moves, **places}


def change(module: Any) -> None:
    """Have the standard fonts take any text."""
    cls = module.FPDF
    for name, ours in (
        ("normalize_text", _normalize),
        ("_preload_font_styles", _style),
        ("_render_styled_text_line", _render_line),
        ("text", _text),
    ):
        setattr(cls, name, functools.partialmethod(ours, getattr(cls, name)))
    ordered = functools.partialmethod(_order, TextLine.get_ordered_fragments)
    setattr(TextLine, "get_ordered_fragments", ordered)  # noqa: B010  a type that allows it only so


def _normalize(pdf: Any, original: Any, text: str) -> str:
    try:
        return original(pdf, text)
    except FPDFUnicodeEncodingException:
        if pdf.font_family in _SIGNS:
            raise
    return "".join(_encode(pdf, char) for char in unicodedata.normalize("NFC", text))


def _encode(pdf: Any, char: str) -> str:
    """Return a letter as fpdf2 names it in a standard font, which is in truth of Windows' code page."""
    for encoding in (pdf.core_fonts_encoding, "cp1252"):
        try:
            return char.encode(encoding).decode("latin-1")
        except UnicodeEncodeError:
            continue
    return char


def _is_core(char: str) -> bool:
    return char < "\u0100"


def _lacks(pdf: Any, text: str | None) -> bool:
    """Whether the current font is a standard one without a letter of a text."""
    is_core = not pdf.is_ttf_font and pdf.font_family not in _SIGNS
    return is_core and not all(map(_is_core, text or ""))


def _style(
    pdf: Any,
    original: Any,
    text: str | None,
    markdown: bool,  # noqa: FBT001  fpdf2's signature
    **options: Any,
) -> Sequence[Any]:
    parts = original(pdf, text, markdown, **options)
    if not _lacks(pdf, text):
        return parts
    base = _DIRECTIONS[fallback_fonts.is_right_to_left(text or "")]
    return tuple(piece for part in parts for piece in _cut(pdf, part, base))


def _cut(pdf: Any, part: Any, base: Any) -> Iterator[Any]:
    """Yield a part of a line as parts of one font each."""
    if isinstance(part, TotalPagesSubstitutionFragment):
        yield part
        return
    for run in fallback_fonts.cut(part.string, _is_core, functools.partial(_has, pdf)):
        state = part.graphics_state.copy()
        if run.file is None:
            yield Fragment(run.text, state, part.k, part.link)
            continue
        if run.file != fallback_fonts.ROUND:
            is_backward = fallback_fonts.has_right_to_left(run.text)
            state.text_shaping = _shaping(_DIRECTIONS[is_backward], base)
        state.current_font = _font(pdf, _file(run.file, state.font_style))
        state.font_family = state.current_font.fontkey
        kind = _Bold if "B" in state.font_style else Fragment
        yield kind(run.text, state, part.k, part.link)


def _shaping(direction: Any, base: Any) -> dict[str, Any]:
    """What fpdf2 sets letters by that change with their neighbours."""
    return {
        "use_shaping_engine": True,
        "features": {},
        "direction": None,
        "script": None,
        "language": None,
        "fragment_direction": direction,
        "paragraph_direction": base,
    }


def _order(line: Any, original: Any) -> list[Any]:
    """Return the parts of a line as they stand from left to right."""
    ours = [part for part in line.fragments if _is_ours(part.font)]
    text = "".join(part.string for part in line.fragments)
    if not ours or not fallback_fonts.has_right_to_left(text):
        return original(line)
    bases = [part.paragraph_direction for part in ours if part.text_shaping_parameters]
    base = "R" if TextDirection.RTL in bases else "L"
    lengths = [len(part.string) for part in line.fragments]
    return [
        _turn(line.fragments[number], words, is_backward=is_backward)
        for number, words, is_backward in fallback_fonts.reorder(text, lengths, base)
    ]


def _turn(part: Any, text: str, *, is_backward: bool) -> Any:
    """Return a part of a line with a text of one direction."""
    turned = part.clone(text, part.link)
    if _is_ours(part.font):
        turned.graphics_state = state = part.graphics_state.copy()
        base = part.paragraph_direction if part.text_shaping_parameters else TextDirection.LTR
        state.text_shaping = _shaping(_DIRECTIONS[is_backward], base)
    elif is_backward and not isinstance(part, TotalPagesSubstitutionFragment):
        turned.characters = list(fallback_fonts.mirror(text))
    return turned


def _file(file: str, style: str) -> str:
    return "NotoSans-Italic.ttf" if file == fallback_fonts.ALPHABETS and "I" in style else file


def _font(pdf: Any, file: str) -> Any:
    """Return a font of the folder, which each document has to have for itself."""
    key = f"fallback {file}".lower()
    if key not in pdf.fonts:
        path = Path(fallback_fonts.FOLDER, file)
        pdf.fonts[key] = _Font(pdf, path, key, "", None, None, None, 0)
    return pdf.fonts[key]


def _has(pdf: Any, file: str, char: str) -> bool:
    return ord(char) in _font(pdf, file).cmap


def _render_line(pdf: Any, original: Any, line: Any, *args: Any, **options: Any) -> bool:
    parts = line.fragments
    if parts and _is_ours(parts[0].font) and not pdf.current_font_is_set_on_page:
        # Else the page's font, for all that follows, would be that of the first letters.
        pdf._out(pdf._set_font_for_page(pdf.current_font, pdf.font_size_pt))  # noqa: SLF001
    return original(pdf, line, *args, **options)


def _is_ours(font: Any) -> bool:
    return font is not None and font.fontkey.startswith("fallback ")


def _text(pdf: Any, original: Any, x: float, y: float, text: str = "", **options: Any) -> None:
    """Draw a text that begins at a point; fpdf2's own unless its font lacks letters."""
    if not _lacks(pdf, text):
        original(pdf, x, y, text, **options)
        return
    parts = pdf._preload_bidirectional_text(pdf.normalize_text(text), False)  # noqa: SLF001, FBT003
    line = TextLine(parts, 0, 0, Align.L, 0, None)
    drawn = [f"BT {x * pdf.k:.2f} {(pdf.h - y) * pdf.k:.2f} Td"]
    if pdf.text_color:
        drawn.append(pdf.text_color.serialize().lower())
    for part in line.get_ordered_fragments():
        drawn.append(
            pdf._set_font_for_page(part.font, part.font_size_pt, wrap_in_text_object=False)  # noqa: SLF001
        )
        drawn.append(part.render_pdf_text(0, 0, 0, x, y, pdf.h))
        x += part.get_width()
    pdf._out(f"q {' '.join(drawn)} ET Q")  # noqa: SLF001
