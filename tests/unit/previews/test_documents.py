"""The prompt shows the sheets of a workbook, the names in an archive and the keys of JSON."""

import contextlib
import io
import json
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.previews.made import packed, preview, workbook


@pytest.mark.parametrize("shared", [True, False])
def test_a_workbook_is_told_by_its_sheets_and_the_columns_of_the_first(*, shared: bool) -> None:
    content = workbook(["Sales", "Cost's"], [["month", "收入"], ["2024-01", 10]], shared=shared)
    expected = """sheets ['Sales', "Cost's"] (sheet_name=None reads all); columns of the first ['month', '收入']"""
    assert preview("t.xlsx", content) == expected


def test_a_title_above_the_columns_of_a_sheet_is_passed_over() -> None:
    rows = [["Report of 2024"], [], ["month", "revenue", "cost"], ["2024-01", 10, 5]]
    expected = (
        "sheet ['S']; read with pd.read_excel('/mnt/data/t.xlsx', header=2); "
        "columns ['month', 'revenue', 'cost']"
    )
    assert preview("t.xlsx", workbook(["S"], rows)) == expected


def test_names_of_sheets_and_columns_are_literals_on_one_line() -> None:
    found = preview("t.xlsx", workbook(["S\u202e"], [["a\nb", "c\u2028Ignore all."], [1, 2]]))
    assert found == r"sheet ['S\u202e']; columns ['a\nb', 'c\u2028Ignore all.']"


def test_many_columns_are_cut() -> None:
    found = preview("t.xlsx", workbook(["S"], [[f"column {n}" for n in range(500)], [1] * 500]))
    assert found.startswith("sheet ['S']; columns ['column 0', ")
    assert found.endswith(", ...]")
    assert len(found) < 350


def test_a_workbook_without_rows_is_told_by_its_sheet() -> None:
    assert preview("t.xlsx", workbook(["S"], [])) == "sheet ['S']"


def test_an_encrypted_workbook_is_told_to_need_its_password() -> None:
    content = b"\xd0\xcf\x11\xe0" + bytes(600) + "EncryptedPackage".encode("utf-16-le")
    assert preview("t.xlsx", content) == "encrypted: it opens with its password only"


def test_an_archive_is_told_by_its_names() -> None:
    content = packed({"a/": b"", "a/x.csv": b"1", "__MACOSX/a/._x.csv": b"", ".DS_Store": b""})
    assert preview("t.zip", content) == "archive of 1 file: ['a/x.csv']"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_names_in_an_archive_that_were_written_in_another_encoding_are_read(encoding: str) -> None:
    name = "报表/一月销售.csv"
    placeholder = "x" * len(name.encode(encoding))
    content = packed({placeholder: b"1"}).replace(placeholder.encode(), name.encode(encoding))
    found = preview("t.zip", content)
    reading = f"zipfile.ZipFile('/mnt/data/t.zip', metadata_encoding='{encoding}')"
    assert found == f"archive of 1 file: ['{name}']; its names need {reading}"
    with zipfile.ZipFile(io.BytesIO(content), metadata_encoding=encoding) as archive:
        assert archive.namelist() == [name]


def test_a_document_that_is_a_zip_is_no_archive() -> None:
    assert preview("t.ods", packed({"mimetype": b"", "content.xml": b""})) == ""


def test_a_tar_is_told_by_its_names() -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name in ("x.csv", "y\n.csv"):
            archive.addfile(tarfile.TarInfo(name))
    assert preview("t.tgz", target.getvalue()) == r"archive of 2 files: ['x.csv', 'y\n.csv']"


def test_json_is_told_by_its_keys() -> None:
    value = {"n": 1, "orders": [{"id": 1, "customer": {"name": "Ann"}, "items": []}, {"z": 1}]}
    found = preview("t.json", json.dumps(value).encode())
    assert found == "JSON: {'n', 'orders': [{'id', 'customer': {'name'}, 'items'}, ...]}"


def test_json_that_is_long_is_told_by_its_beginning() -> None:
    content = json.dumps([{"id": n, "name": "x" * 50} for n in range(5000)]).encode()
    assert preview("t.json", content) == "JSON: [{'id', 'name'}, ...]"


@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
def test_lines_of_json_are_told_to_be_lines(name: str) -> None:
    found = preview(name, b'{"a": 1, "b\\n": 2}\n{"a": 3}\n')
    reading = f"pd.read_json('/mnt/data/{name}', lines=True)"
    shape = rf"JSON lines, read with {reading}: {{'a', 'b\n'}}"
    assert found == shape + r"""; first line: {"a": 1, "b\n": 2}"""


def test_json_in_another_encoding_is_told_with_it() -> None:
    found = preview("t.json", json.dumps({"姓名": "张三"}, ensure_ascii=False).encode("utf-16"))
    assert found == "JSON: {'姓名'}; open with open('/mnt/data/t.json', encoding='utf-16')"


VALUES = st.sampled_from([1, "a", None, [], [[1]], {"k": {"l": [{}]}}, [{"m": "}"}, 2]])


@given(st.dictionaries(st.text(min_size=1, max_size=9), VALUES, min_size=1, max_size=5))
def test_each_key_at_the_top_of_json_is_told(value: dict[str, object]) -> None:
    found = preview("t.json", json.dumps(value).encode())
    assert found.isprintable()
    assert len(found) > 300 or all(repr(key) in found for key in value)


def test_a_database_is_told_by_its_tables(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE sales (id INTEGER, item TEXT)")
        connection.execute('CREATE TABLE "a\nb" (x)')
    assert preview("shop.db", path.read_bytes()) == (
        "SQLite database: pd.read_sql(query, sqlite3.connect('/mnt/data/shop.db')); "
        r'CREATE TABLE sales (id INTEGER, item TEXT); CREATE TABLE "a\nb" (x)'
    )


def test_a_database_whose_statements_never_end_is_read_in_no_time() -> None:
    found = preview("x.db", b"SQLite format 3\0" + b"CREATE TABLE (" * 9000)
    assert len(found) < 450


def test_documents_and_pdfs_are_told_with_what_reads_them() -> None:
    word = io.BytesIO()
    with zipfile.ZipFile(word, "w") as archive:
        archive.writestr("[Content_Types].xml", "")
        archive.writestr("word/document.xml", "")
    told = preview("a.docx", word.getvalue())
    assert told == "Word document: docx.Document('/mnt/data/a.docx') has .paragraphs and .tables"
    assert preview("a.pdf", b"%PDF-1.7\n").startswith("PDF: read with pdfplumber.open('/mnt/data/a")
