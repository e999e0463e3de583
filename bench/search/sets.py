"""The test sets: questions and headings, and the one passage that answers each."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser, LexborNode

_FAQ = "usr/share/doc/debian/FAQ"
_REFERENCE = "usr/share/debian-reference"
_PYTHON = "usr/share/doc/python3.11/html/faq"
_SHORTEST = 40  # characters of a passage
_ENGLISH_CHARACTERS = 400
_CHINESE_CHARACTERS = 200
_NUMBERING = re.compile(r"^\s*(?:[A-Z]\.|\d+\.)(?:\d+\.)*\s*")
_NAME = re.compile(r"(?<![\w./-])[a-z][a-z0-9]*(?:[-_.][a-z0-9]+)+(?![\w/-])")
_NAMES = 100
_HEADINGS = ("h1", "h2", "h3", "h4")
_TOGETHER = 4  # passages in one chunk of the joined sets

OFF_TOPIC = (
    "How do I bake a chocolate cake?",
    "Who won the football world cup?",
    "What helps against the flu?",
    "红烧肉怎么做",
    "北京到上海的高铁票价",
    "怎样给婴儿洗澡",
)
"""Questions that no passage of any set answers."""


@dataclass(frozen=True)
class Section:
    """A part of a document: where it stands, its heading, and its own text without the heading."""

    anchor: str
    heading: str
    text: str


@dataclass(frozen=True)
class TestSet:
    """Questions, each with the index of the passage that answers it.

    Args:
        name: in the report.
        passages: what is searched.
        questions: (question, index of its passage).
    """

    __test__ = False  # pytest would collect the name
    name: str
    passages: tuple[str, ...]
    questions: tuple[tuple[str, int], ...]


def build(root: Path) -> list[TestSet]:
    """Make every set from the unpacked packages (see `packages.unpack`)."""
    faq = list(_docbook(root / _FAQ, "*.en.html"))
    english = faq + list(_sphinx(root / _PYTHON))
    chinese_faq = list(_docbook(root / _FAQ / "zh-cn", "*.zh-cn.html"))
    chinese = chinese_faq + list(_docbook(root / _REFERENCE, "*.zh-cn.html"))
    en = _set_of("EN-Q", english, _ENGLISH_CHARACTERS)
    zh = _set_of("ZH-T", chinese, _CHINESE_CHARACTERS)
    by_anchor = {section.anchor: index for index, section in enumerate(english)}
    across = tuple(
        (section.heading, by_anchor[section.anchor])
        for section in chinese_faq
        if section.anchor in by_anchor and _has_han(section.heading)
    )
    return [
        en,
        zh,
        TestSet("ZH->EN", en.passages, across),
        _names_of("ID-EN", en),
        _names_of("ID-ZH", zh),
        _join(en, "EN-Q by 4"),
        _join(zh, "ZH-T by 4"),
    ]


def _set_of(name: str, sections: list[Section], characters: int) -> TestSet:
    passages = tuple(section.text[:characters] for section in sections)
    return TestSet(
        name, passages, tuple((each.heading, index) for index, each in enumerate(sections))
    )


def _names_of(name: str, whole: TestSet) -> TestSet:
    """Questions that are a name which stands in one passage only, such as `dpkg-deb`."""
    found = [set(_NAME.findall(passage)) for passage in whole.passages]
    counts = Counter(each for names in found for each in names)
    questions = [
        (each, index)
        for index, names in enumerate(found)
        for each in sorted(names)
        if counts[each] == 1 and sum(each in passage for passage in whole.passages) == 1
    ]
    step = max(1, len(questions) // _NAMES)
    return TestSet(name, whole.passages, tuple(questions[::step][:_NAMES]))


def _join(whole: TestSet, name: str) -> TestSet:
    passages = whole.passages
    joined = tuple(
        "\n\n".join(passages[at : at + _TOGETHER]) for at in range(0, len(passages), _TOGETHER)
    )
    return TestSet(name, joined, tuple((text, at // _TOGETHER) for text, at in whole.questions))


def _docbook(folder: Path, pattern: str) -> Iterator[Section]:
    for path in sorted(folder.glob(pattern)):
        for node in _parse(path).css("div.section"):
            anchor = node.css_first("div.titlepage .title a[id]")
            heading = anchor.parent if anchor else None
            if anchor and heading:
                yield from _section(anchor.attributes["id"] or "", heading, node)


def _sphinx(folder: Path) -> Iterator[Section]:
    for path in sorted(folder.glob("*.html")):
        for node in _parse(path).css("section"):
            heading = next((each for each in node.iter() if each.tag in _HEADINGS), None)
            if heading:
                yield from _section(f"{path.stem}#{node.attributes['id']}", heading, node)


def _section(anchor: str, heading: LexborNode, node: LexborNode) -> Iterator[Section]:
    """The section with the text that is its own, if that is long enough to answer anything."""
    title = _NUMBERING.sub("", _squeeze(heading.text())).rstrip("\u00b6 ")
    own = (each.text() for each in node.iter(include_text=True) if not _is_apart(each))
    text = _squeeze(" ".join(own))
    if title and len(text) >= _SHORTEST:
        yield Section(anchor, title, text)


def _is_apart(node: LexborNode) -> bool:
    """Whether a child of a section is its title, its contents list, or a section of its own."""
    kind = node.attributes.get("class") if node.tag == "div" else None
    return node.tag in {"section", *_HEADINGS} or kind in {"section", "titlepage", "toc"}


def _parse(path: Path) -> LexborHTMLParser:
    return LexborHTMLParser(path.read_text(encoding="utf-8"))


def _squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _has_han(text: str) -> bool:
    return bool(re.search("[\u4e00-\u9fff]", text))
