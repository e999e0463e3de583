"""The orders of events, as recorded (contract, responses, section 6), each as data."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from openai import OpenAI

from tests.integration.responses.conversing import CODE, OUTPUTS, WEATHER, stream
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.response_stream import names
from tests.live.wire import Event
from tests.upstream import Code, Function, Upstream

BEGINS = ["created", "in_progress"]
SAID = [
    "output_item.added", "content_part.added", "output_text.delta", "output_text.done",
    "content_part.done", "output_item.done",
]  # fmt: skip
CITED = [*SAID[:3], "output_text.annotation.added", *SAID[3:]]
CALLED = [
    "output_item.added", "function_call_arguments.delta", "function_call_arguments.done",
    "output_item.done",
]  # fmt: skip
RAN = [
    "output_item.added", "code_interpreter_call.in_progress", "code_interpreter_call_code.delta",
    "code_interpreter_call_code.done", "code_interpreter_call.interpreting",
    "code_interpreter_call.completed", "output_item.done",
]  # fmt: skip
THOUGHT = [
    "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.done",
    "content_part.done", "output_item.done",
]  # fmt: skip
REFUSED = [
    "output_item.added", "content_part.added", "refusal.delta", "refusal.done", "content_part.done",
    "output_item.done",
]  # fmt: skip

Script = Callable[[Upstream], object]


def _code_then_text(upstream: Upstream) -> None:
    upstream.code("print(6 * 7)", text="Let me see.")
    upstream.say("It is ", "42.")


def _picture_and_link(upstream: Upstream) -> None:
    code = (
        "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()\nopen('a.csv', 'w').write('x')"
    )
    upstream.code(code, text="Let me see.")
    upstream.say("Here: ", "sandbox:/mnt/data/a.csv", " it is.")


def _two_codes(upstream: Upstream) -> None:
    upstream.call(Code("a = 1"), Code("print(a + 1)"))
    upstream.say("2.")


ORDERS: dict[str, tuple[Script, dict[str, Any], list[str]]] = {
    "6.1 text": (lambda up: up.say("Hel", "lo"), {}, [*BEGINS, *SAID, "completed"]),
    "6.1 no text at all": (
        lambda up: up.say(""),
        {},
        [*BEGINS, *[each for each in SAID if not each.endswith("delta")], "completed"],
    ),
    "6.2 a function": (
        lambda up: up.function("get_weather", {"city": "Rome"}),
        {"tools": [WEATHER]},
        [*BEGINS, *CALLED, "completed"],
    ),
    "6.2 two functions": (
        lambda up: up.call(Function("get_weather", {"city": "A"}), Function("get_weather", {"city": "B"})),
        {"tools": [WEATHER]},
        [*BEGINS, *CALLED, *CALLED, "completed"],
    ),
    "6.3 code": (_code_then_text, {"tools": CODE}, [*BEGINS, *SAID, *RAN, *SAID, "completed"]),
    "6.3 calls made at once": (_two_codes, {"tools": CODE}, [*BEGINS, *RAN, *RAN, *SAID, "completed"]),
    "6.14 text, code with a picture, text": (
        _picture_and_link,
        {"tools": CODE},
        [*BEGINS, *SAID, *RAN, *SAID[:3], *["output_text.annotation.added"] * 2, *SAID[3:], "completed"],
    ),
    "6.11 an answer of a schema": (
        lambda up: up.say('{"a"', ": 1}"),
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}}},
        [*BEGINS, *SAID, "completed"],
    ),
    "6.8 cut off in code": (
        lambda up: up.call(Code("print(1)"), finish="length"),
        {"tools": CODE, "max_output_tokens": 16},
        [*BEGINS, *RAN[:3], "output_item.done", "incomplete"],
    ),
    "6.8 cut off in a thought": (
        lambda up: up.deltas({"reasoning_content": "Hm"}, finish="length"),
        {"max_output_tokens": 16},
        [*BEGINS, *THOUGHT, "incomplete"],
    ),
    "6.6 raw reasoning": (
        lambda up: up.deltas({"reasoning_content": "Hm"}, {"reasoning_content": "m."}, {"content": "Yes"}),
        {},
        [*BEGINS, *THOUGHT, *SAID, "completed"],
    ),
    "6.7 refusal": (
        lambda up: up.deltas({"refusal": "I "}, {"refusal": "won't."}),
        {},
        [*BEGINS, *REFUSED, "completed"],
    ),
    "6.8 incomplete": (
        lambda up: up.say("So lo", finish="length"),
        {"max_output_tokens": 16},
        [*BEGINS, *SAID, "incomplete"],
    ),
    "6.8 the content filter": (
        lambda up: up.say("So", finish="content_filter"),
        {},
        [*BEGINS, *SAID, "incomplete"],
    ),
    "6.9 failed": (lambda up: up.error(400), {}, [*BEGINS, "error", "failed"]),
    "6.9 failed in a text": (
        lambda up: up.break_off("Hel"),
        {},
        [*BEGINS, *SAID, "error", "failed"],
    ),
    "6.10 background": (
        lambda up: up.say("Hel", "lo"),
        {"background": True},
        ["created", "queued", "in_progress", *SAID, "completed"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ORDERS)
def test_events_come_in_the_order_of_the_contract(
    case: str, raw: httpx.Client, upstream: Upstream
) -> None:
    script, body, expected = ORDERS[case]
    script(upstream)
    assert names(stream(raw, **body)) == expected


def last(events: list[Event]) -> dict[str, Any]:
    response: dict[str, Any] = events[-1].data["response"]
    return response


def test_responses_trap_01_a_stream_ends_behind_its_terminal_event(
    raw: httpx.Client, upstream: Upstream
) -> None:
    """No `[DONE]` comes."""
    upstream.say("Hi")
    with raw.stream(
        "POST", "responses", json={"model": "m", "input": "x", "stream": True}
    ) as answer:
        text = answer.read().decode()
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "[DONE]" not in text
    assert text.split("\n\n")[-2].startswith("event: response.completed\ndata: {")


def test_responses_trap_12_a_link_slices_to_its_bare_target(
    raw: httpx.Client, upstream: Upstream
) -> None:
    """With characters beyond the BMP before the link, and a picture that is cited first."""
    upstream.code(
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\n"
        "open('/mnt/data/a b.csv', 'w').write('x')\nprint('done')"
    )
    upstream.say("🎉 数据: [it](sandbox:/mnt/da", "ta/a b.csv).")
    events = stream(raw, tools=CODE, include=OUTPUTS)
    assert names(events) == [*BEGINS, *RAN, *SAID[:3], *["output_text.annotation.added"] * 2, *SAID[3:], "completed"]  # fmt: skip
    call, message = last(events)["output"]
    first = next(each.data["item"] for each in events if each.name == "response.output_item.added")
    assert first | {"id": "", "container_id": ""} == {
        "id": "", "type": "code_interpreter_call", "status": "in_progress", "code": "",
        "container_id": "", "outputs": [],
    }  # fmt: skip
    assert first["container_id"] == call["container_id"]
    assert [each["type"] for each in call["outputs"]] == ["image", "logs"]
    assert call["outputs"][0]["url"].startswith("data:image/png;base64,iVBOR")
    text = message["content"][0]["text"]
    picture, link = message["content"][0]["annotations"]
    assert list(picture) == [
        "type",
        "container_id",
        "end_index",
        "file_id",
        "filename",
        "start_index",
    ]
    assert (picture["start_index"], picture["end_index"]) == (0, 0)
    assert picture["filename"] == f"{picture['file_id']}.png"
    assert link["filename"] == "a b.csv"
    assert text[link["start_index"] : link["end_index"]] == "sandbox:/mnt/data/a b.csv"
    content = raw.get(f"containers/{call['container_id']}/files/{link['file_id']}/content")
    assert content.content == b"x"
    plain = raw.get(f"responses/{last(events)['id']}").json()
    assert plain["output"][0] == call | {"outputs": None}
    shown = raw.get(f"responses/{last(events)['id']}", params={"include[]": OUTPUTS}).json()
    assert shown["output"] == last(events)["output"]


def test_outputs_of_code_are_in_the_order_of_time(raw: httpx.Client, upstream: Upstream) -> None:
    """Contract, responses, section 6.4; the value of the last expression is among them."""
    upstream.code(
        "import matplotlib.pyplot as plt\nprint('before')\nplt.plot([1])\nplt.show()\n'/mnt/data/y.png'"
    )
    upstream.say("Done.")
    (call, _) = last(stream(raw, tools=CODE, include=OUTPUTS))["output"]
    before, picture, after = call["outputs"]
    assert before == {"type": "logs", "logs": "before\n"}
    assert picture["type"] == "image"
    assert after == {"type": "logs", "logs": "'/mnt/data/y.png'"}


def test_code_that_prints_nothing_has_no_outputs(raw: httpx.Client, upstream: Upstream) -> None:
    upstream.code("x = 1")
    upstream.say("Done.")
    (call, _) = last(stream(raw, tools=CODE, include=OUTPUTS))["output"]
    assert call["outputs"] == []


def test_responses_trap_13_the_error_is_nested_and_the_response_failed(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.error(400)
    error, failed = stream(raw)[-2:]
    assert set(error.data) == {"type", "sequence_number", "error"}
    assert set(error.data["error"]) == {"type", "code", "message", "param"}
    assert set(failed.data["response"]["error"]) == {"type", "code", "message", "param"}
    assert failed.data["response"]["usage"] is None


def test_responses_trap_33_usage_is_the_sum_of_all_questions(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code("print(1)")
    upstream.say("1.")
    usage = last(stream(raw, tools=CODE))["usage"]
    assert usage["input_tokens"] == 2 * 20
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert set(usage["input_tokens_details"]) == {"cached_tokens", "cache_write_tokens"}


@pytest.mark.parametrize("wanted", [True, False])
def test_deltas_are_of_one_length_where_that_is_asked_for(
    wanted: bool, raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.say("Hello", " there")
    events = stream(raw, stream_options={"include_obfuscation": wanted})
    deltas = [each.data for each in events if each.name.endswith(".delta")]
    assert deltas
    for each in deltas:
        assert ("obfuscation" in each) is wanted
        assert not wanted or len(each["delta"] + each["obfuscation"]) % 16 == 0


def test_responses_trap_61_a_text_before_a_call_is_commentary_where_the_answer_has_a_schema(
    client: OpenAI, upstream: Upstream
) -> None:
    """`parse` reads every text but commentary as JSON."""
    from pydantic import BaseModel  # noqa: PLC0415

    class Result(BaseModel):
        number: int

    upstream.code("print(42)", text="I will compute it.")
    upstream.say('{"number"', ": 42}")
    parsed = client.responses.parse(model="m", input="?", tools=CODE, text_format=Result)  # type: ignore[arg-type]
    assert parsed.output_parsed == Result(number=42)
    phases = [each.phase for each in parsed.output if each.type == "message"]
    assert phases == ["commentary", None]


def test_the_model_that_runs_what_it_is_told_gives_the_same_events(raw: httpx.Client) -> None:
    block = "```python\nprint(6 * 7)\n```"
    events = stream(raw, model="direct", input=block, tools=CODE)
    assert names(events) == [*BEGINS, *RAN, *SAID, "completed"]
    assert last(events)["output"][-1]["content"][0]["text"] == "42\n"


def test_models_without_tool_calls_give_the_same_events(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    client = connect(start_server(upstream_protocol="fenced"))
    upstream.say("Let me see.\n", "```python\nprint(6 * 7)\n```")
    upstream.say("It is 42.")
    with client.responses.stream(model="m", input="?", tools=CODE) as events:  # type: ignore[arg-type]
        for _ in events:
            pass
        output = events.get_final_response().output
    assert [each.type for each in output] == ["message", "code_interpreter_call", "message"]


def test_the_sdk_follows_a_stream_to_its_end(client: OpenAI, upstream: Upstream) -> None:
    _code_then_text(upstream)
    with client.responses.stream(model="m", input="?", tools=CODE) as events:  # type: ignore[arg-type]
        kinds = [event.type for event in events]
        final = events.get_final_response()
    assert kinds[-1] == "response.completed"
    assert final.output_text == "Let me see.It is 42."


def test_responses_trap_54_functions_after_code_of_one_answer_are_told_in_their_order(
    raw: httpx.Client, upstream: Upstream
) -> None:
    """Items never interleave, though the model made the calls at once."""
    upstream.call(Code("print(1)"), Function("get_weather", {"city": "Rome"}))
    events = stream(raw, tools=[*CODE, WEATHER])
    assert names(events) == [*BEGINS, *RAN, *CALLED, "completed"]
    assert json.loads(last(events)["output"][1]["arguments"]) == {"city": "Rome"}
