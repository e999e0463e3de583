"""What the formats of files say of whether they are whole."""

import gzip
import io
import sqlite3
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from assistd.sandbox.session.file_formats import Wholeness, judge


def _judge(data: bytes) -> Wholeness:
    return judge(lambda offset, count: data[offset : offset + count], len(data))


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = b"a comment"
        archive.writestr("a", "b" * 999)
    return buffer.getvalue()


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("a")
        entry.size = 5000
        archive.addfile(entry, io.BytesIO(b"x" * 5000))
    return buffer.getvalue()


def _mp4(*kinds: bytes) -> bytes:
    return b"".join(struct.pack(">I4s", 16, kind) + bytes(8) for kind in kinds)


WHOLE = {
    "zip": _zip(),
    "png": b"\x89PNG\r\n\x1a\n" + bytes(99) + b"\0\0\0\0IEND\xaeB`\x82",
    "jpeg": b"\xff\xd8\xff\xe0" + bytes(99) + b"\xff\xd9",
    "gif": b"GIF89a" + bytes(99) + b"\0;",
    "pdf": b"%PDF-1.7\n" + bytes(99) + b"startxref\n7\n%%EOF\n",
    "mp4": _mp4(b"ftyp", b"mdat", b"moov"),
    "riff": b"RIFF" + struct.pack("<I", 40) + bytes(40),
    "tiff": b"II*\0" + struct.pack("<I", 8) + bytes(99),
    "parquet": b"PAR1" + bytes(99) + b"PAR1",
    "7z": b"7z\xbc\xaf\x27\x1c\0\4" + bytes(4) + struct.pack("<QQ", 10, 20) + bytes(40),
    "tar": _tar(),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_is_not_taken_for_a_half(name: str) -> None:
    assert _judge(WHOLE[name]) is Wholeness.UNKNOWN


@pytest.mark.parametrize("name", sorted(WHOLE.keys() - {"tiff"}))  # its directory comes first here
def test_a_file_without_its_end_is_cut_off(name: str) -> None:
    whole = WHOLE[name]
    assert _judge(whole[: len(whole) // 2]) is Wholeness.CUT_OFF


@pytest.mark.parametrize(
    "data",
    [
        b"II*\0\0\0\0\0",  # what imageio leaves of an .mp4
        _mp4(b"ftyp", b"free") + struct.pack(">I4s", 0, b"mdat") + bytes(99),
        _mp4(b"ftyp", b"mdat"),
        struct.pack(">I4sQ", 1, b"ftyp", 1 << 60),
        b"\x89HDF\r\n\x1a\n" + bytes(32) + struct.pack("<Q", 9999),
        b"PK\3\4",
        b"\x1f\x8b",
        b"RIFF",
    ],
)
def test_what_never_was_whole_is_cut_off(data: bytes) -> None:
    assert _judge(data) is Wholeness.CUT_OFF


@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n", bytes(999), b"{", b"PK", b"\xd0\xcf\x11\xe0"])
def test_of_other_bytes_nobody_can_tell(data: bytes) -> None:
    assert _judge(data) is Wholeness.UNKNOWN


def test_a_stream_and_a_database_say_so(tmp_path: Path) -> None:
    assert _judge(gzip.compress(b"x" * 99)) is Wholeness.STREAM
    database = sqlite3.connect(tmp_path / "x.db")
    database.execute("create table t (a)")
    database.commit()
    assert _judge((tmp_path / "x.db").read_bytes()) is Wholeness.WHOLE
    database.close()


def test_a_hostile_file_takes_few_reads() -> None:
    boxes = struct.pack(">I4s", 8, b"ftyp") * 100_000
    counts: list[int] = []

    def read(offset: int, count: int) -> bytes:
        counts.append(count)
        return boxes[offset : offset + count]

    assert judge(read, 1 << 40) is Wholeness.UNKNOWN
    assert sum(counts) < 20_000
