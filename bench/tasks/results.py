"""What was measured, a line for each run, so that an interrupted measurement goes on."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.tasks import ask
from bench.tasks.task import SEEN, Task

Asked = tuple[Task, int]
"""A task, and the number of the wording it is asked in."""


@dataclass(frozen=True, slots=True)
class Result:
    """Whether a run solved its task, and at the first try."""

    solved: bool
    first_try: bool


class Results:
    """A file of JSON lines.

    A line of an unseen task tells neither its name nor its answer: only who has the task can find it.

    Args:
        path: the file; it is made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, Result] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                entry = json.loads(line)
                self._found[entry["key"]] = Result(entry["solved"], entry["first_try"])

    def find(self, server: str, asked: Asked) -> Result | None:
        """Return what a server made of a task, or None if it was not measured yet."""
        return self._found.get(_key(server, asked))

    def add(self, server: str, asked: Asked, answer: ask.Answer) -> None:
        """Append a line; a run that failed is none of the model's doing, and is asked again next time."""
        task, wording = asked
        key = _key(server, asked)
        self._found[key] = Result(answer.solved, answer.first_try)
        if answer.status == "failed":
            return
        entry = {"key": key, "server": server, "variant": task.variant}
        if task.variant == SEEN:
            entry |= {"task": task.name, "wording": wording, **answer.as_json()}
        else:
            entry |= {"solved": answer.solved, "first_try": answer.first_try}
        with self._path.open("a") as lines:
            lines.write(json.dumps(entry, ensure_ascii=False) + "\n")


def digest_source(checkout: Path) -> str:
    """Return what identifies the server of a checkout: a digest of its source."""
    source = checkout / "src"
    digest = hashlib.sha256()
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(source)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def count_pairs(ours: Sequence[Result], theirs: Sequence[Result]) -> dict[str, int]:
    """Return how many runs of the same questions both solved, one of them alone, and none."""
    pairs = [(a.solved, b.solved) for a, b in zip(ours, theirs, strict=True)]
    return {
        "both": pairs.count((True, True)),
        "first only": pairs.count((True, False)),
        "second only": pairs.count((False, True)),
        "none": pairs.count((False, False)),
    }


def _key(server: str, asked: Asked) -> str:
    task, wording = asked
    way = (ask.INSTRUCTIONS, ask.MOST_TURNS, ask.MOST_TOKENS)
    text = f"{server} {task.digest(wording)} {way}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]
