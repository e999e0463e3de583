"""One story of the Responses API with every client that programs use: each finds its files, and its variables again."""

import hashlib
from typing import Any

import httpx
import pytest

from tests.acceptance.clients.install import (
    AGENT_FRAMEWORK,
    AGENTS_JS,
    AI_JS,
    LANGCHAIN_JS,
    LANGCHAIN_OPENAI,
    LITELLM,
    OPENAI,
    OPENAI_1,
    OPENAI_2,
    OPENAI_AGENTS,
    OPENAI_JS,
    PYDANTIC_AI,
    Environment,
)
from tests.acceptance.clients.playing import play
from tests.live.server import API_KEY
from tests.upstream import Upstream

DRAW = """import pandas as pd, matplotlib.pyplot as plt
table = pd.read_csv('/mnt/data/numbers.csv')
table.plot(); plt.show()
table.to_csv('/mnt/data/data.csv'); print(table.shape)"""
ANSWER = "Here: 😀 [data.csv](sandbox:/mnt/data/data.csv)."
SUM = "print('The sum is', table['b'].sum())"


def script_turns(upstream: Upstream, count: int) -> None:
    """A chart and a table, then so many turns that use a variable of the first."""
    upstream.code(DRAW)
    upstream.say(ANSWER[:15], ANSWER[15:])
    for _ in range(count):
        upstream.code(SUM)
        upstream.say("It is 2.")


def assert_found(raw: httpx.Client, upstream: Upstream, told: dict[str, Any], turns: int) -> None:
    """The client heard all, has both files, and every later turn found the variable."""
    assert {told["first"], told.get("final", ANSWER)} == {ANSWER}
    assert [told[each] for each in ("second", "third")[:turns]] == ["It is 2."] * turns
    for request in upstream.requests[3 : 2 + 2 * turns : 2]:
        assert request.messages[-1]["content"] == "The sum is 2"
    picture, table = sorted(told["files"], key=lambda file: file["filename"])
    assert picture["filename"] == f"{picture['file_id']}.png"
    assert table["filename"] == "data.csv"
    for file, start in ((picture, b"\x89PNG"), (table, b",a,b\n0,1,2\n")):
        content = raw.get(f"files/{file['file_id']}/content").content
        assert content.startswith(start)
        assert hashlib.sha256(content).hexdigest() == file["digest"]


@pytest.mark.parametrize(
    ("environment", "script", "path"),
    [
        pytest.param(None, "responses/with_openai.py", "", id="python"),
        pytest.param(OPENAI, "responses/with_openai.py", "", id="python-newest"),
        pytest.param(OPENAI_2, "responses/with_openai.py", "", id="python-2.x"),
        pytest.param(OPENAI_1, "responses/with_openai.py", "", id="python-1.x"),
        pytest.param(OPENAI_JS, "responses/with_openai.cjs", "", id="node-newest"),
        pytest.param(OPENAI, "responses/with_openai.py", "/openai", id="python-newest-azure"),
        pytest.param(OPENAI_JS, "responses/with_openai.cjs", "/openai", id="node-newest-azure"),
    ],
)
def test_an_official_sdk_speaks_to_every_part_of_the_door(
    root: str,
    raw: httpx.Client,
    upstream: Upstream,
    environment: Environment | None,
    script: str,
    path: str,
) -> None:
    script_turns(upstream, 1)
    upstream.code("print(open('/mnt/data/more.csv').read())")
    upstream.say("I read.")
    upstream.say("In Rome.")
    upstream.say("Rome, I said.")
    upstream.function("get_weather", {"city": "Paris"})
    upstream.say("It is sunny.")
    upstream.say('{"city": "Rome",', ' "degrees": 20}')
    upstream.say("One", " two", " three", between=0.05)
    told = play(environment, script, root + path, API_KEY)
    assert_found(raw, upstream, told, 1)
    assert told["written"] == DRAW
    ((image, logs),) = told["outputs"]
    assert image["url"].startswith("data:image/png;base64,")
    assert logs == {"type": "logs", "logs": "(1, 2)\n"}
    assert told["is_kept"], "a GET tells what the stream told"
    assert told["items"] == ["message", "code_interpreter_call", "message", "message"]
    assert raw.get(f"responses/{told['ids'][0]}").status_code == 404, "it was deleted"
    assert raw.get(f"responses/{told['ids'][1]}").json()["previous_response_id"] == told["ids"][0]

    container = told["container"]
    assert container["used"] == [container["id"]]
    uploaded = container["files"].pop(container["uploaded"])
    assert uploaded[0].endswith("-more.csv")
    assert uploaded[1:] == [16, "user"]
    (copied,) = container["files"].values()
    assert copied[0].endswith("-numbers.csv")
    assert container["same"]
    assert container["is_listed"]
    assert raw.get(f"containers/{container['id']}").status_code == 404, "it was deleted"

    assert told["conversation"] == {
        "answers": ["In Rome.", "Rome, I said."],
        "roles": ["user", "user", "assistant", "user", "assistant"],
        "metadata": {"about": "Rome"},
        "deleted": True,
    }
    assert told["called"] == '{"city": "Paris"} It is sunny.'
    assert told["parsed"] == {"city": "Rome", "degrees": 20}
    background = told["background"]
    assert background["numbers"] == list(range(len(background["numbers"])))
    assert (background["text"], background["status"]) == ("One two three", "completed")
    assert not upstream.pending


@pytest.mark.parametrize(
    ("environment", "script"),
    [
        pytest.param(OPENAI_AGENTS, "responses/with_agents.py", id="openai-agents"),
        pytest.param(LANGCHAIN_OPENAI, "responses/with_langchain.py", id="langchain"),
        pytest.param(AGENT_FRAMEWORK, "responses/with_agent_framework.py", id="agent-framework"),
        pytest.param(AGENTS_JS, "responses/with_agents.cjs", id="openai-agents-js"),
        pytest.param(AI_JS, "responses/with_ai.cjs", id="ai-sdk"),
        pytest.param(LANGCHAIN_JS, "responses/with_langchain.cjs", id="langchain-js"),
    ],
)
def test_a_framework_finds_its_files_and_its_variables(
    root: str, raw: httpx.Client, upstream: Upstream, environment: Environment, script: str
) -> None:
    script_turns(upstream, 2)
    told = play(environment, script, root, API_KEY)
    assert_found(raw, upstream, told, 2)
    assert not upstream.pending


def test_pydantic_ai_sees_the_picture_and_the_logs(
    root: str, raw: httpx.Client, upstream: Upstream
) -> None:
    script_turns(upstream, 2)
    told = play(PYDANTIC_AI, "responses/with_pydantic_ai.py", root, API_KEY)
    assert_found(raw, upstream, told, 2)
    assert told["pictures"] == ["image/png"]
    assert told["call"]["code"] == DRAW
    assert told["result"] == {"status": "completed", "logs": ["(1, 2)\n"]}
    assert not upstream.pending


def test_litellm_manages_containers_and_their_files(
    root: str, raw: httpx.Client, upstream: Upstream
) -> None:
    script_turns(upstream, 2)
    told = play(LITELLM, "responses/with_litellm.py", root, API_KEY)
    assert_found(raw, upstream, told, 2)
    sources = [source for _, _, source in told["listed"].values()]
    assert sorted(sources) == ["assistant", "assistant", "user"]
    assert told["uploaded"] == [True, 8]
    assert told["deleted"]
    assert not upstream.pending
