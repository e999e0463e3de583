"""The smallest door to the agent: a conversation in memory, an echo for a tool, a model that reads a script.

Whoever builds a second door (items of responses in the place of messages and steps) begins here: it is
a `Conversation` and a `Record`, in this case one object, and `run_loop` does the rest. It has no
database, no sandbox, no API and no stream of events.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from assistd.engine.agent.ask import Context, Spent, TokenLimit
from assistd.engine.tools.base import ToolOutcome
from assistd.models.base import (
    Backend,
    Delta,
    Finished,
    FunctionDelta,
    FunctionStarted,
    HostedDelta,
    HostedRejected,
    HostedStarted,
    ModelError,
    ModelRequest,
    TextDelta,
)
from assistd.models.conversation import (
    Assistant,
    FunctionCall,
    FunctionResult,
    HostedCall,
    HostedResult,
    HostedSpec,
    Text,
    Turn,
    User,
)

ECHO = HostedSpec("echo", ("echo",), "Prints", {"type": "object"}, streamed="words")
Call = HostedCall | FunctionCall


class MemoryRecord:
    """A `Conversation` that remembers what it is told as a `Record`.

    Args:
        question: what the user says first.
        files: lines about files, as the model is told them.
    """

    def __init__(self, question: str, files: tuple[str, ...] = ()) -> None:
        self.turns: list[Turn] = [User((Text(question),))]
        self.files = files
        self.told: list[str] = []
        """What it was told, in order, a word for each."""
        self.limit: TokenLimit | None = None
        self._spent = Spent()
        self._text = ""
        self._calls: dict[int, Call] = {}

    @property
    def text(self) -> str:
        """The last text of the model."""
        return next((t.text for t in reversed(self.turns) if isinstance(t, Assistant)), "")

    def submit(self, outputs: Mapping[str, str]) -> None:
        """Add what the client answered to the calls of functions: output by call id."""
        self.turns += [FunctionResult(call_id, output) for call_id, output in outputs.items()]

    async def read(self, *, vision: bool) -> Context:
        """Return all turns; pictures there are none."""
        return Context(tuple(self.turns), self.files)

    async def reopen(self) -> Spent:
        """Return what was spent before the client was waited for."""
        self.told.append("reopen")
        return self._spent

    async def begin(self) -> None:
        """Note it."""
        self.told.append("begin")

    async def take(self, delta: Delta) -> None:
        """Put the answer together; it becomes a turn of the conversation as it ends."""
        self.told.append(type(delta).__name__)
        match delta:
            case TextDelta(text):
                self._text += text
            case HostedStarted(index, _):
                self._calls[index] = HostedCall(f"call_{index}", ECHO, "")
            case FunctionStarted(index, name):
                self._calls[index] = FunctionCall(f"call_{index}", name, "")
            case HostedDelta(index, more) | FunctionDelta(index, more):
                call = self._calls[index]
                self._calls[index] = replace(call, arguments=call.arguments + more)
            case HostedRejected():
                pass
            case Finished(_, tokens):
                self._spent = self._spent.add(tokens)
                self.turns.append(Assistant(self._text, tuple(self._calls.values())))
                self._text = ""

    async def finish_call(self, index: int, outcome: ToolOutcome, *, is_last: bool) -> None:
        """Add the outcome behind the turn that called."""
        self.told.append("finish_call" + (" (last)" if is_last else ""))
        self.turns.append(outcome.tell(self._calls[index].id, ECHO))
        if is_last:
            self._calls.clear()

    async def complete(self) -> None:
        """Note it."""
        self.told.append("complete")

    async def end_at_limit(self, limit: TokenLimit) -> None:
        """Note the limit."""
        self.told.append("end_at_limit")
        self.limit = limit

    async def wait_for_client(self) -> None:
        """Note it; `submit` and another `run_loop` go on."""
        self.told.append("wait_for_client")
        self._calls.clear()


@dataclass(frozen=True, slots=True)
class Printed:
    """The outcome of a call of `Echo`."""

    text: str
    failed: bool = False

    def tell(self, call_id: str, tool: HostedSpec) -> HostedResult:
        """Return what the model is told of it."""
        return HostedResult(call_id, tool, self.text, failed=self.failed)


@dataclass(slots=True)
class Echo:
    """A hosted tool: prints its arguments; `fail` fails, `hang` never ends.

    Args:
        ran: the arguments of its calls.
        hangs: is set once a call hangs.
    """

    ran: list[str] = field(default_factory=list[str])
    hangs: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def name(self) -> str:
        """Its name."""
        return ECHO.name

    def describe(self, *, has_files: bool) -> HostedSpec:
        """Return how models are told of it."""
        return ECHO

    def instruct(self) -> str:
        """Return what the system message says of it."""
        return "There is an echo."

    async def run(self, arguments: str) -> Printed:
        """Print the arguments."""
        self.ran.append(arguments)
        if arguments == "hang":
            self.hangs.set()
            await asyncio.Event().wait()
        return Printed(arguments, failed=arguments == "fail")

    def reject(self, reason: str) -> Printed:
        """Print why the call was not run."""
        return Printed(reason, failed=True)


Answer = list[Delta] | ModelError | Literal["silence"]


class Script:
    """A model that gives prepared answers, one to each question.

    Args:
        answers: the deltas of each, an error to raise, or `silence` to answer nothing for ever.
    """

    vision = False
    backend: Backend = "upstream"

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.requests: list[ModelRequest] = []
        self.was_asked = asyncio.Event()
        self.taken_back = 0
        """How many questions were given up before they were answered."""

    def resolve(self, _name: str) -> "Script":
        """Return the model for any name."""
        return self

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta]:
        """Give the next answer."""
        self.requests.append(request)
        self.was_asked.set()
        answer = self._answers.pop(0)
        if isinstance(answer, ModelError):
            raise answer
        try:
            if answer == "silence":
                await asyncio.Event().wait()
            else:
                for delta in answer:
                    yield delta
        except (asyncio.CancelledError, GeneratorExit):
            self.taken_back += 1
            raise
