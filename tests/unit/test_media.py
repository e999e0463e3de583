"""The media type of a download: its name says it, else its first bytes."""

import pytest

from assistd.files.media import media_type

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("/mnt/data/out/报告.CSV", b"BM,a\n", "text/csv"),
        (
            "a.xlsx",
            b"PK\x03\x04",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        ("a.png", PNG, "image/png"),
        ("a.pkl", b"\x80\x04", "application/octet-stream"),
        ("a.svg", b"<svg", "image/svg+xml"),
        ("a.parquet.gz", b"\x1f\x8b", "application/gzip"),
        ("chart", PNG, "image/png"),
        ("photo.of-me", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("README", b"Read me.", "text/plain"),
        ("notes.文", "数据".encode() * 2000, "text/plain"),
        ("data", b"\x00\x01\x02", "application/octet-stream"),
        ("latin", b"caf\xe9 noir", "application/octet-stream"),
        ("empty", b"", "application/octet-stream"),
        ("..", b"x", "text/plain"),
    ],
)
def test_a_file_has_the_type_of_its_name_or_of_its_bytes(
    name: str, head: bytes, expected: str
) -> None:
    assert media_type(name, head) == expected
