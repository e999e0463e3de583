"""The helpers of the SDK: event handlers, accumulators and polling say what REST says."""

from typing import Any

from openai import AssistantEventHandler, AsyncAssistantEventHandler, AsyncOpenAI
from typing_extensions import override

from tests.acceptance.conftest import Ask, weather
from tests.upstream import Upstream

FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
WRITE = "open('/mnt/data/a.csv', 'w').write('a')\nprint('written')"


class Handler(AssistantEventHandler):
    """Notes what it is called with."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.texts: list[str] = []
        self.code = ""

    @override
    def on_text_created(self, text: Any) -> None:
        self.calls.append("text_created")

    @override
    def on_text_delta(self, delta: Any, snapshot: Any) -> None:
        self.texts.append(delta.value)

    @override
    def on_text_done(self, text: Any) -> None:
        self.calls.append(f"text_done {text.value}")

    @override
    def on_image_file_done(self, image_file: Any) -> None:
        self.calls.append(f"image_file_done {image_file.file_id}")

    @override
    def on_tool_call_created(self, tool_call: Any) -> None:
        self.calls.append("tool_call_created")

    @override
    def on_tool_call_delta(self, delta: Any, snapshot: Any) -> None:
        if delta.code_interpreter.input:
            self.code += delta.code_interpreter.input

    @override
    def on_tool_call_done(self, tool_call: Any) -> None:
        self.calls.append(f"tool_call_done {tool_call.code_interpreter.input}")

    @override
    def on_message_done(self, message: Any) -> None:
        self.calls.append("message_done")

    @override
    def on_run_step_done(self, run_step: Any) -> None:
        self.calls.append(f"run_step_done {run_step.type}")

    @override
    def on_exception(self, exception: Exception) -> None:
        self.calls.append(f"exception {exception}")

    @override
    def on_end(self) -> None:
        self.calls.append("end")


def test_an_event_handler_is_called_once_for_each_thing(ask: Ask, upstream: Upstream) -> None:
    upstream.code(FIGURE)
    upstream.say("A", " line.")
    talk = ask()
    handler = Handler()
    with talk.client.beta.threads.runs.stream(**talk.ids, event_handler=handler) as events:
        events.until_done()
    picture = talk.answer.content[0].image_file.file_id
    # The SDK says again and again that a tool call is done (contract section 10).
    assert list(dict.fromkeys(handler.calls)) == [
        "tool_call_created",
        f"tool_call_done {FIGURE}",
        "run_step_done tool_calls",
        "text_created",
        f"image_file_done {picture}",
        "text_done A line.",
        "message_done",
        "run_step_done message_creation",
        "end",
    ]
    assert handler.texts == ["", "A", " line."]
    assert handler.code == FIGURE


def test_what_the_sdk_accumulates_equals_what_rest_answers(ask: Ask, upstream: Upstream) -> None:
    upstream.code(FIGURE, text="Let me draw.")
    upstream.code(WRITE)
    upstream.say("Here: [a", ".csv](sandbox:/mnt", "/data/a.csv), ", "done.")
    talk = ask()
    with talk.client.beta.threads.runs.stream(**talk.ids) as events:
        run = events.get_final_run()
        messages = events.get_final_messages()
        steps = events.get_final_run_steps()
    resources = {"tool_resources"}  # empty over REST
    assert run.model_dump(exclude=resources) == talk.get(run.id).model_dump(exclude=resources)
    assert messages == talk.messages(run_id=run.id)
    # Of steps the SDK keeps what the deltas said, with their indices, and not how they ended.
    said = {"id", "type", "step_details"}
    assert [without_index(s.model_dump(include=said)) for s in steps] == [
        s.model_dump(include=said) for s in talk.steps(run.id)
    ]
    assert len(steps) == 4
    assert messages[-1].content[-1].text.annotations[0].text == "sandbox:/mnt/data/a.csv"  # type: ignore[union-attr]


def test_text_deltas_of_the_sdk_join_to_the_answer(ask: Ask, upstream: Upstream) -> None:
    upstream.say(*"Hello world")
    talk = ask()
    with talk.client.beta.threads.create_and_run_stream(
        assistant_id=talk.assistant_id, thread={"messages": [{"role": "user", "content": "Hi"}]}
    ) as events:
        assert "".join(events.text_deltas) == "Hello world"


def test_polling_helpers_are_told_when_to_come_back(ask: Ask, upstream: Upstream) -> None:
    talk = ask()
    run = talk.client.beta.threads.create_and_run_poll(
        assistant_id=talk.assistant_id, thread={"messages": [{"role": "user", "content": "Hi"}]}
    )
    assert run.status == "completed"
    assert int(talk.wire.last.headers["openai-poll-after-ms"]) < 1000


def test_trap_36_the_first_pause_that_polling_clients_are_told_is_the_one_of_every_state(
    ask: Ask, upstream: Upstream
) -> None:
    """The Python helper keeps the first one it is told; a long one would be kept to the end."""
    gate = upstream.hold("Hel", "lo")
    talk = ask()
    run = talk.start()
    told = set[str]()
    gate.wait_reached()
    talk.get(run.id)
    told.add(talk.wire.last.headers["openai-poll-after-ms"])
    gate.release()
    assert talk.poll(run.id).status == "completed"
    told.add(talk.wire.last.headers["openai-poll-after-ms"])
    (pause,) = told
    assert 0 < int(pause) <= 100


def without_index(value: Any) -> Any:
    """A value without the indices that deltas have."""
    if isinstance(value, list):
        return [without_index(each) for each in value]
    if isinstance(value, dict):
        return {key: without_index(each) for key, each in value.items() if key != "index"}
    return value


class AsyncHandler(AsyncAssistantEventHandler):
    """Joins the texts."""

    text = ""

    @override
    async def on_text_delta(self, delta: Any, snapshot: Any) -> None:
        self.text += delta.value


async def test_the_async_client_streams_with_a_handler_and_polls(
    async_client: AsyncOpenAI, ask: Ask, upstream: Upstream
) -> None:
    upstream.code("print(3)")
    upstream.say("It is", " 3.")
    talk = ask()
    runs = async_client.beta.threads.runs
    handler = AsyncHandler()
    async with runs.stream(**talk.ids, event_handler=handler) as events:
        await events.until_done()
    assert handler.text == "It is 3."
    await async_client.beta.threads.messages.create(talk.thread_id, role="user", content="And?")
    run = await runs.create_and_poll(**talk.ids)
    assert run.status == "completed"
    steps = await runs.steps.list(run.id, thread_id=talk.thread_id)
    assert [step.type for step in steps.data] == ["message_creation"]
    every = [each async for each in async_client.beta.threads.messages.list(talk.thread_id)]
    assert len(every) == 4


def test_the_sdk_pages_through_everything_by_itself(ask: Ask, upstream: Upstream) -> None:
    talk = ask(tools=[weather()])
    for number in range(6):
        talk.say(str(number))
    listed = talk.client.beta.threads.messages.list(talk.thread_id, limit=2, order="asc")
    texts = [message.content[0].text.value for message in listed]  # type: ignore[union-attr]
    assert texts == ["Please.", *map(str, range(6))]
    assert talk.wire.sent("GET", "/messages") == 4


def test_the_request_id_reaches_the_client(ask: Ask) -> None:
    talk = ask()
    thread = talk.client.beta.threads.retrieve(talk.thread_id)
    assert thread._request_id
    assert thread._request_id.startswith("req_")
    assert len(thread._request_id) == 36
