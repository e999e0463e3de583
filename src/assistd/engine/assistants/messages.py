"""Messages of threads: each function is one transaction, with the rules of the API."""

from collections.abc import Sequence
from dataclasses import dataclass

from assistd import clock, ids
from assistd.db import Connection, conversations, nouns, runs
from assistd.db.collection import Listing, Page
from assistd.db.transaction import SHORT_PAGE, transaction
from assistd.engine.assistants import files, stores
from assistd.engine.policy import Policy
from assistd.errors import RequestError
from assistd.objects.base import CodeFiles, Metadata
from assistd.objects.message import Attachment, Content, Message
from assistd.objects.thread import Thread

MAX_MESSAGES = 100_000
"""Messages of one thread (contract section 3)."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message as a client sends it, validated."""

    role: str
    content: tuple[Content, ...]
    attachments: tuple[Attachment, ...] = ()
    metadata: Metadata | None = None

    @property
    def has_searched_files(self) -> bool:
        """Whether files come with it that file search may find."""
        return any(each.is_for_search for each in self.attachments)


@transaction(writes=True, short=True)
def create(
    connection: Connection, project_id: str, thread_id: str, new: NewMessage, policy: Policy
) -> Message:
    """Add a message to a thread that no run has locked.

    Raises:
        NotFoundError: the thread or a file is unknown.
        RequestError: a run is active (contract section 9), or a file cannot be searched as wanted.
        StorageQuotaError: the project has no room for more files in vector stores.
    """
    thread = nouns.threads.get(connection, thread_id, project_id=project_id)
    active = runs.active(connection, thread_id)
    if active:
        raise RequestError(f"Can't add messages to {thread_id} while a run {active.id} is active.")
    _require_space(connection, thread, 1)
    conversations.go_on(connection, thread.id)
    message, _ = _add_message(connection, project_id, thread, new, policy)
    return message


@transaction(short=SHORT_PAGE)
def page(
    connection: Connection,
    project_id: str,
    thread_id: str,
    run_id: str | None,
    page: Page,
    *,
    max_characters: int | None = None,
) -> Listing[Message]:
    """Return a page of a thread's messages, or of those that one run wrote.

    Raises:
        NotFoundError: the thread or a cursor of the page is unknown.
        TooLongError: the page has more than `max_characters` of JSON.
    """
    nouns.threads.get(connection, thread_id, project_id=project_id)
    scope = {"thread_id": thread_id} | ({"run_id": run_id} if run_id else {})
    return nouns.messages.page(connection, page, max_characters=max_characters, **scope)


@transaction(short=True)
def get(connection: Connection, project_id: str, thread_id: str, message_id: str) -> Message:
    """Return a message.

    Raises:
        NotFoundError: the thread is unknown, or has no such message.
    """
    nouns.threads.get(connection, thread_id, project_id=project_id)
    return nouns.messages.get(connection, message_id, thread_id=thread_id)


@transaction(writes=True, short=True)
def modify(
    connection: Connection,
    project_id: str,
    thread_id: str,
    message_id: str,
    metadata: Metadata | None,
) -> Message:
    """Give a message new metadata; None leaves what it has.

    Raises:
        NotFoundError: the thread is unknown, or has no such message.
    """
    message = get(connection, project_id, thread_id, message_id)
    if metadata is not None:
        message = message.evolve(metadata=metadata)
        nouns.messages.replace(connection, message)
    return message


@transaction(writes=True, short=True)
def delete(connection: Connection, project_id: str, thread_id: str, message_id: str) -> None:
    """Delete a message.

    Raises:
        NotFoundError: the thread is unknown, or has no such message.
    """
    get(connection, project_id, thread_id, message_id)
    nouns.messages.delete(connection, message_id)


def add_all(
    connection: Connection,
    project_id: str,
    thread: Thread,
    news: Sequence[NewMessage],
    policy: Policy,
) -> Thread:
    """Insert messages in their order; return the thread with the files that were attached.

    Raises:
        NotFoundError: a file is unknown.
        RequestError: the thread has as many messages or files as it may, or a file cannot be searched.
        StorageQuotaError: the project has no room for more files in vector stores.
    """
    if news:
        _require_space(connection, thread, len(news))
    for new in news:
        _, thread = _add_message(connection, project_id, thread, new, policy)
    return thread


def _require_space(connection: Connection, thread: Thread, more: int) -> None:
    """See that a thread may have so many more messages: once for all, for it counts those there are."""
    most = MAX_MESSAGES - more
    if most < 0 or nouns.messages.has(connection, most + 1, thread_id=thread.id):
        raise RequestError(f"Thread {thread.id} cannot have more than {MAX_MESSAGES} messages.")


def _add_message(
    connection: Connection, project_id: str, thread: Thread, new: NewMessage, policy: Policy
) -> tuple[Message, Thread]:
    """Insert a message; return it, and the thread with the files that were attached.

    Raises:
        NotFoundError: a file is unknown.
        RequestError: the thread has as many files as it may, or one cannot be searched.
        StorageQuotaError: the project has no room for more files in vector stores.
    """
    pictures = [part.image_file.file_id for part in new.content if part.type == "image_file"]
    attached = [each.file_id for each in new.attachments]
    files.require_known(connection, project_id, (*pictures, *attached))
    joining = [each.file_id for each in new.attachments if each.is_for_code]
    now = clock.seconds()
    message = Message(
        id=ids.new("msg"),
        created_at=now,
        thread_id=thread.id,
        role="assistant" if new.role == "assistant" else "user",
        content=new.content,
        attachments=new.attachments,
        metadata=new.metadata or {},
        completed_at=now,
    )
    conversations.add_message(connection, message)
    changed = stores.attach(connection, project_id, thread, new.attachments, policy)
    if joining:
        conversations.bring_back(connection, thread.id, joining)
        file_ids = tuple(dict.fromkeys((*thread.tool_resources.file_ids, *joining)))
        files.require_room(file_ids)
        resources = changed.tool_resources.evolve(code_interpreter=CodeFiles(file_ids=file_ids))
        changed = changed.evolve(tool_resources=resources)
    if changed is not thread:
        nouns.threads.replace(connection, changed)
    return message, changed
