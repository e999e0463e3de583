"""This tree and another commit in turn: who is measured when, by what, and that it is the right code."""

import json
from pathlib import Path

import pytest
from bench.against import MeasureError, Side, compare_part
from bench.options import Options
from rich.console import Console

OPTIONS = Options.of_a_comparison()
QUIET = Console(quiet=True)


def figures(package: Path, value: float) -> str:
    return json.dumps(
        {"package": str(package), "figures": [{"name": "a", "unit": "ms", "p50": value}]}
    )


def new_side(folder: Path, name: str, script: str) -> Side:
    """A tree whose interpreter is a shell script; `$json` is the file it is to write to, if it is named."""
    tree = folder / name
    tree.mkdir()
    python = tree / "python"
    python.write_text(
        "#!/bin/sh\n"
        f"echo {name} >> {folder}/log\n"
        'for each in "$@"; do case $each in --json=*) json=${each#--json=};; esac; done\n'
        f"{script}\n"
    )
    python.chmod(0o755)
    return Side(name, tree, python)


def test_the_order_alternates_behind_a_rehearsal(tmp_path: Path) -> None:
    sides = [
        new_side(tmp_path, name, f"echo '{figures(tmp_path / name, value)}' > $json")
        for name, value in (("theirs", 2), ("ours", 3))
    ]
    (found,) = compare_part("api", *sides, OPTIONS, 7, QUIET)
    assert found.ratios == (1.5,) * 7
    assert found.verdict == "worse"
    order = "".join(line[0] for line in (tmp_path / "log").read_text().splitlines())
    assert order == "to" + "toot" * 3 + "to"


def test_a_commit_that_todays_benchmark_does_not_fit_is_measured_by_its_own(
    tmp_path: Path,
) -> None:
    own = figures(tmp_path / "theirs", 2)
    script = f"""\
if [ "$json" ]; then echo "ImportError: no module named 'assistd.sandbox.pool'" >&2; exit 1; fi
[ "$*" = "-m bench --only api --rounds=2 --seconds=1 --sessions=100" ] || exit 2
mkdir -p bench-results; echo '{own}' > bench-results/bench.json"""
    theirs = new_side(tmp_path, "theirs", script)
    ours = new_side(tmp_path, "ours", f"echo '{figures(tmp_path / 'ours', 2)}' > $json")
    (found,) = compare_part("api", theirs, ours, OPTIONS, 7, QUIET)
    assert theirs.own_bench
    assert found.verdict == "no worse"
    assert (theirs.tree / "bench-results/bench.json").exists()


def test_figures_of_other_code_than_was_asked_for_are_refused(tmp_path: Path) -> None:
    elsewhere = figures(tmp_path / "elsewhere", 2)
    side = new_side(tmp_path, "theirs", f"echo '{elsewhere}' > $json")
    with pytest.raises(AssertionError, match="elsewhere"):
        side.measure("api", OPTIONS)


def test_a_part_that_nothing_can_measure_ends_the_comparison_with_what_it_said(
    tmp_path: Path,
) -> None:
    side = new_side(tmp_path, "theirs", "echo broken >&2; exit 1")
    with pytest.raises(MeasureError, match="broken"):
        side.measure("api", OPTIONS)
    with pytest.raises(SystemExit, match="api cannot be measured: broken"):
        compare_part("api", side, side, OPTIONS, 7, QUIET)
