"""The execution of a run: the job of it, and what it asks of the agent."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import structlog

from assistd import clock
from assistd.db.own import timelines
from assistd.db.runs import OwnedRun
from assistd.engine.agent.ask import Ask
from assistd.engine.agent.loop import run_loop
from assistd.engine.assistants.faces.base import ToolContext
from assistd.engine.assistants.faces.registry import make_tools
from assistd.engine.assistants.journal import Journal, scope_of
from assistd.engine.assistants.prompt import RunConversation
from assistd.engine.assistants.recorder import Recorder
from assistd.engine.endings import CANCELLED, SHUTDOWN, TAKEN_OVER, Ending, Reason, judge_fault
from assistd.engine.feed import Feed
from assistd.engine.jobs import News, Worked
from assistd.engine.kept_timelines import go_on
from assistd.engine.services import Services
from assistd.engine.timeline import EndedRun, Timeline
from assistd.engine.tools.base import HostedTool
from assistd.models.base import AnswerOptions
from assistd.models.conversation import FunctionTool
from assistd.objects import tools
from assistd.objects.run import ACTIVE, TERMINAL, LastError, Run, TransitionError
from assistd.tracing import names, spans
from assistd.tracing.spans import Span

log = structlog.get_logger()

_LATE_SECONDS = 2.0  # `created_at` is in whole seconds

_GOES_ON = (
    "The stream ends here because this server does not execute the run any more. The run goes on: ask "
    "for it by its id."
)
_MESSAGES: dict[Reason, str] = {
    "orphaned": "The server process that executed the run died. What it wrote is kept; run it again.",
    "fault": "The server had an error processing your request; its log says where.",
}


class RunJob:
    """The `Job` of a run, and how the run is as the database had it when this process last wrote it.

    Args:
        services: the rooms.
        owned: the run, leased to `owner`.
        owner: this process, as leases name it.
        feed: who listens, if anybody does.
    """

    def __init__(self, services: Services, owned: OwnedRun, owner: str, feed: Feed | None) -> None:
        self._services = services
        self._feed = feed
        self._news = News()
        workspace = services.workspaces.get(scope_of(owned.run, owned.project_id))
        journal = Journal(services.database, feed, owned.run, owner, workspace, self.wake)
        journal.include = feed.include if feed else journal.include
        journal.timeline = Timeline(_find_beginning(owned.run))
        self._is_timed = False
        self._journal = journal
        self._recorder = Recorder(journal)
        self.project_id = owned.project_id

    @property
    def run(self) -> Run:
        """The run."""
        return self._journal.run

    @property
    def timeline(self) -> Timeline:
        """Where its time goes."""
        return self._journal.timeline

    @property
    def id(self) -> str:
        """The run's id; see `Job.id`."""
        return self._journal.run.id

    @property
    def ids(self) -> Mapping[str, str]:
        """The ids of the run, its thread and its project; see `Job.ids`."""
        return {
            "run_id": self.run.id,
            "thread_id": self.run.thread_id,
            "project_id": self.project_id,
        }

    @property
    def expires_at(self) -> float | None:
        """The end of its ten minutes; see `Job.expires_at`."""
        return self.run.expires_at

    def wake(self) -> None:
        """End all waits for news."""
        self._news.tell()

    async def wait_for_news(self, seconds: float) -> None:
        """Wait until the run changes its state, is told to stop or is let go; so long at most."""
        await asyncio.wait([self._news.next], timeout=seconds)

    async def execute(self) -> None:
        """Execute the run until it ends, or waits for the client; see `Job.execute` and `judge`."""
        services, workspace = self._services, self._journal.workspace
        await self._open_timeline()
        self.timeline.bind()
        context = ToolContext(self.run, self.project_id, services, workspace)
        ask = make_ask(self.run, await make_tools(context), services.policy.run_turns)
        conversation = RunConversation(services, self._journal)
        meter = services.meter(self.run.model, self.project_id, run_id=self.id)
        await run_loop(ask, conversation, self._recorder, services.models.resolve, meter)

    async def _open_timeline(self) -> None:
        """Note how long the run waited to be executed; one that goes on has the timeline that it had."""
        run, is_timed = self.run, self._is_timed
        self._is_timed = True
        if not is_timed and run.started_at is None:
            self.timeline.end_queueing()
        elif not is_timed:
            kept = await self._services.database.run(timelines.find_of_run, run.id)
            self._journal.timeline = go_on(kept, run.created_at, waited=run.status != "in_progress")

    def judge(self, error: Exception) -> Ending | None:
        """Return how the run must end for an exception; see `Job.judge`."""
        match error:
            case TransitionError(status=status):
                return CANCELLED if status == "cancelling" else TAKEN_OVER
            case _:
                return judge_fault(error)

    async def end(self, ending: Ending) -> None:
        """Write the ending; see `Job.end`."""
        if ending == SHUTDOWN:
            await self._recorder.give_back()
            return
        await self._open_timeline()
        match ending.reason:
            case "cancelled" | "expired" as status:
                await self._recorder.end(status)
            case reason:
                message = ending.message if reason == "failed" else _MESSAGES[reason]
                await self._recorder.end("failed", LastError(code=ending.code, message=message))

    async def adopt(self) -> bool:
        """Tell of the ending that another process wrote; see `Job.adopt`."""
        return await self._recorder.adopt()

    def log_end(self, worked: Worked) -> None:
        """Count a run that ended, and write its one line of the log; see `Job.log_end`."""
        run = self.run
        if run.status not in TERMINAL:
            return
        backend = self._services.models.find_backend(run.model)
        total = run.usage.total_tokens if run.usage else 0
        worked.count("assistants", run.status, backend, self.project_id, total)
        fields: dict[str, Any] = {}
        if run.usage and run.usage.total_tokens:  # the name of a model that answered is no secret
            fields["model"] = run.model
            fields["tokens_in"] = run.usage.prompt_tokens
            fields["tokens_out"] = run.usage.completion_tokens
        if run.last_error:
            fields["error"] = run.last_error.code
        worked.log("run ended", run.status, backend, self.timeline, **fields)
        self._services.tell_ended(
            EndedRun(
                kind="run",
                id=run.id,
                thread_id=run.thread_id,
                project_id=self.project_id,
                status=run.status,
                code=run.last_error.code if run.last_error else None,
                model=run.model,
                backend=backend,
                timeline=self.timeline,
                calls=worked.calls,
                seconds=worked.seconds,
            )
        )

    def trace(self, span: Span) -> None:
        """Say in its span how the run stands; see `Job.trace`."""
        run = self.run
        span.set(
            {
                names.RUN_ID: run.id,
                names.RUN_STATUS: run.status,
                names.CONVERSATION: run.thread_id,
                names.PROJECT_ID: self.project_id,
            }
        )
        if run.usage and run.usage.total_tokens:  # see `log_end`
            usage = run.usage
            spans.set_usage(span, run.model, usage.prompt_tokens, usage.completion_tokens)
        if run.last_error:
            span.fail(run.last_error.code)

    def close(self) -> None:
        """End the stream and the polls; see `Job.close`. The run may go on in another process."""
        if self._feed:
            if self.run.status in ACTIVE and self.run.status != "requires_action":
                self._feed.break_off(_GOES_ON)
            self._feed.end()
        self.wake()


def _find_beginning(run: Run) -> float | None:
    """Return when a run began that another process accepted; None: now, which is more exact."""
    return run.created_at if clock.now() - run.created_at > _LATE_SECONDS else None


def make_ask(run: Run, hosted: tuple[HostedTool, ...], max_turns: int) -> Ask:
    """Return what a run asks of the agent.

    Args:
        run: the run, with its overrides of the assistant's settings.
        hosted: see `make_tools`.
        max_turns: see `Ask`.
    """
    return Ask(
        model=run.model,
        instructions=run.instructions,
        tools=hosted,
        functions=tuple(_functions(run)),
        tool_choice=_tool_choice(run),
        options=AnswerOptions(
            parallel_tool_calls=run.parallel_tool_calls,
            temperature=run.temperature,
            top_p=run.top_p,
            reasoning_effort=run.reasoning_effort,
            response_format=None if isinstance(run.response_format, str) else run.response_format,
        ),
        max_prompt_tokens=run.max_prompt_tokens,
        max_completion_tokens=run.max_completion_tokens,
        max_turns=max_turns,
    )


def _functions(run: Run) -> Iterator[FunctionTool]:
    for tool in run.tools:
        if isinstance(tool, tools.FunctionTool):
            function = tool.function
            yield FunctionTool(
                function.name, function.description, function.parameters, function.strict
            )


def _tool_choice(run: Run) -> str:
    choice = run.tool_choice
    if isinstance(choice, str):
        return choice
    return f"function:{choice.function.name}" if choice.function else f"hosted:{choice.type}"
