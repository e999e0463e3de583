"""Clients that work without a pause, and remember all that they were told is done."""

import contextlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.cluster.talking import ENDINGS, Run, Talker, code
from tests.live.server import wait_until

_PURPOSE = {"purpose": "batch"}  # which can be downloaded again


@dataclass(frozen=True, slots=True)
class File:
    """A file that was acknowledged."""

    id: str
    content: bytes


@dataclass(slots=True)
class Acknowledged:
    """What servers said is done, and what they failed with."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """As they were told, by their path."""
    files: list[File] = field(default_factory=list[File])
    runs: list[Run] = field(default_factory=list[Run])
    failures: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    """When a request failed, and with what."""


class Load:
    """Clients that each begin a run, wait for its end, and begin the next.

    Args:
        talker: to a server or a balancer.
        work: what the code does before it is done.
        is_fresh: whether each request gets a connection of its own.
    """

    def __init__(self, talker: Talker, work: str, *, is_fresh: bool = False) -> None:
        self.acknowledged = Acknowledged()
        self._talker = talker
        if is_fresh:
            self._talker.http.headers["connection"] = "close"
        self._work = work
        self._is_over = threading.Event()
        self._numbers = itertools.count()

    @contextlib.contextmanager
    def working(self, clients: int) -> Generator[Acknowledged]:
        """Have so many clients work until the block ends; then each ends what it has begun."""
        threads = [threading.Thread(target=self._work_on) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield self.acknowledged
        finally:
            self._is_over.set()
            for thread in threads:
                thread.join()

    def wait_for_ends(self, seconds: float) -> Counter[str]:
        """Wait until every run is over; how many ended how."""
        left = list(self.acknowledged.runs)
        ended = Counter[str]()

        def are_over() -> bool:
            for run in list(left):
                status = self._talker.status(run)
                if status in ENDINGS:
                    ended[status] += 1
                    left.remove(run)
            time.sleep(0.2)
            return not left

        wait_until(are_over, "the end of every run", seconds)
        return ended

    def list_failures(self) -> Counter[str]:
        """Why runs failed."""
        runs = [self._talker.get(run.path) for run in self.acknowledged.runs]
        return Counter(str(run["last_error"]) for run in runs if run["last_error"])

    def find_lost(self) -> list[str]:
        """The paths of acknowledged objects that are not there, or not as they were acknowledged."""
        lost: list[str] = []
        for path, told in self.acknowledged.objects.items():
            response = self._talker.http.get(path)
            if not response.is_success or not told.items() <= response.json().items():
                lost.append(path)
        for file in self.acknowledged.files:
            response = self._talker.http.get(f"/files/{file.id}/content")
            if not response.is_success or response.content != file.content:
                lost.append(file.id)
        return lost

    def _work_on(self) -> None:
        while not self._is_over.is_set():
            try:
                run = self._begin()
                while self._talker.status(run) not in ENDINGS and not self._is_over.is_set():
                    time.sleep(0.1)
            except (httpx.HTTPError, httpx.StreamError) as error:
                told = error.response.text if isinstance(error, httpx.HTTPStatusError) else error
                failed = f"{type(error).__name__} {told}"[:300]
                self.acknowledged.failures.append((time.time(), failed))
                time.sleep(0.2)

    def _begin(self) -> Run:
        number, said = next(self._numbers), self.acknowledged
        content = f"file {number}\n".encode() * 1000
        upload = {"file": (f"{number}.txt", content)}
        response = self._talker.http.post("/files", data=_PURPOSE, files=upload)
        response.raise_for_status()
        said.files.append(File(response.json()["id"], content))
        thread = self._talker.post("/threads")
        path = f"/threads/{thread['id']}"
        said.objects[path] = {name: thread[name] for name in ("id", "created_at", "metadata")}
        text = code(f"open('/mnt/data/{number}.txt', 'w').write('{number}')\n{self._work}")
        message = self._talker.post(f"{path}/messages", role="user", content=text)
        said.objects[f"{path}/messages/{message['id']}"] = message
        run = self._talker.begin_run(thread["id"])
        said.runs.append(run)
        return run
