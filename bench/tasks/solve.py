"""`python -m bench.tasks.solve FOLDER`: run every task's own solution on its files.

It runs in the interpreter environment, and prints a JSON line for each task: its name, what was
printed, and the names of the files that were written (a chart that was drawn is `shown.png`).
"""

import contextlib
import importlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

from bench.tasks.families import TASKS


def main() -> None:
    """Run the solutions, each in the folder of its task's files."""
    importlib.import_module("matplotlib").use("agg")
    for task in TASKS:
        folder = Path(sys.argv[1]) / task.name
        before = set(os.listdir(folder))
        text = _run(task.solution, folder)
        written = sorted(set(os.listdir(folder)) - before)
        print(json.dumps({"name": task.name, "text": text, "written": written}), flush=True)


def _run(solution: str, folder: Path) -> str:
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(solution, {"__name__": "__main__"})
        if pyplot.get_fignums():
            pyplot.savefig("shown.png")
            pyplot.close("all")
    return printed.getvalue()


if __name__ == "__main__":
    main()
