"""Chains of responses and conversations in the database: what a model sees, locks, deletion, expiry."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from assistd import clock, ids
from assistd.db import (
    nouns,
    projects,
    tables,
)
from assistd.db.collection import Page, TooLongError
from assistd.db.database import Database
from assistd.db.leases import Lease
from assistd.db.responses import expiry, history, items, locks
from assistd.db.responses.items import StoredItem
from assistd.db.transaction import transaction
from assistd.engine.policy import Policy
from assistd.engine.responses import context, conversations
from assistd.engine.responses.input import GivenItem, ItemReference, store
from assistd.errors import NotFoundError, RequestError
from assistd.objects.file import File
from assistd.objects.responses.item import (
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    Message,
    OutputText,
)
from assistd.objects.responses.response import ConversationReference, Response

DAY = 86_400
LEASE = Lease("here", 15.0)


@pytest.fixture(scope="module")
def database(each_database: Database) -> Database:
    return each_database


def say(text: str, id_: str | None = None) -> Message:
    id_ = id_ or ids.new_hex("msg")
    return Message(id=id_, role="user", content=(InputText(text=text),))


def call(call_id: str, **changes: Any) -> FunctionCall:
    made = FunctionCall(id=ids.new_hex("fc"), arguments="{}", call_id=call_id, name="f")
    return made.evolve(**changes)


def answer(call_id: str) -> FunctionCallOutput:
    return FunctionCallOutput(id=ids.new_hex("fc"), call_id=call_id, output="22")


@transaction(writes=True)
def _keep(
    connection: Connection, project_id: str, made: Response, stored: Sequence[StoredItem]
) -> None:
    """Store a response as one that has ended."""
    conversation_id = made.conversation and made.conversation.id
    nouns.responses.insert(
        connection,
        made,
        project_id=project_id,
        status=made.status,
        previous_response_id=made.previous_response_id,
        conversation_id=conversation_id,
        expires_at=None if conversation_id else made.created_at + 30 * DAY,
    )
    items.insert_items(connection, project_id, stored, response_id=made.id, conversation_id=None)
    if conversation_id:
        conversations.append(connection, conversation_id, made.id)


@transaction(writes=True)
def _lock(connection: Connection, project_id: str, conversation_id: str, response_id: str) -> None:
    conversations.lock(connection, project_id, conversation_id, response_id, LEASE)


@transaction(writes=True)
def _renew(connection: Connection, response_id: str) -> None:
    locks.renew_locks(connection, LEASE, [response_id])


class Tenant:
    """A project, asked by the functions that the endpoints call."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.id = database.run_sync(projects.create, "tenant").id

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self.database.run_sync(function, self.id, *args, **kwargs)

    def respond(
        self,
        given: str | list[GivenItem],
        output: Sequence[Any] = (),
        *,
        previous: str | None = None,
        conversation: str | None = None,
        **fields: Any,
    ) -> str:
        """Make a response of an input with this output; return its id."""
        sent: list[GivenItem] = [say(given)] if isinstance(given, str) else given
        seen = self.see(sent, previous_response_id=previous, conversation_id=conversation)
        made = Response(
            id=ids.new_hex("resp"),
            created_at=clock.seconds(),
            model="m",
            previous_response_id=previous,
            conversation=ConversationReference(id=conversation) if conversation else None,
            **{"status": "completed", **fields},
        )
        said = [StoredItem(each.id, is_input=False, item=each) for each in output]
        self.run(_keep, made, [*seen.input, *said])
        return made.id

    def see(self, given: Sequence[GivenItem] = (), **state: str | None) -> context.ModelContext:
        return self.run(context.read_context, given, **state)

    def converse(self, *given: GivenItem) -> str:
        return self.run(conversations.create, given, {}).id

    def list_ids(self, conversation: str, **page: Any) -> list[str]:
        found = self.run(conversations.read_page, conversation, Page(**{"order": "asc", **page}))
        return [each.id for each in found.items]


@pytest.fixture
def tenant(database: Database) -> Tenant:
    return Tenant(database)


@pytest.fixture
def stranger(database: Database) -> Tenant:
    return Tenant(database)


def speak(text: str) -> Message:
    content = (OutputText(text=text),)
    return Message(id=ids.new_hex("msg"), role="assistant", content=content)


def texts(found: Sequence[StoredItem]) -> list[str]:
    return [
        "".join(part.text for part in each.item.content if isinstance(part, InputText | OutputText))
        for each in found
        if isinstance(each.item, Message)
    ]


def test_a_chain_with_a_branch(tenant: Tenant) -> None:
    first = tenant.respond("1", [speak("one")])
    second = tenant.respond("2", [speak("two")], previous=first)
    branch = tenant.respond("2b", [speak("two b")], previous=first)
    third = tenant.respond("3", [speak("three")], previous=second)
    assert texts(tenant.see(previous_response_id=third).before) == [
        "1",
        "one",
        "2",
        "two",
        "3",
        "three",
    ]
    assert texts(tenant.see(previous_response_id=branch).before) == ["1", "one", "2b", "two b"]
    listed = tenant.run(context.page_input_items, third, Page())
    assert texts(listed.items) == ["3", "two", "2", "one", "1"]  # responses, trap 20


def test_pages_of_what_a_model_saw(tenant: Tenant) -> None:
    response = tenant.respond([say("1", "msg_a"), say("2", "msg_b"), say("3", "msg_c")])
    page = tenant.run(context.page_input_items, response, Page(limit=2))
    assert ([each.id for each in page.items], page.has_more) == (["msg_c", "msg_b"], True)
    page = tenant.run(context.page_input_items, response, Page(limit=2, order="asc", after="msg_b"))
    assert ([each.id for each in page.items], page.has_more) == (["msg_c"], False)
    with pytest.raises(RequestError, match="no object with id 'msg_z'"):
        tenant.run(context.page_input_items, response, Page(after="msg_z"))


def test_responses_trap_22_unknown_parents_and_conversations(
    tenant: Tenant, stranger: Tenant
) -> None:
    unknown = tenant.respond("1")
    for asked in (unknown, "resp_0", stranger.respond("1", status="in_progress")):
        with pytest.raises(
            RequestError, match=f"Previous response with id '{asked}' not found"
        ) as e:
            stranger.see(previous_response_id=asked)
        assert (e.value.code, e.value.param) == (
            "previous_response_not_found",
            "previous_response_id",
        )
        assert not isinstance(e.value, NotFoundError)
    for asked in ("conv_0", tenant.converse()):
        with pytest.raises(NotFoundError, match=f"Conversation with id '{asked}' not found."):
            stranger.see(conversation_id=asked)


def test_a_response_that_still_runs_is_no_parent(tenant: Tenant) -> None:
    running = tenant.respond("1", status="queued", background=True)
    with pytest.raises(RequestError, match="is still queued"):
        tenant.see(previous_response_id=running)
    assert texts(tenant.see(previous_response_id=tenant.respond("1", status="failed")).before) == [
        "1"
    ]


def test_calls_and_outputs_belong_together(tenant: Tenant) -> None:
    response = tenant.respond("?", [call("call_1"), call("call_2")])
    with pytest.raises(RequestError, match="No tool output found for function call call_2"):
        tenant.see([answer("call_1")], previous_response_id=response)
    given = [answer("call_1"), answer("call_2")]
    assert len(tenant.see(given, previous_response_id=response).items) == 5
    with pytest.raises(RequestError, match="with call_id call_3"):
        tenant.see([*given, answer("call_3")], previous_response_id=response)
    cut_off = tenant.respond("?", [call("call_4", status="incomplete")])
    assert tenant.see(previous_response_id=cut_off).before
    with pytest.raises(RequestError, match="No tool output found for function call call_5"):
        tenant.see([call("call_5")])


def test_an_answer_to_a_call_that_was_deleted_is_left_out(tenant: Tenant) -> None:
    first = tenant.respond("?", [call("call_1")])
    second = tenant.respond([answer("call_1")], [speak("22")], previous=first)
    tenant.database.run_sync(_delete, first)
    assert texts(tenant.see(previous_response_id=second).items) == ["22"]


@transaction(writes=True)
def _delete(connection: Connection, response_id: str) -> None:
    items.delete_items(connection, response_id)
    nouns.responses.delete(connection, response_id)


def test_responses_trap_25_items_are_found_by_id_alone(tenant: Tenant, stranger: Tenant) -> None:
    said = speak("two")
    response = tenant.respond("1", [said])
    own = say("3")
    conversation = tenant.converse(own)
    seen = tenant.see([ItemReference(said.id), ItemReference(own.id)])
    assert texts(seen.input) == ["two", "3"]
    for each in (said.id, own.id):
        with pytest.raises(NotFoundError, match=f"Item with id '{each}' not found"):
            stranger.see([ItemReference(each)])
    # What a client sends back under the id of an item does not take its place.
    tenant.respond([say("forged", said.id)])
    assert texts(tenant.see([ItemReference(said.id)]).input) == ["two"]
    tenant.run(conversations.delete_item, conversation, own.id)
    with pytest.raises(NotFoundError, match="not found"):
        tenant.see([ItemReference(own.id)])
    tenant.database.run_sync(_delete, response)
    assert texts(tenant.see([ItemReference(said.id)]).input) == ["forged"]


def test_an_item_of_the_chain_cannot_be_sent_again(tenant: Tenant) -> None:
    said = speak("one")
    response = tenant.respond("1", [said])
    for again in (said, ItemReference(said.id)):
        with pytest.raises(RequestError, match="Duplicate item found"):
            tenant.see([again], previous_response_id=response)


@pytest.mark.parametrize("part", [InputFile(file_id="file-0"), InputImage(file_id="file-0")])
def test_files_of_the_input_must_be_there(tenant: Tenant, part: Any) -> None:
    given = say("").evolve(content=(part,))
    output = FunctionCallOutput(id="fc_1", call_id="c", output=(part,))
    for each in (given, output):
        with pytest.raises(NotFoundError, match="No such File object: file-0"):
            tenant.see([each])


@transaction(writes=True)
def _add_file(connection: Connection, project_id: str, file_id: str) -> None:
    blob = {"hash": "h", "bytes": 1, "blob": "blob_1", "purpose": "user_data"}
    file = File(id=file_id, purpose="user_data", filename="a", bytes=1, created_at=1)
    nouns.files.insert(connection, file, project_id=project_id, **blob)


@transaction(writes=True)
def _delete_file(connection: Connection, _: str, file_id: str) -> None:
    nouns.files.delete(connection, file_id)


def test_a_file_that_was_deleted_meanwhile_is_left_out(tenant: Tenant) -> None:
    kept, deleted = ids.new("file"), ids.new("file")
    for file_id in (kept, deleted):
        tenant.run(_add_file, file_id)
    parts = (InputFile(file_id=deleted), InputFile(file_id=kept), InputImage(file_id=kept))
    given = say("").evolve(content=parts)
    assert tenant.see([given]).file_ids == (deleted, kept)
    conversation = tenant.converse(given)
    tenant.run(_delete_file, deleted)
    assert tenant.see(conversation_id=conversation).file_ids == (kept,)


def test_a_long_context_is_not_read_on_the_loop(tenant: Tenant) -> None:
    conversation = tenant.converse(say("x" * 1000))
    with pytest.raises(TooLongError):
        tenant.see(conversation_id=conversation, max_characters=100)
    chain = tenant.respond("x" * 1000)
    with pytest.raises(TooLongError):
        tenant.see(previous_response_id=chain, max_characters=100)


def test_a_conversation_grows_by_responses(tenant: Tenant) -> None:
    conversation = tenant.converse(say("0"))
    first = tenant.respond("1", [speak("one")], conversation=conversation)
    tenant.run(conversations.add_items, conversation, [say("added")])
    second = tenant.respond("2", [speak("two")], conversation=conversation)
    everything = ["0", "1", "one", "added", "2", "two"]
    assert texts(tenant.see(conversation_id=conversation).before) == everything
    assert (
        texts(tenant.run(context.page_input_items, second, Page(order="asc")).items)
        == everything[:5]
    )
    assert texts(tenant.run(context.page_input_items, first, Page(order="asc")).items) == ["0", "1"]
    # A chain that leaves the conversation takes along what that had by then.
    assert texts(tenant.see(previous_response_id=first).before) == ["0", "1", "one"]


def test_pages_of_a_conversation(tenant: Tenant) -> None:
    given = [say(str(number), f"msg_{number}") for number in range(4)]
    conversation = tenant.converse(*given)
    ids_ = [each.id for each in given]
    assert tenant.list_ids(conversation) == ids_
    assert tenant.list_ids(conversation, order="desc", limit=2) == ids_[:1:-1]
    assert tenant.list_ids(conversation, after="msg_1") == ids_[2:]
    assert tenant.list_ids(conversation, after="msg_1", order="desc") == ids_[:1]
    tenant.run(conversations.delete_item, conversation, "msg_1")
    assert tenant.list_ids(conversation) == ["msg_0", "msg_2", "msg_3"]
    assert tenant.list_ids(conversation, after="msg_1") == ids_[2:]
    with pytest.raises(RequestError, match="no object with id 'msg_9'"):
        tenant.list_ids(conversation, after="msg_9")
    tenant.run(conversations.add_items, conversation, [say("again", "msg_1")])
    assert tenant.list_ids(conversation) == ["msg_0", "msg_2", "msg_3", "msg_1"]
    with pytest.raises(RequestError, match="Duplicate item found with id msg_1"):
        tenant.run(conversations.add_items, conversation, [say("again", "msg_1")])


def test_two_conversations_have_the_same_item(tenant: Tenant) -> None:
    own = say("1")
    both = [tenant.converse(own), tenant.converse(ItemReference(own.id))]
    tenant.run(conversations.delete_item, both[0], own.id)
    assert [tenant.list_ids(each) for each in both] == [[], [own.id]]


def test_an_item_that_is_taken_out_stays_with_its_response(tenant: Tenant) -> None:
    conversation = tenant.converse()
    said = speak("one")
    response = tenant.respond("1", [said], conversation=conversation)
    tenant.run(conversations.delete_item, conversation, said.id)
    assert texts(tenant.see(conversation_id=conversation).before) == ["1"]
    assert texts(tenant.see(previous_response_id=response).before) == ["1", "one"]
    assert tenant.list_ids(conversation, after=said.id) == []
    with pytest.raises(NotFoundError, match=f"'{said.id}' not found in conversation"):
        tenant.run(conversations.get_item, conversation, said.id)


def test_a_deleted_response_stays_in_its_conversation(tenant: Tenant) -> None:
    conversation = tenant.converse()
    response = tenant.respond("1", [speak("one")], conversation=conversation)
    tenant.database.run_sync(_delete, response)
    assert texts(tenant.see(conversation_id=conversation).before) == ["1", "one"]


def test_responses_trap_23_one_response_at_a_time(tenant: Tenant) -> None:
    conversation = tenant.converse(say("0", "msg_0"))
    tenant.run(_lock, conversation, "resp_1")
    attempts: list[Callable[[], Any]] = [
        lambda: tenant.run(_lock, conversation, "resp_2"),
        lambda: tenant.run(conversations.add_items, conversation, [say("1")]),
        lambda: tenant.run(conversations.delete_item, conversation, "msg_0"),
        lambda: tenant.run(conversations.delete, conversation, Policy()),
    ]
    for attempt in attempts:
        with pytest.raises(RequestError, match="Another process is currently operating") as found:
            attempt()
        assert found.value.code == "conversation_locked"
    assert texts(tenant.see(conversation_id=conversation).before) == ["0"]
    tenant.database.run_sync(locks.unlock, "resp_2")
    tenant.database.run_sync(locks.unlock, "resp_1")
    tenant.run(_lock, conversation, "resp_2")
    with pytest.raises(NotFoundError):
        tenant.run(_lock, "conv_0", "resp_1")


def test_a_lock_that_nobody_renews_is_free(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = tenant.converse()
    tenant.run(_lock, conversation, "resp_1")
    monkeypatch.setattr(clock, "_offset", 14.0)
    tenant.database.run_sync(_renew, "resp_1")
    monkeypatch.setattr(clock, "_offset", 28.0)
    with pytest.raises(RequestError, match="Another process"):
        tenant.run(_lock, conversation, "resp_2")
    monkeypatch.setattr(clock, "_offset", 30.0)
    tenant.run(_lock, conversation, "resp_2")


def _sweep(database: Database, days: float) -> None:
    while database.run_sync(expiry.delete_expired, clock.seconds() + round(days * DAY)):
        pass


@transaction()
def _count_rows(connection: Connection, project_id: str) -> list[int]:
    counted = (tables.responses, tables.response_items, tables.conversations)
    return [
        connection.execute(
            select(func.count()).where(table.c.project_id == project_id)
        ).scalar_one()
        for table in counted
    ]


def test_responses_are_deleted_after_their_time_with_the_last_of_their_chain(
    tenant: Tenant,
) -> None:
    first = tenant.respond("1")
    second = tenant.respond("2", previous=first)
    _sweep(tenant.database, 29)
    assert tenant.run(_count_rows) == [2, 2, 0]
    tenant.database.run_sync(_shorten, first)
    _sweep(tenant.database, 29)
    assert texts(tenant.see(previous_response_id=second).before) == ["1", "2"]
    _sweep(tenant.database, 31)
    assert tenant.run(_count_rows) == [0, 0, 0]


@transaction(writes=True)
def _shorten(connection: Connection, response_id: str) -> None:
    """Have a response expire at once."""
    changed = tables.responses.update().where(tables.responses.c.id == response_id)
    connection.execute(changed.values(expires_at=0))


def test_a_conversation_is_kept_until_long_after_it_is_deleted(tenant: Tenant) -> None:
    own = say("0")
    conversation = tenant.converse(own)
    tenant.respond("1", conversation=conversation)
    _sweep(tenant.database, 1000)
    assert tenant.run(_count_rows) == [1, 2, 1]
    tenant.run(conversations.delete, conversation, Policy())
    with pytest.raises(NotFoundError):
        tenant.run(conversations.get, conversation)
    _sweep(tenant.database, 29)
    assert texts(tenant.see([ItemReference(own.id)]).input) == ["0"]
    _sweep(tenant.database, 31)
    assert tenant.run(_count_rows) == [0, 0, 0]


def test_conversations_of_others_are_unknown(tenant: Tenant, stranger: Tenant) -> None:
    conversation = tenant.converse(say("0", "msg_0"))
    response = tenant.respond("1")
    attempts: list[Callable[[], Any]] = [
        lambda: stranger.run(conversations.get, conversation),
        lambda: stranger.run(conversations.modify, conversation, {"a": "b"}),
        lambda: stranger.run(conversations.delete, conversation, Policy()),
        lambda: stranger.run(conversations.add_items, conversation, [say("1")]),
        lambda: stranger.list_ids(conversation),
        lambda: stranger.run(conversations.get_item, conversation, "msg_0"),
        lambda: stranger.run(conversations.delete_item, conversation, "msg_0"),
        lambda: stranger.run(context.page_input_items, response, Page()),
    ]
    for attempt in attempts:
        with pytest.raises(NotFoundError, match=r"with id '(conv|resp)_[0-9a-f]+' not found\."):
            attempt()
    assert tenant.list_ids(conversation) == ["msg_0"]


def test_what_is_added_sorts_last_whatever_the_clock(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = tenant.converse(say("0"))
    with monkeypatch.context() as ahead:
        ahead.setattr(clock, "_offset", 100.0)
        tenant.run(conversations.add_items, conversation, [say("1")])
    monkeypatch.setattr(clock, "_last", 0)
    tenant.run(conversations.add_items, conversation, [say("2")])
    assert texts(tenant.see(conversation_id=conversation).before) == ["0", "1", "2"]


def test_more_than_one_statement_of_names(tenant: Tenant) -> None:
    given = [say(str(number)) for number in range(600)]
    tenant.respond(list(given))
    found = tenant.run(_find, [each.id for each in given])
    assert len(found) == 600


@transaction()
def _find(connection: Connection, project_id: str, item_ids: list[str]) -> dict[str, StoredItem]:
    return history.find_items(connection, project_id, item_ids)


def test_what_include_asks_for_is_kept_apart(tenant: Tenant) -> None:
    picture = InputImage(image_url="data:image/png;base64,aGk=")
    conversation = tenant.converse(say("").evolve(content=(picture,)))
    (kept,) = tenant.see(conversation_id=conversation).before
    assert kept.item == store(kept.item).item
    shown = kept.show({"message.input_image.image_url"})
    assert isinstance(shown, Message)
    assert shown.content == (picture,)
    hidden = kept.show(())
    assert isinstance(hidden, Message)
    assert hidden.content == (InputImage(),)
