"""What clients are told where no answer can be had (contract, responses, sections 5, 6.9 and 9)."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from openai import APIError, BadRequestError, InternalServerError, OpenAI, RateLimitError

from tests.integration.responses.conversing import CODE, ask, stream
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.server import wait_until
from tests.upstream import Upstream

NEVER = 100_000  # seconds that an upstream wants to be left alone, so that it is not asked again
TOO_LONG = "This model's maximum context length is 8 tokens. However, you requested 9 tokens."

Script = Callable[[Upstream], object]
REFUSALS: dict[str, tuple[Script, str, str | None, str]] = {
    "OpenAI knows no such model": (
        lambda up: up.error(404, "The model `m` does not exist", code="model_not_found"),
        "model_not_found", "model", "The requested model 'm' does not exist.",
    ),
    "Ollama knows no such model": (
        lambda up: up.error(404, 'model "m" not found, try pulling it first'),
        "model_not_found", "model", "The requested model 'm' does not exist.",
    ),
    "LiteLLM knows no such model": (
        lambda up: up.error(400, "Invalid model name passed in model=m"),
        "model_not_found", "model", "The requested model 'm' does not exist.",
    ),
    "the context is too long": (
        lambda up: up.error(400, TOO_LONG, code="context_length_exceeded"),
        "context_length_exceeded", "input", "Your input exceeds the context window of this model.",
    ),
    "the context is too long by an unknown number": (
        lambda up: up.error(413, "Input is too long for requested model."),
        "context_length_exceeded", "input", "Your input exceeds the context window of this model.",
    ),
    "the upstream takes no such request": (
        lambda up: up.error(400, "Schemas may not be so deep."),
        "invalid_prompt", None, "The model's upstream refused the request (HTTP 400): Schemas may",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_what_the_upstream_refuses_is_refused_once_and_for_all(
    case: str, client: OpenAI, upstream: Upstream
) -> None:
    script, code, param, message = REFUSALS[case]
    script(upstream)
    with pytest.raises(BadRequestError) as raised:
        client.responses.create(model="m", input="Hi")
    assert (raised.value.code, raised.value.param) == (code, param)
    assert raised.value.type == "invalid_request_error"
    assert message in raised.value.message
    assert len(upstream.requests) == 1, "the SDK asked again"


@pytest.mark.parametrize("case", REFUSALS)
def test_what_the_upstream_refuses_ends_a_stream_as_failed(
    case: str, raw: httpx.Client, client: OpenAI, upstream: Upstream
) -> None:
    script, code, param, message = REFUSALS[case]
    script(upstream)
    told, failed = stream(raw)[-2:]
    error = {"type": "invalid_request_error", "code": code, "param": param}
    assert told.data["error"] | error == told.data["error"]
    assert message in told.data["error"]["message"]
    assert failed.data["response"]["error"] == told.data["error"]
    script(upstream)
    with pytest.raises(APIError) as raised, client.responses.stream(model="m", input="x") as events:
        list(events)
    assert raised.value.code == code
    assert len(upstream.requests) == 2, "the SDK asked again"


@pytest.mark.parametrize("case", REFUSALS)
def test_what_the_upstream_refuses_fails_in_the_background(
    case: str, raw: httpx.Client, client: OpenAI, upstream: Upstream
) -> None:
    script, code, param, message = REFUSALS[case]
    script(upstream)
    made = client.responses.create(model="m", input="Hi", background=True)
    path = f"responses/{made.id}"
    wait_until(lambda: raw.get(path).json()["status"] == "failed", "the response has failed")
    error = raw.get(path).json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert message in error["message"]


@pytest.mark.parametrize("streams", [True, False])
def test_a_refusal_behind_output_fails_the_response_and_keeps_the_output(
    streams: bool, raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code("print(1)")
    upstream.error(400, TOO_LONG)
    made = stream(raw, tools=CODE)[-1].data["response"] if streams else ask(raw, tools=CODE)
    assert made["status"] == "failed"
    assert made["error"]["code"] == "context_length_exceeded"
    assert [each["type"] for each in made["output"]] == ["code_interpreter_call"]
    assert raw.get(f"responses/{made['id']}").json()["error"] == made["error"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"message": "Too much.", "type": "BadRequestError", "code": 400}, "invalid_prompt"),
        ({"message": TOO_LONG, "code": 400}, "context_length_exceeded"),
        ({"message": "Slow.", "type": "rate_limit_error"}, "rate_limit_exceeded"),
        ({"message": "Oh.", "type": "InternalServerError", "code": 500}, "server_error"),
    ],
)
def test_an_error_within_the_answer_keeps_its_meaning(
    data: dict[str, Any], code: str, raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.garbage(f"data: {httpx.Response(200, json={'error': data}).text}\n\n".encode())
    events = stream(raw)
    assert events[-2].data["error"]["code"] == code
    response = events[-1].data["response"]
    assert response["output"][0]["content"][0]["text"] == "Hi"
    assert len(upstream.requests) == 1


def test_an_upstream_at_its_limit_is_a_429(
    raw: httpx.Client, client: OpenAI, upstream: Upstream
) -> None:
    upstream.error(429, "Slow down.", retry_after=NEVER)
    with pytest.raises(RateLimitError) as raised:
        client.with_options(max_retries=0).responses.create(model="m", input="Hi")
    assert raised.value.code == "rate_limit_exceeded"
    upstream.error(429, "Slow down.", retry_after=NEVER)
    told, failed = stream(raw)[-2:]
    assert told.data["error"]["code"] == "rate_limit_exceeded"
    assert failed.data["response"]["error"]["code"] == "rate_limit_exceeded"


def test_an_upstream_that_fails_is_a_500_which_clients_repeat(
    client: OpenAI, upstream: Upstream
) -> None:
    upstream.error(500, "Oh.", retry_after=NEVER)
    with pytest.raises(InternalServerError):
        client.with_options(max_retries=0).responses.create(model="m", input="Hi")
    upstream.error(500, "Oh.", retry_after=NEVER)
    upstream.say("Better.")
    assert client.responses.create(model="m", input="Hi").output_text == "Better."


def test_a_model_that_nobody_answers_for_does_not_exist(
    start_server: StartServer, connect: ConnectClient
) -> None:
    client = connect(start_server(upstream_url=None, local_model="none"))
    with pytest.raises(BadRequestError, match="model 'gpt-x' does not exist") as raised:
        client.responses.create(model="gpt-x", input="Hi")
    assert raised.value.code == "model_not_found"
    assert client.responses.create(model="direct", input="Hi").output_text == "Hi"


# Too long for the model


WORDS = "word " * 80
TALK: list[dict[str, str]] = [
    {"role": ("user", "assistant")[number % 2], "content": f"{number} {WORDS}"}
    for number in range(9)
]


def told(upstream: Upstream) -> list[str]:
    """The numbers of the messages of the talk that the model saw last."""
    return [each["content"][0] for each in upstream.last.messages if each["role"] != "system"]


def test_where_truncation_is_disabled_nothing_is_left_out(
    raw: httpx.Client, upstream: Upstream
) -> None:
    refusal = "maximum context length is 600 tokens"
    upstream.error(400, refusal)
    upstream.say("Fine.")
    body: dict[str, Any] = {"model": "short", "input": TALK, "instructions": "Count."}
    assert ask(raw, **body, truncation="auto")["status"] == "completed"  # the window is known now
    assert 1 < len(told(upstream)) < len(TALK)
    upstream.error(400, refusal)
    answer = raw.post("responses", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"
    assert len(told(upstream)) == len(TALK)


def test_responses_trap_51_the_beginning_is_left_out_where_truncation_is_auto(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    """The first door leaves out the middle."""
    client = connect(start_server(upstream_window=600))
    upstream.say("Fine.")
    talk: Any = TALK
    made = client.responses.create(model="m", input=talk, instructions="Count.", truncation="auto")
    assert made.output_text == "Fine."
    numbers = told(upstream)
    assert numbers == ["4", "5", "6", "7", "8"][-len(numbers) :]
    assert len(numbers) > 1
    assert upstream.last.messages[0] == {"role": "system", "content": "Count."}
    asked = len(upstream.requests)
    with pytest.raises(BadRequestError) as raised:
        client.responses.create(model="m", input=talk, instructions="Count.")
    assert raised.value.code == "context_length_exceeded"
    assert len(upstream.requests) == asked, "what is known to be too long is not sent"
