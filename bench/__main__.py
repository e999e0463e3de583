"""`python -m bench`: measure, print a table, write JSON."""

import argparse
import dataclasses
import importlib
import json
import os
import platform
import signal
import statistics
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

import assistd
from bench import against
from bench.figures import Figure, quantile
from bench.options import Options
from bench.ratios import FEWEST_PAIRS
from bench.tasks import run as tasks

PARTS = (
    "start",
    "sandbox",
    "gvisor",
    "crowd",
    "api",
    "responses",
    "load",
    "files",
    "metrics",
    "page",
    "deaths",
    "seats",
    "snapshots",
)
"""Each is a module of this package with `measure(options)`; all are measured where none is named."""
HOSTS = ("hosts", "growth", "actors", "host_files")
"""Measured only where they are named: releases that they are compared with have no hosts."""
SEARCH = "search"
"""Measured only where it is named: it takes an hour, and packages of Debian."""
TASKS = "tasks"
"""Measured alone and only where it is named: it takes hours."""

RESULTS = Path("bench-results")


def main() -> None:
    """Run what was asked for; exit 0 whatever the figures are: a benchmark is not a test."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # servers end, too
    asked = _parser().parse_args()
    defaults = Options.of_a_comparison() if asked.against else Options.of_a_bench()
    given = {name: getattr(asked, name) for name in _LENGTHS if getattr(asked, name) is not None}
    options = dataclasses.replace(defaults, **given, kernel=defaults.kernel and asked.kernel)
    console = Console()
    if TASKS in (asked.only or ()):
        tasks.main(console, asked, RESULTS)
        return
    parts = tuple(dict.fromkeys(asked.only or PARTS))
    if asked.against:
        report = against.compare(asked.against, parts, options, asked.pairs, console)
    else:
        figures = [figure for part in parts for figure in measure(part, options)]
        _show(console, figures)
        report = {"figures": [figure.as_json() for figure in figures]}
    path = asked.json or RESULTS / ("against.json" if asked.against else "bench.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_surroundings() | report, indent=2) + "\n")
    console.print(f"written to {path}", soft_wrap=True)


_LENGTHS = {
    "rounds": (int, "how often sessions are opened, beside Jupyter kernels"),
    "seconds": (float, "length of each load of the API"),
    "sessions": (int, "live sessions of the crowd"),
    "runs": (int, "runs with code that are begun at once"),
    "transfers": (int, "how often a file of 512 MB is moved each way"),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench")
    for name, (kind, meaning) in _LENGTHS.items():
        parser.add_argument(f"--{name}", type=kind, help=meaning)
    parser.add_argument(
        "--only",
        type=_parts,
        action="extend",
        metavar="PART",
        help=f"measure these parts, of {', '.join((*PARTS, *HOSTS, SEARCH))}; may be repeated, or joined by "
        f"commas; {TASKS} is measured alone",
    )
    parser.add_argument(
        "--no-kernel", dest="kernel", action="store_false", help="without a Jupyter kernel beside"
    )
    parser.add_argument("--against", metavar="REF", help="compare this tree with a commit")
    parser.add_argument(
        "--pairs",
        type=_pairs,
        default=FEWEST_PAIRS,
        help=f"how often each tree is measured in a comparison, at least {FEWEST_PAIRS}",
    )
    parser.add_argument("--json", type=Path, help="where the figures are written")
    tasks.add_options(parser)
    return parser


def _parts(text: str) -> list[str]:
    parts = text.split(",")
    if parts == [TASKS]:
        return parts
    if unknown := set(parts) - {*PARTS, *HOSTS, SEARCH}:
        raise argparse.ArgumentTypeError(f"no part {', '.join(sorted(unknown))}; there are {PARTS}")
    return parts


def _pairs(text: str) -> int:
    if int(text) < FEWEST_PAIRS:
        raise argparse.ArgumentTypeError(f"at least {FEWEST_PAIRS} pairs make an interval")
    return int(text)


def measure(part: str, options: Options) -> list[Figure]:
    """Return the figures of one part."""
    return importlib.import_module(f"bench.{part}").measure(options)


def _show(console: Console, figures: list[Figure]) -> None:
    table = Table("measure", box=None)
    for title in ("p50", "p99", "beside p50", "ratio", "goal", ""):
        table.add_column(title, justify="right")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.median:.2f}{against.shown_unit(figure.unit)}",
            f"{quantile(figure.ours, 0.99):.2f}" if len(figure.ours) > 1 else "",
            f"{statistics.median(figure.theirs):.2f}" if figure.theirs else "",
            f"{figure.ratio:.2f} x" if figure.ratio else "",
            _goal(figure),
            {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[figure.met],
        )
    console.print(table)


def _goal(figure: Figure) -> str:
    quantity = "p99 " if figure.goal_is_p99 else ""
    parts = [] if figure.goal is None else [f"{quantity}{figure.goal:g}"]
    parts += [] if figure.ratio_goal is None else [f"{figure.ratio_goal:g} x"]
    return ", ".join(parts)


def _surroundings() -> dict[str, object]:
    """What the figures depend on, and whose code was measured."""
    return {
        "machine": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "package": str(Path(assistd.__file__ or "").parent),
    }


if __name__ == "__main__":
    main()
