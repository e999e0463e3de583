"""A server that answers while its sandbox starts."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from assistd.sandbox.environments import environment
from assistd.settings import Settings
from tests.live.server import API_KEY, Server, wait_until


def _cache_with(python: str, folder: Path) -> Path:
    """Make a cache folder whose interpreter environment has a script in the place of its Python."""
    real = environment.find(Settings().cache_dir)
    assert real is not None
    script = folder / "cache/environments" / real.path.name / "bin/python"
    script.parent.mkdir(parents=True)
    script.write_text(python.format(real=real.python))
    script.chmod(0o755)
    return folder / "cache"


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A FIFO that a zygote waits for."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    keeper = os.open(path, os.O_RDWR)  # so that neither end waits for the other to be opened
    yield path
    os.close(keeper)


@pytest.fixture
def server(tmp_path: Path, gate: Path) -> Iterator[Server]:
    """A server whose sandbox starts when a byte is written to the gate."""
    script = f'#!/bin/sh\nread line < {gate}\nexec {{real}} "$@"\n'
    made = Server(
        tmp_path, None, cache_dir=_cache_with(script, tmp_path), local_model="none", port=0
    )
    made.start()
    yield made
    if made.running:
        made.stop()


def test_all_but_code_is_served_while_the_sandbox_starts(server: Server, gate: Path) -> None:
    client = openai.OpenAI(base_url=server.url, api_key=API_KEY)
    health = f"{server.url.removesuffix('/v1')}/health"
    assert httpx.get(health).json()["sandbox"] == "starting"
    ready = httpx.get(f"{health}/ready")
    assert (ready.status_code, ready.json()["failing"]) == (503, ["sandbox"])
    assert httpx.get(f"{health}/live").status_code == 200
    assistant = client.beta.assistants.create(model="direct", tools=[{"type": "code_interpreter"}])
    thread = client.beta.threads.create(
        messages=[{"role": "user", "content": "```python\nprint(6 * 7)\n```"}]
    )
    run = client.beta.threads.runs.create(thread.id, assistant_id=assistant.id)
    ended: list[Any] = []
    waiting = threading.Thread(
        target=lambda: ended.append(client.beta.threads.runs.poll(run.id, thread_id=thread.id))
    )
    waiting.start()
    assert client.beta.threads.runs.retrieve(run.id, thread_id=thread.id).status in {
        "queued",
        "in_progress",
    }
    assert httpx.get(health).json()["sandbox"] == "starting"
    gate.write_text("\n")
    waiting.join(60)
    assert ended[0].status == "completed", ended
    message = client.beta.threads.messages.list(thread.id).data[0]
    assert message.content[0].text.value == "42\n"  # type: ignore[union-attr]
    assert httpx.get(health).json()["sandbox"] == "ready"
    wait_until(lambda: httpx.get(f"{health}/ready").status_code == 200, "the server is ready")


def test_a_server_stops_while_its_sandbox_starts(server: Server) -> None:
    server.stop()
    assert not server.running


def test_a_sandbox_that_cannot_start_ends_the_server(tmp_path: Path) -> None:
    cache = _cache_with("#!/bin/sh\necho nothing works >&2\nexit 1\n", tmp_path)
    settings = {"CACHE_DIR": str(cache), "DATA_DIR": str(tmp_path / "data"), "LOCAL_MODEL": "none"}
    done = subprocess.run(
        [sys.executable, "-m", "assistd", "serve", "--port", "0"],
        env=os.environ | {f"ASSISTD_{name}": value for name, value in settings.items()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "the sandbox cannot start: nothing works" in done.stderr
    assert "Traceback" not in done.stderr
