"""reportlab's standard fonts, with other fonts for what they cannot show.

Without this reportlab draws a black square for each letter that Helvetica, Times and Courier lack.
"""

# These packages live in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUntypedBaseClass=false
# The stubs that the type checker has are of another version.
# pyright: reportMissingModuleSource=false, reportCallIssue=false, reportArgumentType=false
# pyright: reportAttributeAccessIssue=false

import functools
import re
import unicodedata
from typing import Any, NamedTuple

import uharfbuzz
from reportlab.lib.rl_accel import unicode2T1
from reportlab.pdfbase import pdfmetrics, ttfonts

import fallback_fonts
from fallback_fonts import shaping

_PRIVATE = 0xF0000  # from here on, characters that stand for glyphs without one
_WIDE = re.compile("<([0-9A-F]{5,6})>")
_BOLD = 0.03  # of the size: how much wider the lines of a letter are that has no bold font

_meanings: dict[int, str] = {}  # of private characters: the text that their glyphs show


class _Piece(NamedTuple):
    font: Any
    text: str  # reportlab's `ShapedStr` where glyphs have places of their own


class _Font(ttfonts.TTFont):
    """A font of the folder, whose glyphs can be named by characters of ours."""

    def __init__(self, file: str) -> None:
        super().__init__(f"fallback {file}", f"{fallback_fonts.FOLDER}/{file}")
        self._codes: dict[tuple[int, str], int] = {}

    @functools.cached_property
    def shaper(self) -> uharfbuzz.Font:
        return uharfbuzz.Font(self.hbFace)

    def shape(self, run: fallback_fonts.Run) -> Any:
        """Return the glyphs of a run from left to right, as characters with places."""
        codes: list[str] = []
        places: list[Any] = []
        for glyph in shaping.shape(self.shaper, run.text, is_backward=run.is_right_to_left):
            code = self._code(glyph.number, glyph.text)
            numbers = (glyph.x_advance, glyph.y_advance, glyph.x_offset, glyph.y_offset)
            scaled = map(self.pdfScale, numbers)
            places.append(ttfonts.ShapeData(glyph.cluster, *scaled, self.face.charWidths[code]))
            codes.append(chr(code))
        return ttfonts.ShapedStr("".join(codes), places)

    def _code(self, glyph: int, text: str) -> int:
        """Return the character that reportlab draws a glyph by."""
        face = self.face
        if len(text) == 1 and face.charToGlyph.get(ord(text)) == glyph:
            return ord(text)
        code = self._codes.get((glyph, text))
        if code is None:
            code = self._codes[glyph, text] = _PRIVATE + len(_meanings)
            _meanings[code] = text
            face.charToGlyph[code] = glyph
            face.charWidths[code] = self.pdfScale(self.shaper.get_glyph_h_advance(glyph))
        return code


def change(textobject: Any) -> None:
    """Have the standard fonts measure and draw what they lack in other fonts."""
    cls = textobject.PDFTextObject
    cls._formatText = functools.partialmethod(_format, cls._formatText)
    font = pdfmetrics.Font
    font.stringWidth = functools.partialmethod(_measure, font.stringWidth)
    ttfonts.makeToUnicodeCMap = functools.partial(_map_to_text, ttfonts.makeToUnicodeCMap)


def _measure(font: Any, original: Any, text: Any, size: float, encoding: str = "utf8") -> float:
    words = text.decode(encoding) if isinstance(text, bytes) else text
    pieces = _pieces(font, words, None) if _lacks(font, words) else None
    if pieces is None:
        return original(font, text, size, encoding)
    return sum(_width(piece, original, size) for piece in pieces)


def _width(piece: _Piece, original: Any, size: float) -> float:
    if isinstance(piece.text, ttfonts.ShapedStr):
        return sum(place.x_advance for place in piece.text.__shapeData__) * size / 1000
    if isinstance(piece.font, _Font):
        return piece.font.stringWidth(piece.text, size)
    return original(piece.font, piece.text, size)


def _format(page: Any, original: Any, text: Any) -> str:
    """The operators of the PDF that draw a text; reportlab's own unless its font lacks letters."""
    font = pdfmetrics.getFont(page._fontname)  # noqa: SLF001
    words = text.decode("utf8", "replace") if isinstance(text, bytes) else text
    if not _lacks(font, words):
        return original(page, text)
    direction = getattr(page._canvas, "direction_of_paragraph", None)  # noqa: SLF001
    drawn: list[str] = []
    for piece in _pieces(font, words, direction):
        if isinstance(piece.font, _Font):
            drawn.append(_draw(page, original, piece, is_bold="Bold" in font.fontName))
        else:
            drawn += (_select(page), original(page, piece.text))
    return " ".join((*drawn, _select(page)))


def _draw(page: Any, original: Any, piece: _Piece, *, is_bold: bool) -> str:
    name = page._fontname  # noqa: SLF001
    page._fontname, page._curSubset = piece.font.fontName, -1  # noqa: SLF001
    try:
        drawn = original(page, piece.text)
    finally:
        page._fontname, page._curSubset = name, -1  # noqa: SLF001
    return _embolden(page, drawn) if is_bold else drawn


def _embolden(page: Any, drawn: str) -> str:
    """Draw the outlines of letters, too, in their own colour: none of the fonts has a bold one."""
    saved, page._code = page._code, []  # noqa: SLF001
    canvas = page._canvas  # noqa: SLF001
    stroke = getattr(page, "_strokeColorObj", canvas._strokeColorObj)  # noqa: SLF001
    page.setStrokeColor(getattr(page, "_fillColorObj", canvas._fillColorObj))  # noqa: SLF001
    before = " ".join(page._code)  # noqa: SLF001
    page._code.clear()  # noqa: SLF001
    page.setStrokeColor(stroke)
    after, page._code = " ".join(page._code), saved  # noqa: SLF001
    width = page._fontsize * _BOLD  # noqa: SLF001
    mode, line = page._textRenderMode, canvas._lineWidth  # noqa: SLF001
    return f"{before} 2 Tr {width:.3f} w {drawn} {after} {mode} Tr {line:.3f} w"


def _select(page: Any) -> str:
    name = page._canvas._doc.getInternalFontName(page._fontname)  # noqa: SLF001
    return f"{name} {page._fontsize:g} Tf {page._leading:g} TL"  # noqa: SLF001


def _lacks(font: Any, text: str) -> bool:
    """Whether a standard font would draw squares for letters of a text."""
    if text.isascii() or type(font) is not pdfmetrics.Font or not font.face.builtIn:
        return False
    if font.face.requiredEncoding is not None:  # Symbol and ZapfDingbats: signs are meant
        return False
    return bool(fallback_fonts.GREEK_WORD.search(text)) or not all(
        _encodes(font.fontName, char) for char in text
    )


@functools.lru_cache(4096)
def _encodes(name: str, char: str) -> bool:
    font = pdfmetrics.getFont(name)
    ((used, code),) = unicode2T1(char, [font, *font.substitutionFonts])
    missing = used is font._notdefFont and code == font._notdefChar  # noqa: SLF001
    return not missing or char == "\u25a0"


@functools.lru_cache(1024)
def _pieces(font: Any, text: str, direction: str | None) -> tuple[_Piece, ...]:
    text = unicodedata.normalize("NFC", text)
    runs = fallback_fonts.split(
        text,
        functools.partial(_encodes, font.fontName),
        _has,
        base=direction,
    )
    return tuple(_piece(font, run) for run in runs)


def _piece(font: Any, run: fallback_fonts.Run) -> _Piece:
    if run.file is None:
        return _Piece(font, run.text)
    file = run.file
    if file == fallback_fonts.ALPHABETS and re.search("Italic|Oblique", font.fontName):
        file = "NotoSans-Italic.ttf"
    own = _load(file)
    is_simple = file == fallback_fonts.ROUND and not run.is_right_to_left
    return _Piece(own, run.text if is_simple else own.shape(run))


def _has(file: str, char: str) -> bool:
    return ord(char) in _load(file).face.charToGlyph


@functools.cache
def _load(file: str) -> _Font:
    font = _Font(file)
    pdfmetrics.registerFont(font)
    return font


def _map_to_text(original: Any, fontname: str, subset: list[int]) -> str:
    """The table by which readers copy text out of a PDF, in UTF-16 also beyond 16 bits."""

    def text(match: "re.Match[str]") -> str:
        code = int(match[1], 16)
        return f"<{_meanings.get(code, chr(code)).encode('utf-16-be').hex().upper()}>"

    return _WIDE.sub(text, original(fontname, subset))
