"""Glyphs for letters that change with their neighbours, and the text that each glyph shows.

A PDF names glyphs. So that text can be searched and copied out of it, each glyph is given its share of
the letters that it was made of.
"""

# These packages live in the interpreter environment, not in the server's, where types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import functools
import re
import unicodedata
from typing import Any, NamedTuple

import uharfbuzz

_ARABIC = re.compile("[\u0600-\u06ff\u0750-\u077f]")
_JOINED = re.compile("[\ufb50-\ufdff\ufe70-\ufefc]")


class Glyph(NamedTuple):
    """One glyph, in units of its font; `cluster` is the index of the letters that it was made of."""

    number: int
    text: str
    cluster: int
    x_advance: int
    y_advance: int
    x_offset: int
    y_offset: int


def shape(font: Any, text: str, *, is_backward: bool) -> list[Glyph]:
    """Return the glyphs of a text from left to right.

    Args:
        font: of HarfBuzz.
        text: of one script and direction, in the order in which it is read.
        is_backward: whether it is read from right to left.
    """
    written = _join_arabic(text)
    buffer = uharfbuzz.Buffer()
    buffer.add_str(written)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if is_backward else "ltr"
    # Else each dot of an Arabic letter is a glyph of its own, which readers take for a letter.
    uharfbuzz.shape(font, buffer, {"ccmp": written == text})
    infos, places = buffer.glyph_infos, buffer.glyph_positions
    shares = _share_out(written, infos, places)
    return [
        Glyph(
            info.codepoint,
            _part_arabic(share),
            info.cluster,
            place.x_advance,
            place.y_advance,
            place.x_offset,
            place.y_offset,
        )
        for info, place, share in zip(infos, places, shares, strict=True)
    ]


def _join_arabic(text: str) -> str:
    """Return a text with Arabic letters in the forms that they have in their place in a word."""
    return _reshaper().reshape(text) if _ARABIC.search(text) else text


@functools.cache
def _reshaper() -> Any:
    import arabic_reshaper  # noqa: PLC0415  only text of this script needs it

    return arabic_reshaper.ArabicReshaper({"delete_harakat": False})


def _part_arabic(text: str) -> str:
    """Return a text with the letters of which `_join_arabic` made others."""
    return _JOINED.sub(lambda form: unicodedata.normalize("NFKC", form[0]), text)


def _share_out(text: str, infos: list[Any], places: list[Any]) -> list[str]:
    """Return for each glyph the part of the text that it shows, so that text can be copied out again.

    Glyphs of one cluster share its letters one by one, in order, and the last has the rest. Where
    they are more than the letters, those that take no room (dots, accents) have none.
    """
    starts = sorted({info.cluster for info in infos})
    ends = dict(zip(starts, (*starts[1:], len(text)), strict=True))
    shares = [""] * len(infos)
    for start in starts:
        letters = text[start : ends[start]]
        glyphs = [index for index, info in enumerate(infos) if info.cluster == start]
        if len(glyphs) > len(letters):
            glyphs = [index for index in glyphs if places[index].x_advance] or glyphs
        for index, letter in zip(glyphs[:-1], letters[:-1], strict=False):
            shares[index] = letter
        shares[glyphs[-1]] = letters[len(glyphs) - 1 :]
    return shares
