"""Each of the 52 traps of the wire contract (section 11) has a test whose name says it."""

import re
from pathlib import Path

TESTS = Path(__file__).parent.parent


def test_each_trap_has_a_test_that_says_it_in_its_name() -> None:
    found: dict[int, list[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        for number, words in re.findall(r"def test_trap_(\d\d)_(\w+)\(", path.read_text()):
            found.setdefault(int(number), []).append(words)
    assert sorted(found) == list(range(1, 53))
    assert all(len(words.split("_")) > 3 for names in found.values() for words in names)
