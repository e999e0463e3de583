"""The pages of decisions: no number is missing without a word, and what no longer holds says so in two places."""

import re

from tests.house.links import ROOT

FOLDER = ROOT / "docs/decisions"
FILES = sorted(FOLDER.glob("[0-9]*.md"))
PAGES = {path.name[:4]: path.read_text() for path in FILES}
INDEX = (FOLDER / "README.md").read_text()


def linked(text: str) -> set[str]:
    """Return the numbers of the decisions that a text links to."""
    return set(re.findall(r"\]\((\d{4})-[\w-]+\.md\)", text))


def successors(page: str) -> set[str]:
    """Return the decisions that supersede a page, as it says itself below its title."""
    said = re.match(r"# .*\n\n\*\*Superseded (?:in part )?by (.*?)\.\*\*", page, re.DOTALL)
    return linked(said[1]) if said else set()


def test_a_number_stands_for_one_page_whose_title_has_it() -> None:
    assert len(PAGES) == len(FILES)
    for number, page in PAGES.items():
        assert page.startswith(f"# {number}: "), number


def test_every_number_without_a_page_is_explained_in_the_index() -> None:
    said = re.search(r"\*\*Numbers\.\*\*.*?\n\n", INDEX, re.DOTALL)
    assert said
    without = {f"{number:04}" for number in range(1, int(max(PAGES)) + 1)} - PAGES.keys()
    assert set(re.findall(r"\b\d{4}\b", said[0])) == without


def test_a_superseded_page_and_the_index_name_the_same_successors() -> None:
    table = INDEX.partition("| page | superseded by |")[2].partition("\n\n")[0]
    rows = [row.split("|") for row in table.splitlines()[2:]]
    listed = {number: linked(row[2]) for row in rows for number in linked(row[1])}
    told = {number: successors(page) for number, page in PAGES.items() if successors(page)}
    assert told == listed
    assert "0011" in told
    for number, later in told.items():
        assert later <= PAGES.keys(), number
        assert min(later) > number
