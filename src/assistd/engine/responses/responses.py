"""Responses: each function is one transaction, with the rules of the API."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from assistd import clock
from assistd.db import Connection, nouns, projects
from assistd.db.cluster import slots
from assistd.db.leases import Lease
from assistd.db.own import timelines
from assistd.db.responses import items as stored_items
from assistd.db.responses import locks, progress
from assistd.db.responses import responses as stored
from assistd.db.responses.items import StoredItem
from assistd.db.responses.progress import Progress
from assistd.db.responses.responses import LEASES, OwnedResponse, StoredEvent
from assistd.db.transaction import transaction
from assistd.engine.policy import Policy
from assistd.engine.responses import conversations
from assistd.engine.responses.recording.journal import Journal
from assistd.errors import RequestError
from assistd.objects.project import ProjectLimits
from assistd.objects.responses.response import TERMINAL, Response, ResponseStatus

_APPENDED: frozenset[ResponseStatus] = frozenset({"completed", "incomplete"})
"""The endings with which the items of a response become part of its conversation."""


@dataclass(frozen=True, slots=True)
class Made:
    """A piece of the output of a response in the background.

    Args:
        first: its place in the output.
        output: the items, and a call that is under way.
    """

    first: int
    output: Sequence[Progress] = ()


@dataclass(frozen=True, slots=True)
class Left:
    """A response in the background that was taken over.

    Args:
        owned: the response.
        told: the events that it has told; none if it was not made with a stream.
        output: its output so far, and a call that was under way.
        can_go_on: whether enough of it is known, and its conversation, if it has one, is still locked for
            it.
    """

    owned: OwnedResponse
    told: Sequence[StoredEvent]
    output: Sequence[Progress]
    can_go_on: bool


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose response it is, and who pays for it.

    Args:
        project_id: the project.
        api_key_id: the key that asked for it; None where that is not known.
        limits: what the project may use.
    """

    project_id: str
    api_key_id: str | None
    limits: ProjectLimits = field(default_factory=ProjectLimits)

    @property
    def is_limited(self) -> bool:
        """Whether its active runs and responses are counted."""
        return self.limits.runs is not None


@transaction(writes=True, short=True)
def lock(connection: Connection, owner: Owner, response: Response, lease: Lease) -> None:
    """Lock the conversation of a response that is to be kept.

    Raises:
        NotFoundError: there is no such conversation.
        RequestError: another response works on it.
    """
    if response.conversation:
        conversation_id = response.conversation.id
        conversations.lock(connection, owner.project_id, conversation_id, response.id, lease)


@transaction(writes=True, short=True)
def take_slot(connection: Connection, owner: Owner, response_id: str, lease: Lease) -> None:
    """Count a response that is not in the background, until its slot is freed (decision 0080).

    Raises:
        RateLimitError: see `insert_background`.
    """
    projects.require_run(connection, owner.project_id, owner.limits)
    slots.take(connection, owner.project_id, response_id, lease)


@transaction(writes=True, short=True)
def free_slot(connection: Connection, response_id: str) -> None:
    """Do not count a response any more that left no trace."""
    slots.free(connection, response_id)


@transaction(writes=True, short=True)
def insert_background(
    connection: Connection,
    owner: Owner,
    response: Response,
    given: Sequence[StoredItem],
    events: Sequence[StoredEvent],
    *,
    policy: Policy,
    lease: Lease,
    include: frozenset[str],
) -> None:
    """Insert a response that is made in the background, with its input and its first events.

    Raises:
        RateLimitError: the project has as many active runs and responses as it may.
    """
    projects.require_run(connection, owner.project_id, owner.limits)
    _insert(connection, owner, response, policy, lease=lease, include=include)
    _insert_items(connection, owner, response, given)
    stored.append_events(connection, response.id, events)


@transaction(writes=True, short=True)
def advance(
    connection: Connection, response: Response, events: Sequence[StoredEvent], lease_owner: str
) -> None:
    """Write the new state of a response in the background, with what was told until then.

    Raises:
        LeaseLostError: another process has it, or somebody cancelled it.
    """
    LEASES.require(connection, response.id, lease_owner)
    stored.append_events(connection, response.id, events)
    stored.replace_response(connection, response)


@transaction(writes=True, short=True)
def write_progress(
    connection: Connection,
    response_id: str,
    events: Sequence[StoredEvent],
    made: Made,
    lease_owner: str,
    *,
    gives_back: bool = False,
) -> None:
    """Write what was told and made of a response in the background; see `advance`.

    Args:
        connection: a writing transaction.
        response_id: the response.
        events: those that were told since the last time.
        made: the output that came since the last time.
        lease_owner: who makes it.
        gives_back: whether another process is to go on with it.
    """
    LEASES.require(connection, response_id, lease_owner)
    stored.append_events(connection, response_id, events)
    if made.output:
        progress.write(connection, response_id, made.first, made.output)
    if gives_back:
        LEASES.give_back(connection, response_id)


@transaction(writes=True, short=True)
def finish_background(
    connection: Connection,
    owner: Owner,
    response: Response,
    output: Sequence[StoredItem],
    events: Sequence[StoredEvent],
    *,
    lease_owner: str,
    timeline: str,
) -> None:
    """Write the end of a response in the background; see `advance`."""
    advance(connection, response, events, lease_owner)
    timelines.keep_of_response(connection, response.id, timeline)
    _insert_items(connection, owner, response, output)
    _end_conversation(connection, response)


@transaction(writes=True, short=True)
def insert_finished(
    connection: Connection,
    owner: Owner,
    response: Response,
    items: Sequence[StoredItem],
    *,
    policy: Policy,
    timeline: str,
) -> None:
    """Insert a response that has ended, with its input and output."""
    _insert(connection, owner, response, policy)
    timelines.keep_of_response(connection, response.id, timeline)
    _insert_items(connection, owner, response, items)
    _end_conversation(connection, response)
    if owner.is_limited:
        slots.free(connection, response.id)


@transaction(short=True)
def get(
    connection: Connection, project_id: str, response_id: str, include: frozenset[str]
) -> Response:
    """Return a response with its output.

    Raises:
        NotFoundError: it is unknown, was deleted, or was not to be kept.
    """
    response = nouns.responses.get(connection, response_id, project_id=project_id)
    output = stored_items.read_output(connection, response_id)
    return response.evolve(output=tuple(each.show(include) for each in output))


@transaction(writes=True, short=True)
def cancel(connection: Connection, project_id: str, response_id: str) -> Response:
    """Cancel a response in the background; who executes it finds that it has no lease any more.

    Raises:
        NotFoundError: it is unknown.
        RequestError: it is not in the background, or has ended (contract, responses, 5.4).
    """
    response = nouns.responses.get(connection, response_id, project_id=project_id)
    if not response.background:
        raise RequestError("Cannot cancel a synchronous response.")
    if response.status == "cancelled":
        return response
    if response.status in TERMINAL:
        raise RequestError(
            f"Cannot cancel a response with status '{response.status}'."
            if response.status == "incomplete"
            else f"Cannot cancel a {response.status} response."
        )
    cancelled = response.evolve(status="cancelled")
    if number := stored.find_next_number(connection, response_id):
        events = list[StoredEvent]()
        journal = Journal(
            cancelled,
            publish=lambda name, data: events.append(StoredEvent(number, name, data)),
            next_number=number,
        )
        journal.tell_response("response.failed", cancelled)
        stored.append_events(connection, response_id, events)
    stored.replace_response(connection, cancelled)
    locks.unlock(connection, response_id)
    return cancelled


@transaction(writes=True, short=True)
def delete(connection: Connection, project_id: str, response_id: str) -> None:
    """Delete a response with its items, but for those that a conversation has.

    Raises:
        NotFoundError: it is unknown.
        RequestError: it is being made.
    """
    response = nouns.responses.get(connection, response_id, project_id=project_id)
    if response.status not in TERMINAL:
        raise RequestError("Cannot delete an in-flight response.")
    nouns.responses.delete(connection, response_id, expires_at=None, events_until=None)
    stored.delete_events(connection, response_id)
    stored_items.delete_items(connection, response_id)


@transaction(short=True)
def require_events(connection: Connection, project_id: str, response_id: str) -> None:
    """See that the stream of a response can be read again.

    Raises:
        NotFoundError: the response is unknown.
        RequestError: it has no events, or none any more (contract, responses, 5.3).
    """
    response = nouns.responses.get(connection, response_id, project_id=project_id)
    reason = ""
    if not response.background:
        reason = "it was not created with background=true"
    elif stored.has_lost_events(connection, response_id):
        reason = "it ended more than 10 minutes ago"
    elif not stored.find_next_number(connection, response_id):
        reason = "it was not created with stream=true"
    if reason:
        raise RequestError(f"This response cannot be streamed because {reason}.", param="stream")


@transaction(short=True)
def read_events(
    connection: Connection, response_id: str, after: int
) -> tuple[list[StoredEvent], bool]:
    """Return the next events behind a number, and whether none will follow them."""
    return stored.read_events(connection, response_id, after)


@transaction(short=True)
def is_over(connection: Connection, response_id: str) -> bool:
    """Tell whether a response has ended, or is gone."""
    response = nouns.responses.find(connection, response_id)
    return response is None or response.status in TERMINAL


@transaction(writes=True, short=True)
def unlock(connection: Connection, response_id: str) -> None:
    """Let others work on the conversation of a response that left no trace."""
    locks.unlock(connection, response_id)


@transaction(writes=True, short=True)
def renew(
    connection: Connection, lease: Lease, response_ids: Sequence[str], *, takes_over: bool
) -> tuple[list[str], list[Left]]:
    """Renew leases and locks, and take over what nobody executes any more, if that is wanted.

    Returns:
        The ids of those that must not go on, and those that were taken over.
    """
    gone = stored.renew(connection, lease, response_ids)
    slots.renew(connection, lease, response_ids)
    taken = stored.take_over(connection, lease) if takes_over else []
    ids = [*response_ids, *(each.response.id for each in taken)]
    locks.renew_locks(connection, lease, ids)
    return list(gone), [_read_left(connection, each) for each in taken]


def _read_left(connection: Connection, owned: OwnedResponse) -> Left:
    response = owned.response
    told = _read_all_events(connection, response.id)
    output = progress.read(connection, response.id)
    conversation = response.conversation
    is_locked = conversation is None or locks.has_lock(connection, conversation.id, response.id)
    return Left(owned, told, output, is_locked and owned.include is not None)


def _read_all_events(connection: Connection, response_id: str) -> list[StoredEvent]:
    found: list[StoredEvent] = []
    while more := stored.read_events(connection, response_id, len(found) - 1)[0]:
        found += more
    return found


@transaction(writes=True)
def free_events(connection: Connection) -> None:
    """Delete the events of responses that ended more than ten minutes ago."""
    stored.free_events(connection, clock.seconds())


def _insert(
    connection: Connection,
    owner: Owner,
    response: Response,
    policy: Policy,
    *,
    lease: Lease | None = None,
    include: frozenset[str] = frozenset(),
) -> None:
    expires_at = None if response.conversation else clock.seconds() + policy.response_seconds
    stored.insert_response(
        connection,
        response,
        project_id=owner.project_id,
        api_key_id=owner.api_key_id,
        expires_at=expires_at,
        lease=lease,
        include=include,
    )


def _insert_items(
    connection: Connection, owner: Owner, response: Response, items: Sequence[StoredItem]
) -> None:
    stored_items.insert_items(
        connection, owner.project_id, items, response_id=response.id, conversation_id=None
    )


def _end_conversation(connection: Connection, response: Response) -> None:
    """Make the items part of the conversation, where the response ended well; let others work on it."""
    if response.conversation is None:
        return
    if response.status in _APPENDED:
        conversations.append(connection, response.conversation.id, response.id)
    else:
        locks.unlock(connection, response.id)


def as_input(given: Sequence[StoredItem]) -> list[StoredItem]:
    """Return items as the input of a response; what is referred to may have been an output."""
    return [replace(each, is_input=True) for each in given]
