"""The execution of a response: the job of it, from the first event to what is kept."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from assistd.engine.agent.loop import run_loop
from assistd.engine.context.pictures import find_picture
from assistd.engine.feed import Feed
from assistd.engine.jobs import CANCELLED, TAKEN_OVER, Ending, News, Reason, judge_fault
from assistd.engine.responses import responses
from assistd.engine.responses.asking import make_ask, make_tools
from assistd.engine.responses.context import ModelContext
from assistd.engine.responses.recording.journal import EventLog, Journal
from assistd.engine.responses.recording.recorder import ItemRecorder
from assistd.engine.responses.responses import Owner
from assistd.engine.responses.turns import ItemConversation
from assistd.engine.services import Services
from assistd.models.base import ModelError
from assistd.objects.responses.response import TERMINAL, Response, ResponseError

log = structlog.get_logger()

_EVENTS_SECONDS = 0.05  # how long deltas of a background stream are held, to be written together
_MESSAGES: dict[Reason, str] = {
    "expired": "The response was not done in the time that it has on this server.",
    "shutdown": "The server was stopped while the response was made; ask again.",
    "orphaned": "The server process that made the response died; ask again.",
    "fault": "The server had an error processing your request; its log says where.",
}


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
        context: what the model sees; None of a response that was taken over, which is only ended.
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
        self._context = context or ModelContext([], [])
        self._pending = pending
        self._recorder = ItemRecorder(journal, self._save, self._read_picture, self._pause)
        self._news = News()
        self._written_at = 0.0
        self.ended = asyncio.Event()
        """Set when its task is done, however it went."""
        self.expires_at: float | None = journal.response.created_at + services.policy.run_seconds

    @property
    def id(self) -> str:
        """The response's id; see `Job.id`."""
        return self._journal.response.id

    @property
    def ids(self) -> Mapping[str, str]:
        """The id of the response; see `Job.ids`."""
        return {"response_id": self.id}

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
        tools = await make_tools(services, journal, owner.project_id, owner.api_key_id)
        ask = make_ask(journal.response, tools, policy.run_turns)
        conversation = ItemConversation(services, journal, self._context.items, self._pending)
        try:
            await run_loop(ask, conversation, self._recorder, services.models.resolve)
        except ModelError:
            if not self._recorder.was_filtered:
                raise
            await self._recorder.end_at_filter()

    def judge(self, error: Exception) -> Ending | None:
        """Return how the response must end for an exception; see `Job.judge`."""
        if self._journal.response.status in TERMINAL:
            return TAKEN_OVER
        return judge_fault(error)

    async def end(self, ending: Ending) -> None:
        """Write the ending; see `Job.end`. One that was given up leaves no trace (contract, responses, 5.5)."""
        if self._journal.response.status in TERMINAL:
            return
        if ending == CANCELLED:
            if self._journal.response.conversation:
                await self._services.database.run(responses.unlock, self.id)
            return
        message = ending.message or _MESSAGES[ending.reason]
        await self._recorder.fail(ResponseError(code=ending.code, message=message))

    async def adopt(self) -> bool:
        """Return whether another process has written an ending; see `Job.adopt`."""
        return await self._services.database.run(responses.is_over, self.id)

    def log_end(self, seconds: float, calls: int) -> None:
        """Write the one line of the log about a response that ended; see `Job.log_end`."""
        response = self._journal.response
        status = response.status if response.status in TERMINAL else "given up"
        fields: dict[str, Any] = {"status": status, "seconds": round(seconds, 3)}
        if response.usage and response.usage.total_tokens:
            fields["model"] = response.model  # of one that answered, it is no secret
            fields["input_tokens"] = response.usage.input_tokens
            fields["output_tokens"] = response.usage.output_tokens
        if response.error:
            fields["code"] = response.error.code
        log.info("response ended", **fields, calls=calls)

    def close(self) -> None:
        """End the stream, and all waits for it; see `Job.close`."""
        if self._listening.feed:
            self._listening.feed.end()
        self._news.tell()
        self.ended.set()

    async def _save(self, response: Response) -> None:
        """Write the response as it is from now on; see `recorder.Save`."""
        if not response.store:
            return
        run, events = self._services.database.run, self._take_events()
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
            )
        else:
            items = [*responses.as_input(self._context.input), *output]
            policy = self._services.policy
            await run(responses.insert_finished, owner, response, items, policy)
        self._news.tell()

    async def _pause(self) -> None:
        """Let who listens hear of what was told; events that are kept are written first."""
        events = self._listening.events
        if events is None:
            await asyncio.sleep(0)
        elif events.is_urgent or time.monotonic() - self._written_at > _EVENTS_SECONDS:
            self._written_at = time.monotonic()
            await self._services.database.run(
                responses.write_events, self.id, events.take(), self._lease_owner
            )
            self._news.tell()

    def _take_events(self) -> Sequence[Any]:
        return self._listening.events.take() if self._listening.events else ()

    async def _read_picture(self, file_id: str) -> str | None:
        return await find_picture(self._services, file_id)
