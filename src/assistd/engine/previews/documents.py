"""The preview of what is neither a table nor text: with what it is read, and the tables of a database."""

import re
from collections.abc import Collection
from itertools import accumulate

from assistd.engine.previews.wording import MOST_CHARACTERS, call, shorten

PDF = b"%PDF-"
SQLITE = b"SQLite format 3\0"

_OFFICE = {
    "word/document.xml": ("Word document", "docx.Document", ".paragraphs and .tables"),
    "ppt/presentation.xml": ("slides", "pptx.Presentation", ".slides"),
}
# The first page of a database holds the statements that made its tables, as text.
_TABLE = re.compile(rb"CREATE TABLE [^\0]{1,300}?\)(?=[^\w,)]|\Z)", re.IGNORECASE)
_MOST_TABLES = 10


def describe_office(path: str, entries: Collection[str]) -> str:
    """Return the preview of an office's document, by the entries of the zip that it is; else empty."""
    for entry, (kind, function, parts) in _OFFICE.items():
        if entry in entries:
            return f"{kind}: {call(function, path)} has {parts}"
    return ""


def describe_pdf(path: str) -> str:
    """Return the preview of a PDF."""
    reading = call("pdfplumber.open", path)
    return (
        f"PDF: read with {reading}; page.extract_text() and page.extract_tables() of each of .pages"
    )


def describe_sqlite(path: str, head: bytes) -> str:
    """Return the preview of an SQLite database.

    Args:
        path: where code finds it.
        head: its first bytes.
    """
    found = [match[0] for match in _TABLE.finditer(head)][:_MOST_TABLES]
    lines = [shorten(one.decode("utf-8", "replace")) for one in reversed(found)]
    lengths = accumulate(map(len, lines))
    tables = "; ".join(
        line for line, length in zip(lines, lengths, strict=True) if length <= MOST_CHARACTERS
    )
    reading = call("sqlite3.connect", path)
    return f"SQLite database: pd.read_sql(query, {reading})" + (f"; {tables}" if tables else "")
