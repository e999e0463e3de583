"""Whether a part of the story really happened: looks at the bytes, believes no words."""

import csv
import io
import re
import struct
import zlib

Row = tuple[str | float, ...]


def picture_size(png: bytes) -> tuple[int, int]:
    """Width and height of a whole PNG that shows something.

    Raises:
        ValueError: it is no PNG, is damaged, or is all of one colour.
    """
    if png[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("these bytes are no PNG")
    place, pixels, size = 8, b"", (0, 0)
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        body = png[place + 8 : place + 8 + length]
        (checksum,) = struct.unpack(">I", png[place + 8 + length : place + 12 + length])
        if zlib.crc32(kind + body) != checksum:
            raise ValueError("the PNG is damaged")
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        elif kind == b"IDAT":
            pixels += body
        place += 12 + length
    if len(set(zlib.decompress(pixels))) < 3:
        raise ValueError("the picture is empty")
    return size


def is_shuffled(original: bytes, shuffled: bytes) -> bool:
    """Whether both are the same header and the same rows, and the rows stand in another order.

    `4.50` and `4.5` are the same number: pandas writes the shorter form.
    """
    before, after = _rows(original), _rows(shuffled)
    same_header = before[:1] == after[:1]
    same_rows = sorted(before, key=repr) == sorted(after, key=repr)
    return same_header and same_rows and before != after


def says_x_is_one(answer: str) -> bool:
    """Whether the answer gives x = 1, in words or in mathematics."""
    plain = re.sub(r"[\\()\[\]{}*`$]|boxed|text", "", answer)
    one = r"1(\.0*)?(?![\d.]*\d|/)"
    given = rf"\bx\s*(=|==|is|equals|is equal to)\s*:?\s*{one}"
    named = rf"\b(solution|value|answer)\b[^.\n]{{0,80}}?(=|\bis|:)\s*{one}"
    return bool(re.search(f"{given}|{named}", plain, re.IGNORECASE))


def _rows(content: bytes) -> list[Row]:
    return [tuple(map(_cell, row)) for row in csv.reader(io.StringIO(content.decode())) if row]


def _cell(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
