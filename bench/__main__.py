"""`python -m bench`: measure, print a table, write JSON."""

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from assistd.sandbox import environment
from assistd.settings import Settings
from bench import api, crowd, files, gvisor, jupyter, sandbox
from bench.figures import Figure, quantile
from bench.tasks import run as tasks

RESULTS = Path("bench-results")
_MOST_SANDBOXES = 4  # each takes seconds to start


def main() -> None:
    """Run what was asked for; exit 0 whatever the figures are: a benchmark is not a test."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rounds", type=int, default=8, help="kernels started to compare with")
    parser.add_argument("--seconds", type=float, default=5, help="length of each load of the API")
    parser.add_argument("--sessions", type=int, default=500, help="live sessions of the crowd")
    parts = ["sandbox", "gvisor", "crowd", "api", "files", "tasks"]
    parser.add_argument(
        "--only", choices=parts, help="measure one part; tasks only so: they take hours"
    )
    tasks.add_options(parser)
    options = parser.parse_args()
    console = Console()
    if options.only == "tasks":
        tasks.main(console, options, RESULTS)
        return
    figures: list[Figure] = []
    if options.only in {None, "sandbox"}:
        figures += _sandbox(console, options.rounds)
    if options.only in {None, "gvisor"} and gvisor.is_here():
        figures += _gvisor(console, min(options.rounds, _MOST_SANDBOXES))
    if options.only in {None, "crowd"}:
        console.print(f"opening {options.sessions} sessions")
        figures += asyncio.run(crowd.measure(_python(console), options.sessions))
    if options.only in {None, "api"}:
        console.print("loading the API")
        with tempfile.TemporaryDirectory() as folder:
            figures += asyncio.run(api.measure(Path(folder), seconds=options.seconds))
    if options.only in {None, "files"}:
        console.print("moving files")
        python = environment.build(Settings().cache_dir, report=console.print).python
        with tempfile.TemporaryDirectory() as folder:
            figures += files.measure(Path(folder), python, rounds=15)
    _show(console, figures)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "bench.json"
    path.write_text(json.dumps(_report(figures), indent=2) + "\n")
    console.print(f"written to {path}")


def _sandbox(console: Console, rounds: int) -> list[Figure]:
    python = _python(console)
    kernel = jupyter.build(Settings().cache_dir, console.print)
    with Progress(console=console) as progress:
        task = progress.add_task("sessions and Jupyter kernels in turn", total=rounds)
        measured = sandbox.measure(
            python, kernel, rounds=rounds, step=lambda: progress.advance(task)
        )
        return asyncio.run(measured)


def _gvisor(console: Console, rounds: int) -> list[Figure]:
    python = _python(console)
    with Progress(console=console) as progress:
        task = progress.add_task("sandboxes of gVisor", total=rounds)
        measured = gvisor.measure(python, rounds=rounds, step=lambda: progress.advance(task))
        return asyncio.run(measured)


def _python(console: Console) -> Path:
    return environment.build(Settings().cache_dir, report=console.print).python


def _show(console: Console, figures: list[Figure]) -> None:
    table = Table("measure", box=None)
    for title in ("p50", "p99", "beside p50", "ratio", "goal", ""):
        table.add_column(title, justify="right")
    for figure in figures:
        unit = {"per second": "/s", "per GiB": "/GiB"}.get(figure.unit, f" {figure.unit}")
        table.add_row(
            figure.name,
            f"{figure.median:.2f}{unit}",
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


def _report(figures: list[Figure]) -> dict[str, object]:
    return {
        "machine": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "figures": [figure.as_json() for figure in figures],
    }


if __name__ == "__main__":
    main()
