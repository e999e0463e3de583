"""Traces: one from the client's program to the model's server, with what a run did in between."""

import json

import httpx
import pytest

from tests.acceptance.conftest import Ask
from tests.live.collector import Collector
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import API_KEY, Server, wait_until
from tests.upstream import Upstream

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLED_BY = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=client"}


def test_the_spans_of_a_run_with_code_are_a_tree_from_the_client_to_the_upstream(
    collector: Collector, start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    server = start_server()
    talk = ask_at(server, name="Ada")
    upstream.code("print(6 * 7)")
    upstream.say("42")
    before = len(server.log)
    run = talk.start(extra_headers=CALLED_BY)
    assert talk.poll(run.id).status == "completed"
    (agent,) = collector.wait_for("invoke_agent")
    (request,) = collector.wait_for("POST /v1/threads/{thread_id}/runs")
    assert (request.trace_id, request.parent_id, request.kind) == (TRACE, SPAN, 2)
    assert request.attributes["http.route"] == "/v1/threads/{thread_id}/runs"
    assert request.attributes["http.response.status_code"] == 200
    assert collector.below(request) == ["invoke_agent"]
    tool = "execute_tool code_interpreter"
    assert collector.below(agent) == ["chat gpt-4o", tool, "chat gpt-4o"]
    (call,) = collector.named(tool)
    assert collector.below(call) == ["session claim", "session put", "session exec", "harvest"]
    assert {span.trace_id for span in collector.spans} == {TRACE}
    assert len(collector.spans) == 9

    assert agent.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert agent.attributes["gen_ai.conversation.id"] == talk.thread_id
    assert agent.attributes["assistd.run.id"] == run.id
    assert agent.attributes["assistd.run.status"] == "completed"
    assert agent.attributes["gen_ai.usage.output_tokens"] > 0
    assert call.attributes["gen_ai.tool.name"] == "code_interpreter"
    assert call.attributes["assistd.jail"]
    assert collector.named("session claim")[0].attributes["assistd.outcome"] in {"parked", "new"}
    assert collector.named("session exec")[0].attributes["assistd.outcome"] == "ok"
    asked, again = collector.named("chat gpt-4o")
    assert asked.kind == 3
    assert asked.attributes["gen_ai.response.finish_reasons"] == ["tool_calls"]
    assert again.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert 0 < asked.attributes["gen_ai.response.time_to_first_chunk"] <= asked.seconds
    assert asked.attributes["server.address"] == "127.0.0.1"
    told = [each.headers["traceparent"] for each in upstream.requests]
    assert told == [f"00-{TRACE}-{span.span_id}-01" for span in (asked, again)]
    assert {each.headers["tracestate"] for each in upstream.requests} == {"vendor=client"}
    assert "Ada" not in str(collector.spans)

    lines = {line["event"]: line for line in map(json.loads, server.log[before:].splitlines())}
    assert lines["run ended"]["trace_id"] == TRACE
    assert lines["run ended"]["span_id"] == agent.span_id


def test_a_response_is_traced_with_its_stream_and_reads_are_not(
    collector: Collector, start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    server = start_server()
    client = connect(server)
    upstream.say("Hello")
    events = client.responses.create(model="gpt-4o", input="Hi", stream=True)
    response_id = list(events)[-1].response.id  # type: ignore[union-attr]
    client.responses.retrieve(response_id)
    (request,) = collector.wait_for("POST /v1/responses")
    assert request.parent_id == ""
    assert collector.below(request) == ["invoke_agent"]
    (agent,) = collector.named("invoke_agent")
    assert agent.attributes["assistd.response.id"] == response_id
    assert collector.below(agent) == ["chat gpt-4o"]
    assert len(collector.spans) == 3


def test_a_run_that_fails_has_an_error_by_its_code_and_no_name_of_a_model(
    collector: Collector, start_server: StartServer, ask_at: Ask, upstream: Upstream
) -> None:
    upstream.error(401, "secret words")
    assert ask_at(start_server(), model="who-knows").run().status == "failed"
    (agent,) = collector.wait_for("invoke_agent")
    (asked,) = collector.named("chat")
    assert agent.is_error
    assert asked.is_error
    assert agent.attributes["error.type"] == "server_error"
    assert asked.attributes["error.type"] == "ModelError"
    assert not {"who-knows", "secret words"} & set(str(collector.bodies).split())
    assert b"who-knows" not in b"".join(collector.bodies)


def test_names_of_assistants_are_told_where_the_operator_wants_that(
    collector: Collector, start_server: StartServer, ask_at: Ask
) -> None:
    ask_at(start_server(trace_names="true"), name="Ada").run()
    (agent,) = collector.wait_for("invoke_agent Ada")
    assert agent.attributes["gen_ai.agent.name"] == "Ada"


def test_who_called_is_passed_on_where_nobody_collects_spans(
    server: Server, ask: Ask, upstream: Upstream, client: object
) -> None:
    talk = ask()
    upstream.say("Hello")
    talk.poll(talk.start(extra_headers=CALLED_BY).id)
    assert upstream.requests[-1].headers["traceparent"] == CALLED_BY["traceparent"]
    assert upstream.requests[-1].headers["tracestate"] == CALLED_BY["tracestate"]
    headers = {"authorization": f"Bearer {API_KEY}", **CALLED_BY}
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
    httpx.post(f"{server.url}/chat/completions", json=body, headers=headers).raise_for_status()
    assert upstream.requests[-1].headers["traceparent"] == CALLED_BY["traceparent"]
    headers["traceparent"] = "00-no-span"
    httpx.post(f"{server.url}/chat/completions", json=body, headers=headers).raise_for_status()
    assert "traceparent" not in upstream.requests[-1].headers


def test_a_collector_that_is_away_costs_no_run_and_lines_of_the_log_stay_whole(
    monkeypatch: pytest.MonkeyPatch, start_server: StartServer, ask_at: Ask
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://someone:secret@127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    server = start_server()
    assert ask_at(server).run().status == "completed"
    wait_until(lambda: "trouble with traces" in server.log, "the complaint")
    server.stop()
    assert [json.loads(line)["event"] for line in server.log.splitlines()]
    assert "secret" not in server.log


def test_exporters_that_nobody_knows_are_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    with pytest.raises(AssertionError, match="The setting OTEL_TRACES_EXPORTER is wrong"):
        server.command("keys", "list")
