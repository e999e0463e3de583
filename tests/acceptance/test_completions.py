"""A program's own questions to the model: what it sends reaches the upstream, and the answer comes back, byte for byte."""

import base64
import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import psutil
import pytest
from openai import AsyncOpenAI, AzureOpenAI, OpenAI

from tests.live.fixtures import StartServer
from tests.live.server import API_KEY, Server, wait_until
from tests.live.tenants import new_project
from tests.upstream import Answer, Delta, Finish, Function, Raw, Upstream, Usage, text_answer
from tests.upstream_answers import USAGE

SDK = Callable[..., OpenAI]
HI: list[Any] = [{"role": "user", "content": "Hi"}]
PATH = "chat/completions"


@pytest.fixture
def sdk() -> Iterator[SDK]:
    """Points the official SDK at a server; it does not try again."""
    with ExitStack() as stack:

        def connect(server: Server, key: str = API_KEY, **options: Any) -> OpenAI:
            options = {"max_retries": 0, "timeout": 60, **options}
            return stack.enter_context(OpenAI(base_url=server.url, api_key=key, **options))

        yield connect


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    """A plain client with the key, whose exchanges nobody judges: they are the upstream's."""
    headers = {"authorization": f"Bearer {API_KEY}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
        yield client


def ask(client: OpenAI, **parameters: Any) -> Any:
    return client.chat.completions.create(**{"model": "gpt-4o", "messages": HI, **parameters})


def test_one_client_of_the_sdk_asks_for_completions_and_runs_assistants(
    server: Server, sdk: SDK, upstream: Upstream
) -> None:
    upstream.say("Hello.")
    client = sdk(server)
    answer = ask(client)
    assert answer.choices[0].message.content == "Hello."
    assert answer.usage.total_tokens == USAGE["total_tokens"]
    assistant = client.beta.assistants.create(model="gpt-4o")
    run = client.beta.threads.create_and_run_poll(
        assistant_id=assistant.id, thread={"messages": HI}
    )
    assert run.status == "completed"


def test_the_body_reaches_the_upstream_byte_for_byte(
    http: httpx.Client, upstream: Upstream
) -> None:
    body = (
        '\n{ "temperature":1.10, "seed" : 12345678901234567890,"messages":[{"role":"user",'
        '"content":"\\u00e9\\/ \\"model\\": \\"x\\" 你好 😀"}],  "model"\t:"gpt-4o","logit_bias":{"1":-1e2},'
        '"of_the_future":{"model":"inner","deep":[[[]]]} }\r\n'
    ).encode()
    assert http.post(PATH, content=body).status_code == 200
    assert upstream.last.raw == body
    assert upstream.last.path == "/v1/chat/completions"


def test_only_the_name_of_the_model_is_changed_where_the_map_leads_elsewhere(
    start_server: StartServer, upstream: Upstream
) -> None:
    models = {"gpt-4o": {"model": "qwen3:32b"}, "mine": {}}
    server = start_server(models=json.dumps(models), upstream_model="default")
    body = (
        b'{"a":1.50,"model":"%s","messages":[{"model":"gpt-4o"}],"mod\\u0065l":"%s","MODEL":["x"]}'
    )
    with httpx.Client(headers={"authorization": f"Bearer {API_KEY}"}) as client:
        for asked, meant in ((b"gpt-4o", b"qwen3:32b"), (b"mine", b"mine"), (b"other", b"default")):
            answer = client.post(f"{server.url}/{PATH}", content=body % (b"decoy", asked))
            assert answer.json()["model"] == meant.decode()
            # Whichever of them the upstream's reader takes, and whatever its case.
            expected = body.replace(b'["x"]', b'"%s"') % (meant, meant, meant)
            assert upstream.last.raw == expected


def test_no_parameter_is_refused(server: Server, sdk: SDK, upstream: Upstream) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    parameters: dict[str, Any] = {
        "n": 2, "logprobs": True, "top_logprobs": 3, "seed": 7, "stop": ["a"], "user": "u",
        "response_format": schema, "tools": [tool], "tool_choice": "required", "store": False,
        "reasoning_effort": "low", "modalities": ["text"], "prediction": {"type": "content", "content": "x"},
        "metadata": {"a": "b"}, "service_tier": "auto", "max_completion_tokens": 5,
    }  # fmt: skip
    ask(sdk(server), **parameters, extra_body={"min_p": 0.1, "guided_regex": "a+"})
    sent = {"model": "gpt-4o", "messages": HI, "min_p": 0.1, "guided_regex": "a+"}
    assert upstream.last.body == parameters | sent


def test_an_answer_comes_back_byte_for_byte_with_the_headers_that_are_the_clients_business(
    http: httpx.Client, upstream: Upstream
) -> None:
    body = (
        b'{"id": "x",\n "choices":[{"index":0},{"index":1, "logprobs":{"content":[]}}],"new":1.50}'
    )
    passed = {
        "x-request-id": "req_upstream",
        "openai-processing-ms": "77",
        "openai-version": "2020-10-01",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-limit-requests": "5000",
    }
    kept = {
        "set-cookie": "a=b",
        "openai-organization": "operators-own",
        "openai-project": "proj_own",
        "server": "upstream",
        "keep-alive": "timeout=5",
        "strict-transport-security": "max-age=1",
        "access-control-allow-origin": "*",
    }
    answer = Answer(body=body, content_type="application/json; odd=1", headers=passed | kept)
    upstream.add(answer)
    got = http.post(PATH, json={"model": "gpt-4o", "messages": HI})
    assert got.content == body
    assert got.headers["content-type"] == "application/json; odd=1"
    assert got.headers["content-length"] == str(len(body))
    assert passed.items() <= dict(got.headers).items()
    assert not kept.items() & dict(got.headers).items()


def test_without_an_id_of_the_upstream_the_request_has_one_of_ours(
    server: Server, sdk: SDK
) -> None:
    assert ask(sdk(server))._request_id.startswith("req_")


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"message": "Unsupported value", "type": "x", "param": "n"}, openai.BadRequestError),
        (401, {"message": "no"}, openai.AuthenticationError),
        (404, {"message": "no such model", "code": "model_not_found"}, openai.NotFoundError),
        (422, {"message": "no", "odd": [1.50]}, openai.UnprocessableEntityError),
        (429, {"message": "slow down", "code": "insufficient_quota"}, openai.RateLimitError),
        (500, {"message": "oops", "type": "server_error"}, openai.InternalServerError),
        (503, {"message": "overloaded"}, openai.InternalServerError),
    ],
)
def test_an_error_of_the_upstream_comes_back_as_it_is_and_is_not_tried_again(
    server: Server, sdk: SDK, upstream: Upstream, status: int, error: dict[str, Any], kind: Any
) -> None:
    body = json.dumps({"error": error}, indent=3).encode()
    headers = {"retry-after": "17", "retry-after-ms": "17000", "x-should-retry": "false"}
    upstream.add(Answer(status=status, body=body, content_type="application/json", headers=headers))
    with pytest.raises(kind) as raised:
        ask(sdk(server))
    assert raised.value.response.content == body
    assert raised.value.response.headers.items() >= headers.items()
    assert len(upstream.requests) == 1


def test_an_error_that_is_no_json_comes_back_as_it_is(
    http: httpx.Client, upstream: Upstream
) -> None:
    upstream.error(502, body=b"<html>bad gateway</html>")
    answer = http.post(PATH, json={"model": "gpt-4o", "messages": HI})
    assert (answer.status_code, answer.content) == (502, b"<html>bad gateway</html>")
    assert answer.headers["content-type"] == "text/html"


def test_a_stream_comes_back_byte_for_byte_and_the_sdk_reads_it(
    server: Server, sdk: SDK, http: httpx.Client, upstream: Upstream
) -> None:
    odd = b': comment\r\n\r\nevent: x\ndata: {"choices":[], "odd":1.50}\n\n'
    steps = [Raw(odd), Delta({"content": "Hel"}), Delta({"content": "lo 😀"}), Finish("stop")]
    for _ in range(2):
        upstream.add(Answer([*steps, Usage(USAGE)]))
    parts = list(ask(sdk(server), stream=True, stream_options={"include_usage": True}))
    text = [part.choices[0].delta.content for part in parts if part.choices]
    assert text == ["Hel", "lo 😀", None]
    assert parts[-1].usage.total_tokens == USAGE["total_tokens"]
    answer = http.post(PATH, json={"model": "gpt-4o", "messages": HI, "stream": True})
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.content.startswith(odd)
    assert answer.content.endswith(b"data: [DONE]\n\n")


def test_tool_calls_stream_and_are_parsed_by_the_sdks_helpers(
    server: Server, sdk: SDK, upstream: Upstream
) -> None:
    upstream.call(Function("get_weather", {"city": "Paris"}), Function("get_time"), pieces=4)
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": {}}}
    chat = sdk(server).chat.completions
    with chat.stream(model="gpt-4o", messages=HI, tools=[tool]) as events:  # type: ignore[list-item]
        for _ in events:
            pass
        message = events.get_final_completion().choices[0].message
    assert message.tool_calls
    called = [(call.function.name, call.function.arguments) for call in message.tool_calls]
    assert called == [("get_weather", '{"city": "Paris"}'), ("get_time", "{}")]


def test_each_piece_of_a_stream_arrives_while_the_next_is_still_awaited(
    server: Server, sdk: SDK, upstream: Upstream
) -> None:
    gate = upstream.hold("Hel", "lo")
    parts = iter(ask(sdk(server), stream=True))
    assert next(parts).choices[0].delta.content == ""
    assert next(parts).choices[0].delta.content == "Hel"
    gate.release()
    assert "".join(part.choices[0].delta.content or "" for part in parts) == "lo"


async def test_the_async_client_streams_too(server: Server, upstream: Upstream) -> None:
    upstream.say("Hel", "lo")
    async with AsyncOpenAI(base_url=server.url, api_key=API_KEY) as client:
        stream = await client.chat.completions.create(model="gpt-4o", messages=HI, stream=True)
        text = [part.choices[0].delta.content or "" async for part in stream]
    assert "".join(text) == "Hello"


def test_neither_the_key_nor_other_headers_of_the_client_go_upstream(
    server: Server, sdk: SDK, upstream: Upstream
) -> None:
    client = sdk(server, organization="org-tenant", project="proj_tenant")
    ask(client, extra_headers={"cookie": "a=b", "x-forwarded-for": "1.2.3.4", "OpenAI-Beta": "x"})
    headers = upstream.last.headers
    assert headers["authorization"] == "Bearer sk-upstream"
    assert headers["content-type"] == "application/json"
    told = {"authorization", "content-type", "content-length", "host", "accept", "user-agent"}
    assert set(headers) <= told | {"accept-encoding"}
    assert API_KEY not in str(headers)


def test_the_operators_key_does_not_come_back_in_an_error(
    server: Server, sdk: SDK, upstream: Upstream
) -> None:
    upstream.error(401, "Incorrect API key provided: sk-upstream.")
    with pytest.raises(openai.AuthenticationError) as raised:
        ask(sdk(server))
    assert raised.value.body["message"] == "Incorrect API key provided: ***********."  # type: ignore[index]
    assert "refused the operator's API key" in server.log


def test_text_completions_go_where_the_upstream_has_them(
    server: Server, sdk: SDK, upstream: Upstream
) -> None:
    body = {"id": "x", "object": "text_completion", "created": 1, "model": "m", "choices": []}
    upstream.add(Answer(body=json.dumps(body).encode(), content_type="application/json"))
    tokens = list(range(30_000))
    answer = sdk(server).completions.create(
        model="gpt-4o", prompt=tokens, extra_body={"echo": True}
    )
    assert answer.object == "text_completion"
    assert upstream.last.path == "/v1/completions"
    assert upstream.last.body == {"model": "gpt-4o", "prompt": tokens, "echo": True}


@pytest.mark.parametrize("deployment", [None, "gpt-4o", "Qwen/Qwen3-32B"])
def test_azure_openai_asks_the_deployment_that_has_the_models_name(
    server: Server, upstream: Upstream, deployment: str | None
) -> None:
    upstream.say("Hel", "lo", times=2)
    azure = AzureOpenAI(
        azure_endpoint=server.url.removesuffix("/v1"),
        azure_deployment=deployment,
        api_version="2024-10-21",
        api_key=API_KEY,
        max_retries=0,
    )
    with azure:
        answer = azure.chat.completions.create(model="org/other", messages=HI)
        stream = azure.chat.completions.create(model="org/other", messages=HI, stream=True)
        text = "".join(part.choices[0].delta.content or "" for part in stream)
    assert answer.choices[0].message.content == text == "Hello"
    assert upstream.last.body["model"] == (deployment or "org/other")
    assert "?" not in upstream.last.path


@pytest.mark.parametrize(
    ("path", "body", "sent"),
    [
        ("/openai/v1/chat/completions", b'{"model":"a"}', b'{"model":"a"}'),
        ("/openai/deployments/b/chat/completions", b' { "n":1}', b'{"model": "b", "n":1}'),
        ("/openai/deployments/b/completions", b"{}", b'{"model": "b"}'),
        ("/openai/deployments/b/completions?api-version=2024-10-21", b"", b'{"model": "b"}'),
        ("/openai/deployments/b/chat/completions", b'{"model":null}', b'{"model":"b"}'),
    ],
)
def test_azures_paths_name_the_model_where_the_body_does_not(
    server: Server, upstream: Upstream, path: str, body: bytes, sent: bytes
) -> None:
    url = server.url.removesuffix("/v1") + path
    answer = httpx.post(url, content=body, headers={"api-key": API_KEY}, timeout=60)
    assert answer.status_code == 200
    assert upstream.last.raw == sent


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        (b"", "Missing required parameter: 'model'.", "model"),
        (b'{"messages":[]}', "Missing required parameter: 'model'.", "model"),
        (b'{"model":7}', "Invalid type for 'model': expected a string.", "model"),
        (b'{"model":"' + b"a" * 2000 + b'"}', "Invalid 'model': string too long", "model"),
        (b'{"model":"direct"}', "The model 'direct' is no language model", "model"),
        (b'{"model":"a\n"}', "We could not parse the JSON body", None),
        (b'{"model":"a"', "We could not parse the JSON body", None),
        (b'{"model":"a","x":[}', "We could not parse the JSON body", None),
        (b'{"model":"a"} {}', "We could not parse the JSON body", None),
        (b"[]", "We could not parse the JSON body", None),
        (b"\xff\xfe{\x00}\x00", "We could not parse the JSON body", None),
        (b'{"model":"\xff"}', "We could not parse the JSON body", None),
    ],
)
def test_a_request_that_names_no_model_is_told_what_is_wrong(
    raw: httpx.Client, upstream: Upstream, body: bytes, message: str, param: str | None
) -> None:
    answer = raw.post(PATH, content=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["message"].startswith(message)
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert not upstream.requests


def test_a_body_over_the_limit_is_refused_and_a_picture_below_it_goes_through(
    http: httpx.Client, upstream: Upstream
) -> None:
    url = "data:image/png;base64," + base64.b64encode(b"x" * (4 << 20)).decode()
    part = {"type": "image_url", "image_url": {"url": url}}
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": [part]}]}
    assert http.post(PATH, json=body).status_code == 200
    assert upstream.last.body == body
    answer = http.post(PATH, content=b'{"model":"gpt-4o","x":"' + b"x" * (32 << 20) + b'"}')
    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert len(upstream.requests) == 1


def test_requests_count_for_the_projects_limit_and_every_tenant_has_its_own(
    server: Server, sdk: SDK, upstream: Upstream
) -> None:
    _, blue = new_project(server, requests=2)
    _, red = new_project(server, requests=2)
    limits = {"x-ratelimit-limit-requests": "9999", "x-ratelimit-limit-tokens": "5"}
    body = b'{"choices":[]}'
    answer = Answer(body=body, content_type="application/json", headers=limits)
    upstream.add(answer, times=None)
    told = sdk(server, blue).chat.completions.with_raw_response.create(model="m", messages=HI)
    assert told.headers["x-ratelimit-limit-requests"] == "2", "the limit that holds"
    assert told.headers["x-ratelimit-limit-tokens"] == "5"
    ask(sdk(server, blue))
    with pytest.raises(openai.RateLimitError):
        ask(sdk(server, blue))
    ask(sdk(server, red))
    assert len(upstream.requests) == 3
    with pytest.raises(openai.AuthenticationError):
        ask(sdk(server, "sk-nobodys"))


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_ends_the_request_to_the_upstream(
    server: Server, upstream: Upstream, stream: bool
) -> None:
    gate = upstream.hold("Hel", "lo")
    body = json.dumps({"model": "gpt-4o", "messages": HI, "stream": stream}).encode()
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname, where.port), timeout=30) as connection:
        head = f"POST /v1/{PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {API_KEY}\r\n"
        connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        gate.wait_reached()
        if stream:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        assert not upstream.last.disconnected
    assert upstream.last.wait_disconnected(10)


def test_an_upstream_that_is_not_there_is_a_502_in_openais_shape(
    start_server: StartServer, sdk: SDK
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and does not listen
        server = start_server(upstream_url=f"http://127.0.0.1:{unused.getsockname()[1]}/v1")
        with pytest.raises(openai.InternalServerError, match="cannot be reached") as raised:
            ask(sdk(server))
    assert raised.value.status_code == 502
    assert raised.value.type == "server_error"


def test_an_upstream_that_hangs_up_before_its_answer_is_a_502(
    server: Server, sdk: SDK, upstream: Upstream
) -> None:
    upstream.break_off()
    with pytest.raises(openai.InternalServerError, match="cannot be reached") as raised:
        ask(sdk(server))
    assert raised.value.status_code == 502


def test_an_upstream_that_is_silent_is_a_504_and_one_that_falls_silent_ends_the_stream(
    start_server: StartServer, sdk: SDK, upstream: Upstream
) -> None:
    client = sdk(start_server(upstream_seconds=0.2))
    upstream.silence()
    with pytest.raises(openai.InternalServerError, match="within 1 seconds") as raised:
        ask(client)
    assert raised.value.status_code == 504
    assert raised.value.type == "server_error"
    assert upstream.last.wait_disconnected(10)
    upstream.hold("Hel", "lo")
    assert_broken_off(ask(client, stream=True))
    assert upstream.last.wait_disconnected(10)


def test_a_stream_that_breaks_off_does_so_for_the_client_too(
    server: Server, sdk: SDK, upstream: Upstream
) -> None:
    upstream.break_off("Hel")
    assert_broken_off(ask(sdk(server), stream=True))
    assert ask(sdk(server)).choices[0].message.content == "Hello from upstream."


def assert_broken_off(stream: Any) -> None:
    parts = iter(stream)
    assert [next(parts).choices[0].delta.content for _ in range(2)] == ["", "Hel"]
    with pytest.raises(openai.APIConnectionError):
        next(parts)


def test_a_stream_that_nobody_reads_is_not_gathered_in_memory(
    server: Server, upstream: Upstream
) -> None:
    event = b"data: " + b"x" * (1 << 20) + b"\n\n"
    upstream.add(Answer([Raw(event)] * 200))
    headers = {"authorization": f"Bearer {API_KEY}"}
    body = {"model": "gpt-4o", "messages": HI, "stream": True}
    before = _memory(server)
    with (
        httpx.Client(timeout=60) as client,
        client.stream("POST", f"{server.url}/{PATH}", json=body, headers=headers) as answer,
    ):
        pieces = answer.iter_raw()
        next(pieces)
        time.sleep(0.5)  # there is no event to wait for: all of it would be here by then
        assert _memory(server) - before < 32 << 20
        assert sum(map(len, pieces)) > 190 << 20
    assert _memory(server) - before < 32 << 20


def _memory(server: Server) -> int:
    return psutil.Process(server.process.pid).memory_info().rss


def test_a_server_that_stops_ends_what_is_under_way(
    start_server: StartServer, sdk: SDK, upstream: Upstream
) -> None:
    server = start_server()
    client = sdk(server)
    upstream.hold("Hel", "lo")
    gate = upstream.hold("Hel", "lo")
    next(iter(ask(client, stream=True)))
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(ask, client)
        gate.wait_reached()
        server.stop()  # which sees that no traceback is logged
        with pytest.raises(openai.InternalServerError, match="is stopping") as raised:
            waiting.result()
    assert raised.value.status_code == 503
    assert all(each.wait_disconnected(10) for each in upstream.requests)


def test_a_program_streams_two_answers_at_once_beside_a_run(
    server: Server, sdk: SDK, upstream: Upstream
) -> None:
    client = sdk(server)
    first = upstream.hold("one", " ends", when="first")
    second = upstream.hold("two", " ends", when="second")
    streams = [
        iter(ask(client, messages=[{"role": "user", "content": word}], stream=True))
        for word in ("first", "second")
    ]
    assistant = client.beta.assistants.create(model="gpt-4o")
    run = client.beta.threads.create_and_run_poll(
        assistant_id=assistant.id, thread={"messages": HI}
    )
    assert run.status == "completed"
    second.release()
    first.release()
    said = ["".join(p.choices[0].delta.content or "" for p in stream) for stream in streams]
    assert said == ["one ends", "two ends"]


def test_the_log_holds_nothing_of_a_completion(
    server: Server, sdk: SDK, upstream: Upstream
) -> None:
    secret = "s3cr3t-of-a-question"
    messages = [{"role": "user", "content": secret}]
    upstream.add(text_answer(secret))
    upstream.error(401, secret)
    upstream.break_off(secret)
    ask(sdk(server), messages=messages)
    with pytest.raises(openai.AuthenticationError):
        ask(sdk(server), messages=messages)
    with pytest.raises(openai.APIConnectionError):
        list(ask(sdk(server), messages=messages, model=secret, stream=True))
    wait_until(lambda: "request failed" in server.log, "the line about the broken answer")
    for words in (secret, API_KEY, "sk-upstream"):
        assert words not in server.log


@pytest.mark.parametrize("path", ["moderations", "audio/speech", "images/generations"])
def test_other_endpoints_of_the_hosted_service_are_not_there(raw: httpx.Client, path: str) -> None:
    answer = raw.post(path, json={"model": "gpt-4o", "input": "x"})
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == f"Invalid URL (POST /v1/{path})"
