"""The cells of an .xlsx file (ECMA-376), read with the standard library."""

import io
import posixpath
import re
import zipfile
from xml.etree import ElementTree

from bench.tasks.inputs import Cell, Row

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def read(content: bytes) -> dict[str, list[Row]]:
    """Return the rows of each sheet, by its name, without empty cells and rows.

    Raises:
        ValueError: it is no workbook.
        KeyError: a part of it is missing.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            shared = _shared_texts(archive)
            return {
                name: _rows(ElementTree.fromstring(archive.read(path)), shared)
                for name, path in _sheets(archive)
            }
    except (zipfile.BadZipFile, ElementTree.ParseError) as error:
        raise ValueError("these bytes are no workbook") from error


def _sheets(archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {each.attrib["Id"]: each.attrib["Target"] for each in relations}
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    return [
        (sheet.attrib["name"], posixpath.join("/xl", targets[sheet.attrib[_RELATION]])[1:])
        for sheet in book.iter(f"{_MAIN}sheet")
    ]


def _shared_texts(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    root = ElementTree.fromstring(archive.read("xl/sharedStrings.xml"))
    return [_text(item) for item in root.iter(f"{_MAIN}si")]


def _rows(sheet: ElementTree.Element, shared: list[str]) -> list[Row]:
    rows = [
        tuple(value for cell in row if (value := _value(cell, shared)) != "")
        for row in sheet.iter(f"{_MAIN}row")
    ]
    return [row for row in rows if row]


def _value(cell: ElementTree.Element, shared: list[str]) -> Cell:
    kind = cell.attrib.get("t", "n")
    if kind == "inlineStr":
        return _text(cell)
    value = cell.findtext(f"{_MAIN}v") or ""
    if kind == "s":
        return shared[int(value)]
    return float(value) if kind == "n" and re.fullmatch(r"-?[\d.]+(E[+-]?\d+)?", value) else value


def _text(parent: ElementTree.Element) -> str:
    return "".join(each.text or "" for each in parent.iter(f"{_MAIN}t"))
