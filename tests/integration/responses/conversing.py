"""How tests of responses ask, and how they read what comes."""

import json
from typing import Any

import httpx

from tests.live.wire import Event

CODE = [{"type": "code_interpreter", "container": {"type": "auto"}}]
OUTPUTS = ["code_interpreter_call.outputs"]
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


def ask(raw: httpx.Client, **body: Any) -> dict[str, Any]:
    """The response to a question that is not streamed."""
    answer = raw.post("responses", json={"model": "m", "input": "Hi"} | body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def stream(raw: httpx.Client, **body: Any) -> list[Event]:
    """The events of a response."""
    content = {"model": "m", "input": "Hi", "stream": True} | body
    with raw.stream("POST", "responses", json=content) as answer:
        return read_events(answer)


def replay(raw: httpx.Client, response_id: str, **query: Any) -> list[Event]:
    """The events of a response once more."""
    params = {"stream": "true"} | query
    with raw.stream("GET", f"responses/{response_id}", params=params) as answer:
        return read_events(answer)


def read_events(answer: httpx.Response) -> list[Event]:
    """The events of a stream, to its end."""
    text = answer.read().decode()
    assert answer.status_code == 200, text
    frames = [frame.split("\n") for frame in text.split("\n\n")[:-1] if not frame.startswith(":")]
    return [Event(name[7:], json.loads(data[6:])) for name, data in frames]


def refuse(raw: httpx.Client, **body: Any) -> dict[str, Any]:
    """The error of a question that is refused."""
    answer = raw.post("responses", json={"model": "m", "input": "Hi"} | body)
    assert answer.status_code in {400, 404}, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error
