"""The same story with every client programs use: what each shows is what REST answers."""

import hashlib
from typing import Any

import httpx
import pytest

from tests.acceptance.clients.install import (
    LANGCHAIN,
    OPENAI,
    OPENAI_1,
    OPENAI_JS,
    Environment,
)
from tests.acceptance.clients.playing import play
from tests.acceptance.test_sdk_helpers import without_index
from tests.live.server import API_KEY
from tests.upstream import Upstream

DRAW = """import pandas as pd, matplotlib.pyplot as plt
table = pd.read_csv('/mnt/data/numbers.csv')
table.plot(); plt.show()
table.to_csv('/mnt/data/data.csv'); print(table.shape)"""
AGAIN = "plt.plot([1, 2]); plt.show()"
ANSWER = "Here: 😀 [data.csv](sandbox:/mnt/data/data.csv)."


def known(run: dict[str, Any]) -> dict[str, Any]:
    """A run without what REST does not show of it (trap 26)."""
    return {key: value for key, value in run.items() if key != "tool_resources"}


def said(messages: list[dict[str, Any]], client: str) -> list[dict[str, Any]]:
    """Messages as a client accumulates them: version 4 of Node's leaves the states as they began."""
    states = {"status", "incomplete_at", "completed_at"} if client == "openai4" else set[str]()
    return [{key: each[key] for key in each.keys() - states} for each in messages]


def done(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What every SDK keeps of the steps of a stream."""
    return [{key: each[key] for key in ("id", "type", "step_details")} for each in steps]


@pytest.mark.parametrize(
    ("environment", "script", "client"),
    [
        pytest.param(None, "story.py", "openai", id="python"),
        pytest.param(OPENAI, "story.py", "openai", id="python-newest"),
        pytest.param(OPENAI_1, "story.py", "openai", id="python-1.x"),
        pytest.param(None, "story.py", "azure", id="python-azure"),
        pytest.param(OPENAI_1, "story.py", "azure", id="python-1.x-azure"),
        pytest.param(OPENAI_JS, "story.cjs", "openai", id="node-newest"),
        pytest.param(OPENAI_JS, "story.cjs", "openai4", id="node-4.104"),
        pytest.param(OPENAI_JS, "story.cjs", "azure", id="node-newest-azure"),
    ],
)
def test_an_official_sdk_chats_polls_streams_calls_functions_and_moves_files(
    root: str,
    raw: httpx.Client,
    upstream: Upstream,
    environment: Environment | None,
    script: str,
    client: str,
) -> None:
    upstream.say("Hi", " there.", times=2)
    upstream.code(DRAW)
    upstream.say(ANSWER[:15], ANSWER[15:])
    upstream.code(AGAIN, text="Let me draw.")
    upstream.say("One", " line", " 😀", ".")
    upstream.function("get_weather", {"city": "Paris"})
    upstream.say("It is", " sunny.")
    told = play(environment, script, client, root, API_KEY)
    thread = f"threads/{told['thread']}"
    assert told["chatted"] == ["Hi there.", "Hi there."]

    def rest(path: str) -> Any:
        answer = raw.get(f"{thread}/{path}").json()
        return answer.get("data", answer)

    for part in ("polled", "streamed", "called"):
        shown, run_id = told[part], told[part]["run"]["id"]
        assert shown["run"]["status"] == "completed"
        assert known(shown["run"]) == known(rest(f"runs/{run_id}"))
        messages = rest(f"messages?order=asc&run_id={run_id}")
        assert without_index(said(shown["messages"], client)) == said(messages, client)
        if "steps" in shown:
            steps = rest(f"runs/{run_id}/steps?order=asc")
            assert without_index(done(shown["steps"])) == done(steps)
    assert told["polled"]["steps"] == rest(f"runs/{told['polled']['run']['id']}/steps?order=asc")
    assert told["polled"]["messages"][-1]["content"][-1]["text"]["value"] == ANSWER
    shown_to_the_model = upstream.requests[4].messages[-1]["content"]
    assert [part["type"] for part in shown_to_the_model] == ["text", "image_url"]
    assert told["text"] == "Let me draw.One line 😀."
    assert told["code"] == AGAIN
    assert told["handlers"] == ["end", "image_file_done", "message_done", "text_done"]
    assert told["painted"] == ["words", "picture", "words", "words", "words", "words"]
    assert told["waiting"]["status"] == "requires_action"
    assert told["called"]["messages"][0]["content"][0]["text"]["value"] == "It is sunny."
    assert len(told["downloads"]) == 2, "the CSV that was linked, and the picture"
    for file_id, digest in told["downloads"].items():
        content = raw.get(f"files/{file_id}/content").content
        assert hashlib.sha256(content).hexdigest() == digest
        assert content.startswith((b"\x89PNG", b",a,b"))
    assert told["upload"]["file"] == raw.get(f"files/{told['upload']['file']['id']}").json()
    assert told["pages"] == [each["id"] for each in rest("messages?order=asc&limit=100")]
    assert not upstream.pending


@pytest.mark.parametrize("kind", ["azure", "openai"])
def test_azure_openai_assistants_speaks_v1_and_is_answered_in_kind(
    root: str, raw: httpx.Client, upstream: Upstream, kind: str
) -> None:
    upstream.code(DRAW)
    upstream.say(ANSWER)
    upstream.function("get_weather", {"city": "Paris"})
    upstream.say("It is sunny.")
    told = play(OPENAI_JS, "azure_assistants.cjs", kind, root, API_KEY)
    file_id, question = told["file"]["id"], told["question"]
    (other,) = question["fileIds"]
    assert told["assistant"]["fileIds"] == [file_id]
    assert (told["kept"]["name"], told["kept"]["fileIds"]) == ("Grace", [file_id])
    assert [each["id"] for each in told["attached"]] == [file_id]
    (message_file,) = told["messageFiles"]
    assert (message_file["id"], message_file["messageId"]) == (other, question["id"])
    assistant = raw.get(f"assistants/{told['assistant']['id']}").json()
    assert assistant["tool_resources"] == {"code_interpreter": {"file_ids": [file_id]}}

    polled = told["polled"]
    assert polled["run"]["status"] == "completed"
    assert polled["run"]["fileIds"] == [file_id]
    (code, writing) = polled["steps"]
    assert polled["one"] == code
    (call,) = code["stepDetails"]["toolCalls"]
    assert call["codeInterpreter"]["input"] == DRAW
    image, logs = call["codeInterpreter"]["outputs"]
    assert logs == {"type": "logs", "logs": "(1, 2)\n"}
    assert writing["stepDetails"]["type"] == "message_creation"
    assert all(each["expiredAt"] is None and each["completedAt"] for each in polled["steps"])
    (message,) = polled["messages"]
    picture, text = message["content"]
    assert picture["imageFile"]["file_id"] == image["image"]["fileId"]
    assert text["text"]["value"] == ANSWER
    (link,) = text["text"]["annotations"]
    assert raw.get(f"files/{link['file_path']['file_id']}/content").content.startswith(b",a,b")

    assert told["waiting"]["status"] == "requires_action"
    assert told["called"]["run"]["status"] == told["both"]["status"] == "completed"
    assert told["called"]["messages"][0]["content"][0]["text"]["value"] == "It is sunny."
    called = [polled["run"]["id"], told["called"]["run"]["id"]]
    assert [each["id"] for each in told["runs"]] == called[::-1]
    assert told["retrieving"]["tools"] == [{"type": "retrieval"}]
    assert told["gone"]["deleted"]


def test_the_assistants_of_langchain_run_code_and_call_functions(
    root: str, raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code(DRAW)
    upstream.say(ANSWER)
    upstream.code(AGAIN)
    upstream.say("Drawn again.")
    upstream.function("get_weather", {"city": "Paris"})
    upstream.say("It is sunny.")
    told = play(LANGCHAIN, "langchain_story.py", root, API_KEY)
    for part in ("drawn", "streamed"):
        (message,) = told[part]
        path = f"threads/{message['thread_id']}"
        assert message == raw.get(f"{path}/messages/{message['id']}").json()
        writing, _ = raw.get(f"{path}/runs/{message['run_id']}/steps").json()["data"]
        assert writing["step_details"]["message_creation"]["message_id"] == message["id"]
    assert [part["type"] for part in told["drawn"][0]["content"]] == ["image_file", "text"]
    assert told["drawn"][0]["content"][1]["text"]["value"] == ANSWER
    assert told["streamed"][0]["content"][1]["text"]["value"] == "Drawn again."
    assert told["action"] == ["get_weather", {"city": "Paris"}]
    assert told["output"] == "It is sunny."
    thread_id, run_id = told["ids"]
    assert raw.get(f"threads/{thread_id}/runs/{run_id}").json()["status"] == "completed"
    assert not upstream.pending
