"""A second hosted tool in the Assistants door: a tool and its face, and no other line (decision 0068)."""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from pydantic import JsonValue
from tests.unit.agent.memory import Script

from assistd.db.conversations import Conversation, RecordedStep
from assistd.engine.agent.ask import Ask
from assistd.engine.agent.loop import run_loop
from assistd.engine.annotations.citations import Source
from assistd.engine.assistants.faces.base import UNANSWERED, EndedCall, Retelling, ToolContext
from assistd.engine.assistants.faces.code import CodeFace
from assistd.engine.assistants.faces.registry import make_tools
from assistd.engine.assistants.journal import Journal
from assistd.engine.assistants.prompt import RunConversation
from assistd.engine.assistants.recorder import Recorder
from assistd.engine.policy import Policy
from assistd.engine.previews.cache import PreviewCache
from assistd.engine.tools.code_outcome import CodeOutcome
from assistd.engine.workspace.contents import Contents, Scope
from assistd.models.base import (
    Finished,
    HostedDelta,
    HostedRejected,
    HostedStarted,
    TextDelta,
)
from assistd.models.conversation import Assistant, HostedCall, HostedResult, HostedSpec
from assistd.objects.base import Object
from assistd.objects.message import Message, TextContent, TextValue
from assistd.objects.run import Run
from assistd.objects.run_step import RunStep, ToolCalls
from assistd.objects.usage import Usage

# The calls of a tool that is served are members of `objects.run_step.ToolCall`; this one's are not.
pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")

LOOKUP = HostedSpec("lookup", ("lookup",), "Finds a word", {"type": "object"})
BOOK = {"moon": ("A satellite.", "p. 7")}


class LookupTool(Object):
    """The tool as it is on runs."""

    type: Literal["lookup"] = "lookup"


class LookupCall(Object):
    """The call as steps show it: where the word is, not what is said of it."""

    id: str
    type: Literal["lookup"] = "lookup"
    lookup: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome of a lookup."""

    word: str
    text: str
    place: str

    def tell(self, call_id: str, tool: HostedSpec) -> HostedResult:
        return HostedResult(call_id, tool, self.text)


@dataclass(slots=True)
class Lookup:
    """The tool; its calls have JSON arguments, and it is made for a project and a thread."""

    project_id: str
    thread_id: str
    name: str = LOOKUP.name
    ran: list[str] = field(default_factory=list[str])

    def describe(self, *, has_files: bool) -> HostedSpec:
        return LOOKUP

    def instruct(self) -> str:
        return f"There is a book of {self.project_id} for {self.thread_id}."

    async def run(self, arguments: str) -> Found:
        word = json.loads(arguments)["word"]
        return Found(word, *BOOK[word])

    def reject(self, reason: str) -> Found:
        return Found("", reason, "")


class LookupFace:
    """The face: nothing streams, the place comes at the end, and the text is for the model alone."""

    type = LOOKUP.name

    async def make(self, context: ToolContext) -> Lookup:
        return Lookup(context.project_id, context.run.thread_id)

    def show(self, call_id: str, arguments: str, run: Run) -> Any:
        return LookupCall(id=call_id)

    def show_more(self, arguments: str) -> None:
        return None

    def end(self, call_id: str, arguments: str, outcome: Any, run: Run) -> EndedCall:
        shown: dict[str, str] = {"place": outcome.place}
        call: Any = LookupCall(id=call_id, lookup=shown)
        kept: JsonValue = {"arguments": arguments, "text": outcome.text}
        return EndedCall(call, shown, kept)

    def retell(
        self, call: LookupCall, result: Any, how: Retelling
    ) -> tuple[HostedCall, HostedResult]:
        known = result or {"arguments": "{}", "text": UNANSWERED}
        return HostedCall(call.id, LOOKUP, known["arguments"]), HostedResult(
            call.id, LOOKUP, known["text"][: how.max_characters]
        )

    def list_sources(self, call: LookupCall, ordinal: int) -> tuple[Source, ...]:
        return ()


HOW = Retelling({}, 100, {})
FACES = {face.type: face for face in (CodeFace(), LookupFace())}
_TOOLS: Any = (LookupTool(),)
RUN = Run(
    id="run_1",
    created_at=1,
    assistant_id="asst_1",
    thread_id="thread_1",
    expires_at=601,
    model="m",
).evolve(tools=_TOOLS)
QUESTION = Message(
    id="msg_1",
    created_at=1,
    thread_id="thread_1",
    role="user",
    content=(TextContent(text=TextValue(value="What is the moon?")),),
)


class Thread:
    """A thread in memory, in the database's place; results of steps are kept as JSON, as rows have them."""

    def __init__(self, run: Run) -> None:
        self.run_now = run
        self.steps: dict[str, RecordedStep] = {}
        self.messages: list[tuple[int, Message]] = [(1, QUESTION)]

    async def run(self, _function: object, *args: Any, timeline: str | None = None) -> Any:
        del timeline  # it has no place for it
        match args:
            case (RunStep() as step,):
                self.steps[step.id] = RecordedStep(len(self.steps) + 2, step, None)
            case (RunStep() as step, str(results)):
                self.steps[step.id] = RecordedStep(self.steps[step.id].seq, step, results)
            case (Message() as message, RunStep() as step):
                self.steps[step.id] = RecordedStep(len(self.steps) + 2, step, None)
                return message
            case (Message() as message, RunStep(), Usage() as usage, str()):
                self.run_now = self.run_now.move_to("completed", 3, usage=usage)
                return message, self.run_now
            case (str(), str(status)):
                self.run_now = self.run_now.move_to(status, 2)  # type: ignore[arg-type]
                return self.run_now
            case (Scope(), _, int(last)):
                return self.read(last), Contents()
            case _:
                raise AssertionError(args)
        return None

    def read(self, last: int = 0) -> Conversation:
        return Conversation(
            [each for each in self.messages if each[0] > last],
            [each for each in self.steps.values() if each.seq > last],
        )


class Feed:
    """Keeps the deltas of steps."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def publish(self, _name: str, _data: str) -> None:
        pass

    def publish_value(self, name: str, value: dict[str, Any]) -> None:
        if name == "thread.run.step.delta":
            self.calls += value["delta"]["step_details"]["tool_calls"]


async def work(thread: Thread, feed: Feed, model: Script) -> None:
    """Execute the run of a thread as `execution.execute` does."""
    workspace: Any = SimpleNamespace(
        contents=Contents(), scope=Scope("thread_1", "proj_1"), names={}
    )
    services: Any = SimpleNamespace(
        database=thread, files=None, previews=PreviewCache(), policy=Policy()
    )
    run = thread.run_now
    journal = Journal(thread, feed, run, "me", workspace)  # type: ignore[arg-type]
    tools = await make_tools(ToolContext(run, "proj_1", services, workspace), FACES)
    conversation = RunConversation(services, journal, FACES)
    await run_loop(Ask("m", tools=tools), conversation, Recorder(journal, FACES), model.resolve)


async def test_a_second_tool_is_streamed_recorded_and_told_again() -> None:
    thread, feed = Thread(RUN), Feed()
    call = [HostedStarted(0, "lookup"), HostedDelta(0, '{"word": '), HostedDelta(0, '"moon"}')]
    model = Script([*call, Finished("tool_calls")], [TextDelta("A satellite."), Finished("stop")])
    await work(thread, feed, model)
    assert thread.run_now.status == "completed"

    (call_id,) = {each["id"] for each in feed.calls if "id" in each}
    assert feed.calls == [
        {"index": 0, "id": call_id, "type": "lookup", "lookup": {}},
        {"index": 0, "type": "lookup", "lookup": {"place": "p. 7"}},
    ]
    recorded = next(each for each in thread.steps.values() if each.step.type == "tool_calls")
    assert recorded.step.status == "completed"
    assert isinstance(recorded.step.step_details, ToolCalls)
    (shown,) = recorded.step.step_details.tool_calls
    assert shown.model_dump() == {"id": call_id, "type": "lookup", "lookup": {"place": "p. 7"}}

    first, second = model.requests
    assert first.hosted == (LOOKUP,)
    assert first.turns[0].text == "There is a book of proj_1 for thread_1."  # type: ignore[union-attr]
    assert second.turns[-2:] == (
        Assistant("", (HostedCall(call_id, LOOKUP, '{"word": "moon"}'),)),
        HostedResult(call_id, LOOKUP, "A satellite."),
    )


async def test_a_rejected_call_of_a_second_tool_is_told_so() -> None:
    thread, feed = Thread(RUN), Feed()
    call = [HostedStarted(0, "lookup"), HostedRejected(0, "That is no JSON.")]
    model = Script([*call, Finished("tool_calls")], [TextDelta("Sorry."), Finished("stop")])
    await work(thread, feed, model)
    told = model.requests[1].turns[-1]
    assert isinstance(told, HostedResult)
    assert told.text == "That is no JSON."


async def test_an_earlier_call_without_an_end_is_told_as_unanswered() -> None:
    thread = Thread(RUN)
    calls: Any = (LookupCall(id="call_9"),)
    step = RunStep.begin("step_9", 1, RUN, ToolCalls().evolve(tool_calls=calls))
    thread.steps["step_9"] = RecordedStep(2, step.end("expired", 2), "{}")
    model = Script([TextDelta("Well."), Finished("stop")])
    await work(thread, Feed(), model)
    assert model.requests[0].turns[-1] == HostedResult("call_9", LOOKUP, UNANSWERED)


async def test_a_run_has_the_tools_that_its_assistant_has() -> None:
    context: Any = SimpleNamespace(run=RUN.evolve(tools=()), project_id="p", workspace=None)
    assert await make_tools(context, FACES) == ()
    context.run = RUN
    assert [tool.name for tool in await make_tools(context, FACES)] == ["lookup"]
    context.run = RUN.evolve(tools=(*_TOOLS, SimpleNamespace(type="code_interpreter")))
    assert [tool.name for tool in await make_tools(context, FACES)] == [
        "code_interpreter",
        "lookup",
    ]


def test_results_of_code_are_read_as_rows_of_every_version_have_them() -> None:
    """The form is stored: neither names nor kinds of its members change."""
    face = CodeFace()
    stored = {
        "call_id": "",
        "logs": "1\n",
        "files": ["a.csv"],
        "pictures": 0,
        "notes": ["The session was restarted"],
        "images": [],
        "failed": False,
    }
    call = face.show("call_1", "print(1)", RUN)
    asked, told = face.retell(call, stored, HOW)  # type: ignore[arg-type]
    assert (asked.id, asked.arguments) == ("call_1", "print(1)")
    assert (told.output, told.files, told.may_differ) == ("1\n", ("a.csv",), True)
    older: Any = {"call_id": "c", "logs": "", "files": [], "pictures": 1, "notes": [], "images": []}
    assert "1 picture(s)" in face.retell(call, older, HOW)[1].text
    outcome = face.end("call_1", "print(1", CodeOutcome.reject("No."), RUN)
    assert outcome.result == stored | {"logs": "No.", "files": [], "notes": [], "failed": True}
