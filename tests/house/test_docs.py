"""The documentation says what the code does, and the model is told what is there."""

# pyright: reportPrivateUsage=false

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.sandbox.kinds import KINDS
from tests.sandbox.rig import python

from assistd.engine.tools import code_words

__all__ = ["python"]
ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("page", ["settings", "metrics"])
def test_a_page_that_is_made_lists_everything_as_it_is(page: str) -> None:
    made = subprocess.run(
        [sys.executable, "-c", f"import {page}_page; print({page}_page.page(), end='')"],
        cwd=ROOT / "tools",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (ROOT / f"docs/{page}.md").read_text() == made, "run `make docs`"


def test_the_page_of_the_environment_lists_every_kind_of_variable_as_it_is_tested() -> None:
    page = (ROOT / "docs/environment.md").read_text()
    table = page.partition("| kind | back |\n|---|---|\n")[2].partition("\n\n")[0]
    told = {True: "yes", False: "no: named as left out"}
    assert table.splitlines() == [f"| {kind.name} | {told[kind.is_kept]} |" for kind in KINDS]


def test_every_module_says_in_its_first_line_what_it_owns() -> None:
    silent = [
        str(path)
        for path in (ROOT / "src").rglob("*.py")
        if not path.name.endswith("_pb2.py")  # made from a description, which says it
        if not path.read_text().lstrip().startswith(('"""', "#!"))
    ]
    assert not silent


def test_every_file_the_documents_name_exists() -> None:
    missing: list[str] = []
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        prose = re.sub(r"`[^`]+`", "", page.read_text())  # a link in code is an example
        for target in re.findall(r"\]\(([^)#:]+)\)", prose):
            if not (page.parent / target).exists():
                missing.append(f"{page.name}: {target}")
        for module in re.findall(
            r"`((?:api|engine|models|sandbox|files|db|objects)/[\w/]+\.py)`", page.read_text()
        ):
            if not any((ROOT / root / module).exists() for root in ("src/assistd", "tests")):
                missing.append(f"{page.name}: {module}")
    assert not missing


def test_the_page_of_the_environment_counts_what_is_locked() -> None:
    lock = (ROOT / "src/assistd/sandbox/environments/default.txt").read_text()
    pinned = len(re.findall(r"^[\w.-]+==", lock, re.MULTILINE))
    assert f"{pinned} pinned versions" in (ROOT / "docs/environment.md").read_text()


def test_the_model_is_told_of_no_package_that_is_not_there(python: Path) -> None:
    told = re.search(r" (numpy,.*) and more are installed", code_words._INSTRUCTIONS)
    assert told
    names = re.sub(r" \(.*?\)", "", told[1]).split(", ")
    assert len(names) > 10
    look = "import sys, importlib.util as u; print([n for n in sys.argv[1:] if not u.find_spec(n)])"
    ran = subprocess.run(
        [python, "-I", "-c", look, *names], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"


def test_no_server_code_but_the_settings_reads_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT / "src/assistd"))
        for path in (ROOT / "src/assistd").rglob("*.py")
        if not {"guest", "environments"} & set(path.parts)
        and re.search(r"os\.(environ|getenv)", path.read_text())
    }
    assert readers <= {"settings.py"}, readers


def test_every_row_of_the_threat_model_names_a_test_that_exists() -> None:
    page = (ROOT / "docs/threat-model.md").read_text()
    tables = [part.strip() for part in page.split("\n\n") if part.strip().startswith("| threat |")]
    threats = [row for table in tables for row in table.splitlines()[2:]]
    assert len(threats) > 20
    for row in threats:
        named = re.findall(r"`([\w/]+\.py)`", row.rsplit("|", 2)[1])
        assert named, row
        for name in named:
            assert (ROOT / "tests" / name).exists(), name
