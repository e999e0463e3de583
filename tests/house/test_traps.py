"""Each trap of the wire contract has a test whose name says it: of runs, of file search, and of responses."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent

# Of file search, 43 says only which recording was made up: there is nothing to test.
DOORS = {
    "trap": set(range(1, 53)),
    "search_trap": set(range(1, 46)) - {43},
    "responses_trap": set(range(1, 65)),
}
"""What the names of tests begin with, and the traps that they name (contract, section 11; file search, 11; responses)."""


@pytest.mark.parametrize("prefix", DOORS)
def test_each_trap_has_a_test_that_says_it_in_its_name(prefix: str) -> None:
    found: dict[int, list[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        for number, words in re.findall(rf"def test_{prefix}_(\d\d)_(\w+)\(", path.read_text()):
            found.setdefault(int(number), []).append(words)
    assert set(found) == DOORS[prefix]
    assert all(len(words.split("_")) > 3 for names in found.values() for words in names)
