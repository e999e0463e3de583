"""Log probabilities of tokens, and how much a model is to say (contract, responses, sections 2.1 and 6)."""

from typing import Any

import httpx
import pytest
from openai import OpenAI

from tests.integration.responses.conversing import CODE, ask, stream
from tests.live.fixtures import ConnectClient, StartServer
from tests.upstream import Delta, Upstream

LOGPROBS = ["message.output_text.logprobs"]


def token(text: str, logprob: float = -0.5, **more: Any) -> dict[str, Any]:
    """A token as chat completions tell of it."""
    other = {"token": "x", "logprob": -3.5, "bytes": [120]}
    return {"token": text, "logprob": logprob, "bytes": None, "top_logprobs": [other]} | more


def shown(text: str) -> dict[str, Any]:
    """A token as responses tell of it."""
    return token(text, bytes=list(text.encode()))


def say(upstream: Upstream, *pieces: str) -> None:
    """Have the upstream say pieces of one token each."""
    upstream.deltas(*(Delta({"content": each}, [token(each)]) for each in pieces))


def test_probabilities_are_in_each_event_and_in_the_item(
    raw: httpx.Client, client: OpenAI, upstream: Upstream
) -> None:
    say(upstream, "Hé", "llo")
    events = stream(raw, include=LOGPROBS, top_logprobs=1)
    body = upstream.last.body
    assert (body["logprobs"], body["top_logprobs"]) == (True, 1)
    deltas = [e.data["logprobs"] for e in events if e.name == "response.output_text.delta"]
    assert deltas == [[shown("Hé")], [shown("llo")]]
    (done,) = (e.data for e in events if e.name == "response.output_text.done")
    assert done["logprobs"] == [shown("Hé"), shown("llo")]
    response = events[-1].data["response"]
    assert response["output"][0]["content"][0]["logprobs"] == done["logprobs"]
    path = f"responses/{response['id']}"
    assert raw.get(path).json()["output"][0]["content"][0]["logprobs"] == []
    again = client.responses.retrieve(response["id"], include=LOGPROBS)  # type: ignore[arg-type]
    assert again.output[0].to_dict() == response["output"][0]
    upstream.say("On.")
    made = ask(raw, previous_response_id=response["id"])
    (item,) = [
        each
        for each in client.responses.input_items.list(made["id"], include=LOGPROBS)  # type: ignore[arg-type]
        if each.id == response["output"][0]["id"]
    ]
    assert item.to_dict() == response["output"][0]


def test_text_that_waits_comes_with_the_probabilities_of_all_its_tokens(
    raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.code("open('/mnt/data/a.csv', 'w').write('x')")
    pieces = ["See ", "[it](sand", "box:/mnt/", "data/a.csv)", "."]
    say(upstream, *pieces)
    events = stream(raw, tools=CODE, include=LOGPROBS)
    deltas = [e.data for e in events if e.name == "response.output_text.delta"]
    told = [each["token"] for delta in deltas for each in delta["logprobs"]]
    assert told == pieces
    link = next(delta for delta in deltas if "sandbox:" in delta["delta"])
    assert [each["token"] for each in link["logprobs"]][:2] == pieces[2:4]


def test_probabilities_of_commentary_are_kept_with_it(
    raw: httpx.Client, upstream: Upstream
) -> None:
    """Responses, trap 61: the text is held until a call follows."""
    say(upstream, '{"a"', ": 1}")
    wanted = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
    events = stream(raw, tools=CODE, text={"format": wanted}, include=LOGPROBS)
    (delta,) = (e.data for e in events if e.name == "response.output_text.delta")
    assert [each["token"] for each in delta["logprobs"]] == ['{"a"', ": 1}"]


def test_thoughts_within_the_text_have_no_probabilities(
    raw: httpx.Client, upstream: Upstream
) -> None:
    say(upstream, "<think>", "hm", "</think>", "\n", "Yes", ".")
    made = ask(raw, include=LOGPROBS)
    part = made["output"][0]["content"][0]
    assert part["text"] == "Yes."
    assert [each["token"] for each in part["logprobs"]] == ["Yes", "."]


@pytest.mark.parametrize("body", [{}, {"top_logprobs": 3}])
def test_who_does_not_ask_for_probabilities_gets_none(
    body: dict[str, Any], raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.say("Hello")
    made = ask(raw, **body)
    assert not {"logprobs", "top_logprobs"} & set(upstream.last.body)
    assert made["output"][0]["content"][0]["logprobs"] == []


def test_an_upstream_without_probabilities_answers_without(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    client = connect(start_server())
    upstream.error(400, "logprobs is not supported with this model.")
    upstream.say("Hello")
    options: Any = {"model": "m", "input": "?", "include": LOGPROBS, "top_logprobs": 2}
    made = client.responses.create(**options)
    assert made.output_text == "Hello"
    assert made.output[0].content[0].logprobs == []  # type: ignore[union-attr]
    upstream.say("Hello")
    assert client.responses.create(**options).output_text == "Hello"
    assert not {"logprobs", "top_logprobs"} & set(upstream.last.body), "it is remembered"
    direct = client.responses.create(model="direct", input="?", include=LOGPROBS)  # type: ignore[arg-type]
    assert direct.output[0].content[0].logprobs == []  # type: ignore[union-attr]


def test_models_without_tool_calls_tell_probabilities_of_their_text_alone(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    client = connect(start_server(upstream_protocol="fenced"))
    say(upstream, "Let me see", ".\n", "```py", "thon\n", "print(1)\n", "```")
    say(upstream, "One", ".")
    made = client.responses.create(model="m", input="?", tools=CODE, include=LOGPROBS)  # type: ignore[arg-type]
    first, _, last = made.output
    told = [[each.token for each in message.content[0].logprobs] for message in (first, last)]  # type: ignore[union-attr]
    assert "".join(told[0]).strip() == "Let me see."
    assert told[1] == ["One", "."]


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({}, None),
        ({"text": {"verbosity": "medium"}}, None),
        ({"text": {"verbosity": "low"}}, "low"),
        ({"verbosity": "high"}, "high"),
    ],
)
def test_verbosity_reaches_the_upstream(
    body: dict[str, Any], sent: str | None, raw: httpx.Client, upstream: Upstream
) -> None:
    upstream.say("Hello")
    made = ask(raw, **body)
    assert made["text"]["verbosity"] == sent or "medium"
    assert upstream.last.body.get("verbosity") == sent


def test_an_upstream_that_knows_no_verbosity_answers_as_it_does(
    start_server: StartServer, connect: ConnectClient, upstream: Upstream
) -> None:
    client = connect(start_server())
    upstream.error(400, "Unrecognized request argument supplied: verbosity")
    upstream.say("Hello")
    made = client.responses.create(model="m", input="?", text={"verbosity": "low"})
    assert made.output_text == "Hello"
    assert made.text
    assert made.text.verbosity == "low"
