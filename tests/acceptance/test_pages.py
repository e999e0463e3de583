"""The programs that README and the guide to the second door show, run as they are printed."""

import re
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from tests.house.links import ROOT
from tests.live.server import API_KEY, Server
from tests.upstream import Upstream

GUIDE = ROOT / "docs" / "assistants-to-responses.md"
PNG = b"\x89PNG\r\n\x1a\n"
_PROGRAM = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PLOT = """
import pandas as pd
import matplotlib.pyplot as plt
table = pd.read_csv("sales.csv")
table.plot(x="month", y="revenue")
plt.show()
"""
_SAVE = 'table.to_csv("months.csv", index=False)\nprint(len(table))'

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # README leaves its file open


def program(page: Path, sign: str) -> str:
    """The one program of a page that holds this text."""
    (found,) = (text for text in _PROGRAM.findall(page.read_text("utf-8")) if sign in text)
    return found


def run(text: str, **names: Any) -> dict[str, Any]:
    """Run a program; the names that it has at its end."""
    exec(compile(text, "the page", "exec"), names)
    return names


@pytest.fixture(autouse=True)
def folder(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the programs find around them: the two settings, and a table beside them."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", API_KEY)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales.csv").write_text("month,revenue\n1,20\n2,30\n")
    return tmp_path


@pytest.mark.parametrize("door", ["client.beta.assistants", "client.responses"])
def test_readme_shows_one_program_for_each_door(
    door: str, upstream: Upstream, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream.code(_PLOT)
    upstream.say("February was better.")
    run(program(ROOT / "README.md", door))
    assert (folder / "revenue.png").read_bytes().startswith(PNG)
    assert capsys.readouterr().out == "February was better.\n"


@pytest.mark.parametrize("door", ["thread.message.delta", "response.output_text.delta"])
def test_the_guide_shows_one_story_for_each_door(
    door: str, upstream: Upstream, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream.code(_PLOT)
    upstream.say("February", " was better.")
    upstream.code(_SAVE)
    upstream.say("Here: [months.csv](sandbox:/mnt/data/months.csv).")
    run(program(GUIDE, door))
    told = capsys.readouterr().out
    assert told.startswith(_PLOT + "February was better." + _SAVE)
    assert (folder / "months.csv").read_text() == "month,revenue\n1,20\n2,30\n"
    (picture,) = folder.glob("*.png")
    assert picture.read_bytes().startswith(PNG)


def test_a_thread_goes_on_as_a_conversation(client: OpenAI, upstream: Upstream) -> None:
    assistant, thread = _talk(client, upstream)
    script = run(program(GUIDE, "def carry_over"))
    given = script["carry_over"](client, assistant.id, thread.id)

    items = list(client.conversations.items.list(given["conversation"], order="asc"))
    kinds = ["message", "code_interpreter_call", "message", *["message"] * 20]
    assert [item.type for item in items] == kinds
    asked, _, answer = (item.model_dump(exclude_none=True) for item in items[:3])
    assert [part["type"] for part in asked["content"]] == ["input_text", "input_file"]
    (told,) = answer["content"]
    picture, link = told["annotations"]
    assert (picture["start_index"], picture["end_index"]) == (0, 0)
    assert told["text"][link["start_index"] : link["end_index"]] == "sandbox:/mnt/data/months.csv"
    bytes_of = client.containers.files.content.retrieve
    for cited, beginning in ((picture, PNG), (link, b"month,revenue")):
        content = bytes_of(cited["file_id"], container_id=cited["container_id"]).read()
        assert content.startswith(beginning)

    upstream.code('print(open("sales.csv").read() == open("months.csv").read())')
    upstream.say("The same.")
    again = program(GUIDE, "Now as a line chart")
    answer = run(again, **script, client=client, assistant=assistant, thread=thread)["answer"]
    assert answer.output_text == "The same."
    asked_of_model = upstream.requests[-1].body
    assert "True" in asked_of_model["messages"][-1]["content"], "both files are there by name"
    text = str(asked_of_model["messages"])
    assert "Be exact." in text
    assert "February was better." in text
    assert 'to_csv(\\\\"months.csv' in text or 'to_csv("months.csv' in text, "code comes along"
    names = {tool["function"]["name"] for tool in asked_of_model["tools"]}
    assert names == {"python", "get_rate", "file_search"}
    (store_id,) = assistant.tool_resources.file_search.vector_store_ids
    assert given["tools"][2] == {"type": "file_search", "vector_store_ids": [store_id]}


def test_files_of_a_thread_that_were_deleted_are_left_out(
    client: OpenAI, upstream: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    assistant, thread = _talk(client, upstream)
    (deleted,) = client.beta.threads.retrieve(thread.id).tool_resources.code_interpreter.file_ids  # type: ignore[union-attr]
    client.files.delete(deleted)
    carry_over = run(program(GUIDE, "def carry_over"))["carry_over"]
    given = carry_over(client, assistant.id, thread.id)
    assert f"{deleted} was deleted" in capsys.readouterr().err
    container = given["tools"][0]["container"]
    paths = [file.path for file in client.containers.files.list(container)]
    assert len(paths) == 2
    assert not any("sales.csv" in path for path in paths)


def _talk(client: OpenAI, upstream: Upstream) -> tuple[Any, Any]:
    """An assistant, and a thread with a table, a chart, a written table, and many more words."""
    assistant = client.beta.assistants.create(
        model="gpt-4o",
        instructions="Be exact.",
        tools=[
            {"type": "code_interpreter"},
            {"type": "function", "function": {"name": "get_rate", "parameters": {}}},
            {"type": "file_search"},
        ],
        tool_resources={"file_search": {"vector_store_ids": [client.vector_stores.create().id]}},
    )
    table = client.files.create(file=Path("sales.csv"), purpose="assistants")
    thread = client.beta.threads.create(
        messages=[
            {
                "role": "user",
                "content": "Plot it and save it.",
                "attachments": [{"file_id": table.id, "tools": [{"type": "code_interpreter"}]}],
            }
        ]
    )
    upstream.code(_PLOT + _SAVE)
    upstream.say("February was better. [months.csv](sandbox:/mnt/data/months.csv)")
    done = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id)
    assert done.status == "completed", done.last_error
    for number in range(20):
        client.beta.threads.messages.create(thread.id, role="user", content=f"word {number}")
    return assistant, thread
