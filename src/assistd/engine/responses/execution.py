"""The execution of a response: the job of it, from the first event to what is kept."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from assistd.db.own import timelines
from assistd.db.responses.progress import Progress
from assistd.db.responses.responses import StoredEvent
from assistd.engine.agent.loop import run_loop
from assistd.engine.context.pictures import find_picture
from assistd.engine.endings import CANCELLED, SHUTDOWN, TAKEN_OVER, Ending, Reason, judge_fault
from assistd.engine.feed import Feed
from assistd.engine.jobs import News, Worked, finish_despite_cancel
from assistd.engine.kept_timelines import keep
from assistd.engine.responses import containers, responses
from assistd.engine.responses.asking import make_ask, make_tools
from assistd.engine.responses.context import ModelContext, reload_context
from assistd.engine.responses.recording.held_events import HeldEvents
from assistd.engine.responses.recording.journal import EventLog, Journal
from assistd.engine.responses.recording.recorder import ItemRecorder
from assistd.engine.responses.responses import Made, Owner
from assistd.engine.responses.turns import ItemConversation
from assistd.engine.services import Services
from assistd.engine.timeline import EndedRun, Timeline
from assistd.engine.tools.base import ToolError
from assistd.errors import NotFoundError, RequestError
from assistd.models.base import ModelError
from assistd.objects.responses.item import CodeInterpreterCall
from assistd.objects.responses.response import (
    TERMINAL,
    CodeInterpreterTool,
    ErrorCode,
    Response,
    ResponseError,
)
from assistd.tracing import names, spans
from assistd.tracing.spans import Span

log = structlog.get_logger()

_INVALID = "invalid_request_error"
_EVENTS_SECONDS = 0.05  # how long deltas of a background stream are held, to be written together
_HOSTED_MESSAGES: dict[ErrorCode, tuple[str, str]] = {
    "context_length_exceeded": (
        "input",
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
    ),
    "model_not_found": ("model", "The requested model '{model}' does not exist."),
}
"""By code of an error: the parameter that is at fault, and what the hosted service says of it."""
_MESSAGES: dict[Reason, str] = {
    "expired": "The response was not done in the time that it has on this server.",
    "shutdown": "The server was stopped while the response was made; ask again.",
    "orphaned": "The server process that made the response died; ask again.",
    "fault": "The server had an error processing your request; its log says where.",
}


async def open_workspace(
    services: Services, journal: Journal, owner: Owner, context: ModelContext
) -> tuple[str, ...]:
    """Give a response that may run code the workspace of its container.

    Returns:
        Ids of files that its first cell finds there.

    Raises:
        NotFoundError: the container that is named, or a file of the tool, is unknown.
        RequestError: it is expired, or asks for too much memory.
    """
    tool = journal.response.find_tool(CodeInterpreterTool)
    if tool is None:
        return ()
    ran = [each.item for each in (*context.items, *journal.items)]
    used = [call.container_id for call in ran if isinstance(call, CodeInterpreterCall)]
    ref = await containers.choose(
        services, owner.project_id, tool.container, used, input_file_ids=context.file_ids
    )
    journal.workspace = services.workspaces.get(ref.make_scope(partial(_find_key_id, owner=owner)))
    return ref.file_ids


def _find_key_id(_: object, owner: Owner) -> str | None:
    return owner.api_key_id


@dataclass(frozen=True, slots=True)
class Listening:
    """Who hears of a response while it is made.

    Args:
        feed: the client that waits for its stream; None: it waits for the whole, or for nothing.
        events: of a response in the background, whose events are kept; None: they are not.
    """

    feed: Feed | None = None
    events: EventLog | None = None


class ResponseJob:
    """The `Job` of a response.

    Args:
        services: the rooms.
        journal: the response as it is made.
        owner: whose it is.
        lease_owner: this process, as leases name it.
        listening: who hears of it.
        context: what the model sees; None: it is read anew, for another process began the response.
        pending: ids of files that the first cell of the response finds in /mnt/data.
    """

    def __init__(
        self,
        services: Services,
        journal: Journal,
        owner: Owner,
        lease_owner: str,
        *,
        listening: Listening,
        context: ModelContext | None = None,
        pending: Sequence[str] = (),
    ) -> None:
        self._services = services
        self._journal = journal
        self._owner = owner
        self._lease_owner = lease_owner
        self._listening = listening
        self._context = context
        self._pending = pending
        self._kept = 0  # how much of the output another process could go on with
        self._recorder = ItemRecorder(journal, self._save, self._read_picture, self._pause)
        self._news = News()
        self.timeline = Timeline()
        """Where its time goes."""
        self._held = HeldEvents(self._write_events)
        self._written_at = 0.0
        self.ended = asyncio.Event()
        """Set when its task is done, however it went."""
        policy, response = services.policy, journal.response
        seconds = policy.background_seconds if response.background else policy.run_seconds
        self.expires_at: float | None = response.created_at + seconds

    @property
    def id(self) -> str:
        """The response's id; see `Job.id`."""
        return self._journal.response.id

    def count_before(self) -> int | None:
        """Return how many wait before it for a session; None where it does not wait."""
        return self._services.workspaces.sessions.count_before(self._journal.container_id)

    @property
    def project_id(self) -> str:
        """Whose it is."""
        return self._owner.project_id

    @property
    def is_plain(self) -> bool:
        """Whether it is not in the background, and so in no table before its end."""
        return not self._journal.response.background

    @property
    def ids(self) -> Mapping[str, str]:
        """The ids of the response and its project; see `Job.ids`."""
        return {"response_id": self.id, "project_id": self._owner.project_id}

    @property
    def response(self) -> Response:
        """The response with its output, as it is now."""
        return self._journal.show(self._journal.response)

    @property
    def news(self) -> "asyncio.Future[None]":
        """Is done when more events can be read."""
        return self._news.next

    async def execute(self) -> None:
        """Make the response; see `Job.execute` and `judge`."""
        services, journal = self._services, self._journal
        owner, policy = self._owner, services.policy
        self.timeline.bind().end_queueing()
        context = self._context or await self._reload()
        tools = make_tools(services, journal, owner.project_id, owner.api_key_id)
        ask = make_ask(journal, tools, policy.run_turns)
        conversation = ItemConversation(services, journal, context.items, self._pending)
        meter = services.meter(ask.model, owner.project_id, key_id=owner.api_key_id)
        try:
            await run_loop(ask, conversation, self._recorder, services.models.resolve, meter)
        except ModelError:
            if not self._recorder.was_filtered:
                raise
            await self._recorder.end_at_filter()

    async def _reload(self) -> ModelContext:
        """Return what the model sees of a response that another process began; find its container again."""
        services, journal = self._services, self._journal
        try:
            context = await services.database.run(reload_context, self.project_id, journal.response)
            self._pending = await open_workspace(services, journal, self._owner, context)
        except (NotFoundError, RequestError) as error:
            raise ToolError(f"The response cannot go on: {error}") from error
        return context

    def judge(self, error: Exception) -> Ending | None:
        """Return how the response must end for an exception; see `Job.judge`."""
        if self._journal.response.status in TERMINAL:
            return TAKEN_OVER
        return judge_fault(error)

    async def end(self, ending: Ending) -> None:
        """Write the ending; see `Job.end`. One that was given up leaves no trace (contract, responses, 5.5).

        One in the background that was cancelled has its state already, and gets where its time went.
        """
        if self._journal.response.status in TERMINAL:
            return
        if ending == CANCELLED:
            await self._free_slot()
            if self._journal.response.background:
                kept = keep(self.timeline)
                await self._services.database.run(timelines.keep_of_response, self.id, kept)
            return
        if ending == SHUTDOWN and not self.is_plain:
            await self._write_progress(gives_back=True)
            return
        await self._recorder.fail(_make_error(ending, self._journal.response.model))

    async def adopt(self) -> bool:
        """Return whether another process has written an ending; see `Job.adopt`."""
        return await self._services.database.run(responses.is_over, self.id)

    def log_end(self, worked: Worked) -> None:
        """Count a response that ended, and write its one line of the log; see `Job.log_end`."""
        response = self._journal.response
        status = response.status if response.status in TERMINAL else "given up"
        backend = self._services.models.find_backend(response.model)
        total = response.usage.total_tokens if response.usage else 0
        ending = "cancelled" if status == "given up" else status
        worked.count("responses", ending, backend, self._owner.project_id, total)
        fields: dict[str, Any] = {}
        if response.usage and response.usage.total_tokens:
            fields["model"] = response.model  # of one that answered, it is no secret
            fields["tokens_in"] = response.usage.input_tokens
            fields["tokens_out"] = response.usage.output_tokens
        if response.error:
            fields["error"] = response.error.code
        worked.log("response ended", status, backend, self.timeline, **fields)
        self._services.tell_ended(
            EndedRun(
                kind="response",
                id=response.id,
                thread_id=response.conversation.id if response.conversation else None,
                project_id=self.project_id,
                status=response.status if response.status in TERMINAL else "given_up",
                code=response.error.code if response.error else None,
                model=response.model,
                backend=backend,
                timeline=self.timeline,
                calls=worked.calls,
                seconds=worked.seconds,
            )
        )

    def trace(self, span: Span) -> None:
        """Say in its span how the response stands; see `Job.trace`."""
        response = self._journal.response
        known = {
            names.RESPONSE_ID: response.id,
            names.RESPONSE_STATUS: response.status,
            names.PROJECT_ID: self._owner.project_id,
        }
        if response.conversation:
            known[names.CONVERSATION] = response.conversation.id
        span.set(known)
        if response.usage and response.usage.total_tokens:
            usage = response.usage
            spans.set_usage(span, response.model, usage.input_tokens, usage.output_tokens)
        if response.error:
            span.fail(response.error.code)

    def close(self) -> None:
        """End the stream, and all waits for it; see `Job.close`."""
        self._held.stop()
        if self._listening.feed:
            self._listening.feed.end()
        self._news.tell()
        self.ended.set()

    async def _save(self, response: Response) -> None:
        """Write the response as it is from now on; see `recorder.Save`."""
        if not response.store:
            if response.status in TERMINAL:
                await self._free_slot()
            return
        run, events = self._services.database.run, await self._take_events()
        owner, output = self._owner, self._journal.items
        if response.status not in TERMINAL:
            await run(responses.advance, response, events, self._lease_owner)
        elif response.background:
            await run(
                responses.finish_background,
                owner,
                response,
                output,
                events,
                lease_owner=self._lease_owner,
                timeline=keep(self.timeline),
            )
        else:
            assert self._context
            items = [*responses.as_input(self._context.input), *output]
            await run(
                responses.insert_finished,
                owner,
                response,
                items,
                policy=self._services.policy,
                timeline=keep(self.timeline),
            )
        self._news.tell()

    async def _free_slot(self) -> None:
        """Count the response no more, of which no transaction writes the end."""
        if self._owner.is_limited and self.is_plain:
            await self._services.database.run(responses.free_slot, self.id)

    async def _pause(self) -> None:
        """Let who listens hear of what was told; what another process needs to go on is written first."""
        events, now = self._listening.events, time.monotonic()
        is_due = events and (events.is_urgent or now - self._written_at > _EVENTS_SECONDS)
        journal = self._journal
        is_further = len(journal.items) > self._kept or journal.running
        if is_due or (is_further and not self.is_plain):
            self._written_at = now
            await finish_despite_cancel(self._write_progress())
        else:
            if events:
                self._held.add(events.take(), self._written_at + _EVENTS_SECONDS - now)
            await asyncio.sleep(0)

    async def _write_progress(self, *, gives_back: bool = False) -> None:
        events = await self._take_events()
        journal, first = self._journal, self._kept
        output = journal.items[first:] + ([journal.running] if journal.running else [])
        self._kept = len(journal.items)
        await self._services.database.run(
            responses.write_progress,
            self.id,
            events,
            Made(first, [Progress(item, journal.usage) for item in output]),
            self._lease_owner,
            gives_back=gives_back,
        )
        self._news.tell()

    async def _write_events(self, events: Sequence[StoredEvent]) -> None:
        """Write events that were held; what they tell of was written before, if another process needs it."""
        self._written_at = time.monotonic()
        run, made = self._services.database.run, Made(self._kept)
        await run(responses.write_progress, self.id, events, made, self._lease_owner)
        self._news.tell()

    async def _take_events(self) -> Sequence[StoredEvent]:
        """Return the events that are not written yet."""
        if self._listening.events is None:
            return ()
        return [*await self._held.take(), *self._listening.events.take()]

    async def _read_picture(self, file_id: str) -> str | None:
        return await find_picture(self._services, file_id)


def _make_error(ending: Ending, model: str) -> ResponseError:
    """Return the error of a response, in the words of the hosted service where it has some (responses, section 9)."""
    code = ending.precise_code
    message = ending.message or _MESSAGES[ending.reason]
    kind = "server_error" if code in {"server_error", "rate_limit_exceeded"} else _INVALID
    if code not in _HOSTED_MESSAGES:
        return ResponseError(code=code, message=message, type=kind)
    param, hosted = _HOSTED_MESSAGES[code]
    told = f"{hosted.format(model=model)} ({message})"
    return ResponseError(code=code, message=told, type=kind, param=param)
