"""What a task is, and what came of it."""

import hashlib
from dataclasses import dataclass, field
from typing import Protocol

from bench.tasks.inputs import Input

SEEN, UNSEEN = "seen", "unseen"
VARIANTS = (SEEN, UNSEEN)
WORDINGS = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the user has at the end of a run.

    Args:
        text: the last message.
        files: those handed over: name -> content.
        pictures: those shown, as PNG.
    """

    text: str = ""
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    pictures: tuple[bytes, ...] = ()


class Check(Protocol):
    """Whether an outcome is right. Its `repr` holds all that it looks for."""

    def __call__(self, outcome: Outcome) -> bool:
        """Return whether the outcome is right."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """A question about files that has one right answer.

    Args:
        family: the skill it takes.
        variant: `seen`, or `unseen`: not to be looked at while prompts or errors are changed.
        inputs: the files.
        wordings: the question, in three wordings.
        check: whether it was answered.
        solution: Python that answers it in the folder of its files: proof that it can be solved.
    """

    family: str
    variant: str
    inputs: tuple[Input, ...]
    wordings: tuple[str, str, str]
    check: Check
    solution: str

    @property
    def name(self) -> str:
        """The name of the task, unique among all."""
        return f"{self.family}-{self.variant}"

    def digest(self, wording: int) -> str:
        """Return what identifies question, files and check: a changed task is measured anew."""
        parts = (self.name, self.wordings[wording], repr(self.inputs), repr(self.check))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()
