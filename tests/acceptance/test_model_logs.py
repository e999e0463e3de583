"""What an upstream is told of a call is short; what the API keeps of it is whole."""

import json

from tests.acceptance.conftest import Ask
from tests.live.fixtures import StartServer
from tests.upstream import Upstream

LOOP = "for i in range(100000): print(i)"
BAR = "for i in range(3000): print(f'\\r{i}/3000', end='')"
FAILURE = "import pandas as pd\npd.DataFrame({'a': [1]})['b']"


def told(upstream: Upstream, request: int = -1) -> list[str]:
    """What came of each call, as one request says it."""
    return [
        each["content"] for each in upstream.requests[request].messages if each["role"] == "tool"
    ]


def test_a_model_is_told_head_and_tail_of_long_logs_also_in_later_runs(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code(LOOP)
    upstream.say("Counted.")
    talk = ask()
    run = talk.run()
    (text,) = told(upstream)
    assert len(text) < 16_500
    assert text.startswith("0\n1\n2\n")
    assert "99998\n99999" in text
    assert "characters left out" in text
    (logs,) = talk.logs(run.id)
    assert 150_000 < len(logs) < 280_000
    talk.say("Again?")
    upstream.say("No.")
    talk.run()
    assert told(upstream) == [text]


def test_a_model_is_told_the_last_state_of_a_progress_bar(ask: Ask, upstream: Upstream) -> None:
    upstream.code(BAR)
    upstream.say("Done.")
    talk = ask()
    run = talk.run()
    assert told(upstream) == ["2999/3000"]
    assert "\r1500/3000\r" in talk.logs(run.id)[0]


def test_a_model_is_told_of_an_error_without_the_insides_of_libraries(
    ask: Ask, upstream: Upstream
) -> None:
    upstream.code(FAILURE)
    upstream.say("Oh.")
    talk = ask()
    run = talk.run()
    (text,) = told(upstream)
    assert "----> 2 pd.DataFrame({'a': [1]})['b']" in text
    assert "KeyError: 'b'" in text
    assert "/lib/python" not in text
    assert "Could not get source" not in text
    assert "/lib/python" in talk.logs(run.id)[0]


def test_a_setting_says_how_much_a_model_is_told(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(
        models=json.dumps({"small": {"backend": "upstream", "protocol": "fenced"}}),
        model_output_characters=1000,
    )
    upstream.say(f"```python\n{LOOP}\n```")
    upstream.say("Counted.")
    ask_at(server, model="small").run()
    text = upstream.last.messages[-1]["content"]
    assert "99999" in text
    assert len(text) < 1500
