"""The samples of the guide that the project was founded on, run as they are printed."""

import re
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from tests.live.server import API_KEY, Server
from tests.live.specification import PATH
from tests.upstream import Upstream

GUIDE = PATH.parent / "seed-code-interpreter-guide.txt"
PNG = b"\x89PNG\r\n\x1a\n"
_SAMPLE = re.compile(
    r"(?:^\d+\n){3,}(.*?)(?=^[^\x00-\x7f]|^(?:\d+\n){3,}|\Z)", re.MULTILINE | re.DOTALL
)
_SHUFFLE = """
import matplotlib.pyplot as plt, pandas as pd
table = pd.read_csv("/mnt/data/mydata.csv")
table.plot()
table.sample(frac=1).to_csv("/mnt/data/shuffled_file.csv", index=False)
"""

pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason="the guide is not beside this checkout")


def sample(sign: str) -> str:
    """The one sample that holds this text."""
    (found,) = (text for text in _SAMPLE.findall(GUIDE.read_text("utf-8")) if sign in text)
    return found


def run(text: str, names: dict[str, Any]) -> None:
    """Run a sample."""
    exec(compile(text, "the guide", "exec"), names)


@pytest.fixture
def names(
    client: OpenAI, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """What the samples find around them: a client, a CSV file beside them, and the two settings."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", API_KEY)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mydata.csv").write_text("a,b\n1,2\n3,4\n")
    return {"client": client}


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the guide leaves its file open
def test_the_guides_samples_run_as_printed(upstream: Upstream, names: dict[str, Any]) -> None:
    client = names["client"]
    run(
        sample("""model="gpt-4o",
  tools=[{"type": "code_interpreter"}]
)"""),
        names,
    )
    run(sample("purpose='assistants'"), names)
    run(sample("thread = client.beta.threads.create("), names)
    told = re.search(r'"value": "(.*)",', sample('"text": {'))
    assert told
    upstream.code(_SHUFFLE)
    upstream.say(told[1].replace(r"\\n", "\n"))
    names["run"] = client.beta.threads.runs.create_and_poll(
        thread_id=names["thread"].id, assistant_id=names["assistant"].id
    )
    assert names["run"].status == "completed", names["run"].last_error

    picture, text = client.beta.threads.messages.list(names["thread"].id).data[0].content
    run(sample("image_data_bytes").replace("file-abc123", picture.image_file.file_id), names)
    assert Path("my-image.png").read_bytes().startswith(PNG)
    (link,) = text.text.annotations
    assert (link.start_index, link.end_index) == (167, 202)
    assert link.text == "sandbox:/mnt/data/shuffled_file.csv"
    assert client.files.content(link.file_path.file_id).read().startswith(b"a,b\n")

    run(sample("run_steps = client"), names)
    details = next(step for step in names["run_steps"] if step.type == "tool_calls").step_details
    assert details.tool_calls[0].code_interpreter.input == _SHUFFLE
