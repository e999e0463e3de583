"""A file that is made to cost much costs little, and has no preview or a short one."""

import gzip
import io
import struct
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.previews.made import packed, preview, workbook, workbook_of

from assistd.engine.previews import xml_events
from assistd.engine.previews.sample import BoundedFile, PreviewError

LARGE = 2 << 20
MOST_BYTES = 6 << 20
BEGUN = b"<worksheet><sheetData><row>"
FAR = BEGUN + b'<c t="s"><v>99999999</v></c></row></sheetData></worksheet>'
LAUGHS = b'<!DOCTYPE w [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><worksheet>&b;</worksheet>'


def entries_of_zip(number: int) -> bytes:
    return packed({f"{n}": b"" for n in range(number)})


def lying_zip() -> bytes:
    """A zip whose directory says that it is as long as the file."""
    content = bytearray(b"PK\x03\x04" + bytes(LARGE) + packed({"a": b""}))
    end = content.rindex(b"PK\x05\x06")
    content[end + 12 : end + 20] = struct.pack("<II", end, 0)
    return bytes(content)


COSTLY = {
    "cells.xlsx": lambda: workbook_of(sheet=BEGUN + b"<c/>" * LARGE),
    "rows.xlsx": lambda: workbook_of(sheet=b"<worksheet><sheetData>" + b"<row/>" * LARGE),
    "deep.xlsx": lambda: workbook_of(sheet=b"<a>" * LARGE),
    "strings.xlsx": lambda: workbook_of(sheet=FAR, shared=b"<sst>" + b"<si/>" * LARGE),
    "attribute.xlsx": lambda: workbook_of(sheet=b'<worksheet a="' + b"x" * LARGE + b'"/>'),
    "text.xlsx": lambda: workbook_of(sheet=BEGUN + b'<c t="str"><v>' + b"x" * LARGE),
    "sheets.xlsx": lambda: workbook_of(sheets=b"<workbook><sheets>" + b"<sheet/>" * LARGE),
    "bzip2.xlsx": lambda: workbook_of(sheets=b"<a>" + b" " * LARGE, method=zipfile.ZIP_BZIP2),
    "lzma.xlsx": lambda: workbook_of(sheets=b"<a>" + b" " * LARGE, method=zipfile.ZIP_LZMA),
    "many.zip": lambda: entries_of_zip(20_000),
    "lying.zip": lying_zip,
    "deep.json": lambda: b"[" * LARGE,
    "deeper.json": lambda: b'{"a":' * LARGE,
    "string.json": lambda: b'["' + b"x" * LARGE,
    "number.json": lambda: b"[" + b"1" * LARGE,
    "escapes.json": lambda: b'["' + rb"\"" * LARGE,
    "keys.json": lambda: b"{" + b",".join(b'"%d":1' % n for n in range(100_000)),
    "quotes.csv": lambda: b'"' * LARGE,
    "commas.csv": lambda: b"," * LARGE,
    "lines.csv": lambda: b"\n" * LARGE,
    "one line.csv": lambda: b"x" * LARGE,
    "digits.csv": lambda: b"a;b\n" + b"1,111" * LARGE,
    "bytes.csv": lambda: b"\xff" * LARGE,
    "bomb.csv.gz": lambda: gzip.compress(b"a,b\n" * LARGE),
    "bomb.tgz": lambda: gzip.compress(bytes(4 * LARGE)),
}


@pytest.mark.parametrize("name", COSTLY)
def test_little_is_unpacked_and_kept_and_the_preview_is_short(name: str) -> None:
    preview("warm.csv", "é".encode("cp1252") * 9)  # the tables of encodings are read once
    content = COSTLY[name]()
    tracemalloc.start()
    try:
        found = preview(name, content)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < MOST_BYTES
    assert len(found) < 600
    assert found.isprintable()


@pytest.mark.parametrize("part", ["sheet", "shared", "sheets"])
def test_xml_with_a_document_type_is_not_read(part: str) -> None:
    assert preview("t.xlsx", workbook_of(**{part: LAUGHS} | {"sheet": LAUGHS})) == ""
    with pytest.raises(PreviewError):
        list(xml_events.read_events([LAUGHS]))


def test_a_workbook_whose_entries_are_encrypted_is_not_read() -> None:
    content = workbook(["S"], [["a"]])
    first = content.index(b"PK\x01\x02")
    marked = content[:first] + content[first:].replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
    )
    assert marked != content
    assert preview("t.xlsx", marked) == ""


def test_no_more_is_read_of_a_file_than_a_preview_may() -> None:
    file = BoundedFile(io.BytesIO(bytes(100)), most=60)
    assert len(file.read(40)) == 40
    with pytest.raises(PreviewError):
        file.read(30)
    with pytest.raises(PreviewError):
        file.read()
    file.seek(-10, io.SEEK_END)
    assert len(file.read()) == 10


SEEDS = [
    ("t.xlsx", workbook(["S", "T"], [["a", "b"], [1, 2]])),
    ("t.zip", packed({"a.csv": b"1", "b/c.csv": b"2"})),
    ("t.json", b'{"a": [{"b": 1}], "c": null}'),
    ("t.csv", "姓名,金额\n张三,1\n".encode("gb18030")),
    ("t.tgz", gzip.compress(b"x" * 600)),
]


@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=8)), max_size=6),
    st.sampled_from(["", ".xls", ".tar", ".csv", ".json", ".jsonl", ".zip", ".csv.gz"]),
)
def test_a_broken_file_has_a_preview_on_one_line_or_none(
    seed: tuple[str, bytes], changes: list[tuple[int, bytes]], ending: str
) -> None:
    name, content = seed
    for place, new in changes:
        start = place % (len(content) + 1)
        content = content[:start] + new + content[start + len(new) // 2 :]
    found = preview(f"{name}{ending}", content)
    assert found.isprintable()
    assert len(found) < 900
