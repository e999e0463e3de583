"""Every task of the benchmark can be solved, and its check accepts the right answer."""

import json
import subprocess
from pathlib import Path

from bench.tasks.checks import Every, Shows
from bench.tasks.families import TASKS
from bench.tasks.task import Outcome

from assistd.sandbox.environments import environment
from assistd.settings import Settings

_ROOT = Path(__file__).parent.parent.parent


def test_each_task_is_solved_by_its_own_solution_and_but_for_pictures_by_no_other(
    tmp_path: Path,
) -> None:
    standing = environment.find(Settings().cache_dir)
    assert standing is not None, "there is no interpreter environment yet: run `make env`"
    _run(standing.python, "bench.tasks.inputs", tmp_path)
    lines = _run(standing.python, "bench.tasks.solve", tmp_path).splitlines()
    outcomes = {line["name"]: _outcome(tmp_path, line) for line in map(json.loads, lines)}
    for task in TASKS:
        assert task.check(outcomes[task.name]), task.name
        others = {name for name, outcome in outcomes.items() if task.check(outcome)}
        assert others == {task.name} or task.check == Shows(), task.name


def test_a_chart_without_its_number_and_a_number_without_its_chart_are_not_enough() -> None:
    charts = [
        task for task in TASKS if isinstance(task.check, Every) and Shows() in task.check.checks
    ]
    assert charts
    for task in charts:
        (number,) = (each.number for each in task.check.checks if each != Shows())
        assert not task.check(Outcome(f"It is {number}."))


def _outcome(folder: Path, line: dict[str, object]) -> Outcome:
    names = [str(name) for name in line["written"]]
    contents = {name: (folder / str(line["name"]) / name).read_bytes() for name in names}
    shown = tuple(contents[name] for name in names if name == "shown.png")
    files = {name: content for name, content in contents.items() if name != "shown.png"}
    return Outcome(str(line["text"]), files, shown)


def _run(python: Path, module: str, folder: Path) -> str:
    command = [python, "-B", "-W", "ignore", "-m", module, folder]
    return subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
