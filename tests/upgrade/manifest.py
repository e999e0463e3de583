"""What a server answered about its state: the paths, the answers, and the digests of contents."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.live.server import Server


@dataclass(frozen=True)
class Manifest:
    """One state as the server that made it told of it.

    Args:
        commit: whose code made it.
        keys: name -> API key.
        answers: name of the key -> path -> status and body; a content's body is its digest.
        commands: arguments of the command line -> what it printed.
        threads: name -> id of the threads that tests look up by name.
        in_flight: name -> the run, as it was when its server died.
        uploads: name -> an upload, with `part_ids` beside its fields.
    """

    commit: str
    keys: dict[str, str] = field(default_factory=dict[str, str])
    answers: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    commands: dict[str, str] = field(default_factory=dict[str, str])
    threads: dict[str, str] = field(default_factory=dict[str, str])
    in_flight: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    uploads: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Return the manifest in a file."""
        return cls(**json.loads(path.read_text()))

    def write(self, path: Path) -> None:
        """Write it to a file."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def connect(server: Server, key: str) -> httpx.Client:
    """Return a client of a server; whoever asks for it closes it."""
    headers = {"authorization": f"Bearer {key}", "openai-beta": "assistants=v2"}
    return httpx.Client(base_url=server.url + "/", headers=headers, timeout=60, trust_env=False)


def ask(client: httpx.Client, path: str) -> dict[str, Any]:
    """Return what a server answers about a path, in a form that can be kept and compared."""
    answer = client.get(path)
    if answer.headers["content-type"].startswith("application/json") and "/content" not in path:
        return {"status": answer.status_code, "body": answer.json()}
    digest = hashlib.sha256(answer.content).hexdigest()
    return {"status": answer.status_code, "body": f"sha256 {digest} of {len(answer.content)}"}


def crawl(client: httpx.Client, threads: list[str]) -> dict[str, Any]:
    """Return the answers about everything that a key opens: each list, and each object by itself."""
    answers: dict[str, Any] = {}

    def listed(path: str) -> Iterator[str]:
        answers[f"{path}?limit=100&order=asc"] = listing = ask(
            client, f"{path}?limit=100&order=asc"
        )
        for item in listing["body"].get("data", ()):
            answers[f"{path}/{item['id']}"] = ask(client, f"{path}/{item['id']}")
            yield f"{path}/{item['id']}"

    list(listed("assistants"))
    for path in listed("files"):
        answers[f"{path}/content"] = ask(client, f"{path}/content")
    for thread in threads:
        answers[f"threads/{thread}"] = ask(client, f"threads/{thread}")
        list(listed(f"threads/{thread}/messages"))
        for path in listed(f"threads/{thread}/runs"):
            list(listed(f"{path}/steps"))
    return answers
