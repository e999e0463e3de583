"""What a naive clone gets wrong in streams (contract, responses, traps), each trap by its number."""

import re
from typing import Any

import httpx
import pytest
from openai import OpenAI

from tests.integration.responses.conversing import CODE, OUTPUTS, ask, refuse, replay, stream
from tests.live.wire import Event
from tests.upstream import Code, Upstream

SCHEMA = {
    "type": "json_schema",
    "name": "answer",
    "schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
}
DRAW = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
ADDED, DONE = "response.output_item.added", "response.output_item.done"


def of(events: list[Event], *names: str) -> list[Any]:
    """The data of the events of these names."""
    return [each.data for each in events if each.name in names]


def names(events: list[Event]) -> list[str]:
    """The names of all events, each delta too."""
    return [each.name.removeprefix("response.") for each in events]


def test_responses_trap_05_a_helper_that_goes_on_reads_from_the_beginning(
    raw: httpx.Client, client: OpenAI, upstream: Upstream
) -> None:
    upstream.say("Hel", "lo")
    made = stream(raw, background=True)
    response_id = made[0].data["response"]["id"]
    assert replay(raw, response_id)[0].data["sequence_number"] == 0
    for after in (0, 4, len(made) - 2):
        with client.responses.stream(response_id=response_id, starting_after=after) as events:
            numbers = [each.sequence_number for each in events]
            assert events.get_final_response().output_text == "Hello"
        assert numbers == list(range(after + 1, len(made)))


def test_responses_trap_06_the_first_event_of_a_call_has_its_container(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code("print(1)")
    upstream.say("1.")
    events = stream(raw, tools=CODE)
    (item,) = [each["item"] for each in of(events, ADDED) if each["output_index"] == 0]
    assert re.fullmatch(r"cntr_[0-9a-f]{48}", item["container_id"])
    assert raw.get(f"containers/{item['container_id']}").json()["name"] == "auto"
    assert {each["item"].get("container_id") for each in of(events, ADDED, DONE)} == {
        item["container_id"],
        None,  # of the message
    }


@pytest.mark.parametrize("include", [None, [], OUTPUTS])
def test_responses_trap_07_outputs_are_null_or_a_list_and_never_absent(
    include: list[str] | None, raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code("print(1)")
    upstream.say("1.")
    events = stream(raw, tools=CODE, include=include)
    added, done = (of(events, name)[0]["item"] for name in (ADDED, DONE))
    last = events[-1].data["response"]["output"][0]
    logs = [{"type": "logs", "logs": "1\n"}]
    wanted = ([], logs, logs) if include else (None, None, None)
    assert (added["outputs"], done["outputs"], last["outputs"]) == wanted
    assert list(added) == list(done) == [
        "id", "type", "status", "code", "container_id", "outputs",
    ]  # fmt: skip


def test_responses_trap_08_a_picture_among_the_outputs_is_a_data_url(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code(DRAW)
    upstream.say("Drawn.")
    made = ask(raw, tools=CODE, include=OUTPUTS)
    (picture,) = made["output"][0]["outputs"]
    assert set(picture) == {"type", "url", "file_id"}
    assert picture["url"].startswith("data:image/png;base64,iVBOR")


@pytest.mark.parametrize("code", ["print(6 * 7)", ""])
def test_responses_trap_09_code_begins_empty_and_is_done_once(
    code: str, raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code(code)
    upstream.say("So it is.")
    events = stream(raw, tools=CODE)
    assert of(events, ADDED)[0]["item"]["code"] == ""
    deltas = of(events, "response.code_interpreter_call_code.delta")
    assert "".join(each["delta"] for each in deltas) == code
    (done,) = of(events, "response.code_interpreter_call_code.done")
    assert done["code"] == code
    assert of(events, DONE)[0]["item"]["code"] == code


def test_responses_trap_10_annotations_follow_the_text_and_stand_in_three_later_places(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code(f"{DRAW}\nopen('a.csv', 'w').write('x')")
    upstream.say("[It](sandbox:/mnt/data/a.csv)", " is ", "there.")
    events = stream(raw, tools=CODE)
    added = "output_text.annotation.added"
    told = [name for name in names(events) if name.startswith(("output_text", "content_part."))]
    deltas = told.count("output_text.delta")
    assert told == [
        "content_part.added", *["output_text.delta"] * deltas, added, added, "output_text.done",
        "content_part.done",
    ]  # fmt: skip
    given = of(events, f"response.{added}")
    assert [each["annotation_index"] for each in given] == [0, 1]
    annotations = [each["annotation"] for each in given]
    assert of(events, "response.content_part.done")[0]["part"]["annotations"] == annotations
    assert of(events, DONE)[1]["item"]["content"][0]["annotations"] == annotations
    final = events[-1].data["response"]["output"][1]
    assert final["content"][0]["annotations"] == annotations


def test_responses_trap_11_pictures_are_cited_first_and_by_the_next_message_only(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code(f"{DRAW}\nopen('a.csv', 'w').write('x')")
    upstream.code("1", text="First sandbox:/mnt/data/a.csv.")
    upstream.say("Then sandbox:/mnt/data/a.csv.")
    output = ask(raw, tools=CODE)["output"]
    first, second = (each for each in output if each["type"] == "message")
    picture, link = first["content"][0]["annotations"]
    assert (picture["start_index"], picture["end_index"]) == (0, 0)
    assert picture["filename"] == f"{picture['file_id']}.png"
    assert link["filename"] == "a.csv"
    assert [each["filename"] for each in second["content"][0]["annotations"]] == ["a.csv"]
    path = f"containers/{picture['container_id']}/files/{picture['file_id']}"
    assert raw.get(path).json()["path"] == f"/mnt/data/{picture['file_id']}.png"
    assert raw.get(f"{path}/content").content.startswith(b"\x89PNG")


def test_responses_trap_14_only_the_error_event_has_an_error_at_its_top(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.break_off("Hel")
    events = stream(raw)
    assert [each.name for each in events if each.data.get("error")] == ["error"]


EVENTS = {
    "created", "queued", "in_progress", "completed", "incomplete", "failed", "output_item.added",
    "output_item.done", "content_part.added", "content_part.done", "output_text.delta",
    "output_text.done", "output_text.annotation.added", "refusal.delta", "refusal.done",
    "reasoning_text.delta", "reasoning_text.done", "code_interpreter_call.in_progress",
    "code_interpreter_call.interpreting", "code_interpreter_call.completed",
    "code_interpreter_call_code.delta", "code_interpreter_call_code.done",
}  # fmt: skip


def test_responses_trap_15_no_name_is_told_that_clients_do_not_know(
    raw: httpx.Client, upstream: Upstream
) -> None:
    """Of events, outputs and annotations: Node's SDK and the AI SDK fail at others."""
    upstream.code(f"print(1)\n{DRAW}\n1 / 0", text="I draw.")
    upstream.deltas({"reasoning_content": "Hm."}, {"content": "Done."}, {"refusal": "No more."})
    events = stream(raw, tools=CODE, include=OUTPUTS)
    assert set(names(events)) <= EVENTS
    call = events[-1].data["response"]["output"][1]
    assert {each["type"] for each in call["outputs"]} == {"logs", "image"}
    kinds = {
        each["annotation"]["type"] for each in of(events, "response.output_text.annotation.added")
    }
    assert kinds == {"container_file_citation"}


def test_responses_trap_17_the_last_event_has_all_that_was_streamed(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.call(Code("a = 1"), Code("print(a)"), text="Let me see.")
    upstream.say("1.")
    events = stream(raw, tools=CODE, include=OUTPUTS)
    output = events[-1].data["response"]["output"]
    assert [each["type"] for each in output] == [
        "message", "code_interpreter_call", "code_interpreter_call", "message",
    ]  # fmt: skip
    assert output == [each["item"] for each in of(events, DONE)]
    assert [each["id"] for each in output] == [each["item"]["id"] for each in of(events, ADDED)]


def test_responses_trap_18_the_error_of_a_response_has_a_type(
    raw: httpx.Client, upstream: Upstream
) -> None:
    """Streamed, kept, and as the answer to who did not stream."""
    upstream.break_off("Hel")
    streamed = stream(raw)[-1].data["response"]
    kept = raw.get(f"responses/{streamed['id']}").json()
    upstream.break_off("Hel")
    for response in (streamed, kept, ask(raw)):
        assert response["status"] == "failed"
        assert list(response["error"]) == ["code", "message", "type", "param"]
        assert response["error"]["type"] == "server_error"


def test_responses_trap_34_the_tier_is_auto_until_the_end_and_only_what_is_done_has_a_time(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.say("Hello")
    upstream.say("So", finish="length")
    upstream.error(400)
    for status in ("completed", "incomplete", "failed"):
        *before, last = of(stream(raw, background=True), *(
            f"response.{name}" for name in ("created", "queued", "in_progress", status)
        ))  # fmt: skip
        assert [each["response"]["service_tier"] for each in before] == ["auto"] * 3
        assert [each["response"]["completed_at"] for each in before] == [None] * 3
        assert last["response"]["status"] == status
        assert last["response"]["service_tier"] == "default"
        assert (last["response"]["completed_at"] is not None) == (status == "completed")


def test_responses_trap_36_reasoning_has_no_status_and_is_whole_when_done(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.deltas({"reasoning_content": "H"}, {"reasoning_content": "m."}, {"content": "Yes"})
    events = stream(raw, include=["reasoning.encrypted_content"])
    added, done = (of(events, name)[0]["item"] for name in (ADDED, DONE))
    assert "status" not in added
    assert "status" not in done
    assert isinstance(done["encrypted_content"], str)
    assert done["content"] == [{"type": "reasoning_text", "text": "Hm."}]
    assert events[-1].data["response"]["output"][0] == done


def test_responses_trap_37_a_phase_is_absent_where_it_is_not_used(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code("1", text="Let me see.")
    upstream.say("1.")
    events = stream(raw, tools=CODE)
    items = [each["item"] for each in of(events, ADDED, DONE)]
    shown = raw.get(f"responses/{events[-1].data['response']['id']}").json()["output"]
    assert all("phase" not in each for each in [*items, *shown])


def test_responses_trap_53_a_message_is_done_before_the_call_behind_it_is_added(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code("print(1)", text="Let me see.")
    upstream.say("1.")
    events = stream(raw, tools=CODE)
    told = [(each["output_index"], each["item"]["status"]) for each in of(events, ADDED, DONE)]
    assert told == [(at, status) for at in range(3) for status in ("in_progress", "completed")]


def test_responses_trap_55_code_keeps_its_line_ends(raw: httpx.Client, upstream: Upstream) -> None:
    code = "a = 1\r\nprint(repr('''x\r\ny'''))\r\n"
    upstream.code(code)
    upstream.say("So it is.")
    events = stream(raw, tools=CODE)
    (done,) = of(events, "response.code_interpreter_call_code.done")
    call = events[-1].data["response"]["output"][0]
    kept = raw.get(f"responses/{events[-1].data['response']['id']}").json()["output"][0]
    assert done["code"] == call["code"] == kept["code"] == code


def test_responses_trap_62_the_schema_binds_the_last_message_only(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code("print(42)", text="I will compute it.")
    upstream.code("print(42)", text="Once more.")
    upstream.say('{"n": ', "42}")
    output = ask(raw, tools=CODE, text={"format": SCHEMA})["output"]
    messages = [each for each in output if each["type"] == "message"]
    assert [each.get("phase") for each in messages] == ["commentary", "commentary", None]
    assert messages[-1]["content"][0]["text"] == '{"n": 42}'


def test_responses_trap_63_a_query_may_say_that_it_wants_no_stream(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.say("Hello")
    made = ask(raw)
    answer = raw.get(f"responses/{made['id']}", params={"stream": "false"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == made


def test_responses_trap_46_each_of_three_needs_another(
    raw: httpx.Client, upstream: Upstream
) -> None:
    """The background needs `store`, a cancel needs the background, a replay both the background and a stream."""
    for streams in (True, False):
        error = refuse(raw, background=True, store=False, stream=streams)
        assert (error["param"], error["code"]) == ("background", "unsupported_parameter")
    upstream.say("Hello")
    plain = stream(raw)[-1].data["response"]["id"]
    answer = raw.post(f"responses/{plain}/cancel")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Cannot cancel a synchronous response."
    answer = raw.get(f"responses/{plain}", params={"stream": "true"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        "This response cannot be streamed because it was not created with background=true."
    )
    upstream.say("Hello")
    polled = ask(raw, background=True)["id"]
    answer = raw.get(f"responses/{polled}", params={"stream": "true"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["message"].endswith("it was not created with stream=true.")
    assert error["param"] == "stream"
