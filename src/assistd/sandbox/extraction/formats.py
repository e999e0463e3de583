"""Tells the format of a document by its content, and by its name where the content leaves it open."""

import re
from dataclasses import dataclass
from pathlib import PurePath

_OFFICE = "application/vnd.openxmlformats-officedocument"
_ODF = "application/vnd.oasis.opendocument"


@dataclass(frozen=True, slots=True)
class Format:
    """A format that takes a reader.

    Args:
        mime: its type.
        has_pages: whether its parts have numbers that a reader knows them by: pages, or slides.
        is_text: whether it is text that a person can read, if need be.
    """

    mime: str
    has_pages: bool = False
    is_text: bool = False


PDF = Format("application/pdf", has_pages=True)
DOCX = Format(f"{_OFFICE}.wordprocessingml.document")
PPTX = Format(f"{_OFFICE}.presentationml.presentation", has_pages=True)
XLSX = Format(f"{_OFFICE}.spreadsheetml.sheet")
DOC = Format("application/msword")
PPT = Format("application/vnd.ms-powerpoint")
XLS = Format("application/vnd.ms-excel")
RTF = Format("application/rtf")
EML = Format("message/rfc822")
HTML = Format("text/html", is_text=True)
EPUB = Format("application/epub+zip")
ODT = Format(f"{_ODF}.text")
ODS = Format(f"{_ODF}.spreadsheet")
ENCRYPTED = Format(
    "application/x-ole-encrypted"
)  # an office document in a container with a password

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PDF_WITHIN = 1024  # bytes before which a pdf begins (PDF specification, appendix H)
_FIRST_NAME = 30  # where the name of a ZIP archive's first member stands
_MIMETYPE_BYTES = 100  # of that name, `mimetype`, and what is in it
_MEMBERS = {b"word/": DOCX, b"ppt/": PPTX, b"xl/": XLSX}
_STREAMS = {
    "EncryptedPackage": ENCRYPTED,
    "WordDocument": DOC,
    "PowerPoint Document": PPT,
    "Workbook": XLS,
    "Book": XLS,
}
_BY_SUFFIX = {
    ".pdf": PDF,
    ".doc": DOC,
    ".ppt": PPT,
    ".xls": XLS,
    ".docx": DOCX,
    ".pptx": PPTX,
    ".xlsx": XLSX,
    ".epub": EPUB,
    ".odt": ODT,
    ".ods": ODS,
}
_HTML_NAMES = {".html", ".htm", ".xhtml"}
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype html|html)\b", re.IGNORECASE
)


def find_format(filename: str, content: bytes) -> Format | None:
    """Return the format of a document that takes a reader; None for text, and for what is unknown.

    Args:
        filename: settles what the content leaves open.
        content: of the document.
    """
    suffix = PurePath(filename).suffix.lower()
    if b"%PDF-" in content[:_PDF_WITHIN]:
        return PDF
    if content.startswith(_ZIP):
        return _find_zipped(content, suffix)
    if content.startswith(_OLE):
        names = ((name.encode("utf-16-le"), each) for name, each in _STREAMS.items())
        return next((each for name, each in names if name in content), None)
    if content.startswith(b"{\\rtf"):
        return RTF
    if suffix in _HTML_NAMES or _HTML.match(content[:_PDF_WITHIN]):
        return HTML
    return EML if suffix == ".eml" else None


def _find_zipped(content: bytes, suffix: str) -> Format | None:
    """Tell the format of a ZIP archive without opening it: the names of its members are in the clear."""
    first = content[_FIRST_NAME : _FIRST_NAME + _MIMETYPE_BYTES]
    if first.startswith(b"mimetype"):
        said = (each for each in (EPUB, ODS, ODT) if each.mime.encode() in first)
        return next(said, None) or _BY_SUFFIX.get(suffix)
    positions = {each: content.find(name) for name, each in _MEMBERS.items()}
    there = [each for each, position in positions.items() if position >= 0]
    named = _BY_SUFFIX.get(suffix)
    return named if named in there else min(there, key=lambda each: positions[each], default=named)


def is_document(filename: str) -> bool:
    """Whether a name is one of a document that takes a reader."""
    return PurePath(filename).suffix.lower() in _BY_SUFFIX
