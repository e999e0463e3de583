"""What the story asks of a door of the server: a question in, an answer out, told while it comes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from openai import OpenAI

from demo.view import View

INSTRUCTIONS = (
    "You are a data analyst. Write and run Python code to answer the user's questions, "
    "and answer in one or two sentences."
)
ANSWER_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question.

    Args:
        text: what the model said at the end.
        pictures: ids of the pictures that came with it.
        files: ids of the files that code wrote for it, by name.
        ran_code: whether code ran at all.
    """

    text: str
    pictures: list[str]
    files: dict[str, str]
    ran_code: bool


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that the model did, as the server keeps it.

    Args:
        owner_id: the run or the response that it belongs to.
        kind: its type, as the API names it.
        code: the code, where code ran.
        logs: what the code printed, each output by itself.
        pictures: how many pictures it showed.
    """

    owner_id: str
    kind: str
    code: str = ""
    logs: list[str] = field(default_factory=list[str])
    pictures: int = 0


class Door(Protocol):
    """One of the APIs of the server, used by the SDK."""

    api: str
    """Its name, as people say it."""
    calls: str
    """Where it is in the SDK."""
    talk: str
    """What holds the questions and answers: a retry begins a new one."""
    records: str
    """What it calls the things that `read_records` yields."""

    def __init__(self, client: OpenAI, model: str, view: View) -> None: ...

    def begin(self, table: Path) -> None:
        """Upload a file and make what the questions need."""
        ...

    def start_over(self) -> None:
        """Have the next question know nothing of those before it."""
        ...

    def ask(self, question: str) -> Answer:
        """Ask, show what comes in the view, and return the answer.

        Raises:
            DemoError: there is no answer; the message says why.
            openai.APIError: the server refused, or could not go on.
        """
        ...

    def download(self, file_id: str) -> bytes:
        """Return the bytes of a picture or a file of an answer."""
        ...

    def read_records(self) -> Iterator[Record]:
        """Yield what the server keeps of all answers, oldest first."""
        ...
