"""A picture in the terminal: a small PNG of half blocks, two pixels to a character."""

import struct
import zlib

from rich.color import Color
from rich.segment import Segment, Segments
from rich.style import Style

_CHANNELS = {2: 3, 6: 4}  # colour types of PNG: RGB and RGBA
Pixel = tuple[int, int, int]


def thumbnail(png: bytes, columns: int) -> Segments:
    """The picture, `columns` characters wide.

    Args:
        png: eight bits a channel, not interlaced, as matplotlib writes them.
        columns: the width to fill.

    Raises:
        ValueError: it is another kind of PNG.
    """
    rows = _pixels(png)
    height, width = len(rows), len(rows[0])
    lines = max(1, round(columns * height / width / 2))
    segments: list[Segment] = []
    for line in range(lines):
        for column in range(columns):
            across = (column * width // columns, (column + 1) * width // columns)
            upper, lower = (
                _mean(
                    rows, across, (half * height // (2 * lines), (half + 1) * height // (2 * lines))
                )
                for half in (2 * line, 2 * line + 1)
            )
            style = Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower))
            segments.append(Segment("▀", style))
        segments.append(Segment.line())
    return Segments(segments)


def _mean(rows: list[list[Pixel]], across: tuple[int, int], down: tuple[int, int]) -> Pixel:
    """The mean colour of a rectangle; every second pixel of it is enough."""
    found = [
        rows[y][x]
        for y in range(down[0], max(down[1], down[0] + 1), 2)
        for x in range(across[0], max(across[1], across[0] + 1), 2)
    ]
    red, green, blue = (sum(channel) // len(found) for channel in zip(*found, strict=True))
    return red, green, blue


def _pixels(png: bytes) -> list[list[Pixel]]:
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", png[16:29])
    if depth != 8 or kind not in _CHANNELS or interlaced:
        raise ValueError("no plain RGB picture")
    step = _CHANNELS[kind]
    data = zlib.decompress(_body(png))
    stride = width * step
    before = bytes(stride)
    rows: list[list[Pixel]] = []
    for y in range(height):
        place = y * (stride + 1)
        row = _unfilter(data[place], data[place + 1 : place + 1 + stride], before, step)
        rows.append(list(zip(row[0::step], row[1::step], row[2::step], strict=True)))
        before = row
    return rows


def _body(png: bytes) -> bytes:
    place, body = 8, b""
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        if kind == b"IDAT":
            body += png[place + 8 : place + 8 + length]
        place += 12 + length
    return body


def _unfilter(kind: int, row: bytes, above: bytes, step: int) -> bytes:
    """Undo one row's filter (PNG specification, section 9)."""
    if kind == 0:
        return row
    if kind == 2:
        return bytes((here + up) & 255 for here, up in zip(row, above, strict=True))
    out = bytearray(row)
    for i, here in enumerate(row):
        left = out[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + above[i]) // 2
        else:
            guess = _paeth(left, above[i], corner)
        out[i] = (here + guess) & 255
    return bytes(out)


def _paeth(left: int, up: int, corner: int) -> int:
    estimate = left + up - corner
    distances = (abs(estimate - left), abs(estimate - up), abs(estimate - corner))
    return (left, up, corner)[distances.index(min(distances))]
