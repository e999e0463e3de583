"""Citations and links of this repository: where each stands, and where it leads."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CITING = ("src", "tests", "docs", "bench", "tools", "demo")
_SUFFIXES = {".py", ".md", ".js", ".cjs", ".mjs", ".toml", ".cfg", ".in"}

_NUMBER = r"\d+(?:\.\d+)*"
_MORE = rf"{_NUMBER}(?:(?:,\s+(?:and\s+)?|\s+(?:and|to)\s+){_NUMBER}\b)*"
# A section of another document is cited behind its name and a comma: "RFC 9110, section 15".
_SECTIONS = re.compile(
    rf"((?:RFC \d+|HTML|specification),\s+)?\bsections?\s+(?:#\s+)?({_MORE})", re.IGNORECASE
)
_TRAPS = re.compile(rf"()\btraps?\s+(?:#\s+)?({_MORE})", re.IGNORECASE)
_TRAP_TESTS = re.compile(r"\btest_trap_(\d\d)_")

_ANCHOR = re.compile(r'<a id="([\w-]+)"></a>')
_HEADING = re.compile(r"^#+\s+(.+)$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\]\((?!\w+:)([^)\s#]*)#([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Link:
    """A link to an anchor: the page that has it, the page it leads to, and the anchor's name."""

    page: Path
    target: Path
    anchor: str


def citations(text: str) -> set[str]:
    """Return the anchors of the contract that a text cites, such as `section-6-4` and `trap-26`."""
    sections = {f"section-{n.replace('.', '-')}" for n in _numbers(_SECTIONS, text)}
    traps = {f"trap-{n}" for n in _numbers(_TRAPS, text)}
    return sections | traps | {f"trap-{int(n)}" for n in _TRAP_TESTS.findall(text)}


def _numbers(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    for elsewhere, numbers in pattern.findall(text):
        if not elsewhere:
            yield from re.findall(_NUMBER, numbers)


def citing_files(root: Path = ROOT) -> Iterator[Path]:
    """Yield every text file of a checkout that may cite the contract."""
    yield from root.glob("*.md")
    for folder in CITING:
        for path in (root / folder).rglob("*"):
            if path.suffix in _SUFFIXES and not {"node_modules", ".venv"} & set(path.parts):
                yield path


def anchors(page: str) -> list[str]:
    """Return what links to a page of Markdown may lead to: anchors in HTML, and headings as GitHub names them."""
    return _ANCHOR.findall(page) + [_slug(each) for each in _HEADING.findall(_prose(page))]


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _prose(page: str) -> str:
    """The page without fenced code."""
    return _FENCED.sub("", page)


def links(path: Path) -> Iterator[Link]:
    """Yield the links to anchors of a page of Markdown; a link in code is an example."""
    for target, anchor in _LINK.findall(_CODE.sub("", _prose(path.read_text()))):
        yield Link(path, path.parent / target if target else path, anchor)


def broken(path: Path) -> list[str]:
    """Return the links to anchors of a page that lead nowhere, as `page.md -> target.md#anchor`."""
    return [
        f"{link.page.name} -> {link.target.name}#{link.anchor}"
        for link in links(path)
        if not link.target.is_file() or link.anchor not in anchors(link.target.read_text())
    ]
