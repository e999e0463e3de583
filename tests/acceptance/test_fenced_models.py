"""Models without tool calls write fenced blocks; clients see the same events."""

import json

from tests.acceptance.conftest import Ask
from tests.live import stream
from tests.live.fixtures import StartServer
from tests.upstream import Upstream

MODELS = {
    "small": {"backend": "upstream", "protocol": "fenced", "model": "tiny-coder"},
    "mapped": {"backend": "direct"},
}


def test_models_of_the_settings_answer_with_fenced_code_or_as_they_are_mapped(
    start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server(models=json.dumps(MODELS))
    talk = ask_at(server, model="small")
    upstream.say("Let me see.\n\n", "```py", "thon\nprint(2", " + 2)\n``", "`\n")
    upstream.say("It is 4.")
    events = talk.stream()
    names = [name for name in stream.names(events) if not name.endswith(".delta")]
    assert names == [
        *stream.RUN_BEGINS,
        *stream.message(0),
        *stream.tool_step(0),
        *stream.message(0),
        "thread.run.completed",
        *stream.DONE,
    ]
    (call,) = stream.data(events, "thread.run.step.completed")[1]["step_details"]["tool_calls"]
    assert call["code_interpreter"]["input"].rstrip() == "print(2 + 2)"
    assert call["code_interpreter"]["outputs"] == [{"type": "logs", "logs": "4\n"}]
    first, second = stream.data(events, "thread.message.completed")
    assert first["content"][0]["text"]["value"].strip() == "Let me see."
    assert second["content"][0]["text"]["value"] == "It is 4."
    asked = upstream.last.body
    assert asked["model"] == "tiny-coder"
    assert "tools" not in asked
    assert "4" in str(asked["messages"][-1]["content"])

    mapped = ask_at(server, "```python\nprint('mapped')\n```", model="mapped")
    mapped.run()
    assert mapped.answer.content[0].text.value == "mapped\n"
    listed = [model.id for model in mapped.client.models.list()]
    assert {"small", "mapped", "direct"} <= set(listed)
    assert mapped.client.models.retrieve("small").id == "small"
