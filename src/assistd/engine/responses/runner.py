"""The runner of responses: begins them, owns their tasks, and serves who follows their events."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from assistd.db.responses.responses import StoredEvent
from assistd.engine.feed import Feed
from assistd.engine.jobs import CANCELLED, ORPHANED, JobOwner, Renewal
from assistd.engine.responses import containers, responses
from assistd.engine.responses.container_workspace import ContainerRef
from assistd.engine.responses.context import ModelContext, read_context
from assistd.engine.responses.execution import Listening, ResponseJob
from assistd.engine.responses.input import GivenItem
from assistd.engine.responses.recording.journal import EventLog, Journal
from assistd.engine.responses.responses import Owner
from assistd.engine.services import Services
from assistd.objects.responses.item import CodeInterpreterCall
from assistd.objects.responses.response import CodeInterpreterTool, Response
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
            NotFoundError: the conversation, an item, a file or the container is unknown.
            RequestError: the input does not fit what was before it, or the container cannot be used.
        """
        response, run = new.response, self.services.database.run
        locks = response.conversation is not None and response.store
        if locks:
            await run(responses.lock, owner, response, self.lease)
        try:
            job = await self._prepare(owner, new, feed)
        except BaseException:
            if locks:
                await run(responses.unlock, response.id)
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
        ref = await self._choose_container(owner, response, context)
        events = EventLog() if response.background and new.streams else None
        journal = Journal(
            response,
            publish=events.publish if events else feed and feed.publish,
            include=new.include,
            obfuscates=new.obfuscates and not response.background,
        )
        if ref:
            scope = ref.make_scope(partial(_find_key_id, owner=owner))
            journal.workspace = self.services.workspaces.get(scope)
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
            )
        return ResponseJob(
            self.services,
            journal,
            owner,
            self.lease.owner,
            listening=Listening(feed, events),
            context=context,
            pending=ref.file_ids if ref else (),
        )

    async def _choose_container(
        self, owner: Owner, response: Response, context: ModelContext
    ) -> ContainerRef | None:
        tool = response.find_tool(CodeInterpreterTool)
        if tool is None:
            return None
        calls = (each.item for each in context.items)
        used = [call.container_id for call in calls if isinstance(call, CodeInterpreterCall)]
        return await containers.choose(
            self.services, owner.project_id, tool.container, used, input_file_ids=context.file_ids
        )

    async def cancel(self, project_id: str, response_id: str) -> Response:
        """Cancel a response in the background.

        Raises:
            NotFoundError: it is unknown.
            RequestError: it is not in the background, or has ended.
        """
        run = self.services.database.run
        response = await run(responses.cancel, project_id, response_id)
        self.abandon(response_id)
        return response

    def abandon(self, response_id: str) -> None:
        """Stop a response that nobody waits for any more, if this process makes it."""
        self.stop(response_id, CANCELLED)

    async def follow(
        self, response_id: str, after: int, idle_seconds: float
    ) -> AsyncIterator[list[StoredEvent]]:
        """Yield the events of a response in the background behind a number, to the last.

        An empty list says that nothing came for `idle_seconds`.
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
            if is_over:
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
        """Renew our leases and take over lapsed ones, only to end them; see `JobOwner.renew_leases`."""
        run = self.services.database.run
        gone, taken = await run(responses.renew, self.lease, job_ids)
        jobs = [
            self._make_orphan(owned.response, owned.project_id, number) for owned, number in taken
        ]
        return Renewal(dict.fromkeys(gone, CANCELLED), [(job, ORPHANED) for job in jobs])

    def _make_orphan(self, response: Response, project_id: str, number: int) -> ResponseJob:
        """Return the job of a response whose process died."""
        events = EventLog(number) if number else None
        publish = events.publish if events else None
        journal = Journal(response, publish=publish, next_number=number)
        owner = Owner(project_id, None)
        listening = Listening(events=events)
        return ResponseJob(self.services, journal, owner, self.lease.owner, listening=listening)

    def duties(self) -> list[Duty]:
        """Return what a process does for responses as long as it serves."""

        async def free_events() -> None:
            await self.services.database.run(responses.free_events)

        return [Duty("events of responses", free_events, _SWEEP_SECONDS)]


def _find_key_id(_: object, owner: Owner) -> str | None:
    return owner.api_key_id
