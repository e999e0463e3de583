"""This tree and another commit in turn: pairs of short measurements, and what their ratios say.

Both are measured by this tree's benchmark, from this tree's folder: only the interpreter differs, and
with it the `assistd` that is imported and started (decision 0034).
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from tools.checkout import Checkout, checkout, resolve

from assistd.settings import Settings
from bench.options import Options
from bench.ratios import TOLERANCE, Comparison

_ROOT = Path(__file__).parent.parent
_COLORS = {"worse": "red", "better": "green"}

Values = dict[str, tuple[float, str]]
"""The median and the unit of each figure, by its name."""


class MeasureError(Exception):
    """A measurement failed; the text is the end of what it said."""


@dataclass(slots=True)
class Side:
    """One of two trees that are compared.

    Args:
        name: what people call it.
        tree: where its code is.
        python: the interpreter that imports this code.
        own_bench: whether it is measured by the benchmark that it brought along.
    """

    name: str
    tree: Path
    python: Path
    own_bench: bool = False

    def measure(self, part: str, options: Options) -> Values:
        """Measure one part once, in a process of its own.

        Raises:
            MeasureError: that failed.
        """
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "bench.json"
            if self.own_bench:
                report = self.tree / "bench-results/bench.json"
                report.unlink(missing_ok=True)
                self._bench(self.tree, part, _lengths(options, "rounds", "seconds", "sessions"))
            else:
                names = ("rounds", "seconds", "sessions", "runs", "transfers")
                kernel = [] if options.kernel else ["--no-kernel"]
                arguments = [*_lengths(options, *names), *kernel, f"--json={report}"]
                self._bench(_ROOT, part, arguments)
            return self._values(json.loads(report.read_text()))

    def _bench(self, folder: Path, part: str, arguments: Sequence[str]) -> None:
        command = [self.python, "-m", "bench", "--only", part, *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MeasureError((done.stderr or done.stdout).strip()[-2000:])

    def _values(self, report: dict[str, Any]) -> Values:
        package = report.get("package")  # the oldest benchmarks do not say
        assert package is None or Path(package).is_relative_to(self.tree), (package, self.tree)
        return {each["name"]: (each["p50"], each["unit"]) for each in report["figures"]}


def compare(
    ref: str, parts: Iterable[str], options: Options, pairs: int, console: Console
) -> dict[str, object]:
    """Measure this tree and a commit in turn, and show what came out.

    Args:
        ref: the commit.
        parts: what is measured.
        options: the lengths of each half of a pair.
        pairs: how many.
        console: where to show it.

    Returns:
        The report, as plain values.
    """
    other = _checked_out(ref)
    comparisons: list[Comparison] = []
    own: list[str] = []
    for part in parts:
        theirs = Side(other.commit[:12], other.path, other.python)
        ours = Side("this tree", _ROOT, Path(sys.executable))
        comparisons += compare_part(part, theirs, ours, options, pairs, console)
        own += [part] if theirs.own_bench else []
    _show(console, other.commit[:12], comparisons)
    if own:
        console.print(f"{', '.join(own)}: the other commit was measured by its own benchmark")
    return {
        "against": other.commit,
        "commit": resolve("HEAD"),
        "pairs": pairs,
        "own_bench": own,
        "comparisons": [each.as_json() for each in comparisons],
    }


def _checked_out(ref: str) -> Checkout:
    try:
        return checkout(ref, Settings().cache_dir / "checkouts")
    except (LookupError, subprocess.CalledProcessError) as error:
        sys.exit(f"{ref} cannot be compared with: {error}")


def compare_part(
    part: str, theirs: Side, ours: Side, options: Options, pairs: int, console: Console
) -> list[Comparison]:
    """Measure one part: each side once for nothing, then the pairs, whose order alternates."""
    try:
        console.print(f"{part}: rehearsal")
        rehearse(part, theirs, options, console)
        ours.measure(part, options)
        measured: list[dict[str, Values]] = []
        for number in range(pairs):
            console.print(f"{part}: pair {number + 1} of {pairs}")
            order = (theirs, ours) if number % 2 == 0 else (ours, theirs)
            measured.append({side.name: side.measure(part, options) for side in order})
    except MeasureError as error:
        sys.exit(f"{part} cannot be measured: {error}")
    return paired([(each[theirs.name], each[ours.name]) for each in measured])


def rehearse(part: str, side: Side, options: Options, console: Console) -> None:
    """Measure the other commit by this tree's benchmark, or find that only its own one can.

    Raises:
        MeasureError: its own cannot, either.
    """
    try:
        side.measure(part, options)
    except MeasureError as error:
        reason = str(error).splitlines()[-1:]
        console.print(f"{part}: this tree's benchmark does not fit {side.name}:", *reason)
        side.own_bench = True
        side.measure(part, options)


def paired(measured: Sequence[tuple[Values, Values]]) -> list[Comparison]:
    """Return a comparison for each figure that both sides have in every pair.

    Args:
        measured: theirs and ours of each pair.
    """
    common = set[str].intersection(*(set(side) for pair in measured for side in pair))
    return [
        Comparison(
            name,
            unit,
            tuple(theirs[name][0] for theirs, _ in measured),
            tuple(ours[name][0] for _, ours in measured),
        )
        for name, (_, unit) in measured[0][1].items()
        if name in common
    ]


def _lengths(options: Options, *names: str) -> list[str]:
    return [f"--{name}={getattr(options, name)}" for name in names]


def shown_unit(unit: str) -> str:
    """Return a unit as it stands behind a number."""
    return {"per second": "/s", "per GiB": "/GiB"}.get(unit, f" {unit}")


def _show(console: Console, other: str, comparisons: Iterable[Comparison]) -> None:
    table = Table("measure", box=None)
    for title in (other, "this tree", "ratio", "95 % interval", "verdict"):
        table.add_column(title, justify="right")
    for each in comparisons:
        plain, unit = each.as_json(), shown_unit(each.unit)
        interval = plain["interval"]
        verdict, color = each.verdict, _COLORS.get(each.verdict)
        table.add_row(
            each.name,
            f"{statistics.median(each.theirs):.2f}{unit}",
            f"{statistics.median(each.ours):.2f}{unit}",
            f"{plain['ratio']:.3f}" if plain["ratio"] else "",
            "{:.3f} to {:.3f}".format(*interval) if isinstance(interval, list) else "",
            f"[{color}]{verdict}[/]" if color else verdict,
        )
    console.print(table)
    console.print(f"A ratio above 1 is worse; `worse` is an interval wholly above {TOLERANCE}.")
