"""The story of a run: ask the model, record what it says, do what it asks, until it is done."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from assistd.engine.assistants import prompt
from assistd.engine.assistants.journal import Journal
from assistd.engine.assistants.recorder import Answer, Recorder, TokenLimit
from assistd.engine.assistants.step_writer import refused
from assistd.engine.services import Services
from assistd.engine.tools.code_interpreter import CodeInterpreter
from assistd.errors import AssistdError
from assistd.models import tokens
from assistd.models.base import Delta, ModelError, ModelRequest


class _LimitError(AssistdError):
    """A total of the run is used up."""

    def __init__(self, limit: TokenLimit) -> None:
        super().__init__(limit)
        self.limit: TokenLimit = limit


async def run_loop(services: Services, recorder: Recorder, project_id: str) -> None:
    """Execute a run until it ends, or waits for the client.

    Args:
        services: the rooms.
        recorder: the run's recorder; it knows the run as it is now.
        project_id: who owns the run.

    Raises:
        ModelError: the model's upstream failed for good.
        BusyError: every session is in use, and stayed so.
        SandboxError: no session can be had.
        TransitionError: somebody else ended the run, or asked to cancel it.
    """
    await recorder.reopen()
    journal = recorder.journal
    interpreter = CodeInterpreter(services, journal.run, project_id)
    while journal.run.status in {"queued", "in_progress"}:
        try:
            async with aclosing(_ask(services, journal)) as deltas:
                queued = journal.run.status == "queued"
                answer = await (recorder.begin(deltas) if queued else recorder.follow(deltas))
        except _LimitError as error:
            await recorder.incomplete(error.limit)
            return
        if answer.reason not in {"length", "content_filter"}:
            await _run_code(interpreter, recorder, answer)
        await _advance(recorder, answer)
        journal.turns += 1


async def _ask(services: Services, journal: Journal) -> AsyncGenerator[Delta]:
    """What the model answers to all that was said and done so far.

    Raises:
        ModelError: there is no such model, its upstream failed for good, or it calls tools for ever.
        _LimitError: the run may spend no more tokens.
    """
    if journal.turns > services.policy.run_turns:
        raise ModelError(
            "server_error",
            f"The model still called tools after {services.policy.run_turns} turns.",
        )
    model = services.models.resolve(journal.run.model)
    request = await prompt.build(services, journal, vision=model.vision)
    if limit := _limit_reached(journal, request):
        raise _LimitError(limit)
    async with aclosing(model.stream(request)) as deltas:
        async for delta in deltas:
            yield delta


async def _run_code(interpreter: CodeInterpreter, recorder: Recorder, answer: Answer) -> None:
    for number, (index, code) in enumerate(answer.code, 1):
        reason = answer.rejected.get(index)
        outcome = refused(reason) if reason else await interpreter.execute(code)
        is_last = number == len(answer.code) and not answer.functions
        await recorder.finish_code(index, outcome, is_last=is_last)


async def _advance(recorder: Recorder, answer: Answer) -> None:
    """What follows a turn: an ending, a wait for the client, or another turn."""
    if answer.reason == "content_filter":
        raise ModelError("server_error", "The model's content filter stopped its answer.")
    if answer.reason == "length":
        await recorder.incomplete("max_completion_tokens")
    elif answer.functions:
        await recorder.require_action()
    elif not answer.code:
        await recorder.complete()


def _limit_reached(journal: Journal, request: ModelRequest) -> TokenLimit | None:
    """Which total of the run is used up, or would be by this question (trap 38)."""
    run, usage = journal.run, journal.usage
    if run.max_completion_tokens and usage.completion_tokens >= run.max_completion_tokens:
        return "max_completion_tokens"
    if run.max_prompt_tokens:
        prompt = sum(map(tokens.of_turn, request.turns))
        if usage.prompt_tokens + prompt > run.max_prompt_tokens:
            return "max_prompt_tokens"
    return None
