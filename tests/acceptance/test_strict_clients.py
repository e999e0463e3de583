"""Every method of the SDK's Assistants, Files, Uploads and Models, each answer read with strict validation.

The SDK takes nearly any answer unless it is told to validate; then a field that is absent, null or of another type
than its own suite expects fails the call.
"""

import inspect
from collections.abc import AsyncIterator, Generator, Iterator
from io import BytesIO
from typing import Any, NamedTuple

import httpx
import pytest
from openai import APIResponseValidationError, AsyncOpenAI, OpenAI

from tests.acceptance.conftest import weather
from tests.live.server import API_KEY, Server
from tests.live.wire import Wire
from tests.upstream import Function, Upstream

RESOURCES = (
    "beta.assistants", "beta.threads", "beta.threads.messages", "beta.threads.runs", "beta.threads.runs.steps",
    "files", "uploads", "uploads.parts", "models",
)  # fmt: skip
NOT_TRIED = {
    "models.delete",  # refused by name: nothing here was made by fine-tuning
    "files.retrieve_content",  # the old name of `content`
    "beta.threads.runs.create_and_stream",  # the old name of `stream`
}
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
USER: list[Any] = [{"role": "user", "content": "Please."}]


class Call(NamedTuple):
    """A call of the SDK: the method's path and its arguments."""

    path: str
    args: tuple[Any, ...] = ()
    parameters: dict[str, Any] = {}


def call(path: str, *args: Any, **parameters: Any) -> Call:
    return Call(path, args, parameters)


Story = Generator[Call, Any, None]


def outputs(run: Any) -> list[dict[str, str]]:
    calls = run.required_action.submit_tool_outputs.tool_calls
    return [{"tool_call_id": each.id, "output": f"{number}"} for number, each in enumerate(calls)]


def files_story() -> Story:
    """Files and uploads, from their creation to their end."""
    file = yield call("files.create", file=("a.csv", b"a,b\n1,2\n"), purpose="assistants")
    assert (yield call("files.retrieve", file.id)) == file
    assert (yield call("files.wait_for_processing", file.id)) == file
    assert file in (yield call("files.list", purpose="assistants")).data
    assert (yield call("files.delete", file.id)).deleted
    readable = yield call("files.create", file=("b.jsonl", b"{}"), purpose="batch")
    assert (yield call("files.content", readable.id)).read() == b"{}"
    about = {"filename": "c.txt", "bytes": 3, "mime_type": "text/plain", "purpose": "batch"}
    upload = yield call("uploads.create", **about)
    part = yield call("uploads.parts.create", upload.id, data=b"abc")
    done = yield call("uploads.complete", upload.id, part_ids=[part.id])
    assert done.file.bytes == 3
    given_up = yield call("uploads.create", **about)
    assert (yield call("uploads.cancel", given_up.id)).status == "cancelled"
    chunked = yield call("uploads.upload_file_chunked", file=b"abc", **about)
    assert chunked.status == "completed"
    (name, *_) = (yield call("models.list")).data
    assert (yield call("models.retrieve", name.id)) == name


def objects_story() -> Story:
    """Assistants, threads and messages with all they may carry."""
    file = yield call("files.create", file=("a.csv", b"a\n1\n"), purpose="assistants")
    picture = yield call("files.create", file=("a.png", b"png"), purpose="vision")
    code = {"type": "code_interpreter"}
    assistant = yield call(
        "beta.assistants.create",
        model="gpt-4o", name="Ada", description="Adds.", instructions="Add.", tools=[code, weather()],
        tool_resources={"code_interpreter": {"file_ids": [file.id]}}, metadata={"a": "b"},
        temperature=0.5, top_p=0.5, response_format={"type": "json_object"}, reasoning_effort="low",
    )  # fmt: skip
    assert (yield call("beta.assistants.retrieve", assistant.id)) == assistant
    changed = yield call("beta.assistants.update", assistant.id, tools=[], response_format="auto")
    assert (yield call("beta.assistants.list", limit=1)).data == [changed]
    parts = [
        {"type": "text", "text": "Look."},
        {"type": "image_file", "image_file": {"file_id": picture.id, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "high"}},
    ]
    attachments = [{"file_id": file.id, "tools": [code]}]
    message = {"role": "user", "content": parts, "attachments": attachments, "metadata": {"c": "d"}}
    thread = yield call("beta.threads.create", messages=[message], metadata={"e": "f"})
    got = yield call("beta.threads.retrieve", thread.id)
    assert got.tool_resources.code_interpreter.file_ids == [file.id]
    assert (yield call("beta.threads.update", thread.id, metadata={})).metadata == {}
    said = yield call("beta.threads.messages.create", thread.id, **message)
    key = {"thread_id": thread.id}
    assert (yield call("beta.threads.messages.retrieve", said.id, **key)) == said
    modified = yield call("beta.threads.messages.update", said.id, **key, metadata={"g": "h"})
    assert modified.metadata == {"g": "h"}
    assert (yield call("beta.threads.messages.list", thread.id, limit=1)).data[0].id == said.id
    assert (yield call("beta.threads.messages.delete", said.id, **key)).deleted
    assert (yield call("beta.threads.delete", thread.id)).deleted
    assert (yield call("beta.assistants.delete", assistant.id)).deleted


def runs_story(upstream: Upstream) -> Story:
    """Runs that write code, show a picture, ask for three functions at once and answer without any."""
    assistant = yield call(
        "beta.assistants.create",
        model="gpt-4o", instructions="Help.",
        tools=[{"type": "code_interpreter"}, weather("one"), weather("two"), weather("three")],
    )  # fmt: skip
    thread = yield call("beta.threads.create", messages=USER)
    ids, key = {"assistant_id": assistant.id}, {"thread_id": thread.id}

    upstream.code("print(sum(range(101)))")
    upstream.code(FIGURE)
    upstream.say("5050: ", "see above.")
    run = yield call("beta.threads.runs.create", **key, **ids)
    run = yield call("beta.threads.runs.poll", run.id, **key)
    assert (yield call("beta.threads.runs.retrieve", run.id, **key)) == run
    changed = yield call("beta.threads.runs.update", run.id, **key, metadata={"a": "b"})
    assert (yield call("beta.threads.runs.list", thread.id)).data == [changed]
    steps = (yield call("beta.threads.runs.steps.list", run.id, **key, order="asc")).data
    assert [step.type for step in steps] == ["tool_calls", "tool_calls", "message_creation"]
    assert steps[0].step_details.tool_calls[0].code_interpreter.outputs[0].logs == "5050\n"
    again = yield call("beta.threads.runs.steps.retrieve", steps[0].id, **key, run_id=run.id)
    assert again == steps[0]
    said = (yield call("beta.threads.messages.list", thread.id, run_id=run.id)).data
    assert [part.type for part in said[0].content] == ["image_file", "text"]

    three = [Function(name, {"city": name}) for name in ("one", "two", "three")]
    upstream.call(*three)
    upstream.say("All three.")
    waiting = yield call("beta.threads.runs.create_and_poll", **key, **ids)
    assert len(outputs(waiting)) == 3
    given = {**key, "tool_outputs": outputs(waiting)}
    done = yield call("beta.threads.runs.submit_tool_outputs_and_poll", run_id=waiting.id, **given)
    assert done.status == "completed"
    (step, _) = (yield call("beta.threads.runs.steps.list", done.id, **key, order="asc")).data
    called = [(each.function.name, each.function.output) for each in step.step_details.tool_calls]
    assert called == [("one", "0"), ("two", "1"), ("three", "2")]

    upstream.call(*three, interleaved=True)
    waiting = yield call("beta.threads.runs.create_and_poll", **key, **ids)
    given = {**key, "tool_outputs": outputs(waiting)}
    yield call("beta.threads.runs.submit_tool_outputs", waiting.id, **given)
    yield call("beta.threads.runs.poll", waiting.id, **key)

    upstream.function("one", {})
    waiting = yield call("beta.threads.runs.create_and_poll", **key, **ids)
    stopped = yield call("beta.threads.runs.cancel", waiting.id, **key)
    assert stopped.status in {"cancelling", "cancelled"}
    yield call("beta.threads.runs.poll", waiting.id, **key)

    upstream.say("Without any call.")
    run = yield call("beta.threads.runs.create_and_poll", **key, **ids, tool_choice="auto")
    assert upstream.last.body["tools"]
    (step,) = (yield call("beta.threads.runs.steps.list", run.id, **key)).data
    assert step.type == "message_creation"
    made = yield call("beta.threads.create_and_run", **ids, thread={"messages": USER})
    yield call("beta.threads.runs.poll", made.id, thread_id=made.thread_id)
    yield call("beta.threads.create_and_run_poll", **ids, thread={"messages": USER})


def streams_story(upstream: Upstream) -> Story:
    """The same, streamed: every event is validated."""
    tools = [{"type": "code_interpreter"}, weather()]
    assistant = yield call(
        "beta.assistants.create", model="gpt-4o", instructions="Help.", tools=tools
    )
    thread = yield call("beta.threads.create", messages=USER)
    ids, key = {"assistant_id": assistant.id}, {"thread_id": thread.id}
    upstream.code(FIGURE + "\nopen('/mnt/data/a.csv', 'w').write('a')", text="I draw.")
    upstream.say("See ", "[a.csv](sandbox:/mnt/data/a.csv).")
    events = yield call("beta.threads.runs.create", **key, **ids, stream=True)
    assert events[-1].event == "thread.run.completed"
    upstream.function("get_weather", {"city": "Rome"})
    upstream.say("Sunny.")
    events = yield call("beta.threads.runs.create", **key, **ids, stream=True)
    waiting = events[-1].data
    given = {**key, "tool_outputs": outputs(waiting)}
    events = yield call("beta.threads.runs.submit_tool_outputs", waiting.id, **given, stream=True)
    assert events[-1].data.status == "completed"
    upstream.function("get_weather", {"city": "Rome"})
    upstream.say("Sunny.", finish="length")
    events = yield call("beta.threads.runs.stream", **key, **ids)
    waiting = events[-1].data
    given = {**key, "tool_outputs": outputs(waiting)}
    events = yield call("beta.threads.runs.submit_tool_outputs_stream", run_id=waiting.id, **given)
    assert events[-1].event == "thread.run.incomplete"
    upstream.error(400)
    events = yield call("beta.threads.create_and_run", **ids, stream=True)
    assert events[-1].event == "thread.run.failed"
    events = yield call("beta.threads.create_and_run_stream", **ids, thread={"messages": USER})
    assert events[0].event == "thread.created"


def stories(upstream: Upstream) -> Iterator[Story]:
    yield files_story()
    yield objects_story()
    yield runs_story(upstream)
    yield streams_story(upstream)


def find(client: Any, path: str, form: str) -> Any:
    """A method, in the form where the SDK has it in that."""
    resource, _, method = path.rpartition(".")
    for name in resource.split("."):
        client = getattr(client, name)
    return getattr(getattr(client, form, client), method, None) or getattr(client, method)


def perform(client: OpenAI, form: str, asked: Call) -> Any:
    """What a call answers, parsed; of a stream all its events."""
    answer = find(client, asked.path, form)(*asked.args, **asked.parameters)
    if hasattr(answer, "__enter__"):  # a streaming response, or the stream of a helper
        with answer as opened:
            return consume(opened)
    return consume(answer)


def consume(answer: Any) -> Any:
    """What an answer holds: a response of the SDK its object, a stream its events."""
    if hasattr(answer, "http_response"):
        assert answer.headers["x-request-id"].startswith("req_")
        if hasattr(answer, "stream_to_file"):  # the content of a file, open only for now
            return BytesIO(answer.read())
        answer = answer.parse()
    return list(answer) if is_stream(answer) else answer


def is_stream(answer: Any) -> bool:
    return type(answer).__name__ in {"Stream", "AsyncStream"} or hasattr(answer, "until_done")


@pytest.fixture
def strict(server: Server, wire: Wire) -> Iterator[OpenAI]:
    http = httpx.Client(transport=wire.transport(), timeout=60)
    with OpenAI(
        base_url=server.url, api_key=API_KEY, http_client=http, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture
async def async_strict(server: Server, wire: Wire) -> AsyncIterator[AsyncOpenAI]:
    http = httpx.AsyncClient(transport=wire.async_transport(), timeout=60)
    async with AsyncOpenAI(
        base_url=server.url, api_key=API_KEY, http_client=http, _strict_response_validation=True
    ) as client:
        yield client


@pytest.mark.parametrize("form", ["plain", "with_raw_response", "with_streaming_response"])
def test_every_method_of_the_sdk_validates_what_it_is_answered(
    strict: OpenAI, upstream: Upstream, form: str
) -> None:
    tried = set[str]()
    for story in stories(upstream):
        asked = next(story, None)
        while asked:
            tried.add(asked.path)
            answer = perform(strict, form, asked)
            try:
                asked = story.send(answer)
            except StopIteration:
                asked = None
    assert tried | NOT_TRIED == every_method(strict)


async def test_every_method_of_the_async_sdk_validates_what_it_is_answered(
    async_strict: AsyncOpenAI, upstream: Upstream
) -> None:
    for story in stories(upstream):
        asked = next(story, None)
        while asked:
            answer = find(async_strict, asked.path, "plain")(*asked.args, **asked.parameters)
            if hasattr(answer, "__aenter__"):
                async with answer as opened:
                    answer = [event async for event in opened]
            else:
                answer = await answer if inspect.isawaitable(answer) else answer
                if is_stream(answer):
                    answer = [event async for event in answer]
            try:
                asked = story.send(answer)
            except StopIteration:
                asked = None


def every_method(client: OpenAI) -> set[str]:
    """The methods of the SDK that make requests."""
    found = set[str]()
    for path in RESOURCES:
        resource: Any = client
        for name in path.split("."):
            resource = getattr(resource, name)
        methods = inspect.getmembers(type(resource), inspect.isfunction)
        found |= {f"{path}.{name}" for name, _ in methods if not name.startswith("_")}
    return found


def test_strict_validation_does_notice_what_is_absent(strict: OpenAI) -> None:
    """Without this, all the others here might validate nothing."""
    strict._client = httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"id": "msg_x"}))
    )
    with pytest.raises(APIResponseValidationError):
        strict.beta.threads.messages.retrieve("msg_x", thread_id="thread_x")
