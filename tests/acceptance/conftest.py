"""What acceptance tests begin with: an assistant, and a thread where somebody asked something."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import APIError, OpenAI

from tests.live.collector import Collector, collecting
from tests.live.proxy import Proxy
from tests.live.server import Server
from tests.live.wire import Event, Wire

Ask = Callable[..., "Talk"]


class Talk:
    """An assistant and a thread with one question.

    Args:
        client: the SDK client that made them.
        wire: what it exchanged.
        assistant_id: the assistant.
        thread_id: the thread.
    """

    def __init__(self, client: OpenAI, wire: Wire, assistant_id: str, thread_id: str) -> None:
        self.client = client
        self.wire = wire
        self.assistant_id = assistant_id
        self.thread_id = thread_id

    @property
    def ids(self) -> dict[str, str]:
        """What names a run that is to be created."""
        return {"thread_id": self.thread_id, "assistant_id": self.assistant_id}

    def say(self, content: str, **fields: Any) -> Any:
        """Add a message of the user."""
        return self.client.beta.threads.messages.create(
            self.thread_id, role="user", content=content, **fields
        )

    def run(self, **fields: Any) -> Any:
        """Run and poll to an end, or to where it waits."""
        return self.client.beta.threads.runs.create_and_poll(**self.ids, **fields)

    def start(self, **fields: Any) -> Any:
        """Create a run and do not wait for it."""
        return self.client.beta.threads.runs.create(**self.ids, **fields)

    def poll(self, run_id: str) -> Any:
        """Wait for a run."""
        return self.client.beta.threads.runs.poll(run_id, thread_id=self.thread_id)

    def get(self, run_id: str) -> Any:
        """A run as it is now."""
        return self.client.beta.threads.runs.retrieve(run_id, thread_id=self.thread_id)

    def stream(self, **fields: Any) -> list[Event]:
        """Run with `stream=True` through the SDK; the events as they came over the wire."""
        for _ in self.client.beta.threads.runs.create(**self.ids, stream=True, **fields):
            pass
        return self.wire.last.events

    def steps(self, run_id: str) -> list[Any]:
        """The steps of a run, oldest first."""
        return list(
            self.client.beta.threads.runs.steps.list(run_id, thread_id=self.thread_id, order="asc")
        )

    def logs(self, run_id: str) -> list[str]:
        """The logs of each code call of a run."""
        return [
            "".join(each.logs for each in call.code_interpreter.outputs if each.type == "logs")
            for step in self.steps(run_id)
            if step.type == "tool_calls"
            for call in step.step_details.tool_calls
            if call.type == "code_interpreter"
        ]

    def messages(self, **fields: Any) -> list[Any]:
        """The messages of the thread, oldest first."""
        return list(self.client.beta.threads.messages.list(self.thread_id, order="asc", **fields))

    @property
    def answer(self) -> Any:
        """The newest message."""
        return self.messages()[-1]


class Listener:
    """Streams a run in a thread of its own, while the test does something else."""

    def __init__(self, talk: Talk, **fields: Any) -> None:
        self.events: list[Event] = []
        self.seen: dict[str, Any] = {}
        self._error = ""
        self._talk = talk
        self._fields = fields
        self._came = threading.Condition()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def wait_for(self, name: str, count: int = 1) -> Any:
        """Wait for the event; its data."""
        with self._came:
            came = self._came.wait_for(lambda: len(self.seen.get(name, [])) >= count, 20)
            assert came, f"{name} did not come, but {list(self.seen)}"
            return self.seen[name][-1]

    def end(self, error: str = "") -> list[Event]:
        """Wait for the end, perhaps with an error that holds this; all events as they came over the wire."""
        self._thread.join(30)
        assert not self._thread.is_alive(), "the stream did not end"
        assert error in self._error
        assert bool(error) == bool(self._error), self._error
        (events,) = self._talk.wire.streams()
        return events

    def _listen(self) -> None:
        runs = self._talk.client.beta.threads.runs
        try:
            for event in runs.create(**self._talk.ids, stream=True, **self._fields):
                with self._came:
                    self.seen.setdefault(event.event, []).append(event.data)
                    self._came.notify_all()
        except APIError as error:
            self._error = error.message


def talk(client: OpenAI, wire: Wire, question: str = "Please.", **assistant: Any) -> Talk:
    """A new assistant, and a new thread with a question."""
    fields = {"model": "gpt-4o", "tools": [{"type": "code_interpreter"}], **assistant}
    made = client.beta.assistants.create(**fields)
    thread = client.beta.threads.create(messages=[{"role": "user", "content": question}])
    return Talk(client, wire, made.id, thread.id)


@pytest.fixture
def ask(client: OpenAI, wire: Wire) -> Ask:
    """`ask("Draw.", tools=[...])`: a thread with a question, and an assistant with these fields."""
    return lambda *args, **fields: talk(client, wire, *args, **fields)


@pytest.fixture
def ask_at(connect: Callable[[Server], OpenAI], wire: Wire) -> Ask:
    """The same at a server of the test's own: `ask_at(server, "Draw.")`."""
    return lambda server, *args, **fields: talk(connect(server), wire, *args, **fields)


@pytest.fixture
def root(server: Server, wire: Wire) -> Iterator[str]:
    """The address for a client in another process; all it exchanges is judged by the specification."""
    with Proxy(server.url.removesuffix("/v1"), wire) as proxy:
        yield proxy.root


def weather(name: str = "get_weather") -> dict[str, Any]:
    """A function tool."""
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "parameters": city}}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Takes the traces of the servers that this test starts."""
    with collecting() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield made
