"""Whatever happens in a run, the SDK's event handlers end with the very run, steps and messages of REST."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from openai import AssistantEventHandler, AsyncAssistantEventHandler, AsyncOpenAI, OpenAI
from typing_extensions import override

from tests.acceptance.conftest import Ask, Talk, talk, weather
from tests.live.fixtures import ConnectClient, StartServer
from tests.live.wire import Wire
from tests.upstream import Code, Function, Upstream

TOOLS = [{"type": "code_interpreter"}, weather(), weather("get_time")]
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
WRITE = "open('/mnt/data/a.csv', 'w').write('a')"
SCRIPTS: dict[str, Callable[[Upstream], object]] = {
    "code": lambda upstream: upstream.code("print(1)\r\n2"),
    "a silent call": lambda upstream: upstream.code("x = 1"),
    "a figure": lambda upstream: upstream.code(FIGURE, text="I draw."),
    "a file": lambda upstream: upstream.code(WRITE),
    "an error": lambda upstream: upstream.code("1 / 0", text="Let me see: 你好 😀."),
    "two calls": lambda upstream: upstream.call(Code("print(1)"), Code("print(2)")),
    "broken arguments": lambda upstream: upstream.call(Code(arguments='{"code": 7}')),
    "a function": lambda upstream: upstream.function("get_weather", {"city": "Paris"}),
    "two functions": lambda upstream: upstream.call(
        Function("get_weather", {"city": "Rome"}), Function("get_time"), text="I ask.", pieces=4
    ),
    "code and a function": lambda upstream: upstream.call(
        Code("print(3)"), Function("get_weather", {"city": "Oslo"}), interleaved=True
    ),
}
ENDINGS: dict[str, Callable[[Upstream], object]] = {
    "completed": lambda upstream: upstream.say("See [a.csv](sandbox:", "/mnt/data/a.csv)", ", 你"),
    "completed without words": lambda upstream: upstream.say(),
    "incomplete": lambda upstream: upstream.say("It is", finish="length"),
    "incomplete in code": lambda upstream: upstream.code("print(", text="So:", finish="length"),
    "failed by a refusal": lambda upstream: upstream.error(401),
    "failed in a text": lambda upstream: upstream.break_off("It", " is"),
    "failed by a filter": lambda upstream: upstream.say("It is", finish="content_filter"),
}


class Handler(AssistantEventHandler):
    """Keeps what it was given last of each message and step."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: dict[str, Any] = {}
        self.steps: dict[str, Any] = {}

    @override
    def on_message_done(self, message: Any) -> None:
        self.messages[message.id] = message

    @override
    def on_run_step_done(self, run_step: Any) -> None:
        self.steps[run_step.id] = run_step


class AsyncHandler(AsyncAssistantEventHandler):
    """The same for the async client."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: dict[str, Any] = {}
        self.steps: dict[str, Any] = {}

    @override
    async def on_message_done(self, message: Any) -> None:
        self.messages[message.id] = message

    @override
    async def on_run_step_done(self, run_step: Any) -> None:
        self.steps[run_step.id] = run_step


def write_script(upstream: Upstream, seed: int) -> None:
    """Up to four turns with calls, then an ending: the same for the same seed."""
    chance = random.Random(seed)
    for name in chance.sample(sorted(SCRIPTS), chance.randint(1, 4)):
        SCRIPTS[name](upstream)
    endings = sorted(ENDINGS)
    ENDINGS[endings[seed % len(endings)]](upstream)


def outputs(run: Any) -> list[Any]:
    """An output for each call the run waits for."""
    calls = run.required_action.submit_tool_outputs.tool_calls
    return [{"tool_call_id": call.id, "output": f"of {call.function.name}"} for call in calls]


def same(given: Any, kept: Any, *, without: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """Both are one object."""
    assert given.model_dump(exclude=without) == kept.model_dump(exclude=without)


def assert_accumulated(talk: Talk, run: Any, messages: dict[str, Any], steps: Any) -> None:
    """What was accumulated is what REST answers."""
    same(run, talk.get(run.id), without={"tool_resources"})
    kept = talk.messages(run_id=run.id)
    assert sorted(messages) == sorted(each.id for each in kept)
    for message in kept:
        same(messages[message.id], message)
    recorded = talk.steps(run.id)
    assert sorted(steps) == sorted(each.id for each in recorded)
    for step in recorded:
        same(steps[step.id], step, without={"expires_at"})
        assert step.status != "in_progress"
    if run.usage:
        tokens = [step.usage.total_tokens for step in recorded]
        assert run.usage.total_tokens == sum(tokens)


def play(talk: Talk) -> Any:
    """Stream a run with a handler to its end, functions answered; what was accumulated is right."""
    runs = talk.client.beta.threads.runs
    messages, steps = dict[str, Any](), dict[str, Any]()
    manager = runs.stream(**talk.ids, event_handler=(handler := Handler()))
    while True:
        with manager as events:
            run = events.get_final_run()
        messages |= handler.messages
        steps |= handler.steps
        if run.status != "requires_action":
            assert_accumulated(talk, run, messages, steps)
            return run
        manager = runs.submit_tool_outputs_stream(
            run_id=run.id,
            thread_id=talk.thread_id,
            tool_outputs=outputs(run),
            event_handler=(handler := Handler()),
        )


@pytest.mark.parametrize("seed", range(7))
def test_what_a_handler_accumulates_is_what_rest_answers(
    ask: Ask, upstream: Upstream, seed: int
) -> None:
    write_script(upstream, seed)
    run = play(ask("Please.", tools=TOOLS))
    assert run.status == sorted(ENDINGS)[seed % len(ENDINGS)].split()[0]
    assert upstream.pending == 0


@pytest.mark.parametrize("seed", range(7, 14))
async def test_what_an_async_handler_accumulates_is_what_rest_answers(
    ask: Ask, async_client: AsyncOpenAI, upstream: Upstream, seed: int
) -> None:
    write_script(upstream, seed)
    talk = ask("Please.", tools=TOOLS)
    runs = async_client.beta.threads.runs
    messages, steps = dict[str, Any](), dict[str, Any]()
    manager = runs.stream(**talk.ids, event_handler=(handler := AsyncHandler()))
    while True:
        async with manager as events:
            run = await events.get_final_run()
        messages |= handler.messages
        steps |= handler.steps
        if run.status != "requires_action":
            break
        manager = runs.submit_tool_outputs_stream(
            run_id=run.id,
            thread_id=talk.thread_id,
            tool_outputs=outputs(run),
            event_handler=(handler := AsyncHandler()),
        )
    assert run.status == sorted(ENDINGS)[seed % len(ENDINGS)].split()[0]
    assert_accumulated(talk, run, messages, steps)


class Canceller(Handler):
    """Cancels its run at the first word or piece of code."""

    def __init__(self, talk: Talk) -> None:
        super().__init__()
        self._talk = talk
        self._asked = False

    @override
    def on_event(self, event: Any) -> None:
        if event.event.endswith(".delta") and not self._asked:
            self._asked = True
            run = self.current_run
            assert run
            self._talk.client.beta.threads.runs.cancel(run.id, thread_id=run.thread_id)


@pytest.mark.parametrize("what", ["text", "code"])
def test_what_a_handler_of_a_cancelled_run_accumulates_is_what_rest_answers(
    ask: Ask, upstream: Upstream, what: str
) -> None:
    if what == "text":
        upstream.hold("It", " is")
    else:
        upstream.code("print('asleep', flush=True)\nimport time\ntime.sleep(600)")
    talk = ask("Please.", tools=TOOLS)
    handler = Canceller(talk)
    with talk.client.beta.threads.runs.stream(**talk.ids, event_handler=handler) as events:
        run = events.get_final_run()
    assert run.status == "cancelled"
    assert_accumulated(talk, run, handler.messages, handler.steps)


EVENTS = {
    "thread.created",
    *(
        f"thread.run.{state}"
        for state in (
            "created", "queued", "in_progress", "requires_action", "completed", "incomplete",
            "failed", "cancelling", "cancelled", "expired",
        )
    ),
    *(
        f"thread.run.step.{state}"
        for state in ("created", "in_progress", "delta", "completed", "failed", "cancelled", "expired")
    ),
    *(
        f"thread.message.{state}"
        for state in ("created", "in_progress", "delta", "completed", "incomplete")
    ),
    "done",
}  # fmt: skip


def test_all_events_of_a_run_are_sent_and_accumulated_to_the_end_of_its_time(
    start_server: StartServer,
    connect: ConnectClient,
    client: OpenAI,
    wire: Wire,
    upstream: Upstream,
) -> None:
    """The one that is missing, `error`, is about the stream and not about a run (trap 34)."""
    for script in (SCRIPTS["a function"], ENDINGS["completed"], ENDINGS["failed in a text"]):
        script(upstream)
    assert play(talk(client, wire, tools=TOOLS)).status == "completed"
    assert play(talk(client, wire)).status == "failed"
    upstream.say("It is", finish="length")
    assert play(talk(client, wire)).status == "incomplete"
    upstream.hold("It", " is")
    cancelled = talk(client, wire)
    runs = client.beta.threads.runs
    with runs.stream(**cancelled.ids, event_handler=Canceller(cancelled)) as events:
        assert events.get_final_run().status == "cancelled"
    upstream.hold("It", " is")
    short = connect(start_server(run_seconds=2))
    assert play(talk(short, wire)).status == "expired"
    made = cancelled.assistant_id
    upstream.say("Hi.")
    for _ in client.beta.threads.create_and_run(
        assistant_id=made, thread={"messages": [{"role": "user", "content": "Hi"}]}, stream=True
    ):
        pass
    seen = {event.name for events in wire.streams() for event in events}
    assert seen == EVENTS
