"""The recorder of a response: deltas become items and events, one item after the other."""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from assistd import clock
from assistd.engine.agent.ask import Spent, TokenLimit
from assistd.engine.jobs import finish_despite_cancel
from assistd.engine.responses.recording.calls import (
    WRITERS,
    CallWriter,
    FunctionCallWriter,
    HostedCallWriter,
)
from assistd.engine.responses.recording.journal import Journal
from assistd.engine.responses.recording.texts import MessageWriter, ReasoningWriter
from assistd.engine.tools.base import ToolOutcome
from assistd.engine.tools.code_outcome import CodeOutcome
from assistd.models.base import (
    Delta,
    Finished,
    FunctionDelta,
    FunctionStarted,
    HostedDelta,
    HostedStarted,
    ReasoningDelta,
    RefusalDelta,
    SummaryDelta,
    TextDelta,
    Tokens,
)
from assistd.objects.responses.item import FunctionCall, ItemStatus
from assistd.objects.responses.response import (
    IncompleteResponse,
    Response,
    ResponseError,
    SchemaFormat,
)

Save = Callable[[Response], Coroutine[Any, Any, None]]
"""Writes a response as it is from now on, with the items and events of the journal."""
Pause = Callable[[], Awaitable[None]]
"""Lets who listens hear of what was told, however fast more comes."""
ReadPicture = Callable[[str], Awaitable[str | None]]
"""Returns a picture as a data URL, by its file id; None where it is gone."""


@dataclass(slots=True)
class _Call:
    """A call that the model makes, while it waits for those before it (responses, trap 54).

    Args:
        open: tells of it, and returns its writer.
        is_function: whether the client carries it out.
        arguments: what came of them before it was told of.
        writer: writes it, once it was told of.
    """

    open: Callable[[], CallWriter]
    is_function: bool = False
    arguments: list[str] = field(default_factory=list[str])
    writer: CallWriter | None = None


class ItemRecorder:
    """The `Record` of a response.

    Calls of one answer come one after the other, though a model may make several at once: a call is
    told of when those before it have ended.

    Args:
        journal: what the writers share.
        save: see `Save`.
        read_picture: see `ReadPicture`.
        pause: see `Pause`.
    """

    def __init__(
        self, journal: Journal, save: Save, read_picture: ReadPicture, pause: Pause
    ) -> None:
        self._journal = journal
        self._save = save
        self._read_picture = read_picture
        self._pause = pause
        self._has_begun = False
        self._thought: ReasoningWriter | None = None
        self._message: MessageWriter | None = None
        self._calls: dict[int, _Call] = {}
        self._waiting: deque[int] = deque()  # calls that have not ended, the first of them open
        self._is_whole = False  # whether the answer has come to its end
        self.was_filtered = False
        """Whether the content filter of the model's upstream stopped its answer."""
        self._held: list[TextDelta] | None = None  # text of which it is not known yet what it is

    async def reopen(self) -> Spent | None:
        """Go on with what another process made; see `recovery`. None waits for the client (responses, trap 2)."""
        journal = self._journal
        items = (each.item for each in journal.items)
        if any(isinstance(item, FunctionCall) and item.status == "completed" for item in items):
            await self.wait_for_client()
            return None
        calls, usage = journal.count_hosted_calls(), journal.usage
        return Spent(calls, usage.input_tokens, usage.output_tokens)

    async def begin(self) -> None:
        """Tell that the response is made now, if another process has not."""
        self._has_begun = True
        journal = self._journal
        if journal.response.background and journal.response.status == "in_progress":
            return
        if journal.response.background:  # those who wait for it know that it is there
            journal.response = journal.response.evolve(status="in_progress")
            journal.tell_response("response.in_progress", journal.response)
            await self._save(journal.response)
        else:
            journal.tell_response("response.created", journal.response)
            journal.tell_response("response.in_progress", journal.response)

    async def take(self, delta: Delta) -> None:
        """Write a part of the answer."""
        await self._write(delta)
        if not self._is_whole or self._waiting:  # else the end is written at once, with all of this
            await self._pause()

    async def _write(self, delta: Delta) -> None:
        if self._is_whole:  # it is the first of another answer
            self._is_whole = False
            self._calls.clear()
        match delta:
            case ReasoningDelta(text):
                (await self._open_thought()).write(text)
            case SummaryDelta(part, text):
                (await self._open_thought()).summarize(part, text)
            case TextDelta():
                await self._add_text(delta)
            case RefusalDelta(text):
                await (await self._open_message()).refuse(text)
            case HostedStarted(index, tool):
                await self._add_call(index, _Call(partial(WRITERS[tool], self._journal)))
            case FunctionStarted(index, name):
                opening = partial(FunctionCallWriter, self._journal, name)
                await self._add_call(index, _Call(opening, is_function=True))
            case HostedDelta(index, arguments) | FunctionDelta(index, arguments):
                call = self._calls[index]
                (call.writer.write if call.writer else call.arguments.append)(arguments)
            case Finished(reason, tokens):
                await self._finish_answer(reason, tokens)
            case _:
                pass  # what was rejected is told by its outcome

    async def finish_call(self, index: int, outcome: ToolOutcome, *, is_last: bool) -> None:
        """End a call of a hosted tool, and go on with the next."""
        del is_last
        pictures: dict[str, str] = {}
        if isinstance(outcome, CodeOutcome):
            for file_id in outcome.pictures:
                if url := await self._read_picture(file_id):
                    pictures[file_id] = url
        writer: Any = self._calls[index].writer
        hosted: HostedCallWriter = writer
        hosted.finish(outcome, pictures)
        self._waiting.popleft()
        self._open_next()
        await self._pause()

    async def complete(self) -> None:
        """End well."""
        await self._end("completed")

    async def wait_for_client(self) -> None:
        """End well: the client carries the calls out, and begins another response (responses, trap 2)."""
        await self._end("completed")

    async def end_at_limit(self, limit: TokenLimit) -> None:
        """End at the limit of tokens (contract, responses, 6.8)."""
        del limit  # there is but one
        details = IncompleteResponse(reason="max_output_tokens")
        await self._end("incomplete", incomplete_details=details)

    async def end_at_filter(self) -> None:
        """End because the content filter of the model's upstream stopped its answer."""
        details = IncompleteResponse(reason="content_filter")
        await self._end("incomplete", incomplete_details=details)

    async def fail(self, error: ResponseError) -> None:
        """End because of an error: the open item is closed, then the error is told of (responses, trap 13)."""
        if not (self._has_begun or self._journal.response.background):
            await self.begin()
        await self._close_open("failed")
        self._journal.tell("error", error=error.model_dump())
        await self._end("failed", error=error)

    async def _end(self, status: Any, **changes: Any) -> None:
        journal = self._journal
        if status != "failed":
            changes["usage"] = journal.usage
        journal.response = journal.response.end(status, clock.seconds(), **changes)
        journal.tell_response(f"response.{status}", journal.show(journal.response))
        await finish_despite_cancel(self._save(journal.response))

    async def _add_text(self, delta: TextDelta) -> None:
        if self._held is not None or (self._message is None and self._may_be_commentary()):
            self._held = [*(self._held or ()), delta]
        else:
            (await self._open_message()).write(delta.text, delta.logprobs)

    def _may_be_commentary(self) -> bool:
        """Whether text may stand before a call though the answer must be of a schema (responses, trap 61)."""
        response = self._journal.response
        return isinstance(response.text.format, SchemaFormat) and bool(response.tools)

    async def _tell_held(self, phase: Any = None) -> None:
        """Tell of text that was held until it was known what kind of message it is."""
        if self._held is not None:
            held, self._held = self._held, None
            logprobs = [token for delta in held for token in delta.logprobs]
            text = "".join(delta.text for delta in held)
            (await self._open_message(phase)).write(text, logprobs)

    async def _open_message(self, phase: Any = None) -> MessageWriter:
        self._close_thought()
        if self._message is None:
            self._message = MessageWriter(self._journal, phase)
            await self._message.open()
        return self._message

    async def _close_message(self, status: ItemStatus = "completed") -> None:
        if self._message:
            message, self._message = self._message, None
            await message.close(status)

    async def _open_thought(self) -> ReasoningWriter:
        await self._close_message()
        self._thought = self._thought or ReasoningWriter(self._journal)
        return self._thought

    def _close_thought(self) -> None:
        if self._thought:
            thought, self._thought = self._thought, None
            thought.close()

    async def _add_call(self, index: int, call: _Call) -> None:
        """Begin a call: what was said before it is complete (responses, trap 53), and so is a function before it."""
        self._close_thought()
        await self._tell_held("commentary")
        await self._close_message()
        self._end_function()
        self._calls[index] = call
        self._waiting.append(index)
        if len(self._waiting) == 1:
            self._open_next()

    def _open_next(self) -> None:
        """Tell of the calls whose turn it is, with all that came of them."""
        while self._waiting:
            call = self._calls[self._waiting[0]]
            call.writer = call.open()
            for arguments in call.arguments:
                call.writer.write(arguments)
            if not self._is_whole:
                return
            call.writer.finish_arguments()
            if not call.is_function:
                return
            self._waiting.popleft()

    def _end_function(self) -> None:
        """End the call that is open, if it is one of a function: another call begins."""
        if self._waiting and self._calls[self._waiting[0]].is_function:
            writer = self._calls[self._waiting.popleft()].writer
            assert writer
            writer.finish_arguments()

    async def _finish_answer(self, reason: str, tokens: Tokens) -> None:
        journal = self._journal
        journal.usage = journal.usage.add(
            prompt=tokens.prompt,
            completion=tokens.completion,
            cached=tokens.cached,
            reasoning=tokens.reasoning,
        )
        if reason in {"length", "content_filter"}:
            self.was_filtered = reason == "content_filter"
            await self._close_open("incomplete")
            return
        self._is_whole = True
        self._close_thought()
        await self._tell_held()
        if self._waiting:
            writer = self._calls[self._waiting[0]].writer
            assert writer
            writer.finish_arguments()
            if self._calls[self._waiting[0]].is_function:
                self._waiting.popleft()
        elif not self._calls:
            await self._open_message()  # an answer has a message, also where it says nothing
            await self._close_message()

    async def _close_open(self, status: str) -> None:
        """End what is open, though it is not complete; what was not told of yet never was."""
        self._close_thought()
        await self._tell_held()
        await self._close_message("incomplete")
        if self._waiting and (writer := self._calls[self._waiting[0]].writer):
            writer.cut_off(status)
        self._waiting.clear()
