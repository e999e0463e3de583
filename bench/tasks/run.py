"""Asks the tasks of one or two servers, and shows what came of them."""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from openai import OpenAI
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from tools.checkout import checkout

from assistd.sandbox.environments import environment
from assistd.settings import Settings
from bench.client import KEY
from bench.servers import built_in_model
from bench.tasks.ask import SETTINGS, ask, make_assistant
from bench.tasks.families import TASKS
from bench.tasks.results import Asked, Result, Results, count_pairs, digest_source
from bench.tasks.task import SEEN, UNSEEN, VARIANTS, WORDINGS

_ROOT = Path(__file__).parent.parent.parent


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this part."""
    group = parser.add_argument_group("tasks")
    group.add_argument(
        "--server-of",
        type=Path,
        action="append",
        metavar="PATH",
        help="a checkout with its .venv, whose server is asked; given twice, both are compared",
    )
    group.add_argument("--variant", choices=(*VARIANTS, "both"), default="both")
    group.add_argument("--wordings", type=int, choices=range(1, WORDINGS + 1), default=WORDINGS)
    group.add_argument("--task", metavar="FAMILY", help="ask one family only, of the seen ones")
    group.add_argument("--reveal", action="store_true", help="show each unseen task, too")


def main(console: Console, options: argparse.Namespace, folder: Path) -> None:
    """Measure what the options ask for, show it, and write it into `folder`."""
    folder.mkdir(exist_ok=True)
    asked = _choose(options)
    results = Results(folder / "tasks.jsonl")
    checkouts: list[Path] = options.server_of or [_ROOT]
    if options.against:
        kept = checkout(options.against, Settings().cache_dir / "checkouts")
        checkouts = [_ROOT, kept.path]
    measured = [measure(each, asked, results, console) for each in checkouts]
    shown = [each for each in asked if options.reveal or each[0].variant == SEEN]
    _show(console, checkouts, asked, shown, measured)
    path = folder / "tasks.json"
    report = _report(checkouts, asked, shown, measured)
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    console.print(f"written to {path}; a line for each run is in {folder / 'tasks.jsonl'}")


def measure(tree: Path, asked: Sequence[Asked], results: Results, console: Console) -> list[Result]:
    """Ask the server of a tree what was not asked of it before.

    Args:
        tree: a folder with a `.venv` of its own; its server answers with the built-in model.
        asked: tasks and wordings.
        results: those that are known; the new ones are added.
        console: where progress is shown.

    Returns:
        The results, in the order of `asked`.
    """
    server = digest_source(tree)
    missing = [each for each in asked if results.find(server, each) is None]
    if missing:
        with tempfile.TemporaryDirectory() as folder, Progress(console=console) as progress:
            inputs, data_dir = Path(folder) / "inputs", Path(folder) / "data"
            _make_inputs(inputs)
            bar = progress.add_task(f"tasks for {tree}", total=len(missing))
            with built_in_model(tree, data_dir, SETTINGS) as url:
                client = OpenAI(base_url=url, api_key=KEY, timeout=600)
                assistant = make_assistant(client)
                for task, wording in missing:
                    answer = ask(client, assistant, task, wording, inputs / task.name)
                    results.add(server, (task, wording), answer)
                    progress.advance(bar)
    found = [results.find(server, each) for each in asked]
    return [each for each in found if each is not None]


def _choose(options: argparse.Namespace) -> list[Asked]:
    """Return the tasks to ask; one family alone only where it may be looked at."""
    variants = VARIANTS if options.variant == "both" else (options.variant,)
    if options.task and not options.reveal:
        variants = (SEEN,)
    return [
        (task, wording)
        for wording in range(options.wordings)
        for task in TASKS
        if task.variant in variants and options.task in {None, task.family}
    ]


def _make_inputs(folder: Path) -> None:
    python = environment.build(Settings().cache_dir, report=print).python
    subprocess.run([python, "-m", "bench.tasks.inputs", folder], cwd=_ROOT, check=True)


def _show(
    console: Console,
    checkouts: list[Path],
    asked: list[Asked],
    shown: list[Asked],
    measured: list[list[Result]],
) -> None:
    table = Table("task", box=None)
    for each in checkouts:
        table.add_column(f"solved, {each.name[:12]}", justify="right")
        table.add_column("first try", justify="right")
    for name in dict.fromkeys(task.name for task, _ in shown):
        wanted = [task.name == name for task, _ in asked]
        table.add_row(name, *_cells(measured, wanted))
    for variant in VARIANTS:
        wanted = [task.variant == variant for task, _ in asked]
        if any(wanted):
            table.add_row(f"all {variant}", *_cells(measured, wanted), style="bold")
    console.print(table)
    if len(measured) == 2:
        console.print(_pairs(asked, measured))


def _cells(measured: list[list[Result]], wanted: list[bool]) -> list[str]:
    cells: list[str] = []
    for results in measured:
        chosen = [each for each, is_wanted in zip(results, wanted, strict=True) if is_wanted]
        solved = sum(each.solved for each in chosen)
        cells.append(f"{solved} of {len(chosen)}, {solved / len(chosen):.0%}")
        cells.append(str(sum(each.first_try for each in chosen)))
    return cells


def _pairs(asked: list[Asked], measured: list[list[Result]]) -> dict[str, dict[str, int]]:
    """Return for each variant how the two servers did on the same questions."""
    pairs: dict[str, dict[str, int]] = {}
    for variant in (SEEN, UNSEEN):
        ours, theirs = (
            [
                each
                for each, (task, _) in zip(results, asked, strict=True)
                if task.variant == variant
            ]
            for results in measured
        )
        pairs[variant] = count_pairs(ours, theirs)
    return pairs


def _report(
    checkouts: list[Path], asked: list[Asked], shown: list[Asked], measured: list[list[Result]]
) -> dict[str, object]:
    """Return totals of each variant, the pairs, and the rows of the tasks that may be shown."""
    servers: list[object] = []
    for tree, results in zip(checkouts, measured, strict=True):
        rows = list(zip(asked, results, strict=True))
        totals = {
            variant: _totals([each for (task, _), each in rows if task.variant == variant])
            for variant in VARIANTS
        }
        names = dict.fromkeys(task.name for task, _ in shown)
        tasks = {
            name: _totals([each for (task, _), each in rows if task.name == name]) for name in names
        }
        servers.append({"source": digest_source(tree), "totals": totals, "tasks": tasks})
    pairs = _pairs(asked, measured) if len(measured) == 2 else None
    return {"servers": servers, "pairs": pairs}


def _totals(results: list[Result]) -> dict[str, int]:
    return {
        "asked": len(results),
        "solved": sum(each.solved for each in results),
        "first_try": sum(each.first_try for each in results),
    }
