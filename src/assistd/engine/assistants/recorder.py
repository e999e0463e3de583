"""The recorder: the only writer during a run. Deltas become messages, steps, usage and events."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

from assistd.db import nouns, runs
from assistd.engine.assistants.journal import Journal, open_step, results_of
from assistd.engine.assistants.message_writer import IncompleteReason, MessageWriter
from assistd.engine.assistants.step_writer import CodeOutcome, StepWriter
from assistd.models.base import (
    CodeDelta,
    CodeRejected,
    CodeStarted,
    Delta,
    Finished,
    FinishReason,
    FunctionDelta,
    FunctionStarted,
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
from assistd.objects.run_step import MessageCreation
from assistd.objects.usage import Usage

TokenLimit = Literal["max_completion_tokens", "max_prompt_tokens"]

_REASONS: dict[str, IncompleteReason] = {
    "cancelled": "run_cancelled",
    "expired": "run_expired",
    "failed": "run_failed",
}
"""How a run that ends early leaves a message that was being written."""


@dataclass(slots=True)
class Answer:
    """One turn of the model, recorded.

    Args:
        reason: why the model stopped.
        code: index and code of the calls to run, in order.
        rejected: index of a code call -> why it cannot be run.
        functions: whether the client has calls to make.
    """

    reason: FinishReason = "stop"
    code: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    rejected: dict[int, str] = field(default_factory=dict[int, str])
    functions: bool = False


class Recorder:
    """Records one run, from `begin` to one of the endings or to its wait for the client."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._message: MessageWriter | None = None
        self._step: StepWriter | None = None
        self._places: dict[int, int] = {}
        self._last_usage = Usage()  # of the message that `complete` will end

    async def reopen(self) -> None:
        """Close the step that waited for the client's outputs, if there is one."""
        if self.journal.run.started_at is not None:
            await self._reopen()
            await self.finish_step()

    async def begin(self, deltas: AsyncGenerator[Delta]) -> Answer:
        """Bring the run from `queued` to `in_progress` while the model is asked, and record its answer.

        Args:
            deltas: of an answer that was not asked for yet; to be closed by the caller.
        """
        first = asyncio.ensure_future(anext(deltas))
        try:
            await asyncio.sleep(0)  # the question leaves first, and what is written takes no time
            self.journal.publish("thread.run.queued", self.journal.run)
            await self._move("in_progress")
            return await self.follow(deltas, first)
        finally:
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)  # `deltas` can be closed now

    async def follow(
        self, deltas: AsyncIterator[Delta], first: Awaitable[Delta] | None = None
    ) -> Answer:
        """Record the model's answer as it streams; `first` is its first delta, asked for already."""
        answer = Answer()
        self._places.clear()
        if first:
            await self._take(await first, answer)
        async for delta in deltas:
            await self._take(delta, answer)
        if self._step:
            answer.code = self._step.code_calls()
            answer.functions = bool(self._step.unanswered())
        return answer

    async def finish_code(self, index: int, outcome: CodeOutcome, *, is_last: bool) -> None:
        """Record what came of a code call; with the last of its step the step is closed."""
        assert self._step
        step = self._step
        if is_last:
            self._step = None
        await _whole(step.finish_code(index, outcome, closes=is_last))

    async def finish_step(self) -> None:
        """Close the step: every call in it is answered."""
        if self._step:
            step, self._step = self._step, None
            await _whole(step.close())

    async def require_action(self) -> None:
        """Hand the function calls to the client; the step stays open (contract section 6.6)."""
        assert self._step
        calls = self._step.unanswered()
        action = RequiredAction(submit_tool_outputs=RequiredCalls(tool_calls=calls))
        await self._move("requires_action", required_action=action)
        self._step = None

    async def complete(self) -> None:
        """End the run well, and with it the message that is its answer."""
        await _whole(self._complete())

    async def _complete(self) -> None:
        assert self._message
        await self._message.close(self._last_usage, completes_run=True)
        self._message = None

    async def incomplete(self, reason: TokenLimit) -> None:
        """End the run at a limit on its tokens (contract section 6.8)."""
        await self.finish_step()
        await self._move(
            "incomplete",
            usage=self.journal.usage,
            incomplete_details=IncompleteRun(reason=reason),
        )

    async def end(
        self, status: Literal["failed", "expired", "cancelled"], error: LastError | None = None
    ) -> None:
        """End the run early, and with it what is open (contract sections 6.5, 6.7, 6.9)."""
        if not (self._message or self._step):
            await self._reopen()
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

    async def _reopen(self) -> None:
        """Go on with the message or the step that was left open, if one was."""
        recorded = await open_step(self.journal)
        if recorded is None:
            return
        details = recorded.step.step_details
        if isinstance(details, MessageCreation):
            self._message = MessageWriter.reopen(
                self.journal, recorded.step, details.message_creation
            )
        else:
            self._step = StepWriter(self.journal, recorded.step, results_of(recorded))

    async def _take(self, delta: Delta, answer: Answer) -> None:
        match delta:
            case TextDelta(text):
                await self._say(text)
            case CodeStarted(index):
                self._places[index] = (await self._open_step()).begin_code()
            case FunctionStarted(index, name):
                self._places[index] = (await self._open_step()).begin_function(name)
            case CodeDelta(index, code):
                (await self._open_step()).add_code(self._places[index], code)
            case FunctionDelta(index, arguments):
                (await self._open_step()).add_arguments(self._places[index], arguments)
            case CodeRejected(index, reason):
                answer.rejected[self._places[index]] = reason
            case Finished(reason, tokens):
                answer.reason = reason
                await self._finish_turn(reason, _usage(tokens))
        await asyncio.sleep(0)  # who listens hears of it before the next, however fast they come

    async def _finish_turn(self, reason: FinishReason, usage: Usage) -> None:
        """Keep the turn's tokens for its open step, or for the message; close that if it was cut off."""
        if self._step:
            await _whole(self._step.save(usage))
            return
        await self._say("")
        assert self._message
        cut: dict[str, IncompleteReason] = {
            "length": "max_tokens",
            "content_filter": "content_filter",
        }
        if reason in cut:
            await self._close_message(self._message, usage, cut[reason])
        else:
            self._last_usage = usage

    async def _say(self, text: str) -> None:
        """Add to the message; one that begins is told of together with its first words."""
        if self._message is None:
            await _whole(self._begin_message(text))
        else:
            self._message.write(text)

    async def _begin_message(self, text: str) -> None:
        self._message = await MessageWriter.open(self.journal)
        self._message.write(text)

    async def _close_message(
        self, message: MessageWriter, usage: Usage, reason: IncompleteReason | None = None
    ) -> None:
        self._message = None
        await _whole(message.close(usage, reason=reason))

    async def _open_step(self) -> StepWriter:
        """The turn's step; text before it is a message of its own, complete by now (trap 11)."""
        if self._message:
            await self._close_message(self._message, Usage())
        if self._step is None:
            await _whole(self._begin_step())
        assert self._step
        return self._step

    async def _begin_step(self) -> None:
        self._step = await StepWriter.open(self.journal)

    async def _move(self, status: RunStatus, **changes: Any) -> None:
        await _whole(self._moved(status, **changes))

    async def _moved(self, status: RunStatus, **changes: Any) -> None:
        journal = self.journal
        journal.move(await journal.write(runs.move, journal.run.id, status, **changes))


async def _whole(writing: Coroutine[Any, Any, None]) -> None:
    """Bring a write and the events that tell of it to their end, even where the run is stopped meanwhile."""
    task = asyncio.ensure_future(writing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        task.exception()  # looked at, or asyncio complains; being stopped matters more
        raise


def _usage(tokens: Tokens) -> Usage:
    return Usage.of(
        prompt=tokens.prompt,
        completion=tokens.completion,
        cached=tokens.cached,
        reasoning=tokens.reasoning,
    )
