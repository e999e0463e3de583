"""The runner of responses: begins them, owns their tasks, and serves who follows their events."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from assistd.db import nouns
from assistd.db.own import timelines
from assistd.db.responses.responses import StoredEvent
from assistd.engine.endings import CANCELLED, MOST_TAKEOVERS, ORPHANED, Ending
from assistd.engine.feed import Feed
from assistd.engine.jobs import JobOwner, Renewal
from assistd.engine.kept_timelines import show, show_kept
from assistd.engine.responses import responses
from assistd.engine.responses.context import read_context
from assistd.engine.responses.execution import Listening, ResponseJob, open_workspace
from assistd.engine.responses.input import GivenItem
from assistd.engine.responses.recording.journal import EventLog, Journal
from assistd.engine.responses.recording.recovery import recover
from assistd.engine.responses.responses import Left, Owner
from assistd.engine.services import Services
from assistd.engine.vector_stores import stores
from assistd.objects.responses.response import (
    TERMINAL,
    FileSearchTool,
    Response,
)
from assistd.objects.timeline import ShownTimeline
from assistd.periodic import Duty

_LOOK_SECONDS = 0.1  # for events that another process writes
_SWEEP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class NewResponse:
    """What a client asks for.

    Args:
        response: the response as it begins.
        given: its input.
        streams: whether the client wants its events.
        include: what of items it wants to see besides.
        obfuscates: whether deltas are made of equal length.
    """

    response: Response
    given: tuple[GivenItem, ...]
    streams: bool = False
    include: frozenset[str] = frozenset()
    obfuscates: bool = False


class ResponseRunner(JobOwner[ResponseJob]):
    """Owns the responses of this process; see `JobOwner`.

    Only those in the background have a row, and so a lease, before they end.

    Args:
        services: the rooms.
    """

    def __init__(self, services: Services) -> None:
        super().__init__("response", services.policy.lease_seconds)
        self.services = services

    async def create(self, owner: Owner, new: NewResponse, feed: Feed | None = None) -> ResponseJob:
        """Begin a response; return at once when it is known that it can be made.

        Args:
            owner: whose it is.
            new: what is asked for.
            feed: gets its events, if it is not in the background.

        Raises:
            NotFoundError: the conversation, an item, a file, a vector store or the container is unknown.
            RequestError: the input does not fit what was before it, or a store or the container cannot
                be used.
            RateLimitError: the project has as many active runs and responses as it may.
        """
        response, run = new.response, self.services.database.run
        locks = response.conversation is not None and response.store
        has_slot = owner.is_limited and not response.background
        try:
            if has_slot:
                await run(responses.take_slot, owner, response.id, self.lease)
            if locks:
                await run(responses.lock, owner, response, self.lease)
            job = await self._prepare(owner, new, feed)
        except BaseException:
            if locks:
                await run(responses.unlock, response.id)
            if has_slot:
                await run(responses.free_slot, response.id)
            raise
        self.begin(job)
        return job

    async def _prepare(self, owner: Owner, new: NewResponse, feed: Feed | None) -> ResponseJob:
        response, run = new.response, self.services.database.run
        context = await run(
            read_context,
            owner.project_id,
            new.given,
            previous_response_id=response.previous_response_id,
            conversation_id=response.conversation.id if response.conversation else None,
        )
        searches = [tool for tool in response.tools if isinstance(tool, FileSearchTool)]
        if store_ids := [each for tool in searches for each in tool.vector_store_ids]:
            await run(stores.use, owner.project_id, store_ids)
        events = EventLog() if response.background and new.streams else None
        journal = Journal(
            response,
            publish=events.publish if events else feed and feed.publish,
            include=new.include,
            obfuscates=new.obfuscates and not response.background,
        )
        pending = await open_workspace(self.services, journal, owner, context)
        if response.background:
            journal.tell_response("response.created", response)
            journal.tell_response("response.queued", response)
            await run(
                responses.insert_background,
                owner,
                response,
                responses.as_input(context.input),
                events.take() if events else (),
                policy=self.services.policy,
                lease=self.lease,
                include=new.include,
            )
        return ResponseJob(
            self.services,
            journal,
            owner,
            self.lease.owner,
            listening=Listening(feed, events),
            context=context,
            pending=pending,
        )

    async def read_timeline(self, project_id: str, response_id: str) -> ShownTimeline:
        """Return where the time of a response went, or goes.

        Raises:
            NotFoundError: it is unknown.
        """
        run, job = self.services.database.run, self.find(response_id)
        if job and job.project_id == project_id and job.response.status not in TERMINAL:
            return show(response_id, job.timeline, job.count_before())
        response = await run(nouns.responses.get, response_id, project_id=project_id)
        kept = await run(timelines.find_of_response, response_id)
        return show_kept(response_id, kept, response.created_at)

    async def cancel(self, project_id: str, response_id: str) -> Response:
        """Cancel a response in the background.

        Raises:
            NotFoundError: it is unknown.
            RequestError: it is not in the background, or has ended.
        """
        run = self.services.database.run
        response = await run(responses.cancel, project_id, response_id)
        self.stop(response_id, CANCELLED)
        return response

    async def abandon(self, job: ResponseJob) -> None:
        """Stop a response that nobody waits for any more, if it has not ended (responses, trap 3).

        Its conversation is free at once, also where code takes its time to heed an interrupt.
        """
        if self.find(job.id) is job:
            self.stop(job.id, CANCELLED)
            if job.response.conversation:
                await self.services.database.run(responses.unlock, job.id)

    async def follow(
        self, response_id: str, after: int, idle_seconds: float
    ) -> AsyncIterator[list[StoredEvent]]:
        """Yield the events of a response in the background behind a number, to the last.

        An empty list says that nothing came for `idle_seconds`. When this server stops, the rest is to be
        had of another.
        """
        loop = asyncio.get_running_loop()
        heard = loop.time()
        while True:
            job = self.find(response_id)
            news = job.news if job else None  # before it is looked: none is missed
            events, is_over = await self.services.database.run(
                responses.read_events, response_id, after
            )
            if events:
                after, heard = events[-1].sequence, loop.time()
                yield events
            if is_over or (self.is_stopping and not events):
                return
            if not events:
                left = heard + idle_seconds - loop.time()
                if left <= 0:
                    heard = loop.time()
                    yield []
                elif news:
                    await asyncio.wait([news], timeout=left)
                else:
                    await asyncio.sleep(_LOOK_SECONDS)

    async def renew_leases(self, job_ids: list[str]) -> Renewal[ResponseJob]:
        """Renew our leases and take over lapsed ones; see `JobOwner.renew_leases`."""
        run = self.services.database.run
        gone, taken = await run(responses.renew, self.lease, job_ids, takes_over=self.takes_over)
        return Renewal(
            dict.fromkeys(gone, CANCELLED),
            [(self._make_heir(left), _find_ending(left)) for left in taken],
            deaths=sum(left.owned.has_died for left in taken),
        )

    def _make_heir(self, left: Left) -> ResponseJob:
        """Return the job of a response that another process began: to go on with it, or to end it in order."""
        owned, told = left.owned, left.told
        events = EventLog(len(told)) if told else None
        journal = Journal(
            owned.response,
            publish=events.publish if events else None,
            include=owned.include or frozenset(),
            next_number=len(told),
        )
        recover(journal, told, left.output)
        owner = Owner(owned.project_id, owned.api_key_id)
        listening = Listening(events=events)
        return ResponseJob(self.services, journal, owner, self.lease.owner, listening=listening)

    def duties(self) -> list[Duty]:
        """Return what a process does for responses as long as it serves."""

        async def free_events() -> None:
            await self.services.database.run(responses.free_events)

        return [Duty("events of responses", free_events, _SWEEP_SECONDS)]


def _find_ending(left: Left) -> Ending | None:
    """Return how a response that is taken over must end; None: it goes on."""
    return None if left.can_go_on and left.owned.takeovers <= MOST_TAKEOVERS else ORPHANED
