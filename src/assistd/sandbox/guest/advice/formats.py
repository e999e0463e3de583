"""Advice on files that are not what their name or their reader takes them for."""

import os
import re
import zipfile

from assistd.sandbox.guest.advice.encodings import guess_encoding, read_options
from assistd.sandbox.guest.advice.failure import Failure, has, quote, read_head
from assistd.sandbox.guest.advice.rule import Advice, Match, rule

_HEAD = 1 << 16
_ZIP = b"PK\x03\x04"
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_INSIDE = (
    ("word/", "docx"), ("xl/workbook.bin", "xlsb"), ("xl/", "xlsx"), ("ppt/", "pptx"), ("META-INF/container.xml", "epub"),
    ("content.xml", "odf"), ("doc.kml", "kmz"),
)  # fmt: skip
_MAGIC = (
    (b"%PDF", "pdf"), (b"PAR1", "parquet"), (b"\x1f\x8b", "gz"), (b"7z\xbc\xaf'\x1c", "7z"), (b"Rar!", "rar"),
    (b"\x89PNG", "picture"), (b"\xff\xd8\xff", "picture"), (b"GIF8", "picture"), (b"BM", "picture"), (b"II*\0", "picture"),
    (b"SQLite format 3", "sqlite"), (b"{\\rtf", "rtf"), (b"\x89HDF", "hdf5"), (b"$FL2", "sav"), (b"ARROW1", "feather"),
    (b"ORC", "orc"),
)  # fmt: skip
_OLE_STREAMS = (
    ("EncryptedPackage", "encrypted"), ("Workbook", "xls"), ("Book", "xls"), ("WordDocument", "doc"), ("PowerPoint", "ppt"),
)  # fmt: skip
# Kind -> what it is, how it is read; {path} is the quoted path.
_WAYS = {
    "xlsx": ("an Excel workbook (.xlsx)", "pd.read_excel({path}, engine='openpyxl')"),
    "xlsb": ("a binary Excel workbook (.xlsb)", "pd.read_excel({path}, engine='calamine')"),
    "xls": ("an old Excel workbook (.xls)", "pd.read_excel({path}, engine='xlrd')"),
    "odf": ("an OpenDocument file", "pd.read_excel({path}, engine='calamine') if it is a sheet, else zipfile and its content.xml"),
    "docx": ("a Word document (.docx)", "docx.Document({path})"),
    "doc": ("an old Word document (.doc)", "doc2docx.convert({path}, '/tmp/x.docx'), then docx.Document"),
    "pptx": ("a PowerPoint file (.pptx)", "pptx.Presentation({path})"),
    "ppt": ("an old PowerPoint file (.ppt)", "it cannot be read here: ask the user for a .pptx"),
    "epub": ("an e-book (.epub), a zip of HTML", "zipfile.ZipFile({path})"),
    "kmz": ("a KMZ, a zip with doc.kml", "zipfile.ZipFile({path}).read('doc.kml')"),
    "zip": ("a zip archive", "zipfile.ZipFile({path}).namelist(), or pd.read_csv({path}, compression='zip') for one table in it"),
    "gz": ("compressed with gzip", "gzip.open({path}, 'rt'), or pd.read_csv({path}, compression='gzip')"),
    "7z": ("a 7z archive", "py7zr.SevenZipFile({path}).extractall('/tmp/x')"),
    "rar": ("a RAR archive", "it cannot be read here: ask the user for a .zip"),
    "pdf": ("a PDF", "pdfplumber.open({path}): page.extract_text(), page.extract_tables()"),
    "parquet": ("a Parquet file", "pd.read_parquet({path})"),
    "feather": ("a Feather file", "pd.read_feather({path})"),
    "orc": ("an ORC file", "pd.read_orc({path})"),
    "sqlite": ("an SQLite database", "pd.read_sql(query, sqlite3.connect({path}))"),
    "hdf5": ("an HDF5 file", "h5py.File({path})"),
    "sav": ("an SPSS file", "pd.read_spss({path})"),
    "rtf": ("rich text (.rtf)", "open it as text and take out the marks"),
    "picture": ("a picture", "PIL.Image.open({path})"),
    "heic": ("a HEIC photo", "ask the user for a JPEG or PNG"),
    "svg": ("an SVG drawing, which is text", "resvg_py.svg_to_bytes(open({path}).read()) makes a PNG of it"),
    "html": ("an HTML page", "pd.read_html({path}{options}) gives a list of its tables"),
    "spreadsheetml": ("an Excel 2003 XML file", "BeautifulSoup(open({path}), 'xml').find_all('Row') and the Cell in each"),
    "xml": ("XML", "pd.read_xml({path}) or xml.etree.ElementTree"),
    "json": ("JSON", "pd.read_json({path}) or json.load"),
    "text": ("plain text", "pd.read_csv({path}{options})"),
    "empty": ("empty (0 bytes)", "nothing was written to it, or it was not closed"),
}  # fmt: skip
# Kind -> module that its way takes, and what to do where that is not here.
_NEEDS = {
    "7z": ("py7zr", "it cannot be read here: ask the user for a .zip"),
    "feather": ("pyarrow", "it cannot be read here: ask the user for a CSV"),
    "orc": ("pyarrow", "it cannot be read here: ask the user for a CSV"),
    "sav": ("pyreadstat", "it cannot be read here: ask the user for a CSV"),
    "odf": ("python_calamine", "zipfile.ZipFile({path}).read('content.xml')"),
}
_BETTER = {
    "heic": ("pillow_heif", "pillow_heif.register_heif_opener(), then PIL.Image.open({path})")
}
# Kind -> what reads it: an error in there says itself what is wrong with the file.
_READERS = {
    "xlsx": ("openpyxl",), "docx": ("docx",), "pptx": ("pptx",), "xls": ("xlrd",), "pdf": ("pdfplumber", "pypdf", "pypdfium2"),
    "zip": ("zipfile",), "json": ("json",), "sqlite": ("sqlite3",), "text": ("csv",),
}  # fmt: skip
_ENCRYPTED = "{path} has a password, which is needed to read it: ask the user for a copy without"
_DECRYPT = (
    "{path} has a password: ask the user for it; then office = msoffcrypto.OfficeFile(open({path}, 'rb')); "
    "office.load_key(password=...); office.decrypt(open('/tmp/x.xlsx', 'wb'))"
)


def kind_of(path: str) -> str | None:
    """Return what a file holds, by its bytes; None where they do not tell."""
    head = read_head(path, _HEAD)
    if not head:
        return "empty" if os.path.exists(path) else None
    if head.startswith(_ZIP):
        return _kind_of_zip(path)
    if head.startswith(_OLE):
        return _kind_of_ole(head + read_head(path, _HEAD, end=True))
    if head[4:8] == b"ftyp" and head[8:12] in {b"heic", b"heix", b"mif1", b"hevc", b"msf1"}:
        return "heic"
    known = next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)
    return known or _kind_of_text(head)


def _kind_of_zip(path: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()[:200]
    except (OSError, zipfile.BadZipFile, ValueError):
        return "zip"
    return next((kind for part, kind in _INSIDE if any(n.startswith(part) for n in names)), "zip")


def _kind_of_ole(data: bytes) -> str | None:
    streams = ((name.encode("utf-16-le"), kind) for name, kind in _OLE_STREAMS)
    return next((kind for name, kind in streams if name in data), None)


def _kind_of_text(head: bytes) -> str | None:
    name = guess_encoding(head)
    if name is None:
        return None
    text = head.decode(name, "ignore").lstrip("\ufeff \t\r\n")[:2000]
    if re.match(r"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<svg\b", text, re.DOTALL):
        return "svg"
    if re.match(r"<(?:!doctype html|html|table|body|head|meta|div)\b", text, re.IGNORECASE):
        return "html"
    if text.startswith("<") and "urn:schemas-microsoft-com:office:spreadsheet" in text:
        return "spreadsheetml"
    if text.startswith("<"):
        return "xml"
    return "json" if re.match(r"[\[{]\s*[\"\[{]", text) else "text"


def describe(path: str) -> str | None:
    """Return one sentence on what a file is and how it is read; None where that is not known."""
    kind = kind_of(path)
    quoted = quote(path)
    if kind == "encrypted":
        return (_DECRYPT if has("msoffcrypto") else _ENCRYPTED).format(path=quoted) + "."
    if kind is None:
        return None
    what, way = _WAYS[kind]
    if kind in _NEEDS and not has(_NEEDS[kind][0]):
        way = _NEEDS[kind][1]
    if kind in _BETTER and has(_BETTER[kind][0]):
        way = _BETTER[kind][1]
    options = read_options(path) or "" if kind in {"text", "html"} else ""
    if kind == "html":
        options = re.sub(r", sep=.*", "", options)
    return f"{quoted} is {what}: {way.format(path=quoted, options=options)}."


def _advise(failure: Failure, _: Match) -> str | None:
    path = failure.file()
    if path is None or failure.runs_in(*_READERS.get(kind_of(path) or "", ())):
        return None
    return describe(path)


def _advise_in(*modules: str) -> Advice:
    """Return what advises like `_advise`, where code of one of these packages was running."""

    def advise(failure: Failure, match: Match) -> str | None:
        return _advise(failure, match) if failure.runs_in(*modules) else None

    return advise


RULES = (
    rule("Exception", r"Excel file format cannot be determined|Can't find workbook in OLE2|Expected BOF record|Excel xlsx file; not supported"
         r"|[Ff]ile is not a zip file|does not support .*file format|not a Word file|not a PowerPoint|Package not found at"
         r"|Cannot detect file format|[Bb]ad magic number|no item named .* in the archive|Unsupported format, or corrupt", _advise),
    rule("OptionError", r"io\.excel\.\w+\.reader", _advise),
    rule("UnidentifiedImageError", "", _advise),
    rule("Exception", r"No /Root object|EOF marker not found|Stream has ended unexpectedly|invalid pdf header|Data format error|Failed to load document", _advise),
    rule("UnicodeDecodeError UnicodeError ParserError EmptyDataError JSONDecodeError", "", _advise),
    rule("DatabaseError ReadError BadGzipFile UnpicklingError XMLSyntaxError ArrowInvalid ExpatError ParseError LZMAError BadZipFile", "", _advise),
    rule("CalamineError XlsError ZipError PasswordError PackageNotFoundError InvalidFileException XLRDError CompDocError", "", _advise),
    rule("ValueError OSError Exception", r"Parquet magic bytes|not a parquet|Could not open Parquet|Not a Feather|file signature not found|Expected object or value|null character|binary", _advise_in("pandas", "fastparquet", "pyarrow", "h5py", "numpy")),
)  # fmt: skip
