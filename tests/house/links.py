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
# A section of another document is cited behind its name and a comma: "RFC 9110, section 15". The contract of
# file search, and that of responses, count theirs by themselves: "file search, trap 5", "responses, trap 5".
_SECTIONS = re.compile(
    rf"((?:RFC \d+|HTML|specification|file\s+search|responses),\s+(?:#\s+)?)?\bsections?\s+(?:#\s+)?({_MORE})",
    re.IGNORECASE,
)
# The word may be left out behind that of the contract: "contract, responses, 7.1".
_BARE = re.compile(
    rf"\bcontract,\s+(?:#\s+)?((?:file\s+search|responses),\s+)(?:#\s+)?({_MORE})", re.IGNORECASE
)
_TRAPS = re.compile(
    rf"((?:file\s+search|responses),\s+(?:#\s+)?)?\btraps?\s+(?:#\s+)?({_MORE})", re.IGNORECASE
)
_PREFIXES = {"": "", "file": "search-", "resp": "responses-"}
_TRAP_TESTS = re.compile(r"\btest_(search_|responses_)?trap_(\d\d)_")

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
    """Return the anchors of the contract that a text cites.

    Such as `section-6-4` and `trap-26`, and `search-section-4` and `search-trap-5` of file search, and
    `responses-trap-5` of responses.
    """
    cited = [*_numbers(_SECTIONS, text), *_numbers(_BARE, text)]
    sections = {f"{of}section-{n.replace('.', '-')}" for of, n in cited}
    traps = {f"{of}trap-{n}" for of, n in _numbers(_TRAPS, text)}
    tests = {f"{of.replace('_', '-')}trap-{int(n)}" for of, n in _TRAP_TESTS.findall(text)}
    return sections | traps | tests


def _numbers(pattern: re.Pattern[str], text: str) -> Iterator[tuple[str, str]]:
    """Yield each number that is cited, behind the prefix of the anchors of what it is cited of."""
    for document, numbers in pattern.findall(text):
        of = document.casefold()[:4]
        if of in _PREFIXES:
            yield from ((_PREFIXES[of], n) for n in re.findall(_NUMBER, numbers))


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
