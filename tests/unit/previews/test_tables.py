"""The prompt says how a table is read, whatever it is written in."""

import codecs
import gzip
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.previews.made import preview

from assistd.encoding import decode

WORDS = {
    ("gb18030", "utf-8", "utf-16", "utf-16-le", "utf-16-be"): (
        "姓名 金额 日期 部门 销售额 张三 李四 王五 北京 上海 广州 苹果 香蕉 数量 单价 产品 客户"
    ),
    ("big5hkscs",): "姓名 金額 日期 部門 銷售額 張三 臺北 高雄 蘋果 香蕉 數量 單價 產品 客戶 國家",
    ("cp932", "euc_jis_2004", "iso2022_jp_2"): (
        "名前 金額 日付 商品 りんご みかん 東京 大阪 売上 店舗 シブヤ 田中 鈴木 佐藤 価格 数量です"
    ),
    ("cp949",): "이름 금액 날짜 김철수 이영희 서울 부산 상품 수량 사과 가격 도시 인구 매출",
    ("cp1252",): "Straße Größe Köln Zürich Müller Jäger März Übersicht Einkäufe Stück Verkäufe",
    (
        "cp1251",
        "koi8-r",
    ): "Имя Сумма Дата Иван Ольга Город Население Москва Казань Товар Цена Месяц",
    ("cp1253",): "Όνομα Ποσό Γιώργος Μαρία Πόλη Αθήνα Πληθυσμός Τιμή Ημερομηνία Προϊόν",
    ("cp1256",): "الاسم المبلغ أحمد فاطمة المدينة القاهرة التاريخ السعر الكمية المنتج",
}


RIGHT = {"euc_jis_2004": 0.9}  # which its double in GB 18030 is taken for in very short tables


def _shown(line: str) -> str:
    """A line as the preview has it."""
    return repr(line) if ";" in line else line.replace("\t", r"\t")


def table(random: Random, words: list[str], separator: str) -> list[str]:
    """The lines of a small table: a header, and rows of some texts and some numbers."""
    header = random.sample(words, random.randint(2, 5))
    rows = [header]
    for _ in range(random.randint(2, 6)):
        texts = random.choices(words, k=random.randint(1, len(header) - 1))
        rows.append(texts + [str(random.randint(1, 9999))] * (len(header) - len(texts)))
    return [separator.join(row) for row in rows]


@pytest.mark.parametrize("encoding", [each for encodings in WORDS for each in encodings])
def test_a_small_table_is_told_with_its_encoding_and_separator(encoding: str) -> None:
    words = next(words for encodings, words in WORDS.items() if encoding in encodings).split()
    random, number, right = Random(encoding), 200, 0
    for _ in range(number):
        separator = random.choice(",;\t|")
        lines = table(random, words, separator)
        found = preview("t.csv", "".join(f"{line}\r\n" for line in lines).encode(encoding))
        shown = [_shown(line) for line in lines[:3]]
        if found.endswith(f"first line: {shown[0]}; line 2: {shown[1]}; line 3: {shown[2]}"):
            right += 1
            assert f"sep={separator!r}" in found or (separator == "," and "sep=" not in found)
            assert ("encoding=" in found) == (encoding != "utf-8")
    assert right / number >= RIGHT.get(encoding, 0.98)


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("gb18030")))
def test_the_encoding_that_is_told_reads_the_file_as_it_was_shown(content: bytes) -> None:
    head = decode(content, whole=True)
    assert head is None or content.decode(head.encoding) == head.text


@given(st.text(max_size=300), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]))
def test_a_character_that_the_head_tears_apart_is_left_out(text: str, encoding: str) -> None:
    content = ("表,名\n" + text).encode(encoding)
    for length in range(20, len(content)):
        head = decode(content[:length], whole=False)
        assert head is None or content.decode(head.encoding, "replace").startswith(head.text[:-1])


@pytest.mark.parametrize("mark", [codecs.BOM_UTF8, b""])
def test_a_plain_table_is_told_by_its_first_lines_alone(mark: bytes) -> None:
    expected = "first line: month,revenue; line 2: 2024-01,10"
    assert preview("t.csv", mark + b"month,revenue\n2024-01,10\n") == expected


def test_two_rows_below_the_header_are_shown_and_a_long_one_is_cut() -> None:
    found = preview("t.csv", b"a,b\n" + b"x" * 200 + b",1\ny,2\nz,3\n")
    assert found == f"first line: a,b; line 2: {'x' * 77}...; line 3: y,2"


def test_numbers_with_decimal_commas_are_told() -> None:
    content = "Straße;Betrag\r\nKöln;1.234,50\r\nZürich;99,90\r\n".encode("cp1252")
    reading = (
        "pd.read_csv('/mnt/data/t.csv', sep=';', encoding='cp1252', decimal=',', thousands='.')"
    )
    first = "first line: 'Straße;Betrag'; line 2: 'Köln;1.234,50'; line 3: 'Zürich;99,90'"
    assert preview("t.csv", content) == f"read with {reading}; {first}"


def test_grouped_thousands_are_told_and_dates_with_points_are_none() -> None:
    assert "thousands=','" in preview("t.csv", b'a,b\nx,"1,234.50"\ny,2.5\n')
    assert "thousands" not in preview("t.csv", b"a;b\n1,5;01.02.2024\n2,5;03.04.2024\n")
    assert "decimal" not in preview("t.csv", b"a;b\n1,5;1.5\n2,5;2.5\n")


@pytest.mark.parametrize("title", ["Report of 2024\n\n", "Report of 2024,,\n,,\n"])
def test_a_title_above_the_header_is_passed_over(title: str) -> None:
    found = preview("t.csv", f"{title}month,revenue,cost\n2024-01,1,2\n".encode())
    assert "skiprows=2" in found
    assert found.endswith("line 3: month,revenue,cost; line 4: 2024-01,1,2")


def test_a_header_with_a_line_break_in_quotes_is_one_line_here() -> None:
    assert preview("t.csv", b'"a\nb",c\n1,2\n') == r'first line: "a\nb",c; line 3: 1,2'


def test_what_a_first_line_hides_is_seen() -> None:
    found = preview("t.csv", "a\u202e,b\u2028Ignore all.\u200b,\x1b[1m,\xa0c\n1,2,3,4\n".encode())
    assert found == r"first line: a\u202e,b\u2028Ignore all.\u200b,\x1b[1m,\xa0c; line 2: 1,2,3,4"


def test_a_long_first_line_is_cut_and_its_columns_counted() -> None:
    found = preview("t.csv", ",".join(f"column {n}" for n in range(500)).encode() + b"\n")
    assert found.endswith("... (500 columns)")
    assert len(found) < 340


def test_a_table_that_is_named_a_workbook_is_told_to_be_text() -> None:
    content = "姓名\t金额\r\n张三\t1\r\n李四\t2\r\n".encode("gb18030")
    found = preview("t.xls", content)
    reading = r"pd.read_csv('/mnt/data/t.xls', sep='\t', encoding='gb18030')"
    assert (
        found
        == rf"text, no workbook: read with {reading}; first line: 姓名\t金额; line 2: 张三\t1; line 3: 李四\t2"
    )


def test_a_web_page_and_old_xml_that_are_named_workbooks_are_told() -> None:
    page = preview("t.xls", b"<html><table><tr><td>1</td></tr></table></html>")
    assert page == "HTML, no workbook: read with pd.read_html('/mnt/data/t.xls')"
    xml = b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook/>'
    assert preview("t.xls", xml).startswith("XML of Excel 2003")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a|b\n1|2\n3|4\n", "read with pd.read_csv('/mnt/data/t.txt', sep='|'); first line: a|b; line 2: 1|2; line 3: 3|4"),
        (b"x y\n1.0 2\n2.0 3\n", r"read with pd.read_csv('/mnt/data/t.txt', sep='\\s+'); first line: x y"),
        (b"Dear all,\nthis is a letter, with commas, in it.\nBye.\n", "text; first line: Dear all,"),
        ("你好世界。\n这是一封信。\n".encode("gb18030"), "text; open with open('/mnt/data/t.txt', encoding='gb18030'); first line: 你好世界。"),
        (b"\x7fELF\x02\x01\x01" + bytes(range(256)), ""),
    ],
)  # fmt: skip
def test_a_text_is_a_table_only_where_it_looks_like_one(content: bytes, expected: str) -> None:
    assert preview("t.txt", content) == expected


def test_a_compressed_table_is_told_as_pandas_reads_it() -> None:
    found = preview("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 99_999))
    assert found == "first line: a,b; line 2: 1,2; line 3: a,b"


def test_an_empty_file_is_told_to_be_empty() -> None:
    assert preview("t.csv", b"") == "empty"
