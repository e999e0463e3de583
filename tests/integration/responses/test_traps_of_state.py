"""What a naive clone gets wrong in state, parameters and containers (contract, responses, traps), by their numbers."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from openai import APIError, OpenAI

from tests.integration.responses.conversing import CODE, OUTPUTS, WEATHER, ask, refuse, stream
from tests.live.response_stream import NEVER_NULL
from tests.live.server import wait_until
from tests.upstream import Code, Upstream


def test_responses_trap_19_some_members_are_never_null(
    raw: httpx.Client, upstream: Upstream
) -> None:
    """Whatever is sent, in every snapshot of a stream, in what is kept, and in one that failed or was cancelled."""
    nulls = dict.fromkeys(set(NEVER_NULL) - {"object", "output", "background"})
    snapshots: list[dict[str, Any]] = []
    for script in (upstream.say, lambda _: upstream.error(400)):
        script("Hello")
        events = stream(raw, background=True, **nulls)
        snapshots += [each.data["response"] for each in events if "response" in each.data]
        snapshots.append(raw.get(f"responses/{snapshots[-1]['id']}").json())
    gate = upstream.silence()
    made = ask(raw, background=True, **nulls)
    snapshots += [made, raw.post(f"responses/{made['id']}/cancel").json()]
    gate.release()
    assert {each["status"] for each in snapshots} == {
        "queued", "in_progress", "completed", "failed", "cancelled",
    }  # fmt: skip
    for each in snapshots:
        assert {name: each[name] for name in NEVER_NULL if each[name] is None} == {}


def test_responses_trap_21_instructions_and_tools_are_not_inherited(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.say("one")
    first = ask(raw, instructions="Be brief.", tools=[WEATHER], reasoning={"effort": "low"})
    assert upstream.last.body["messages"][0]["content"] == "Be brief."
    assert "tools" in upstream.last.body
    upstream.say("two")
    second = ask(raw, previous_response_id=first["id"])
    assert (second["instructions"], second["tools"]) == (None, [])
    assert second["reasoning"] == {"effort": None, "summary": None}
    assert [each["role"] for each in upstream.last.body["messages"]] == [
        "user", "assistant", "user",
    ]  # fmt: skip
    assert "tools" not in upstream.last.body


def test_responses_trap_22_an_unknown_past_is_400_or_404(raw: httpx.Client) -> None:
    body = {"model": "m", "input": "Hi"}
    answer = raw.post("responses", json=body | {"previous_response_id": "resp_0"})
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "message": "Previous response with id 'resp_0' not found.",
        "type": "invalid_request_error",
        "param": "previous_response_id",
        "code": "previous_response_not_found",
    }
    answer = raw.post("responses", json=body | {"conversation": "conv_0"})
    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "message": "Conversation with id 'conv_0' not found.",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


def test_responses_trap_26_an_output_of_a_function_is_kept_under_an_id_of_calls(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.function("get_weather", {"city": "Rome"})
    first = ask(raw, tools=[WEATHER])
    call = first["output"][0]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sun"}
    upstream.say("Sunny.")
    second = ask(raw, tools=[WEATHER], previous_response_id=first["id"], input=[output])
    listed = raw.get(f"responses/{second['id']}/input_items").json()["data"]
    kept, called, said = listed
    assert kept == output | {"id": kept["id"], "status": "completed"}
    assert kept["id"].startswith("fc_")
    assert kept["id"] != call["id"]
    assert called == call
    assert said["content"] == [{"type": "input_text", "text": "Hi"}]


def test_responses_trap_27_only_the_call_id_links_a_call_and_its_output(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.function("get_weather", {"city": "Rome"})
    first = ask(raw, tools=[WEATHER])
    (call,) = first["output"]
    assert call["id"].startswith("fc_")
    assert call["call_id"].startswith("call_")
    output = {"type": "function_call_output", "output": "sun"}
    wrong = [output | {"call_id": call["id"]}]
    error = refuse(raw, previous_response_id=first["id"], input=wrong, tools=[WEATHER])
    assert error["message"].startswith("No tool ")
    assert error["param"] == "input"
    upstream.say("Sunny.")
    # Without ids of their own, as a client that keeps all itself sends them.
    del call["id"]
    right = [{"role": "user", "content": "?"}, call, output | {"call_id": call["call_id"]}]
    assert ask(raw, input=right, tools=[WEATHER], store=False)["status"] == "completed"
    assistant, tool = upstream.last.body["messages"][-2:]
    assert assistant["tool_calls"][0]["id"] == tool["tool_call_id"]


def test_responses_trap_40_cells_of_one_container_run_one_at_a_time(
    raw: httpx.Client, upstream: Upstream
) -> None:
    container = raw.post("containers", json={"name": "shared"}).json()["id"]
    begin = "import time\nfrom pathlib import Path\nlog = Path('/mnt/data/log')\nlog.touch()\n"
    busy = f"{begin}log.write_text(log.read_text() + '(')\ntime.sleep(0.3)\n"
    for name in ("one", "two", "three"):
        upstream.code(f"{busy}log.write_text(log.read_text() + ')')", when=name)
        upstream.say("Done.", when=name)
    tools = [{"type": "code_interpreter", "container": container}]

    def run(name: str) -> str:
        status: str = ask(raw, input=name, tools=tools)["status"]
        return status

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(run, ("one", "two", "three"))) == ["completed"] * 3
    files = raw.get(f"containers/{container}/files").json()["data"]
    assert [each["path"] for each in files] == ["/mnt/data/log"]
    content = raw.get(f"containers/{container}/files/{files[0]['id']}/content")
    assert content.text == "()()()"


def test_responses_trap_44_a_path_has_the_hosted_name_and_no_member_the_plain_one(
    raw: httpx.Client, upstream: Upstream
) -> None:
    """Code opens a file under both names, and under its id."""
    form: dict[str, Any] = {"files": {"file": ("d a.csv", b"x")}}
    source = raw.post("files", data={"purpose": "assistants"}, **form).json()["id"]
    upstream.code(
        "import os\n"
        f"print(os.listdir('/mnt/data'), open('/mnt/data/{source}-d a.csv').read(), open('d a.csv').read())"
    )
    upstream.say("Read.")
    tools = [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": [source]}}]
    (call, _) = ask(raw, tools=tools, include=OUTPUTS)["output"]
    assert call["outputs"] == [{"type": "logs", "logs": "['d a.csv'] x x\n"}]
    (file,) = raw.get(f"containers/{call['container_id']}/files").json()["data"]
    assert list(file) == [
        "id", "object", "created_at", "bytes", "container_id", "path", "source",
    ]  # fmt: skip
    assert (file["path"], file["source"]) == (f"/mnt/data/{source}-d a.csv", "user")


def test_responses_trap_45_memory_and_network_are_echoed_and_secrets_never(
    raw: httpx.Client, upstream: Upstream
) -> None:
    asked = {"type": "auto", "memory_limit": "4g", "network_policy": {"type": "disabled"}}
    upstream.code("1")
    upstream.say("1.")
    made = ask(raw, tools=[{"type": "code_interpreter", "container": asked}])
    assert made["tools"][0]["container"] == asked
    container = raw.get(f"containers/{made['output'][0]['container_id']}").json()
    assert container["memory_limit"] == "4g"
    assert container["network_policy"] == {"type": "disabled"}
    secret = {"domain": "a.b", "name": "KEY", "value": "hunter2"}
    policy = {"type": "allowlist", "allowed_domains": ["a.b"], "domain_secrets": [secret]}
    for path, body in (
        ("containers", {"name": "c", "network_policy": policy}),
        ("responses", {"model": "m", "input": "Hi", "tools": [
            {"type": "code_interpreter", "container": {"type": "auto", "network_policy": policy}},
        ]}),
    ):  # fmt: skip
        answer = raw.post(path, json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "unsupported_value"
        assert "hunter2" not in answer.text


def test_responses_trap_49_limits_on_tools_never_make_a_response_incomplete(
    client: OpenAI, upstream: Upstream
) -> None:
    upstream.say("So lo", finish="length")
    with client.responses.stream(model="m", input="?", max_output_tokens=16) as events:
        kinds = [each.type for each in events]
        with pytest.raises(RuntimeError, match="completed"):  # the SDK, at what is incomplete
            events.get_final_response()
    assert kinds[-1] == "response.incomplete"
    upstream.call(Code("print(1)"), Code("print(2)"))
    upstream.say("1.")
    tools: Any = CODE
    with client.responses.stream(model="m", input="?", max_tool_calls=1, tools=tools) as events:
        for _ in events:
            pass
        assert events.get_final_response().output_text == "1."


def test_responses_trap_52_a_response_without_any_item_is_valid(
    raw: httpx.Client, client: OpenAI, upstream: Upstream
) -> None:
    """As one that failed before the model said anything: kept, read and told of, and others go on from it."""
    upstream.error(400)
    made = stream(raw, background=True)[-1].data["response"]
    assert (made["status"], made["output"]) == ("failed", [])
    kept = client.responses.retrieve(made["id"])
    assert (kept.output, kept.output_text) == ([], "")
    upstream.say("Hello")
    after = ask(raw, previous_response_id=made["id"], input="Again")
    assert [each["content"] for each in upstream.last.body["messages"]] == ["Hi\n\nAgain"]
    listed = raw.get(f"responses/{after['id']}/input_items").json()["data"]
    assert [each["role"] for each in listed] == ["user", "user"]


def test_responses_trap_56_a_container_is_a_member_of_the_tool_and_no_tool(
    raw: httpx.Client,
) -> None:
    error = refuse(raw, tools=[{"type": "function", "name": "f"}, {"type": "code_interpreter"}])
    assert error["message"] == "Missing required parameter: 'tools[1].container'."
    assert (error["param"], error["code"]) == ("tools[1].container", "missing_required_parameter")
    error = refuse(raw, tools=[{"type": "container", "file_ids": []}])
    assert error["message"].startswith("Invalid value: 'container'.")
    assert error["param"] == "tools[0].type"


def test_responses_trap_57_a_conversation_is_only_read_where_nothing_is_stored(
    raw: httpx.Client, upstream: Upstream
) -> None:
    said = {"items": [{"role": "user", "content": "My name is Bo."}]}
    conversation = raw.post("conversations", json=said).json()["id"]
    upstream.say("Bo.")
    made = ask(raw, input="And?", conversation=conversation, store=False)
    assert made["conversation"] == {"id": conversation}
    assert upstream.last.body["messages"][0]["content"] == "My name is Bo.\n\nAnd?"
    listed = raw.get(f"conversations/{conversation}/items").json()["data"]
    assert [each["content"][0]["text"] for each in listed] == ["My name is Bo."]


def test_a_helper_raises_where_a_response_failed(client: OpenAI, upstream: Upstream) -> None:
    """The nested error is what the SDK looks for (responses, trap 13)."""
    upstream.break_off("Hel")
    with (
        pytest.raises(APIError, match="upstream"),
        client.responses.stream(model="m", input="?") as events,
    ):
        for _ in events:
            pass


def test_a_response_that_waits_is_deleted_only_when_it_has_ended(
    raw: httpx.Client, upstream: Upstream
) -> None:
    gate = upstream.silence()
    path = f"responses/{ask(raw, background=True)['id']}"
    assert raw.delete(path).json()["error"]["message"] == "Cannot delete an in-flight response."
    gate.release()
    wait_until(lambda: raw.get(path).json()["status"] == "completed", "the response is done")
    assert raw.delete(path).status_code == 200
