"""The preview of a workbook (.xlsx): its sheets, and the columns of the first."""

import posixpath
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from zipfile import ZipFile

from assistd.engine.previews.archive import read_entry
from assistd.engine.previews.separator import find_header
from assistd.engine.previews.wording import call, literals
from assistd.engine.previews.xml_events import End, Event, Start, read_events

WORKBOOK = "xl/workbook.xml"

_RELATIONS = "xl/_rels/workbook.xml.rels"
_STRINGS = "xl/sharedStrings.xml"
_MOST_BYTES = 256 << 10  # that are unpacked of one part of the workbook
_MOST_EVENTS = 20_000
_MOST_ROWS = 10
_MOST_SHEETS = 100
_MOST_DIGITS = 9
_SHARED = "s"


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row of a sheet.

    Args:
        number: as the sheet counts them, from 1.
        cells: kind and text of the cells that hold something.
    """

    number: int
    cells: list[tuple[str, str]]


def describe(path: str, archive: ZipFile) -> str:
    """Return the preview of the workbook that a zip is.

    Args:
        path: where code finds it.
        archive: the zip.

    Raises:
        PreviewError: a part of it is not what it should be.
    """
    sheets = _sheets(archive)
    if not sheets:
        return ""
    names = literals([name for name, _ in sheets], 150)
    kind = "sheet" if len(sheets) == 1 else "sheets"
    if len(sheets) > 1:
        names += " (sheet_name=None reads all)"
    rows = list(_rows(archive, sheets[0][1])) if sheets[0][1] else []
    if not rows:
        return f"{kind} {names}"
    header = rows[find_header([len(row.cells) for row in rows])]
    shown = literals(_texts(archive, header))
    columns = "columns" if len(sheets) == 1 else "columns of the first"
    if header.number > 1:
        reading = call("pd.read_excel", path, [("header", header.number - 1)])
        return f"{kind} {names}; read with {reading}; {columns} {shown}"
    return f"{kind} {names}; {columns} {shown}"


def _sheets(archive: ZipFile) -> list[tuple[str, str]]:
    """The name of each sheet, and the entry that holds it."""
    targets = {
        event.attributes.get("Id", ""): event.attributes.get("Target", "")
        for event in _events(archive, _RELATIONS)
        if isinstance(event, Start) and event.name == "Relationship"
    }
    found: list[tuple[str, str]] = []
    for event in _events(archive, WORKBOOK):
        if isinstance(event, Start) and event.name == "sheet" and len(found) < _MOST_SHEETS:
            target = targets.get(event.attributes.get("id", ""), "")
            found.append((event.attributes.get("name", ""), _entry(target)))
        elif isinstance(event, End) and event.name == "sheets":
            break
    return found


def _entry(target: str) -> str:
    return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/") if target else ""


def _rows(archive: ZipFile, entry: str) -> Iterator[SheetRow]:
    """The first rows of a sheet that hold anything."""
    events = _events(archive, entry)
    number = found = 0
    for event in events:
        if isinstance(event, Start) and event.name == "row":
            said = _number(event.attributes.get("r", ""))
            number = said if said > 0 else number + 1
            cells = list(_cells(events))
            if cells:
                yield SheetRow(number, cells)
                found += 1
        if found == _MOST_ROWS or (isinstance(event, End) and event.name == "sheetData"):
            return


def _cells(events: Iterator[Event]) -> Iterator[tuple[str, str]]:
    """The cells of the row that `events` are in, up to its end."""
    for event in events:
        if isinstance(event, End) and event.name == "row":
            return
        if isinstance(event, Start) and event.name == "c":
            kind, text = event.attributes.get("t", ""), _value(events)
            if text.strip():
                yield kind, text


def _value(events: Iterator[Event]) -> str:
    """What the cell shows that `events` are in, up to its end."""
    return _text(events, "c", {"v", "t"})


def _text(events: Iterator[Event], end: str, wanted: set[str]) -> str:
    """The text of the elements `wanted` up to the end of the one that `events` are in."""
    parts: list[str] = []
    reading = phonetic = False
    for event in events:
        if isinstance(event, str):
            parts += [event] if reading and not phonetic else []
            continue
        if isinstance(event, End) and event.name == end:
            break
        if event.name == "rPh":
            phonetic = isinstance(event, Start)
        reading = isinstance(event, Start) and event.name in wanted
    return "".join(parts)


def _texts(archive: ZipFile, row: SheetRow) -> list[str]:
    """The texts of a row's cells; `?` for one that is too far away in the table of texts."""
    places = [_number(text) for kind, text in row.cells if kind == _SHARED]
    texts = dict(enumerate(_read_shared_texts(archive, max(places, default=-1) + 1)))
    return [texts.get(_number(text), "?") if kind == _SHARED else text for kind, text in row.cells]


def _number(text: str) -> int:
    """A row's number or a text's place; -1 for nonsense."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _MOST_DIGITS else -1


def _read_shared_texts(archive: ZipFile, number: int) -> list[str]:
    """The first texts of the table that cells refer to."""
    texts: list[str] = []
    events = _events(archive, _STRINGS) if number else iter(())
    for event in events:
        if isinstance(event, Start) and event.name == "si":
            texts.append(_text(events, "si", {"t"}))
            if len(texts) == number:
                break
    return texts


def _events(archive: ZipFile, entry: str) -> Iterator[Event]:
    with suppress(KeyError):  # the workbook has no such part
        yield from islice(read_events(read_entry(archive, entry, _MOST_BYTES)), _MOST_EVENTS)
