"""The files that tasks are about, described by values, and made in the interpreter environment.

`python -m bench.tasks.inputs FOLDER` makes those of every task: the environment of the benchmark
itself has neither openpyxl nor Pillow.
"""

import importlib
import io
import sqlite3
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Cell = str | int | float
Row = tuple[Cell, ...]


class Input(Protocol):
    """A file that is uploaded. Its `repr` holds all that the file holds."""

    @property
    def name(self) -> str:
        """The file's name."""
        ...

    def content(self) -> bytes:
        """Return the file's bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Plain:
    """A text in some encoding."""

    name: str
    text: str
    encoding: str = "utf-8"

    def content(self) -> bytes:
        """Return the encoded text."""
        return self.text.encode(self.encoding)


@dataclass(frozen=True, slots=True)
class Workbook:
    """An .xlsx file.

    Args:
        name: the file's name.
        sheets: pairs of a title and rows.
    """

    name: str
    sheets: tuple[tuple[str, tuple[Row, ...]], ...]

    def content(self) -> bytes:
        """Return what openpyxl writes."""
        openpyxl: Any = importlib.import_module("openpyxl")
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in self.sheets:
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        buffer = io.BytesIO()
        book.save(buffer)
        return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip file."""

    name: str
    members: tuple[Plain, ...]

    def content(self) -> bytes:
        """Return the compressed members."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for member in self.members:
                archive.writestr(member.name, member.content())
        return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Database:
    """An SQLite file.

    Args:
        name: the file's name.
        tables: triples of a table's name, its columns and its rows.
    """

    name: str
    tables: tuple[tuple[str, tuple[str, ...], tuple[Row, ...]], ...]

    def content(self) -> bytes:
        """Return the bytes of the database."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "database"
            connection = sqlite3.connect(path)
            for table, columns, rows in self.tables:
                connection.execute(f"create table {table} ({', '.join(columns)})")
                places = ", ".join("?" for _ in columns)
                connection.executemany(f"insert into {table} values ({places})", rows)
            connection.commit()
            connection.close()
            return path.read_bytes()


@dataclass(frozen=True, slots=True)
class Pdf:
    """A PDF of lines of text; each page is a tuple of lines."""

    name: str
    pages: tuple[tuple[str, ...], ...]

    def content(self) -> bytes:
        """Return what reportlab writes."""
        canvas: Any = importlib.import_module("reportlab.pdfgen.canvas")
        buffer = io.BytesIO()
        pdf = canvas.Canvas(buffer)
        for lines in self.pages:
            for number, line in enumerate(lines):
                pdf.drawString(72, 760 - 20 * number, line)
            pdf.showPage()
        pdf.save()
        return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Document:
    """A .docx file: a heading, a paragraph and a table."""

    name: str
    heading: str
    paragraph: str
    rows: tuple[Row, ...]

    def content(self) -> bytes:
        """Return what python-docx writes."""
        docx: Any = importlib.import_module("docx")
        document = docx.Document()
        document.add_heading(self.heading)
        document.add_paragraph(self.paragraph)
        table = document.add_table(rows=0, cols=len(self.rows[0]))
        for row in self.rows:
            for cell, value in zip(table.add_row().cells, row, strict=True):
                cell.text = str(value)
        buffer = io.BytesIO()
        document.save(buffer)
        return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of coloured squares, in the format that its name ends in."""

    name: str
    width: int
    height: int

    def content(self) -> bytes:
        """Return what Pillow writes."""
        pillow: Any = importlib.import_module("PIL.Image")
        image = pillow.new("RGB", (self.width, self.height))
        image.putdata(
            [
                (x * 255 // self.width, y * 255 // self.height, 128 * (x // 40 % 2))
                for y in range(self.height)
                for x in range(self.width)
            ]
        )
        buffer = io.BytesIO()
        image.save(buffer, "JPEG" if self.name.endswith(".jpg") else "PNG")
        return buffer.getvalue()


def format_table(
    header: Sequence[str], rows: Sequence[Row], *, separator: str = ",", decimal: str = "."
) -> str:
    """Return a table as lines of text, with numbers in the writing of some country."""
    lines = [separator.join(header)]
    for row in rows:
        cells = [
            str(cell).replace(".", decimal) if isinstance(cell, float) else str(cell)
            for cell in row
        ]
        lines.append(separator.join(cells))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the inputs of every task, each into a folder of the task's name."""
    tasks = importlib.import_module("bench.tasks.families").TASKS
    for task in tasks:
        folder = Path(sys.argv[1]) / task.name
        folder.mkdir(parents=True)
        for each in task.inputs:
            (folder / each.name).write_bytes(each.content())


if __name__ == "__main__":
    main()
