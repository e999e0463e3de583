"""The demo passes only if its parts really happened."""

import struct
import zlib

import pytest
from demo import checks


def png(rows: list[bytes], *, damaged: bool = False) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body) ^ damaged
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_picture_tells_its_size() -> None:
    assert checks.picture_size(png([b"\x10\x80\xff", b"\xff\x00\x42"])) == (3, 2)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<svg/>", "no PNG"),
        (png([b"\x10\x80\xff"], damaged=True), "damaged"),
        (png([b"\xff\xff\xff"]), "empty"),
    ],
)
def test_what_is_no_picture_is_said(content: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        checks.picture_size(content)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (b"a,b\r\ny,2.0\r\nx,1.50\r\n", True),
        (b"a,b\nx,1.5\ny,2\n", False),
        (b"a,b\ny,2\n", False),
        (b"a,b\ny,2\nx,1.6\n", False),
        (b"b,a\ny,2\nx,1.5\n", False),
        (b"", False),
    ],
)
def test_rows_are_shuffled_if_they_are_the_same_in_another_order(
    after: bytes, expected: bool
) -> None:
    assert checks.is_shuffled(b"a,b\nx,1.5\ny,2\n", after) is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("The solution is x = 1.", True),
        ("The solution to the equation `3x + 11 = 14` is `x = 1.0`.", True),
        (r"\[ x = 1 \]", True),
        ("**x equals 1**", True),
        ("The value of x is 1", True),
        (r"so $x = \boxed{1}$", True),
        ("3x + 11 = 14", False),
        ("x = 11", False),
        ("x = 1.5", False),
        ("x = 1/3", False),
        ("x = -1", False),
        ("I cannot solve it.", False),
    ],
)
def test_an_answer_says_that_x_is_one(answer: str, expected: bool) -> None:
    assert checks.says_x_is_one(answer) is expected
