"""The story of an agent: ask the model, record what it says, do what it asks, until it is done."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from assistd import metrics, telemetry
from assistd.engine.agent.ask import Ask, Spent, TokenLimit, build_request, find_limit
from assistd.engine.agent.record import Conversation, Record
from assistd.engine.timeline import begin_turn, end_turn, spanning
from assistd.errors import AssistdError
from assistd.models.base import (
    Backend,
    Delta,
    Finished,
    FinishReason,
    FunctionStarted,
    HostedDelta,
    HostedRejected,
    HostedStarted,
    Model,
    ModelError,
    Tokens,
)
from assistd.tracing import spans


class _LimitError(AssistdError):
    """The ask may spend no more tokens."""

    def __init__(self, limit: TokenLimit) -> None:
        super().__init__(limit)
        self.limit: TokenLimit = limit


@dataclass(slots=True)
class _Call:
    """A call of a hosted tool, while it comes."""

    tool: str
    arguments: list[str] = field(default_factory=list[str])
    rejected: str = ""


@dataclass(slots=True)
class Answer:
    """What the loop needs to know of one answer of the model, while it comes.

    Args:
        reason: why the model stopped.
        tokens: what the answer cost.
        calls: the calls of hosted tools by their index, in order.
        has_functions: whether the client has calls to make.
    """

    reason: FinishReason = "stop"
    tokens: Tokens = field(default_factory=Tokens)
    calls: dict[int, _Call] = field(default_factory=dict[int, _Call])
    has_functions: bool = False

    def add(self, delta: Delta) -> None:
        """Take the next delta."""
        match delta:
            case HostedStarted(index, tool):
                self.calls[index] = _Call(tool)
            case HostedDelta(index, arguments):
                self.calls[index].arguments.append(arguments)
            case HostedRejected(index, reason):
                self.calls[index].rejected = reason
            case FunctionStarted():
                self.has_functions = True
            case Finished(reason, tokens):
                self.reason, self.tokens = reason, tokens
            case _:
                pass


async def run_loop(
    ask: Ask,
    conversation: Conversation,
    record: Record,
    resolve: Callable[[str], Model],
    meter: Callable[[Tokens], None] | None = None,
) -> None:
    """Work on an ask until it is done, waits for the client or has used up its tokens.

    Args:
        ask: what is wanted.
        conversation: what was said and done; read anew before each question.
        record: is told what happens.
        resolve: finds the model that answers for a name.
        meter: counts what each answer cost.

    Raises:
        ModelError: the model's upstream failed for good, or its content filter stopped the answer.
        BusyError: every session is in use, and stayed so.
        SandboxError: no session can be had.
    """
    reopened = await record.reopen()
    if reopened is None:
        return
    spent, is_done, begins = reopened, False, True
    while not is_done:
        begin_turn()
        with telemetry.measuring("model_turn"):
            try:
                async with aclosing(_ask_model(ask, conversation, spent, resolve)) as deltas:
                    answer = await record_answer(record, deltas, begins=begins)
            except _LimitError as error:
                await record.end_at_limit(error.limit)
                return
            begins = False
            spent = spent.add(answer.tokens)
            end_turn(answer.reason, answer.tokens)
            if meter:
                meter(answer.tokens)
            if answer.reason not in {"length", "content_filter"}:
                await _run_calls(ask, record, answer)
            is_done = await _end_turn(record, answer)


async def record_answer(
    record: Record, deltas: AsyncGenerator[Delta], *, begins: bool = False
) -> Answer:
    """Tell the record each delta as it comes.

    Args:
        record: is told.
        deltas: of an answer that was not asked for yet; to be closed by the caller.
        begins: whether it is the first answer, with which the record begins.
    """
    answer = Answer()
    if begins:
        delta = await _begin(record, deltas)
        answer.add(delta)
        await record.take(delta)
    async for delta in deltas:
        answer.add(delta)
        await record.take(delta)
    return answer


async def _begin(record: Record, deltas: AsyncGenerator[Delta]) -> Delta:
    """Begin the record while the model is asked; return the first delta.

    One after the other would be `await record.begin()` and `await anext(deltas)`. But to begin is a
    write and some events, and the model needs longer still: done at once, the first token comes some
    2 ms earlier (4.5 to 2.5 ms, decision 0032). What the reader of a stream was told before is held
    back for the same reason, and woken with the first event of `begin` (`Feed`).
    """
    first = asyncio.ensure_future(anext(deltas))
    try:
        await asyncio.sleep(0)  # the question leaves first
        await record.begin()
        return await first
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)  # `deltas` can be closed now


async def _ask_model(
    ask: Ask, conversation: Conversation, spent: Spent, resolve: Callable[[str], Model]
) -> AsyncGenerator[Delta]:
    """Yield the model's answer to all that was said and done so far.

    Raises:
        ModelError: there is no such model, its upstream failed for good, or it calls tools for ever.
        _LimitError: no more tokens may be spent.
    """
    if spent.turns > ask.max_turns:
        raise ModelError(
            "server_error", f"The model still called tools after {ask.max_turns} turns."
        )
    telemetry.count("turns")
    model = resolve(ask.model)
    with spanning("prompt"):
        request = build_request(ask, await conversation.read(vision=model.vision), spent)
    if limit := find_limit(ask, request, spent):
        raise _LimitError(limit)
    watch = _Watch(model.backend, ask.model)
    async with aclosing(model.stream(request)) as deltas:
        with spanning("model_wait"):
            first = await anext(deltas)
        with spanning("model"):
            watch.take(first)
            yield first
            async for delta in deltas:
                watch.take(delta)
                yield delta


class _Watch:
    """Counts how long an answer takes, and how many tokens.

    Args:
        backend: who answers.
        name: the name that was asked for.
    """

    __slots__ = ("_began", "_first", "_labels", "_name")

    def __init__(self, backend: Backend, name: str) -> None:
        self._labels, self._name = (backend, name), name
        self._began, self._first = time.perf_counter(), 0.0

    def take(self, delta: Delta) -> None:
        """Take the next delta of the answer."""
        if not self._first:
            self._first = time.perf_counter()
            metrics.MODEL_FIRST_TOKEN_SECONDS.observe(self._first - self._began, *self._labels)
        if isinstance(delta, Finished):
            self._end(delta.tokens)

    def _end(self, tokens: Tokens) -> None:
        now = time.perf_counter()
        metrics.MODEL_REQUEST_SECONDS.observe(now - self._began, *self._labels)
        if tokens.completion > 1:
            each = (now - self._first) / (tokens.completion - 1)
            metrics.MODEL_TOKEN_SECONDS.observe(each, *self._labels)
        for kind, count in (
            ("in", tokens.prompt),
            ("out", tokens.completion),
            ("cached", tokens.cached),
            ("reasoning", tokens.reasoning),
        ):
            metrics.MODEL_TOKENS.add(self._name, kind, by=count)


async def _run_calls(ask: Ask, record: Record, answer: Answer) -> None:
    tools = {tool.name: tool for tool in ask.tools}
    for number, (index, call) in enumerate(answer.calls.items(), 1):
        telemetry.count("calls")
        tool = tools[call.tool]
        with spans.executing(call.tool) as span:
            if not call.rejected:
                with spanning("tool", call.tool):
                    outcome = await tool.run("".join(call.arguments))
            else:
                outcome = tool.reject(call.rejected)
                if span:
                    span.fail("rejected")
        is_last = number == len(answer.calls) and not answer.has_functions
        await record.finish_call(index, outcome, is_last=is_last)


async def _end_turn(record: Record, answer: Answer) -> bool:
    """Tell the record what follows an answer; return whether that is an ending or a wait."""
    if answer.reason == "content_filter":
        raise ModelError("server_error", "The model's content filter stopped its answer.")
    if answer.reason == "length":
        await record.end_at_limit("max_completion_tokens")
    elif answer.has_functions:
        await record.wait_for_client()
    elif answer.calls:
        return False
    else:
        await record.complete()
    return True
