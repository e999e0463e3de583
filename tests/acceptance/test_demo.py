"""The story of the demo through each door, with scripted answers in the place of a model's."""

from pathlib import Path

import pytest
from demo.assistants import AssistantsDoor
from demo.door import Door
from demo.responses import ResponsesDoor
from demo.story import TASKS, Story
from demo.view import View
from openai import OpenAI

from tests.upstream import Upstream

_CHART = """
import matplotlib.pyplot as plt, pandas as pd
table = pd.read_csv("sales.csv")
table.groupby(table["date"].str[:7])["revenue"].sum().plot.bar()
plt.show()
"""
_SHUFFLE = """
table.sample(frac=1, random_state=1).to_csv("shuffled_sales.csv", index=False)
print("saved")
"""


def _tell(door: Door, view: View, folder: Path, *, deadline: float = float("inf")) -> Story:
    story = Story(door, view, folder, deadline)
    story.begin()
    for number, task in enumerate(TASKS, 1):
        story.tell(number, task)
    return story


@pytest.mark.every_size
@pytest.mark.every_backend
@pytest.mark.parametrize("door_type", [AssistantsDoor, ResponsesDoor])
def test_the_story_happens(
    door_type: type[Door],
    client: OpenAI,
    upstream: Upstream,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    upstream.code(_CHART)
    upstream.say("Here it is.")
    upstream.code(_SHUFFLE)
    upstream.say("It is in shuffled_sales.csv.")
    upstream.say("x is 1.", when="3x + 11")  # without code: it is asked again
    upstream.code("print((14 - 11) / 3)")
    upstream.say("x", " = ", "1")
    view = View()
    door = door_type(client, "gpt-4o", view)
    story = _tell(door, view, tmp_path)
    assert story.results == [(task.title, "") for task in TASKS]
    assert {path.name for path in tmp_path.iterdir()} == {"my-image.png", "shuffled_sales.csv"}
    records = list(door.read_records())
    codes = [record for record in records if record.code]
    assert [record.code for record in codes] == [_CHART, _SHUFFLE, "print((14 - 11) / 3)"]
    assert [record.pictures for record in codes] == [1, 0, 0]
    assert [record.logs for record in codes][1:] == [["saved\n"], ["1.0\n"]]
    told = capsys.readouterr().out
    assert f"try 2, in a new {door.talk}" in told
    for text in ("pd.read_csv", "a picture", "Here it is.", "it is a real PNG", "saved", "x = 1"):
        assert text in told


@pytest.mark.parametrize("door_type", [AssistantsDoor, ResponsesDoor])
def test_what_did_not_happen_is_said(
    door_type: type[Door], client: OpenAI, upstream: Upstream, tmp_path: Path
) -> None:
    view = View()
    upstream.code("1 / 0")
    upstream.say("I drew it.")
    upstream.error(400, "No.", times=1)
    upstream.code("print(1)")
    upstream.say("x is unknown.")
    story = _tell(door_type(client, "gpt-4o", view), view, tmp_path, deadline=0)
    chart, shuffled, equation = (problem for _, problem in story.results)
    assert chart == "no picture came with the answer"
    assert "No." in shuffled
    assert equation == "the answer does not say that x = 1"
