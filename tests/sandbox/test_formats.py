"""Each format of the guide is opened in a session, by the line of code that the documentation gives."""

import re
from pathlib import Path

import pytest

from assistd.sandbox.session.session import GuestSession
from tests.sandbox.rig import once

ROOT = Path(__file__).parents[2]
FILES = Path(__file__).with_name("formats")
PAGE = (ROOT / "docs/environment.md").read_text()
ROWS = re.findall(r"^\| (\.\w+) \| ([^|]+) \| ([^|]+) \| `(.+)` \|$", PAGE, re.MULTILINE)

# What is in each file: its bytes or the name of a file beside this, and words that reading it shows.
# The pickle is Python 3.7's.
CONTENTS: dict[str, tuple[bytes | str, tuple[str, ...]]] = {
    ".c": (b"#include <stdio.h>\nint main(void) { return 42; }\n", ("return 42",)),
    ".cs": (b"class Hello { static int Answer => 42; }\n", ("Answer => 42",)),
    ".cpp": ("template<class T> T größe(T t) { return t; }\n".encode(), ("größe",)),
    ".csv": ("月,売上\r\n一月,7\r\n二月,9\r\n".encode(), ("売上", "二月")),
    ".doc": ("note.doc", ("Test OLE file, saved as Word 97-2003 Document.",)),
    ".docx": ("report.docx", ("Donec semper facilisis metus", "Text before\\nText after")),
    ".html": (b"<html><body><h1>Sales</h1><td>7</td></body></html>", ("Sales 7",)),
    ".java": (b"class Main { static final int ANSWER = 42; }\n", ("ANSWER = 42",)),
    ".json": ('{"month": "一月", "sales": [7, 9.5, null]}'.encode(), ("一月", "9.5, None")),
    ".md": (b"# Sales\n\n- *January*: 7\n", ("<h1>Sales</h1>", "<em>January</em>")),
    ".php": (b"<?php echo 6 * 7; ?>\n", ("6 * 7",)),
    ".pptx": ("slides.pptx", ("Baseline default textbox", "Verdana typeface")),
    ".py": (b"def answer():\n    return 42\n", ("def answer",)),
    ".rb": (b"def answer = 42\n", ("answer = 42",)),
    ".tex": (
        b"\\documentclass{article}\\begin{document}$e^{i\\pi}$\\end{document}\n",
        ("article",),
    ),
    ".txt": ("Продажи за первый квартал нынешнего года\n".encode("cp1251"), ("Продажи",)),
    ".css": (b"h1 { color: #c0ffee; }\n", ("#c0ffee",)),
    ".js": (b"export const answer = () => 42;\n", ("answer",)),
    ".sh": (b"#!/bin/sh\necho $((6 * 7))\n", ("6 * 7",)),
    ".ts": (b"const answer: number = 42;\n", ("number = 42",)),
    ".jpeg": ("python.jpg", ("(110, 114, 84)",)),
    ".jpg": ("python.jpg", ("(16, 16, 3)",)),
    ".gif": ("python.gif", ("(2, (253, 213, 54))",)),
    ".pkl": (
        b"\x80\x03}q\x00(X\x05\x00\x00\x00monthq\x01]q\x02(X\x03\x00\x00\x00Janq\x03X\x03\x00\x00\x00"
        b"Febq\x04eX\x05\x00\x00\x00salesq\x05cdecimal\nDecimal\nq\x06X\x03\x00\x00\x007.5q\x07\x85q"
        b"\x08Rq\tX\x03\x00\x00\x00dayq\ncdatetime\ndate\nq\x0bC\x04\x07\xe4\x02\x1dq\x0c\x85q\rRq"
        b"\x0eu.",
        ("'Feb'", "Decimal('7.5')", "datetime.date(2020, 2, 29)"),
    ),
    ".png": ("python.png", ("(1, (253, 221, 74))",)),
    ".tar": ("sales.tar", ("sales.csv", "Feb,9")),
    ".xml": ('<?xml version="1.0"?><a><item name="größe"/></a>'.encode(), ("größe",)),
    ".zip": ("sales.zip", ("sales.csv", "Feb,9")),
}

# Formats whose files another library of the environment makes.
MADE = {
    ".pdf": (
        "from reportlab.platypus import SimpleDocTemplate, Paragraph, Table\n"
        "from reportlab.lib.styles import getSampleStyleSheet\n"
        "table = Table([['month', 'sales'], ['Jan', '7']], style=[('GRID', (0, 0), (-1, -1), 1, 'black')])\n"
        "text = Paragraph('The quarterly report', getSampleStyleSheet()['Title'])\n"
        "SimpleDocTemplate('file.pdf').build([text, table])",
        ("The quarterly report", "[['month', 'sales'], ['Jan', '7']]"),
    ),
    ".xlsx": (
        "import xlsxwriter\nbook = xlsxwriter.Workbook('file.xlsx')\n"
        "sheet = book.add_worksheet('销售')\nsheet.write_row(0, 0, ['月', 'sum'])\n"
        "sheet.write_row(1, 0, ['一月', 7.5])\nbook.close()",
        ("销售", "一月", "7.5"),
    ),
}


def test_the_page_has_every_format_of_the_guide() -> None:
    assert {row[0] for row in ROWS} == set(CONTENTS) | set(MADE)
    guide = ROOT.parent / "shared/reference/seed-code-interpreter-guide.txt"
    if not guide.exists():
        pytest.skip(f"the guide is not at {guide}")
    table = guide.read_text().partition("MIME 类型")[2].splitlines()
    pairs = [re.match(r"(\.[a-z]+?)((?:text|application|image)/.*)", line) for line in table]
    asked = {(found[1], mime) for found in pairs if found for mime in _mimes(found[2])}
    told = {(row[0], mime) for row in ROWS for mime in _mimes(row[1])}
    assert asked <= told


def _mimes(text: str) -> list[str]:
    return re.findall(r"[a-z]+/[\w.+-]+", text)


async def test_each_is_opened_by_the_line_that_the_page_gives(session: GuestSession) -> None:
    for extension, _, modules, line in ROWS:
        name = f"file{extension}"
        if extension in MADE:
            code, words = MADE[extension]
            assert (await session.execute(code)).status == "ok"
        else:
            content, words = CONTENTS[extension]
            data = (FILES / content).read_bytes() if isinstance(content, str) else content
            await session.put(name, once(data))
        imports = "" if modules == "built in" else f"import {modules}\n"
        execution = await session.execute(f"{imports}path = {name!r}\n{line}")
        assert execution.status == "ok", (extension, execution.logs)
        missing = [word for word in words if word not in execution.logs]
        assert not missing, (extension, execution.logs)
