"""The story: three questions, each answered by code that really ran; the same through each door."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import openai

from demo import checks
from demo.door import Answer, Door
from demo.server import DemoError
from demo.view import View

SALES = Path(__file__).with_name("sales.csv")
TRIES = 3


@dataclass(frozen=True, slots=True)
class Task:
    """A question, and what must have happened when it is answered."""

    title: str
    question: str
    check: Callable[["Story", Answer], None]
    """Raises DemoError or ValueError if it did not happen; saves what came."""


@dataclass(slots=True)
class Story:
    """The questions through one door, and what came of them so far.

    Args:
        door: whom to ask.
        view: where it is told.
        folder: where pictures and files are saved.
        deadline: the monotonic time at which no further try begins.
    """

    door: Door
    view: View
    folder: Path
    deadline: float
    results: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """What had to happen, and what is missing, or nothing."""

    def begin(self) -> None:
        """Upload the file and make what the questions need."""
        self.view.door(self.door.api, self.door.calls)
        self.door.begin(SALES)

    def tell(self, number: int, task: Task) -> None:
        """Ask until it is answered, at most `TRIES` times; what came is in `results`."""
        problem, again = "", ""
        for attempt in range(1, TRIES + 1):
            if attempt > 1:
                if time.monotonic() > self.deadline:
                    break
                self.door.start_over()  # what went wrong would lead the model astray again
                again = f"try {attempt}, in a new {self.door.talk}"
            self.view.question(number, task.title, task.question, again)
            began = time.monotonic()
            problem = self._try(task)
            self.view.verdict(seconds=time.monotonic() - began, problem=problem)
            if not problem:
                break
        self.results.append((task.title, problem))

    def save(self, file_id: str, name: str) -> bytes:
        """Download a file that code made into the folder."""
        content = self.door.download(file_id)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        path.write_bytes(content)
        self.view.show_saved(name, path)
        return content

    def _try(self, task: Task) -> str:
        """Ask once; return what is missing afterwards, or nothing."""
        try:
            answer = self.door.ask(task.question)
            if not answer.ran_code:
                return "the model answered without running code"
            task.check(self, answer)
        except (DemoError, ValueError, openai.APIError) as error:
            return str(error)
        return ""


def _chart(story: Story, answer: Answer) -> None:
    if not answer.pictures:
        raise DemoError("no picture came with the answer")
    png = story.save(answer.pictures[0], "my-image.png")
    width, height = checks.picture_size(png)
    story.view.proof(f"it is a real PNG of {width} x {height} pixels")
    story.view.thumbnail(png)


def _shuffle(story: Story, answer: Answer) -> None:
    original = SALES.read_bytes()
    for name, file_id in answer.files.items():
        if name.lower().endswith(".csv"):
            content = story.save(file_id, Path(name).name)
            if checks.is_shuffled(original, content):
                story.view.proof("it holds the same rows in another order")
                return
            raise DemoError("the CSV does not hold the same rows in another order")
    raise DemoError("no CSV came with the answer")


def _equation(_: Story, answer: Answer) -> None:
    if not checks.says_x_is_one(answer.text):
        raise DemoError("the answer does not say that x = 1")


TASKS = (
    Task(
        "a chart of revenue by month",
        "Draw a bar chart of the revenue by month from sales.csv.",
        _chart,
    ),
    Task(
        "the rows shuffled into a new CSV",
        "Shuffle the rows of sales.csv and save them as shuffled_sales.csv.",
        _shuffle,
    ),
    Task(
        "an equation",
        "I need to solve the equation `3x + 11 = 14`. Can you help me?",
        _equation,
    ),
)
