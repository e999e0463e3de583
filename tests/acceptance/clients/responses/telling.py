"""What the stories of the clients of Python share: the table, the questions, and the form in which they are told."""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from openai import OpenAI

MODEL = "gpt-4o"
TABLE = b"a,b\n1,2\n"
DRAW = "Draw the table, and keep a copy."
SUM = "What is the sum of b?"


def connect(root: str, key: str) -> OpenAI:
    """The official client, for what the client of a story leaves to it."""
    return OpenAI(base_url=f"{root}/v1", api_key=key)


def upload(client: OpenAI) -> str:
    """Upload the table; its file id."""
    return client.files.create(file=("numbers.csv", TABLE), purpose="user_data").id


def code(file_id: str | None = None) -> dict[str, Any]:
    """The tool, with the file or without."""
    container: dict[str, Any] = {"type": "auto"}
    return {
        "type": "code_interpreter",
        "container": container | ({"file_ids": [file_id]} if file_id else {}),
    }


def download(client: OpenAI, citations: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The files that were cited, each with the digest of its content."""
    return [
        told(each, client.containers.files.content.retrieve(
            each["file_id"], container_id=each["container_id"]).read())
        for each in citations
    ]  # fmt: skip


def told(citation: Mapping[str, Any], content: bytes) -> dict[str, str]:
    """A file as it is told."""
    names = ("container_id", "file_id", "filename")
    return {name: citation[name] for name in names} | {
        "digest": hashlib.sha256(content).hexdigest()
    }


def tell(story: Callable[..., Any]) -> None:
    """Print what the story tells for the arguments of this process, as JSON."""
    print(json.dumps(story(*sys.argv[1:])))
