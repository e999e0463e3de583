"""Small files as tests make them, and the preview of one."""

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape

from assistd.engine.previews.kind import describe

RELATIONS = b'<Relationships><Relationship Id="r1" Target="worksheets/sheet1.xml"/></Relationships>'
Cell = str | int | None


def preview(name: str, content: bytes) -> str:
    """The preview of a file in /mnt/data."""
    return describe(f"/mnt/data/{name}", len(content), io.BytesIO(content))


def packed(entries: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return target.getvalue()


def workbook(
    sheets: Sequence[str], rows: Iterable[Sequence[Cell]], *, shared: bool = True
) -> bytes:
    """An .xlsx whose first sheet has these rows; texts are shared, as Excel has them, or inline."""
    texts: list[str] = []
    body = "".join(
        f'<row r="{number}">{"".join(_cell(cell, texts if shared else None) for cell in row)}</row>'
        for number, row in enumerate(rows, start=1)
    )
    named = "".join(
        f'<sheet name="{escape(name, {chr(34): "&quot;"})}" sheetId="{n}" r:id="r{n}"/>'
        for n, name in enumerate(sheets, start=1)
    )
    return workbook_of(
        sheet=f"<worksheet><cols/><sheetData>{body}</sheetData></worksheet>".encode(),
        shared=f"<sst>{''.join(f'<si><t>{escape(each)}</t></si>' for each in texts)}</sst>".encode(),
        sheets=f'<workbook xmlns:r="r"><sheets>{named}</sheets></workbook>'.encode(),
    )


def workbook_of(
    *,
    sheet: bytes = b"<worksheet/>",
    shared: bytes = b"<sst/>",
    sheets: bytes = b'<workbook xmlns:r="r"><sheets><sheet name="S" r:id="r1"/></sheets></workbook>',
    method: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """An .xlsx of these parts."""
    entries = {
        "[Content_Types].xml": b"",
        "xl/workbook.xml": sheets,
        "xl/_rels/workbook.xml.rels": RELATIONS,
        "xl/worksheets/sheet1.xml": sheet,
        "xl/sharedStrings.xml": shared,
    }
    return packed(entries, method)


def _cell(cell: Cell, texts: list[str] | None) -> str:
    if cell is None:
        return "<c/>"
    if isinstance(cell, int):
        return f"<c><v>{cell}</v></c>"
    if texts is None:
        return f'<c t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
    texts.append(cell)
    return f'<c t="s"><v>{len(texts) - 1}</v></c>'
