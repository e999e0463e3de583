"""Formats and sizes of pictures, from their bytes."""

import struct

from demo.checks import picture_size

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_FRAMES = {0xC0, 0xC1, 0xC2}  # ISO 10918-1, table B.1: starts of frame as encoders write them


def shows_something(png: bytes) -> bool:
    """Return whether these bytes are a whole PNG that is not of one colour."""
    try:
        return min(picture_size(png)) > 1
    except (ValueError, struct.error):
        return False


def find_suffix(content: bytes) -> str:
    """Return the end of a name that fits the bytes: `.png`, `.jpg`, or nothing for others."""
    if content.startswith(_PNG):
        return ".png"
    return ".jpg" if content.startswith(_JPEG) else ""


def read_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a PNG or JPEG; (0, 0) of one that is damaged."""
    try:
        return picture_size(content) if content.startswith(_PNG) else _read_jpeg_size(content)
    except (ValueError, struct.error):
        return 0, 0


def _read_jpeg_size(content: bytes) -> tuple[int, int]:
    place = 2
    while place < len(content):
        marker, length = struct.unpack(">xBH", content[place : place + 4])
        if marker in _FRAMES:
            height, width = struct.unpack(">HH", content[place + 5 : place + 9])
            return width, height
        place += 2 + length
    raise ValueError("the JPEG has no frame")
