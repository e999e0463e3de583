"""The wire contract is in the repository: whatever cites it, or links to an anchor, leads somewhere."""

import re
from pathlib import Path

import pytest
from tests.house.links import ROOT, anchors, broken, citations, citing_files

CONTRACT = ROOT / "docs/contract"


def contract_anchors() -> list[str]:
    """Return every section and trap that has an anchor in the contract."""
    found = [name for page in CONTRACT.glob("*.md") for name in anchors(page.read_text())]
    return [
        name for name in found if re.fullmatch(r"(search-|responses-)?(section|trap)-[\d-]+", name)
    ]


def test_every_section_and_trap_that_is_cited_is_in_the_contract() -> None:
    there = set(contract_anchors())
    dangling = [
        f"{path.relative_to(ROOT)}: {cited}"
        for path in citing_files()
        if path != Path(__file__)
        for cited in sorted(citations(path.read_text()) - there)
    ]
    assert not dangling


def test_no_section_or_trap_of_the_contract_has_two_places() -> None:
    found = contract_anchors()
    assert len(found) == len(set(found))
    assert {f"section-{number}" for number in range(16)} <= set(found)
    assert {f"trap-{number}" for number in range(1, 53)} == {n for n in found if n[0] == "t"}
    assert {f"search-section-{number}" for number in range(1, 16)} <= set(found)
    assert {f"responses-section-{number}" for number in [*range(1, 17), 18]} <= set(found)
    traps = {f"responses-trap-{number}" for number in range(1, 65)}
    assert traps == {n for n in found if n.startswith("responses-t")}
    traps = {f"search-trap-{number}" for number in range(1, 46)}
    assert traps == {n for n in found if n.startswith("search-t")}


def test_the_index_of_the_contract_names_every_section_and_page() -> None:
    index = (CONTRACT / "README.md").read_text()
    for number in range(16):
        assert re.search(rf"^\| \[{number}\]\([\w.-]*#section-{number}\) \|", index, re.MULTILINE)
    for page in CONTRACT.glob("*.md"):
        assert page.name == "README.md" or f"]({page.name})" in index, page.name


def test_every_anchor_that_a_page_links_to_exists() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    assert not [each for page in pages for each in broken(page)]


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("(contract section 5)", {"section-5"}),
        ("(contract sections 6.5, 6.7, 6.9)", {"section-6-5", "section-6-7", "section-6-9"}),
        ("(contract sections 2 and 8)", {"section-2", "section-8"}),
        ("section 0 of the contract", {"section-0"}),
        ("see contract\n    # section 9", {"section-9"}),
        ("again (trap 40, trap 49)", {"trap-40", "trap-49"}),
        ("Traps 3, 4 and 12.", {"trap-3", "trap-4", "trap-12"}),
        ("as test_trap_07_a_stream_ends shows", {"trap-7"}),
        ("(PNG specification, section 9), (WHATWG HTML, section 9.2)", set[str]()),
        ("RFC 9110, section 15 and contract section 9", {"section-9"}),
        ("(contract, file search, section 4)", {"search-section-4"}),
        (
            "file search, traps 5\n and 42, and trap 2",
            {"search-trap-5", "search-trap-42", "trap-2"},
        ),
        ("(contract, responses, 7.1) and responses, 3 of which", {"responses-section-7-1"}),
        ("def test_search_trap_07_names_of_files", {"search-trap-7"}),
        ("def test_responses_trap_07_outputs_are_null", {"responses-trap-7"}),
    ],
)
def test_a_citation_is_known_by_its_words(text: str, cited: set[str]) -> None:
    assert citations(text) == cited


def test_a_citation_of_what_the_contract_does_not_have_is_found(tmp_path: Path) -> None:
    source = tmp_path / "src/module.py"
    source.parent.mkdir()
    source.write_text("# Refused, contract section 9.7 and trap 53 say (trap 1).\n")
    assert list(citing_files(tmp_path)) == [source]
    assert citations(source.read_text()) - set(contract_anchors()) == {"section-9-7", "trap-53"}


def test_a_link_to_an_anchor_that_is_not_there_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text('## 2. Two words\n<a id="trap-1"></a>\n')
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n[a](#here) [b](other.md#2-two-words) [c](other.md#trap-1) `[d](other.md#in-code)`\n"
        "[e](other.md#trap-2) [f](gone.md#trap-1) [g](#there) [h](https://example.org/#x)\n"
    )
    assert broken(page) == [
        "page.md -> other.md#trap-2",
        "page.md -> gone.md#trap-1",
        "page.md -> page.md#there",
    ]
