"""Reasoning: what a model thinks, in short and in full, on its way to the client and back (responses, 6.6)."""

import json
from typing import Any

import httpx
import pytest
from openai import OpenAI

from tests.integration.responses.conversing import CODE, WEATHER, ask, stream
from tests.integration.responses.test_events import BEGINS, SAID, THOUGHT, last
from tests.live.response_stream import names
from tests.upstream import Upstream

SUMMARY_PART = [
    "reasoning_summary_part.added", "reasoning_summary_text.delta", "reasoning_summary_text.done",
    "reasoning_summary_part.done",
]  # fmt: skip
ENCRYPTED = "reasoning.encrypted_content"


def _summary(index: int, text: str) -> dict[str, Any]:
    """A piece of a summary, as OpenRouter sends it: once more in `reasoning`."""
    detail = {"type": "reasoning.summary", "summary": text, "index": index}
    return {"reasoning": text, "reasoning_details": [detail]}


def _call(name: str, **arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": function}]}


def _thoughts(upstream: Upstream, member: str = "reasoning_content") -> list[str]:
    """What the model was told last of its own thoughts, message by message."""
    messages = upstream.last.body["messages"]
    return [each[member] for each in messages if member in each]


def _think_and_call(upstream: Upstream, thought: str = "I need it.") -> None:
    upstream.deltas(
        {"reasoning_content": thought}, _call("get_weather", city="Rome"), finish="tool_calls"
    )


def _answer(call: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call["call_id"], "output": "sun"}


def test_a_summary_that_was_asked_for_is_told_part_by_part(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.deltas(
        _summary(0, "Look"), _summary(0, "ing."), _summary(1, "Found."), {"content": "Yes"}
    )
    events = stream(raw, reasoning={"summary": "auto"})
    thought = ["output_item.added", *SUMMARY_PART, *SUMMARY_PART, "output_item.done"]
    assert names(events) == [*BEGINS, *thought, *SAID, "completed"]
    places = [each.data["summary_index"] for each in events if "summary_index" in each.data]
    assert places == [0] * 5 + [1] * 4
    item = last(events)["output"][0]
    assert item["content"] == []
    assert item["summary"] == [
        {"type": "summary_text", "text": "Looking."},
        {"type": "summary_text", "text": "Found."},
    ]
    kept = raw.get(f"responses/{last(events)['id']}").json()
    assert kept["output"] == last(events)["output"]


def test_a_summary_that_was_not_asked_for_is_left_out(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.deltas(_summary(0, "Looking."), {"content": "Yes"})
    events = stream(raw)
    assert names(events) == [*BEGINS, "output_item.added", "output_item.done", *SAID, "completed"]
    assert last(events)["output"][0]["summary"] == []


def test_raw_thoughts_are_no_summary(raw: httpx.Client, upstream: Upstream) -> None:
    """Nothing is made up: a model that tells all it thinks has told no summary."""
    upstream.deltas({"reasoning": "Hmm."}, {"content": "Yes"})
    events = stream(raw, reasoning={"summary": "detailed"})
    assert names(events) == [*BEGINS, *THOUGHT, *SAID, "completed"]
    item = last(events)["output"][0]
    assert item["content"] == [{"type": "reasoning_text", "text": "Hmm."}]
    assert item["summary"] == []


def test_thoughts_in_full_and_in_short_are_both_told(raw: httpx.Client, upstream: Upstream) -> None:
    short = {"type": "reasoning.summary", "summary": "In short.", "index": 0}
    upstream.deltas(
        {"reasoning_content": "Hmm."}, {"reasoning_details": [short]}, {"content": "Yes"}
    )
    events = stream(raw, reasoning={"summary": "concise"})
    thought = [*THOUGHT[:-1], *SUMMARY_PART, "output_item.done"]
    assert names(events) == [*BEGINS, *thought, *SAID, "completed"]


@pytest.mark.parametrize("member", ["reasoning_content", "reasoning"])
def test_a_model_gets_its_thoughts_back_with_the_result_of_its_call(
    member: str, raw: httpx.Client, upstream: Upstream
) -> None:
    """In the member that it gave them in."""
    upstream.deltas({member: "I must "}, {member: "run it."}, _call("python", code="print(1)"))
    upstream.say("1.")
    model = f"thinks-{member}"
    first = ask(raw, model=model, tools=CODE)
    assert _thoughts(upstream, member) == ["I must run it."]
    (message,) = [each for each in upstream.last.body["messages"] if "tool_calls" in each]
    assert message[member] == "I must run it."
    upstream.say("Fine.")
    ask(raw, model=model, tools=CODE, previous_response_id=first["id"])
    assert not _thoughts(upstream, member), "the next question begins anew"


def test_thoughts_come_back_with_the_answer_of_a_function(
    raw: httpx.Client, upstream: Upstream
) -> None:
    _think_and_call(upstream)
    first = ask(raw, tools=[WEATHER])
    _, call = first["output"]
    upstream.say("Sunny.")
    second = {"tools": [WEATHER], "previous_response_id": first["id"], "input": [_answer(call)]}
    ask(raw, **second)
    assert _thoughts(upstream) == ["I need it."]
    upstream.say("Sunny.")
    ask(raw, **second, model="other")
    assert not _thoughts(upstream), "another model did not think them"


def test_thoughts_of_several_calls_of_one_answer_stand_with_each(
    raw: httpx.Client, upstream: Upstream
) -> None:
    """Some upstreams refuse a call without its thoughts."""
    twice = [{**each, "index": at, "id": f"c{at}"} for at in (0, 1)
             for each in _call("get_weather", city="Rome")["tool_calls"]]  # fmt: skip
    upstream.deltas({"reasoning_content": "Both."}, {"content": "Wait."}, {"tool_calls": twice})
    first = ask(raw, tools=[WEATHER])
    calls = [each for each in first["output"] if each["type"] == "function_call"]
    upstream.say("Sunny.")
    ask(raw, previous_response_id=first["id"], input=list(map(_answer, calls)))
    assert _thoughts(upstream) == ["Both.", "Both."]


def test_encrypted_thoughts_come_back_from_a_client_that_keeps_all_itself(
    client: OpenAI, upstream: Upstream
) -> None:
    _think_and_call(upstream)
    options: Any = {"model": "m", "tools": [WEATHER], "store": False, "include": [ENCRYPTED]}
    first = client.responses.create(input="Weather?", **options)
    thought, call = [each.to_dict() for each in first.output]
    assert isinstance(thought["encrypted_content"], str)
    thought["content"] = []  # it keeps no plain thoughts
    upstream.say("Sunny.")
    said: Any = {"role": "user", "content": "Weather?"}
    client.responses.create(input=[said, thought, call, _answer(call)], **options)  # type: ignore[arg-type]
    assert _thoughts(upstream) == ["I need it."]


def test_thoughts_of_another_server_are_passed_over(raw: httpx.Client, upstream: Upstream) -> None:
    upstream.say("Sunny.")
    foreign = {
        "type": "reasoning",
        "id": "rs_foreign",
        "summary": [],
        "encrypted_content": "gAAAAAbc",
    }
    call = {"type": "function_call", "call_id": "c", "name": "get_weather", "arguments": "{}"}
    said = {"role": "user", "content": "Weather?"}
    assert ask(raw, input=[said, foreign, call, _answer(call)])["status"] == "completed"
    assert not _thoughts(upstream)
