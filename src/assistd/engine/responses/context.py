"""What the model of a response sees before its answer: what was said before, and the new input."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assistd.db import Connection, nouns
from assistd.db.collection import Listing, Page
from assistd.db.responses import history
from assistd.db.responses.items import StoredItem, read_items
from assistd.db.transaction import SHORT_PAGE, transaction
from assistd.engine.responses.input import GivenItem, ItemReference, read_input
from assistd.errors import NotFoundError, RequestError
from assistd.objects.responses.item import (
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    Item,
    Message,
)
from assistd.objects.responses.response import TERMINAL, Response


@dataclass(frozen=True, slots=True)
class ModelContext:
    """All that a model sees of a response besides instructions.

    Args:
        before: the items of the chain or of the conversation.
        input: what the client sent now.
        file_ids: the uploaded files and pictures in both that are still there.
    """

    before: list[StoredItem]
    input: list[StoredItem]
    file_ids: tuple[str, ...] = ()

    @property
    def items(self) -> list[StoredItem]:
        """Everything, oldest first."""
        return self.before + self.input


@transaction(short=SHORT_PAGE)
def read_context(
    connection: Connection,
    project_id: str,
    given: Sequence[GivenItem],
    *,
    previous_response_id: str | None = None,
    conversation_id: str | None = None,
    max_characters: int | None = None,
) -> ModelContext:
    """Return what the model of a new response sees.

    Args:
        connection: a transaction.
        project_id: whose response it is.
        given: what the client sent.
        previous_response_id: the response that it goes on from, if there is one.
        conversation_id: the conversation that it goes on with, if there is one.
        max_characters: of JSON to read; None for all.

    Raises:
        NotFoundError: the conversation, or an item or a file that the input refers to, is unknown.
        RequestError: the response before is unknown or not done, an item is there twice, or the input
            does not fit the calls of functions.
        TooLongError: there are more characters.
    """
    before = load_context(
        connection,
        project_id,
        previous_response_id=previous_response_id,
        conversation_id=conversation_id,
        max_characters=max_characters,
    )
    sent = read_given(connection, project_id, given, [each.id for each in before])
    _require_outputs(before, sent)
    return ModelContext(before, sent, _find_files(connection, project_id, [*before, *sent]))


@transaction(short=SHORT_PAGE)
def reload_context(
    connection: Connection,
    project_id: str,
    response: Response,
    *,
    max_characters: int | None = None,
) -> ModelContext:
    """Return what the model of a response in the background sees, for another process to go on with it.

    Raises:
        RequestError: the response before was deleted.
        NotFoundError: the conversation was.
        TooLongError: there are more characters.
    """
    before = load_context(
        connection,
        project_id,
        previous_response_id=response.previous_response_id,
        conversation_id=response.conversation.id if response.conversation else None,
        max_characters=max_characters,
    )
    sent = [each for each in read_items(connection, response.id) if each.is_input]
    return ModelContext(before, sent, _find_files(connection, project_id, [*before, *sent]))


def load_context(
    connection: Connection,
    project_id: str,
    *,
    previous_response_id: str | None,
    conversation_id: str | None,
    max_characters: int | None = None,
) -> list[StoredItem]:
    """Return the items of a chain or a conversation, oldest first; see `read_context`."""
    if previous_response_id is not None:
        _require_done(connection, project_id, previous_response_id)
        return _drop_orphans(
            history.read_chain(
                connection, project_id, previous_response_id, max_characters=max_characters
            )
        )
    if conversation_id is not None:
        nouns.conversations.get(connection, conversation_id, project_id=project_id)
        return _drop_orphans(
            history.read_conversation(connection, conversation_id, max_characters=max_characters)
        )
    return []


def read_given(
    connection: Connection, project_id: str, given: Sequence[GivenItem], known: Iterable[str]
) -> list[StoredItem]:
    """Return what a client sent, as it is kept, with the items that it refers to.

    Args:
        connection: a transaction.
        project_id: whose client it is.
        given: what the client sent.
        known: ids of items that stand before these.

    Raises:
        NotFoundError: a file or an item that it refers to is unknown.
        RequestError: an item is there twice.
    """
    referred = [each.id for each in given if isinstance(each, ItemReference)]
    references = history.find_items(connection, project_id, referred) if referred else {}
    _require_files(connection, project_id, given)
    return read_input(given, references, known)


@transaction()
def page_input_items(
    connection: Connection, project_id: str, response_id: str, page: Page
) -> Listing[StoredItem]:
    """Return one page of what the model of a stored response saw besides instructions (responses, trap 20).

    Raises:
        NotFoundError: the response is unknown.
        RequestError: the cursor names nothing in the list.
    """
    items = _read_all_input(connection, project_id, response_id)
    if page.order == "desc":
        items.reverse()
    start = 0
    if page.after is not None:
        places = {each.id: place for place, each in enumerate(items, 1)}
        if page.after not in places:
            raise RequestError(
                f"Invalid 'after': no object with id '{page.after}' is in this list.", param="after"
            )
        start = places[page.after]
    end = start + page.limit
    return Listing(items[start:end], has_more=len(items) > end)


def _read_all_input(connection: Connection, project_id: str, response_id: str) -> list[StoredItem]:
    response = nouns.responses.get(connection, response_id, project_id=project_id)
    own = read_items(connection, response_id)
    before = list[StoredItem]()
    if response.previous_response_id:
        before = history.read_chain(connection, project_id, response.previous_response_id)
    elif response.conversation:
        place = history.find_place(connection, response_id)
        before = history.read_conversation(connection, response.conversation.id, place)
    return before + [each for each in own if each.is_input]


def _require_done(connection: Connection, project_id: str, response_id: str) -> None:
    """See that a response is there to go on from."""
    response = nouns.responses.find(connection, response_id, project_id=project_id)
    if response is None or not (response.background or response.status in TERMINAL):
        raise RequestError(
            f"Previous response with id '{response_id}' not found.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    if response.status not in TERMINAL:
        raise RequestError(
            f"Previous response with id '{response_id}' is still {response.status}. Please wait until it "
            "is done.",
            param="previous_response_id",
            code="previous_response_not_done",
        )


def _drop_orphans(items: list[StoredItem]) -> list[StoredItem]:
    """Leave out the outputs of calls that were deleted."""
    calls = {each.item.call_id for each in items if isinstance(each.item, FunctionCall)}
    return [
        each
        for each in items
        if not isinstance(each.item, FunctionCallOutput) or each.item.call_id in calls
    ]


def _require_outputs(before: Sequence[StoredItem], sent: Sequence[StoredItem]) -> None:
    """See that each call of a function has its output, and each output its call (contract, responses, 8.1)."""
    items = [each.item for each in (*before, *sent)]
    calls = [
        item.call_id
        for item in items
        if isinstance(item, FunctionCall) and item.status == "completed"
    ]
    outputs = {item.call_id for item in items if isinstance(item, FunctionCallOutput)}
    for call_id in calls:
        if call_id not in outputs:
            raise RequestError(f"No tool output found for function call {call_id}.", param="input")
    for each in sent:
        if isinstance(each.item, FunctionCallOutput) and each.item.call_id not in calls:
            raise RequestError(
                f"No tool call found for function call output with call_id {each.item.call_id}.",
                param="input",
            )


def _require_files(connection: Connection, project_id: str, given: Iterable[GivenItem]) -> None:
    for each in given:
        for file_id in () if isinstance(each, ItemReference) else _list_files(each):
            if not _has_file(connection, project_id, file_id):
                raise NotFoundError(f"No such File object: {file_id}", param="input")


def _find_files(
    connection: Connection, project_id: str, items: Iterable[StoredItem]
) -> tuple[str, ...]:
    named = dict.fromkeys(file_id for each in items for file_id in _list_files(each.item))
    return tuple(each for each in named if _has_file(connection, project_id, each))


def _has_file(connection: Connection, project_id: str, file_id: str) -> bool:
    found = nouns.files.find(connection, file_id, project_id=project_id, container_id="")
    return found is not None


def _list_files(item: Item) -> list[str]:
    """Return the ids of the uploaded files and pictures that an item has."""
    parts = item.content if isinstance(item, Message) else ()
    if isinstance(item, FunctionCallOutput) and not isinstance(item.output, str):
        parts = item.output
    found = (part.file_id for part in parts if isinstance(part, InputFile | InputImage))
    return [file_id for file_id in found if file_id]
