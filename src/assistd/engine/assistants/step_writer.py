"""Writes one step of tool calls, from its first event to its last (contract section 6)."""

from typing import Any, Self

from assistd import clock, ids
from assistd.db import conversations
from assistd.engine.assistants.journal import Journal, StepResults
from assistd.engine.tools.code_outcome import CodeOutcome
from assistd.objects.run import FunctionCallArguments, LastError, RequiredCall
from assistd.objects.run_step import (
    CodeExecution,
    CodeToolCall,
    FunctionExecution,
    FunctionToolCall,
    RunStep,
    StepStatus,
    ToolCall,
    ToolCalls,
)
from assistd.objects.usage import Usage


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

    @classmethod
    async def open(cls, journal: Journal) -> Self:
        """Begin a step that has no calls yet."""
        step = RunStep.begin(ids.new("step"), clock.seconds(), journal.run, ToolCalls())
        await journal.write(conversations.add_step, step)
        journal.publish_begun("thread.run.step", step)
        return cls(journal, step, StepResults())

    def begin_code(self) -> int:
        """Begin a code call; returns its index."""
        call = CodeToolCall(id=ids.new("call"), code_interpreter=CodeExecution(input=""))
        self._calls.append(call)
        return self._publish_begin(call.id, {"code_interpreter": {"input": "", "outputs": []}})

    def begin_function(self, name: str) -> int:
        """Begin a call of a client's function; returns its index."""
        call = FunctionToolCall(
            id=ids.new("call"), function=FunctionExecution(name=name, arguments="")
        )
        self._calls.append(call)
        return self._publish_begin(
            call.id, {"function": {"name": name, "arguments": "", "output": None}}
        )

    def add_code(self, index: int, code: str) -> None:
        """Add code to a call."""
        call = self._code_call(index)
        execution = call.code_interpreter
        self._calls[index] = call.evolve(
            code_interpreter=execution.evolve(input=execution.input + code)
        )
        self._delta(index, {"code_interpreter": {"input": code}})

    def add_arguments(self, index: int, arguments: str) -> None:
        """Add to the JSON arguments of a function call."""
        call = self._calls[index]
        assert isinstance(call, FunctionToolCall)
        function = call.function
        self._calls[index] = call.evolve(
            function=function.evolve(arguments=function.arguments + arguments)
        )
        self._delta(index, {"function": {"arguments": arguments}})

    def list_unanswered(self) -> tuple[RequiredCall, ...]:
        """The function calls the client still has to answer."""
        return tuple(
            RequiredCall(
                id=call.id,
                function=FunctionCallArguments(
                    name=call.function.name, arguments=call.function.arguments
                ),
            )
            for call in self._calls
            if isinstance(call, FunctionToolCall) and call.function.output is None
        )

    async def finish_code(self, index: int, outcome: CodeOutcome, *, closes: bool) -> None:
        """Record what came of a code call: one delta with all outputs, none where there are none.

        Where it `closes` the step, that is one write, too.

        The step shows the code that ran, from then on also where deltas had it with a slip.
        """
        call, journal = self._code_call(index), self._journal
        code = call.code_interpreter.input if outcome.repaired is None else outcome.repaired
        self._calls[index] = call.evolve(
            code_interpreter=call.code_interpreter.evolve(input=code, outputs=outcome.outputs)
        )
        self._results = self._results.evolve(
            code={**self._results.code, call.id: outcome.result},
            pictures=self._results.pictures + outcome.pictures,
            files=self._results.files + outcome.files,
        )
        journal.pictures.extend(outcome.pictures)
        journal.forget(outcome.removed)
        journal.files.extend(outcome.files)
        if outcome.outputs:
            outputs = [{"index": n, **each.model_dump()} for n, each in enumerate(outcome.outputs)]
            self._delta(index, {"code_interpreter": {"outputs": outputs}})
        await (self.close() if closes else self.save())

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
        journal.publish(f"thread.run.step.{status}", self._step.evolve(expires_at=expires_at))

    async def _write(self, step: RunStep) -> None:
        """Make `step`, with the calls as they are now, the step of this writer and of the database."""
        self._step = step.evolve(step_details=ToolCalls(tool_calls=tuple(self._calls)))
        await self._journal.write(
            conversations.save_step, self._step, self._results.model_dump_json()
        )

    def _code_call(self, index: int) -> CodeToolCall:
        call = self._calls[index]
        assert isinstance(call, CodeToolCall)
        return call

    def _publish_begin(self, call_id: str, face: dict[str, Any]) -> int:
        index = len(self._calls) - 1
        self._delta(index, face, id=call_id)
        return index

    def _delta(self, index: int, face: dict[str, Any], **extra: str) -> None:
        """Send part of a call; only its first delta carries the id (trap 4)."""
        kind = next(iter(face))
        call = {"index": index, **extra, "type": kind, **face}
        self._journal.publish_delta(
            "thread.run.step",
            self._step.id,
            {"step_details": {"type": "tool_calls", "tool_calls": [call]}},
        )
