"""Tells what kind of file it is, and has it described."""

import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import BinaryIO

from assistd.encoding import decode
from assistd.engine.previews import archive, documents, json_shape, table, workbook
from assistd.engine.previews.sample import PreviewError, Sample, take_sample
from assistd.engine.previews.wording import call

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = b"\xd0\xcf\x11\xe0"  # of old workbooks and of encrypted new ones
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_TABLES = {".csv", ".tsv", ".tab", ".psv"}
_WORKBOOKS = {".xls", ".xlsx", ".xlsm"}
_TEXTS = {".txt", ".dat", ".data", ".asc", ".log", ".prn", ""} | _WORKBOOKS
_JSON = {".json", ".geojson", ".ipynb", ".har"}
_JSON_LINES = {".jsonl", ".ndjson"}
_TAR = {".tar", ".tgz"}
_HTML = re.compile(r"\s*<(?:!doctype html|html|head|body|table|meta|style)\b", re.IGNORECASE)
_EXCEL_XML = "<?mso-application"
# What the libraries raise that read what a hostile file holds.
_BROKEN = (
    PreviewError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    ValueError,
)


def describe(path: str, size: int, file: BinaryIO) -> str:
    """Return the preview of a file: one line for its place in the prompt, empty where there is none.

    It blocks, for some milliseconds, and for some tenths of a second where the file is made for that.

    Args:
        path: where code finds it.
        size: its bytes.
        file: itself, open for reading at any place.
    """
    if not size:
        return "empty"
    try:
        return _describe(take_sample(path, size, file))
    except _BROKEN:  # whoever made it may have meant that
        return ""


def _describe(sample: Sample) -> str:
    for magic, describe_it in _BY_MAGIC:
        if sample.head.startswith(magic):
            return describe_it(sample)
    if sample.ending in _TAR:
        return archive.describe_tar(sample.head, whole=sample.whole)
    if sample.ending in _TABLES | _TEXTS | _JSON | _JSON_LINES:
        return _describe_text(sample)
    return ""


def _describe_zip(sample: Sample) -> str:
    with archive.open_zip(sample.file) as opened:
        if workbook.WORKBOOK in opened.NameToInfo:
            return workbook.describe(sample.path, opened)
        office = documents.describe_office(sample.path, opened.NameToInfo)
        return office or archive.describe_zip(sample.path, opened)


def _describe_ole(sample: Sample) -> str:
    return "encrypted: it opens with its password only" if _ENCRYPTED in sample.head else ""


_BY_MAGIC: tuple[tuple[bytes | tuple[bytes, ...], Callable[[Sample], str]], ...] = (
    (_ZIP, _describe_zip),
    (_OLE, _describe_ole),
    (documents.PDF, lambda sample: documents.describe_pdf(sample.path)),
    (documents.SQLITE, lambda sample: documents.describe_sqlite(sample.path, sample.head)),
)


def _describe_text(sample: Sample) -> str:
    head = decode(sample.head, whole=sample.whole)
    if head is None:
        return ""
    if sample.ending in _JSON | _JSON_LINES:
        return json_shape.describe(sample.path, head, lines=sample.ending in _JSON_LINES)
    named_so = sample.ending in _TABLES
    if sample.ending not in _WORKBOOKS:
        return table.describe(sample.path, head, whole=sample.whole, named_so=named_so)
    if _HTML.match(head.text):
        return f"HTML, no workbook: read with {call('pd.read_html', sample.path)}"
    if _EXCEL_XML in head.text[:1000]:
        return "XML of Excel 2003, no workbook: pandas cannot read it, xml.etree can"
    found = table.describe(sample.path, head, whole=sample.whole, named_so=False)
    return f"text, no workbook: {found}" if found else ""
