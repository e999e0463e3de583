"""The recorder: the only writer during a run. Deltas become messages, steps, usage and events."""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal

from assistd.db import conversations, nouns, runs
from assistd.db.conversations import RecordedStep
from assistd.engine.agent.ask import Spent, TokenLimit
from assistd.engine.assistants.faces.base import ToolFace
from assistd.engine.assistants.faces.registry import FACES
from assistd.engine.assistants.journal import INTERRUPTED, Journal, results_of
from assistd.engine.assistants.message_writer import IncompleteReason, MessageWriter
from assistd.engine.assistants.step_writer import StepWriter
from assistd.engine.jobs import finish_despite_cancel
from assistd.engine.kept_timelines import keep
from assistd.engine.tools.base import ToolOutcome
from assistd.models.base import (
    Delta,
    Finished,
    FinishReason,
    FunctionDelta,
    FunctionStarted,
    HostedDelta,
    HostedRejected,
    HostedStarted,
    ReasoningDelta,
    RefusalDelta,
    SummaryDelta,
    TextDelta,
    Tokens,
)
from assistd.objects.run import (
    TERMINAL,
    IncompleteRun,
    LastError,
    RequiredAction,
    RequiredCalls,
    RunStatus,
)
from assistd.objects.run_step import MessageCreation, StepStatus
from assistd.objects.usage import Usage

_REASONS: dict[str, IncompleteReason] = {
    "cancelled": "run_cancelled",
    "expired": "run_expired",
    "failed": "run_failed",
}
"""How a run that ends early leaves a message that was being written."""


class Recorder:
    """The `Record` of a run: writes rows and events, from `reopen` to an ending or a wait.

    A write and the events that tell of it belong together: they come to their end even where the run
    is stopped meanwhile (`finish_despite_cancel`).

    Args:
        journal: what its writers share.
        faces: of the hosted tools that a run can have.
    """

    def __init__(self, journal: Journal, faces: Mapping[str, ToolFace] = FACES) -> None:
        self.journal = journal
        self._faces = faces
        self._message: MessageWriter | None = None
        self._step: StepWriter | None = None
        self._places: dict[int, int] = {}  # of calls in the step, by the index in their deltas
        self._last_usage = Usage()  # of the message that `complete` will end

    async def reopen(self) -> Spent | None:
        """Close the step that waited for the client's outputs, or what a dead process left open.

        Returns:
            See `Record.reopen`.
        """
        if self.journal.run.started_at is None:
            return Spent()
        steps = await self._read_steps()
        await self._interrupt_message()
        if self._step and not self._step.has_calls:
            await self._close_step("failed", INTERRUPTED)
        if self._step:
            await finish_despite_cancel(self._step.interrupt(self._faces))
            if self._step.list_unanswered():
                await self.wait_for_client()
                return None
        await self._close_step()
        usage = self.journal.usage
        turns = sum(recorded.step.type == "tool_calls" for recorded in steps)
        return Spent(turns, usage.prompt_tokens, usage.completion_tokens)

    async def begin(self) -> None:
        """Bring the run from `queued` to `in_progress`, if its last process has not."""
        if self.journal.run.status == "in_progress":
            return
        self.journal.publish("thread.run.queued", self.journal.run)
        await self._move("in_progress")

    async def take(self, delta: Delta) -> None:
        """Write text into a message, calls into a step."""
        match delta:
            case TextDelta(text) | RefusalDelta(text):
                await self._add_text(text)
            case HostedStarted(index, tool):
                self._places[index] = (await self._open_step()).begin_hosted(self._faces[tool])
            case FunctionStarted(index, name):
                self._places[index] = (await self._open_step()).begin_function(name)
            case HostedDelta(index, arguments) | FunctionDelta(index, arguments):
                (await self._open_step()).add(self._places[index], arguments)
            case HostedRejected() | ReasoningDelta() | SummaryDelta():
                pass  # the outcome says the one, and messages have no place for the other
            case Finished(reason, tokens):
                await self._finish_turn(reason, _usage(tokens))
        await asyncio.sleep(0)  # who listens hears of it before the next, however fast they come

    async def finish_call(self, index: int, outcome: ToolOutcome, *, is_last: bool) -> None:
        """Record what came of a call of a hosted tool; with the last of its step the step is closed."""
        assert self._step
        step = self._step
        if is_last:
            self._step = None
        await finish_despite_cancel(step.finish(self._places[index], outcome, closes=is_last))

    async def complete(self) -> None:
        """End the run well, and with it the message that is its answer."""
        await finish_despite_cancel(self._complete())

    async def _complete(self) -> None:
        assert self._message
        await self._message.close(self._last_usage, completes_run=True)
        self._message = None

    async def end_at_limit(self, limit: TokenLimit) -> None:
        """End the run at a limit on its tokens (contract section 6.8)."""
        await self._close_step()
        await self._move(
            "incomplete",
            usage=self.journal.usage,
            incomplete_details=IncompleteRun(reason=limit),
        )

    async def wait_for_client(self) -> None:
        """Hand the function calls to the client; the step stays open (contract section 6.6)."""
        assert self._step
        calls = self._step.list_unanswered()
        action = RequiredAction(submit_tool_outputs=RequiredCalls(tool_calls=calls))
        await self._move("requires_action", required_action=action)
        self._step = None

    async def end(
        self, status: Literal["failed", "expired", "cancelled"], error: LastError | None = None
    ) -> None:
        """End the run early, and with it what is open (contract sections 6.5, 6.7, 6.9)."""
        if not (self._message or self._step):
            await self._read_steps()
        if message := self._message:
            self._message = None
            await message.close(Usage(), step_status=status, reason=_REASONS[status], error=error)
        if step := self._step:
            self._step = None
            await step.close(status, error)
        if status == "cancelled":
            self.journal.publish(
                "thread.run.cancelling", self.journal.run.evolve(status="cancelling")
            )
        await self._move(status, usage=self.journal.usage, last_error=error)

    async def give_back(self) -> None:
        """Leave the run for another process to go on with, if it has not come to its end or a wait."""
        if self.journal.run.status in {"queued", "in_progress"}:
            await self._interrupt_message()
            await self.journal.write(runs.give_back, self.journal.run.id)

    async def adopt(self) -> bool:
        """Tell of the ending that somebody else gave the run, such as who took over its lapsed lease.

        Returns:
            Whether the run has ended.
        """
        journal = self.journal
        now = await journal.database.run(nouns.runs.get, journal.run.id)
        if now.status in TERMINAL and now.status != journal.run.status:
            journal.move(now)
        return now.status in TERMINAL

    async def _read_steps(self) -> list[RecordedStep]:
        """Read the run's steps; go on with the message or the step that was left open, if one was."""
        journal = self.journal
        steps = await journal.database.run(conversations.steps, journal.run.id)
        journal.recall(steps)
        for recorded in steps:  # there is never a second one
            if recorded.step.status == "in_progress":
                self._go_on(recorded)
        return steps

    def _go_on(self, recorded: RecordedStep) -> None:
        details = recorded.step.step_details
        if isinstance(details, MessageCreation):
            created = details.message_creation
            self._message = MessageWriter.reopen(self.journal, recorded.step, created)
        else:
            self._step = StepWriter(self.journal, recorded.step, results_of(recorded))

    async def _finish_turn(self, reason: FinishReason, usage: Usage) -> None:
        """Keep the turn's tokens for its open step, or for the message; close that if it was cut off."""
        if self._step:
            await finish_despite_cancel(self._step.save(usage))
            return
        await self._add_text("")
        assert self._message
        cut: dict[str, IncompleteReason] = {
            "length": "max_tokens",
            "content_filter": "content_filter",
        }
        if reason in cut:
            await self._close_message(self._message, usage, cut[reason])
        else:
            self._last_usage = usage

    async def _add_text(self, text: str) -> None:
        """Add to the message; one that begins is told of together with its first words."""
        if self._message is None:
            await finish_despite_cancel(self._begin_message(text))
        else:
            self._message.write(text)

    async def _begin_message(self, text: str) -> None:
        self._message = await MessageWriter.open(self.journal)
        self._message.write(text)

    async def _close_message(
        self, message: MessageWriter, usage: Usage, reason: IncompleteReason | None = None
    ) -> None:
        self._message = None
        await finish_despite_cancel(message.close(usage, reason=reason))

    async def _interrupt_message(self) -> None:
        if self._message:
            message, self._message = self._message, None
            await finish_despite_cancel(message.interrupt())

    async def _open_step(self) -> StepWriter:
        """Return the turn's step; text before it is a message of its own, complete by now (trap 11)."""
        if self._message:
            await self._close_message(self._message, Usage())
        if self._step is None:
            await finish_despite_cancel(self._begin_step())
        assert self._step
        return self._step

    async def _begin_step(self) -> None:
        self._step = await StepWriter.open(self.journal)

    async def _move(self, status: RunStatus, **changes: Any) -> None:
        await finish_despite_cancel(self._write_move(status, **changes))

    async def _write_move(self, status: RunStatus, **changes: Any) -> None:
        journal = self.journal
        timeline = None if status == "in_progress" else keep(journal.timeline)
        moved = await journal.write(runs.move, journal.run.id, status, timeline=timeline, **changes)
        journal.move(moved)

    async def _close_step(
        self, status: StepStatus = "completed", error: LastError | None = None
    ) -> None:
        if self._step:
            step, self._step = self._step, None
            await finish_despite_cancel(step.close(status, error))


def _usage(tokens: Tokens) -> Usage:
    return Usage.of(
        prompt=tokens.prompt,
        completion=tokens.completion,
        cached=tokens.cached,
        reasoning=tokens.reasoning,
    )
