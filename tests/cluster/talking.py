"""Clients of a cluster: threads whose message is the code to run, and the model that has it run."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from tests.live.server import API_KEY, wait_until
from tests.upstream import Code, Request, call_answer, text_answer
from tests.upstream_answers import Answer

_MOST_CALLS = 12
DONE = "done"
"""What code prints, with the time, when it has come to its end."""
ENDINGS = {"completed", "failed", "incomplete", "expired", "cancelled"}


def answer(request: Request) -> Answer:
    """Have the code of the last message run, as often as it takes: a model that tries again."""
    talk: list[dict[str, Any]] = request.messages
    asked = max(number for number, each in enumerate(talk) if each["role"] == "user")
    results = [str(each["content"]) for each in talk[asked:] if each["role"] == "tool"]
    if (results and DONE in results[-1]) or len(results) >= _MOST_CALLS:
        return text_answer("It is done.")
    content = talk[asked]["content"]
    code = content if isinstance(content, str) else content[0]["text"]
    return call_answer(Code(code), pieces=1)


def code(before: str = "", after: str = "") -> str:
    """Code that says when it began and when it was done."""
    told = "print('{0} %.3f' % time.time(), flush=True)\n"
    return f"import time\n{told.format('begun')}{before}\n{told.format(DONE)}{after}"


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was acknowledged."""

    thread_id: str
    id: str

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/threads/{self.thread_id}/runs/{self.id}"


class Talker:
    """A client; threads may share it. As a context manager it closes its connections at the end.

    Args:
        url: of a server or a balancer.
        key: of its project.
    """

    def __init__(self, url: str, key: str = API_KEY) -> None:
        headers = {"authorization": f"Bearer {key}", "openai-beta": "assistants=v2"}
        self.http = httpx.Client(
            base_url=url, headers=headers, timeout=60, trust_env=False, limits=httpx.Limits()
        )
        self._assistant = ""

    def __enter__(self) -> "Talker":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """The object that a POST makes."""
        response = self.http.post(path, json=body)
        response.raise_for_status()
        return response.json()

    def get(self, path: str) -> dict[str, Any]:
        """The object at a path."""
        response = self.http.get(path)
        response.raise_for_status()
        return response.json()

    def begin(self, text: str, thread_id: str | None = None) -> Run:
        """Begin a run with code, in a new thread if none is named."""
        thread_id = thread_id or self.post("/threads")["id"]
        self.post(f"/threads/{thread_id}/messages", role="user", content=text)
        return self.begin_run(thread_id)

    def begin_run(self, thread_id: str) -> Run:
        """Begin a run in a thread as it is."""
        if not self._assistant:
            tools = [{"type": "code_interpreter"}]
            self._assistant = self.post("/assistants", model="gpt-4o", tools=tools)["id"]
        run = self.post(f"/threads/{thread_id}/runs", assistant_id=self._assistant)
        return Run(thread_id, run["id"])

    def begin_many(self, texts: list[str]) -> list[Run]:
        """Begin many at once."""
        first = self.begin(texts[0])
        with ThreadPoolExecutor(8) as pool:
            return [first, *pool.map(self.begin, texts[1:])]

    def status(self, run: Run) -> str:
        """Its status now."""
        return str(self.get(run.path)["status"])

    def finish(self, run: Run, seconds: float = 120) -> str:
        """Wait for its end; how it ended."""
        found: list[str] = []

        def is_over() -> bool:
            time.sleep(0.05)
            found[:] = [self.status(run)]
            return found[0] in ENDINGS

        wait_until(is_over, f"the end of {run}", seconds)
        return found[0]

    def logs(self, run: Run) -> list[str]:
        """What each call of the run printed, the first call first."""
        steps = self.get(f"{run.path}/steps?order=asc&limit=100")["data"]
        return [
            "".join(each["logs"] for each in call["code_interpreter"]["outputs"])
            for step in steps
            if step["type"] == "tool_calls"
            for call in step["step_details"]["tool_calls"]
        ]


def find_times(word: str, logs: str) -> list[float]:
    """When code printed a word with the time."""
    return [float(each) for each in re.findall(rf"{word} ([0-9.]+)", logs)]


def find_begun(talker: Talker, run: Run) -> list[float]:
    """When each call of a run printed its first line."""
    return [at for logs in talker.logs(run) for at in find_times("begun", logs)[:1]]
