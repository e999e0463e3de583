"""File search with the official SDKs, as their samples use it: from a store to footnotes."""

import pytest

from tests.acceptance.clients.install import (
    OPENAI,
    OPENAI_1,
    OPENAI_2,
    OPENAI_JS,
    Environment,
)
from tests.acceptance.clients.playing import play
from tests.live.server import API_KEY
from tests.upstream import Upstream


@pytest.mark.parametrize(
    ("environment", "script", "client"),
    [
        pytest.param(None, "search.py", [], id="python"),
        pytest.param(OPENAI, "search.py", [], id="python-newest"),
        pytest.param(OPENAI_2, "search.py", [], id="python-2.x"),
        pytest.param(OPENAI_1, "search.py", [], id="python-1.x"),
        pytest.param(OPENAI_JS, "search.cjs", ["openai"], id="node-newest"),
        pytest.param(OPENAI_JS, "search.cjs", ["openai4"], id="node-4.104"),
    ],
)
def test_an_official_sdk_fills_a_store_and_makes_footnotes_of_citations(
    root: str, upstream: Upstream, environment: Environment | None, script: str, client: list[str]
) -> None:
    upstream.function("file_search", {"queries": ["soup of pumpkins on Fridays"]})
    upstream.say("There is soup", "【4:0†menu", ".md】", ".")
    upstream.function("file_search", {"queries": ["who cooks and who bakes the bread"]})
    upstream.say("Ada【8:0†team.md】.")
    told = play(environment, script, *client, root, API_KEY)
    assert (told["batch"], told["added"]) == (["completed", 2], "completed")
    assert told["listed"] == 3
    assert told["attached"] == [True], "the thread's own store has the file that was attached"
    assert told["tools"] == ["file_search"]
    assert told["streamed"] == ["There is soup[0].", ["[0] menu.md"]]
    assert told["status"] == "completed"
    assert told["polled"] == ["Ada[0].", ["[0] team.md"]]
    assert told["results"] == ["guests.txt", "hours.txt", "menu.md", "team.md"]
    assert told["shown"]
    assert told["searched"] == ["team.md"]
    assert told["left"] == 2
    assert told["deleted"]
    assert not upstream.pending
