"""How tests of responses ask, and how they read what comes."""

import http.client
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.live.server import API_KEY, Server, wait_until
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


@contextmanager
def leaving(server: Server, **body: Any) -> Generator[None]:
    """A question of a client that hangs up at the end of the block, without having read anything."""
    where = urlsplit(server.url)
    connection = http.client.HTTPConnection(where.netloc, timeout=60)
    content = json.dumps({"model": "m", "input": "Hi"} | body)
    headers = {"authorization": f"Bearer {API_KEY}", "content-type": "application/json"}
    try:
        connection.request("POST", f"{where.path}/responses", content, headers)
        yield
    finally:
        connection.close()


class Reader(threading.Thread):
    """Reads a stream to its end beside the test.

    Args:
        server: whom to ask.
        response_id: of which response to read the events once more; None: it is made.
        asked: the body of the new response, or the query.
    """

    def __init__(self, server: Server, response_id: str | None = None, **asked: Any) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._response_id = response_id
        self._asked = asked
        self.text = ""
        """What came so far."""
        self.start()

    def run(self) -> None:
        headers = {"authorization": f"Bearer {API_KEY}"}
        with httpx.Client(base_url=self._server.url, headers=headers, timeout=60) as client:
            if self._response_id:
                path = f"responses/{self._response_id}"
                asking = client.stream("GET", path, params={"stream": "true"} | self._asked)
            else:
                body = {"model": "m", "input": "Hi", "stream": True} | self._asked
                asking = client.stream("POST", "responses", json=body)
            with suppress(httpx.TransportError), asking as answer:  # where the server dies
                for piece in answer.iter_text():
                    self.text += piece

    def wait_for(self, what: str) -> str:
        """Wait until this stands in what came; return what came."""
        wait_until(lambda: what in self.text, what)
        return self.text

    def end(self) -> list[str]:
        """Wait for the end of the stream; return its frames as they came."""
        self.join(30)
        assert not self.is_alive(), self.text
        frames = self.text.split("\n\n")
        assert frames.pop() == ""
        return [frame for frame in frames if not frame.startswith(":")]


def find_id(text: str) -> str:
    """The id of the response that the beginning of a stream tells of."""
    return text.split('"response":{"id":"', 1)[1].split('"', 1)[0]


def is_free(raw: httpx.Client, conversation: str) -> bool:
    """Whether no response works on a conversation."""
    item = {"role": "user", "content": "Is it free?"}
    answer = raw.post(f"conversations/{conversation}/items", json={"items": [item]})
    assert answer.status_code == 200 or "currently operating" in answer.text
    return answer.status_code == 200
