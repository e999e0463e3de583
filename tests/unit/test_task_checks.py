"""A benchmark's task counts as solved only if the user has the right answer."""

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from bench.tasks import ask, spreadsheets
from bench.tasks.checks import Every, HandsPicture, HandsTable, Names, Says, Shows, find_numbers
from bench.tasks.families import TASKS
from bench.tasks.inputs import Plain
from bench.tasks.results import Result, Results, count_pairs, digest_source
from bench.tasks.task import SEEN, UNSEEN, WORDINGS, Outcome


def png(width: int, height: int, *, empty: bool = False) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    rows = b"".join(
        b"\0" + bytes(0 if empty else x % 256 for x in range(width)) for _ in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def jpeg(width: int, height: int) -> bytes:
    comment = b"\xff\xfe" + struct.pack(">H", 4) + b"hi"
    return b"\xff\xd8" + comment + b"\xff\xc0" + struct.pack(">HBHHB", 8, 8, height, width, 0)


def xlsx(cells: str, *, shared: str = "") -> bytes:
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    parts = {
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{relation}"><sheets>'
        '<sheet name="Totals" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships><Relationship Id="r1" '
        'Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f"<worksheet {main}><sheetData>{cells}</sheetData></worksheet>",
        "xl/sharedStrings.xml": f"<sst {main}>{shared}</sst>",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "The total is 1234.5.",
        "The total is $1,234.50!",
        "一共是１２３４.５元。",
        r"The total is \(1{,}234.50\) euros",
        "Le total est 1\u202f234,50 €",
        "Insgesamt sind es 1.234,50 Euro.",
        "Sum: **1234.4999999998**",
        "From 2024-03-01 to 2024-03-31 it was 1'234.50",
    ],
)
def test_a_number_is_read_as_people_write_it(text: str) -> None:
    assert Says(1234.5)(Outcome(text))


@pytest.mark.parametrize(
    "text",
    [
        "The total is 1234.6.",
        "The total is 12345.",
        "The total is 234.5.",
        "The total is 1,234.",
        "The total is -1234.5.",
        "I cannot open the file.",
        "",
        "The values are " + ", ".join(str(each) for each in range(1, 30)) + ", 1234.5",
    ],
)
def test_another_number_is_wrong_and_so_is_a_dump_of_them(text: str) -> None:
    assert not Says(1234.5)(Outcome(text))


def test_a_date_or_a_range_holds_no_negative_numbers() -> None:
    assert find_numbers("2024-03-05, 3\u20135, -7") == [
        {2024.0},
        {3.0},
        {5.0},
        {3.0},
        {5.0},
        {-7.0},
    ]


def test_every_check_must_pass() -> None:
    check = Every((Names(("Spain", "西班牙")), Says(41)))
    assert check(Outcome("It was SPAIN with 41 orders."))
    assert check(Outcome("西班牙有 41 单"))
    assert not check(Outcome("It was Norway with 41 orders."))
    assert not check(Outcome("It was Spain with 40 orders."))


def test_a_chart_counts_only_if_something_is_on_it() -> None:
    assert Shows()(Outcome(pictures=(png(300, 200),)))
    assert Shows()(Outcome(files={"chart.png": png(300, 200)}))
    assert not Shows()(Outcome(pictures=(png(300, 200, empty=True),)))
    assert not Shows()(Outcome(files={"chart.png": png(300, 200)[:-20]}))
    assert not Shows()(Outcome("Here is your chart."))


def test_a_picture_counts_only_in_its_format_and_size() -> None:
    check = HandsPicture(".png", 280, 200)
    assert check(Outcome(files={"small.PNG": png(280, 201)}))
    assert not check(Outcome(files={"small.png": png(281, 200)}))
    assert not check(Outcome(files={"small.png": png(280, 210)}))
    assert not check(Outcome(files={"small.png": jpeg(280, 200)}))
    assert not check(Outcome(files={"small.jpg": png(280, 200)}))
    assert HandsPicture(".jpg", 280, 200)(Outcome(files={"a.jpeg": jpeg(280, 200)}))
    assert not HandsPicture(".jpg", 200, 280)(Outcome(files={"a.jpeg": jpeg(280, 200)}))
    assert not HandsPicture(".jpg", 280, 200)(Outcome(files={"a.jpg": jpeg(280, 200)[:9]}))


def test_a_workbook_counts_only_with_each_row_in_it() -> None:
    rows = '<row><c t="s"><v>0</v></c><c><v>12.5</v></c></row><row><c t="inlineStr"><is><t>b</t></is></c><c><v>7</v></c></row>'
    content = xlsx(rows, shared="<si><t>a</t></si>")
    assert spreadsheets.read(content) == {"Totals": [("a", 12.5), ("b", 7.0)]}
    right = Outcome(files={"totals.xlsx": content})
    assert HandsTable(".xlsx", (("a", 12.5), ("b", 7)))(right)
    assert not HandsTable(".xlsx", (("a", 12.5), ("b", 8)))(right)
    assert not HandsTable(".xlsx", (("a", 7), ("b", 12.5)))(right)
    assert not HandsTable(".xlsx", (("a", 12.5),))(Outcome(files={"totals.xlsx": b"PK, not"}))
    assert not HandsTable(".xlsx", (("a", 12.5),))(Outcome(files={"totals.csv": content}))


def test_a_csv_counts_only_with_the_right_number_of_rows() -> None:
    check = HandsTable(".csv", (("小明1", 13812345678), ("x", 2)), height=2)
    assert check(Outcome(files={"a.csv": "\ufeff姓名,电话\n小明1,13812345678\nx,2\n".encode()}))
    assert check(
        Outcome(files={"a.csv": "姓名,电话\r\n小明1,13812345678\r\nx,2\r\n".encode("gbk")})
    )
    assert not check(Outcome(files={"a.csv": "姓名,电话\n小明1,13812345678\nx,2\nx,2\n".encode()}))
    assert not check(Outcome(files={"a.csv": "姓名,电话\n小明1,13812345670\nx,2\n".encode()}))


def test_there_are_two_variants_of_each_of_two_dozen_families_and_no_question_twice() -> None:
    families = {task.family for task in TASKS}
    assert len(families) >= 24
    assert {task.name for task in TASKS} == {f"{a}-{b}" for a in families for b in (SEEN, UNSEEN)}
    questions = [wording for task in TASKS for wording in task.wordings]
    assert len(set(questions)) == len(questions) == WORDINGS * len(TASKS)
    names = [each.name for task in TASKS for each in task.inputs]
    assert len(set(names)) >= len(names) - 2


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_no_answer_can_be_copied_from_the_question_or_the_text_of_its_files(task: Any) -> None:
    texts = [*task.wordings, *(each.name for each in task.inputs), ""]
    assert not any(task.check(Outcome(text)) for text in texts)
    for each in task.inputs:
        if isinstance(each, Plain):
            assert not any(task.check(Outcome(line)) for line in each.text.splitlines())


def answer(*, solved: bool) -> ask.Answer:
    calls = (("print(1)", "1\n"),)
    return ask.Answer(solved, solved, "completed", calls, "secret", 10, 1.5)


def test_an_interrupted_measurement_goes_on_and_tells_nothing_of_unseen_tasks(
    tmp_path: Path,
) -> None:
    seen = next(task for task in TASKS if task.variant == SEEN)
    unseen = next(task for task in TASKS if task.variant == UNSEEN)
    Results(tmp_path / "lines").add("abc", (seen, 0), answer(solved=True))
    Results(tmp_path / "lines").add("abc", (unseen, 2), answer(solved=False))
    again = Results(tmp_path / "lines")
    assert again.find("abc", (seen, 0)) == Result(solved=True, first_try=True)
    assert again.find("abc", (unseen, 2)) == Result(solved=False, first_try=False)
    assert again.find("abc", (seen, 1)) is None
    assert again.find("abd", (seen, 0)) is None
    first, second = map(json.loads, (tmp_path / "lines").read_text().splitlines())
    assert (first["task"], first["text"]) == (seen.name, "secret")
    assert second.keys() == {"key", "server", "variant", "solved", "first_try"}


def test_a_server_is_known_by_its_source(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.py").write_text("1")
    (tmp_path / "README.md").write_text("one")
    before = digest_source(tmp_path)
    (tmp_path / "README.md").write_text("two")
    assert digest_source(tmp_path) == before
    (tmp_path / "src/a.py").write_text("2")
    assert digest_source(tmp_path) != before


def test_pairs_are_counted_question_by_question() -> None:
    ours = [Result(each, each) for each in (True, True, False, False, True)]
    theirs = [Result(each, False) for each in (True, False, True, False, False)]
    counted = count_pairs(ours, theirs)
    assert counted == {"both": 1, "first only": 2, "second only": 1, "none": 1}
