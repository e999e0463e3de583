"""Each format brings its text, in English and in Chinese, whatever its name and encoding."""

import codecs
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from assistd.errors import ExtractionError
from assistd.sandbox.extraction.extractor import JailedExtractor, find_library
from tests.sandbox.extraction import documents

EN = "Refunds are paid within thirty days."
ZH = "退款在三十天内支付，逾期不候。"  # noqa: RUF001
JA = "返金は三十日以内に行われます。お問い合わせはメールでどうぞ。"
FORMATS = Path(__file__).parents[1] / "formats"
DOCUMENTS = {
    "a.pdf": documents.pdf([EN, ZH]),
    "a.docx": documents.docx([EN, ZH]),
    "a.pptx": documents.pptx([EN, ZH]),
    "a.xlsx": documents.xlsx([[EN, ZH]]),
    "a.odt": documents.odt([EN, ZH]),
    "a.epub": documents.epub([EN, ZH]),
    "a.html": f"<html><body><h1>{EN}</h1><p>{ZH}</p><script>var x</script></body></html>".encode(),
    "b.html": f"<!doctype html><p>{EN}<p>{ZH}".encode("gb18030"),
    "a.rtf": documents.rtf(f"{EN}\n{ZH}"),
    "a.eml": documents.eml(f"{EN}\n{ZH}"),
    "b.eml": documents.eml(f"{EN}\n{ZH}", "gb18030", "8bit"),
    "c.eml": documents.eml(f"<p>{EN}</p><p>{ZH}</p>", "gb18030", subtype="html"),
    "a.md": f"# {EN}\n\n{ZH}\n".encode(),
    "a.txt": f"{EN}\r\n{ZH}\r\n".encode("gb18030"),
    "a.csv": f"a,b\n{EN},{ZH}\n".encode("utf-16"),
    "a.json": json.dumps({"a": EN, "b": ZH}, ensure_ascii=False).encode(),
    "a.py": f"def refund():\n    return '{EN}'  # {ZH}\n".encode(),
    "Makefile": f"all:\n\techo '{EN}' # {ZH}\n".encode(codecs.lookup("utf-8-sig").name),
    "a】.md": f"{EN}\n{ZH}".encode(),
    "": f"{EN}\n{ZH}".encode(),
    "a pdf without its suffix": documents.pdf([EN, ZH]),
    "a docx named.txt": documents.docx([EN, ZH]),
    "text named.docx": f"{EN}\n{ZH}".encode(),
}


@pytest.fixture
def extractor() -> JailedExtractor:
    """With the library, which the tests have."""
    assert find_library() is not None
    return JailedExtractor(library=find_library())


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_every_format_brings_its_text(extractor: JailedExtractor, name: str) -> None:
    found = await extractor.extract(name, DOCUMENTS[name])
    assert EN in found.text
    assert ZH in found.text
    assert "\r" not in found.text
    assert "var x" not in found.text


@pytest.mark.parametrize(("name", "make"), [("a.pdf", documents.pdf), ("a.pptx", documents.pptx)])
async def test_pages_and_slides_keep_their_numbers(
    extractor: JailedExtractor, name: str, make: Callable[[Sequence[str]], bytes]
) -> None:
    pages = [f"第 {number} page" if number % 5 else "" for number in range(1, 23)]
    found = await extractor.extract(name, make(pages))
    assert [each.number for each in found.pages] == list(range(1, 23))
    assert [found.text[each.start : each.end] for each in found.pages] == pages


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
async def test_chinese_text_is_read_in_its_encoding(
    extractor: JailedExtractor, encoding: str
) -> None:
    assert (await extractor.extract("a.txt", ZH.encode(encoding))).text == ZH


async def test_a_text_without_a_mark_and_one_with_a_stray_nul_are_read(
    extractor: JailedExtractor,
) -> None:
    assert (await extractor.extract("a.txt", EN.encode("utf-16-le"))).text == EN
    assert (await extractor.extract("a.txt", f"{ZH}\n{EN} {ZH}".encode("utf-16-be"))).text[
        -15:
    ] == ZH
    stray = f"{EN}\0 {ZH}".encode()
    assert (await extractor.extract("a.log", stray)).text == f"{EN} {ZH}"


async def test_other_encodings_are_told_apart(extractor: JailedExtractor) -> None:
    german = "Für größere Beträge gilt: Überweisung nach Prüfung, höchstens dreißig Tage."
    assert (await extractor.extract("a.txt", german.encode("cp1252"))).text == german
    assert (await extractor.extract("a.txt", JA.encode("cp932"))).text == JA


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("note.doc", "Test OLE file"),
        ("letter.rtf", "中"),
        ("table.ods", "张三"),
        ("slides.pptx", "晴弗"),
    ],
)
async def test_documents_of_other_programs_are_read(
    extractor: JailedExtractor, name: str, text: str
) -> None:
    assert text in (await extractor.extract(name, (FORMATS / name).read_bytes())).text


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("photo.heic", "unsupported_file", "The file type is not supported."),
        ("python.png", "unsupported_file", "The file type is not supported."),
        ("archive.7z", "unsupported_file", "The file type is not supported."),
        ("sales.zip", "unsupported_file", "The file type is not supported."),
        (
            "password_secret.xlsx",
            "invalid_file",
            "The file could not be parsed because it is encrypted",
        ),
        ("scan.pdf", "invalid_file", "The file could not be parsed because it has no text"),
    ],
)
async def test_what_has_no_text_says_why(
    extractor: JailedExtractor, name: str, code: str, message: str
) -> None:
    with pytest.raises(ExtractionError, match=message) as refused:
        await extractor.extract(name, (FORMATS / name).read_bytes())
    assert refused.value.code == code


async def test_without_the_library_text_is_read_and_the_rest_says_what_to_install() -> None:
    extractor = JailedExtractor()
    assert extractor.version != JailedExtractor(library="4.10.4").version
    for name in ("a.md", "a.txt", "a.csv", "a.json", "a.py", "Makefile", "b.html", ""):
        assert ZH in (await extractor.extract(name, DOCUMENTS[name])).text
    for name in ("a.pdf", "a.docx", "a.eml", "a.rtf"):
        with pytest.raises(ExtractionError, match=r"assistd\[search\]") as refused:
            await extractor.extract(name, DOCUMENTS[name])
        assert refused.value.code == "unsupported_file"
