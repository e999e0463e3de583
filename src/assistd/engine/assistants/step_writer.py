"""Writes one step of tool calls, from its first event to its last (contract section 6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from assistd import clock, ids
from assistd.db import conversations
from assistd.engine.assistants.faces.base import CallFace, EndedCall, ToolFace
from assistd.engine.assistants.journal import Journal, StepResults
from assistd.engine.tools.base import INTERRUPTED, NOT_RUN, ToolOutcome
from assistd.objects.run import FunctionCallArguments, LastError, RequiredCall, Run
from assistd.objects.run_step import (
    FunctionExecution,
    FunctionToolCall,
    RunStep,
    StepStatus,
    ToolCall,
    ToolCalls,
)
from assistd.objects.usage import Usage


@dataclass(frozen=True, slots=True)
class _FunctionFace:
    """The `CallFace` of calls of a client's function."""

    name: str
    type: str = "function"

    def show(self, call_id: str, arguments: str, run: Run) -> FunctionToolCall:
        function = FunctionExecution(name=self.name, arguments=arguments)
        return FunctionToolCall(id=call_id, function=function)

    def show_more(self, arguments: str) -> dict[str, Any]:
        return {"arguments": arguments}


@dataclass(slots=True)
class _GrowingCall:
    """A call whose arguments come; they are joined only when somebody looks at the whole call."""

    id: str
    face: CallFace
    pieces: list[str] = field(default_factory=list[str])

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


class StepWriter:
    """An open step of tool calls; made by `open`, or of what the database has when tool outputs come."""

    def __init__(self, journal: Journal, step: RunStep, results: StepResults) -> None:
        self._journal = journal
        self._step = step
        self._results = results
        details = step.step_details
        self._calls: list[ToolCall] = (
            list(details.tool_calls) if isinstance(details, ToolCalls) else []
        )
        self._growing: dict[int, _GrowingCall] = {}  # by their index in `_calls`
        self._hosted: dict[int, ToolFace] = {}  # of those that have no outcome yet

    @classmethod
    async def open(cls, journal: Journal) -> Self:
        """Begin a step that has no calls yet."""
        step = RunStep.begin(ids.new("step"), clock.seconds(), journal.run, ToolCalls())
        await journal.write(conversations.add_step, step)
        journal.publish_begun("thread.run.step", step)
        return cls(journal, step, StepResults())

    @property
    def has_calls(self) -> bool:
        """Whether it has calls; of a step that was reopened, whether they had all come."""
        return bool(self._calls)

    def begin_hosted(self, face: ToolFace) -> int:
        """Begin a call of a hosted tool; return its index in the step."""
        self._hosted[len(self._calls)] = face
        return self._begin(face)

    def begin_function(self, name: str) -> int:
        """Begin a call of a client's function; return its index in the step."""
        return self._begin(_FunctionFace(name))

    def _begin(self, face: CallFace) -> int:
        index, call = len(self._calls), face.show(ids.new("call"), "", self._journal.run)
        self._calls.append(call)
        self._growing[index] = _GrowingCall(call.id, face)
        self._publish(index, call.model_dump())
        return index

    def add(self, index: int, arguments: str) -> None:
        """Add to the arguments of a call."""
        call = self._growing[index]
        call.pieces.append(arguments)
        self._publish_part(index, call.face, call.face.show_more(arguments))

    def list_unanswered(self) -> tuple[RequiredCall, ...]:
        """Return the function calls the client still has to answer."""
        return tuple(
            RequiredCall(
                id=call.id,
                function=FunctionCallArguments(
                    name=call.function.name, arguments=call.function.arguments
                ),
            )
            for call in self._show_calls()
            if isinstance(call, FunctionToolCall) and call.function.output is None
        )

    async def finish(self, index: int, outcome: ToolOutcome, *, closes: bool) -> None:
        """Record what came of a call of a hosted tool: one delta, if there is something to show.

        Where it `closes` the step, that is one write, too.
        """
        journal, face, call = self._journal, self._hosted.pop(index), self._growing.pop(index)
        ended = face.end(call.id, call.arguments, outcome, journal.run)
        self._keep(index, ended)
        journal.pictures.extend(ended.pictures)
        journal.forget(ended.removed)
        journal.files.extend(ended.files)
        self._publish_part(index, face, ended.delta)
        await (self.close() if closes else self.save())

    async def interrupt(self, faces: Mapping[str, ToolFace]) -> None:
        """Record of each call of a hosted tool without an outcome that it was interrupted.

        They are made one after the other: the first may have done its work in part, the others did none.
        """
        reason = INTERRUPTED
        for index, call in enumerate(self._calls):
            if not isinstance(call, FunctionToolCall) and call.id not in self._results.code:
                self._keep(index, faces[call.type].interrupt(call, reason, self._journal.run))
                reason = NOT_RUN
        if reason == NOT_RUN:
            await self.save()

    def _keep(self, index: int, ended: EndedCall) -> None:
        self._calls[index] = ended.call
        self._results = self._results.evolve(
            code={**self._results.code, ended.call.id: ended.result},
            pictures=self._results.pictures + ended.pictures,
            files=self._results.files + ended.files,
        )

    async def save(self, usage: Usage | None = None) -> None:
        """Write the step as it is; `usage` is kept beside it until it ends."""
        if usage:
            self._results = self._results.evolve(usage=usage)
        await self._write(self._step)

    async def close(self, status: StepStatus = "completed", error: LastError | None = None) -> None:
        """End the step; the event still says when the run would have expired (contract section 5)."""
        journal, usage = self._journal, self._results.usage
        expires_at = self._step.expires_at
        await self._write(self._step.end(status, clock.seconds(), usage=usage, last_error=error))
        journal.usage += usage
        shown = self._step.evolve(expires_at=expires_at).show(journal.include)
        journal.publish(f"thread.run.step.{status}", shown)

    async def _write(self, step: RunStep) -> None:
        """Make `step`, with the calls as they are now, the step of this writer and of the database."""
        self._step = step.evolve(step_details=ToolCalls().evolve(tool_calls=self._show_calls()))
        await self._journal.write(
            conversations.save_step, self._step, self._results.model_dump_json()
        )

    def _show_calls(self) -> tuple[ToolCall, ...]:
        """Return the calls with all that came of their arguments."""
        for index, call in self._growing.items():
            self._calls[index] = call.face.show(call.id, call.arguments, self._journal.run)
        return tuple(self._calls)

    def _publish_part(self, index: int, face: CallFace, part: Mapping[str, Any] | None) -> None:
        """Send what is new of a call; only its first delta carries the id (trap 4)."""
        if part:
            self._publish(index, {"type": face.type, face.type: part})

    def _publish(self, index: int, call: Mapping[str, Any]) -> None:
        self._journal.publish_delta(
            "thread.run.step",
            self._step.id,
            {"step_details": {"type": "tool_calls", "tool_calls": [{"index": index, **call}]}},
        )
