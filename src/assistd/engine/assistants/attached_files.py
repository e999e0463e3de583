"""Files of an assistant and of a message, as objects: only v1 of the API has them (decision 0022).

Where the assistant of a v1 client has `retrieval`, its vector store follows its files (decision 0075).
"""

from collections.abc import Callable, Sequence
from typing import Any

from assistd.db import Connection, nouns
from assistd.db.collection import Listing, Page
from assistd.db.transaction import transaction
from assistd.engine.assistants import assistants, stores
from assistd.engine.assistants.stores import NewStore
from assistd.engine.policy import Policy
from assistd.errors import NotFoundError
from assistd.objects.assistant import Assistant
from assistd.objects.attached_file import AttachedFile
from assistd.objects.base import CodeFiles


@transaction(writes=True, short=True)
def create_assistant(
    connection: Connection,
    project_id: str,
    assistant: Assistant,
    store: NewStore | None,
    policy: Policy,
) -> Assistant:
    """Insert an assistant as `assistants.create` does, and its files into a store of its own."""
    assistants.create(connection, project_id, assistant, store, policy)
    return stores.follow_files(connection, project_id, None, assistant, policy)


@transaction(writes=True, short=True)
def modify_assistant(
    connection: Connection,
    project_id: str,
    assistant_id: str,
    change: Callable[[Assistant], Assistant],
    policy: Policy,
) -> Assistant:
    """Change an assistant as `assistants.modify` does, and its store with it."""
    before = nouns.assistants.get(connection, assistant_id, project_id=project_id)
    after = assistants.modify(connection, project_id, assistant_id, change)
    return stores.follow_files(connection, project_id, before, after, policy)


@transaction(short=True)
def of_assistant(connection: Connection, project_id: str, assistant_id: str) -> list[AttachedFile]:
    """Return an assistant's files, in the order in which it got them.

    Raises:
        NotFoundError: the assistant is unknown.
    """
    assistant = nouns.assistants.get(connection, assistant_id, project_id=project_id)
    return _find_all(
        connection,
        project_id,
        assistant.tool_resources.file_ids,
        object="assistant.file",
        assistant_id=assistant_id,
    )


@transaction(short=True)
def of_message(
    connection: Connection, project_id: str, thread_id: str, message_id: str
) -> list[AttachedFile]:
    """Return a message's files, in the order of its attachments.

    Raises:
        NotFoundError: the thread is unknown, or has no such message.
    """
    nouns.threads.get(connection, thread_id, project_id=project_id)
    message = nouns.messages.get(connection, message_id, thread_id=thread_id)
    ids = list(dict.fromkeys(each.file_id for each in message.attachments))
    whose = {"object": "thread.message.file", "message_id": message_id}
    return _find_all(connection, project_id, ids, **whose)


@transaction(writes=True, short=True)
def attach(
    connection: Connection, project_id: str, assistant_id: str, file_id: str, policy: Policy
) -> AttachedFile:
    """Give an assistant a file.

    Raises:
        NotFoundError: the assistant or the file is unknown.
        RequestError: it has as many files as it may.
        StorageQuotaError: the project has no room for more files in vector stores.
    """

    def add(assistant: Assistant) -> Assistant:
        return _set_files(assistant, (*assistant.tool_resources.file_ids, file_id))

    modify_assistant(connection, project_id, assistant_id, add, policy)
    return find(of_assistant(connection, project_id, assistant_id), file_id)


@transaction(writes=True, short=True)
def detach(
    connection: Connection, project_id: str, assistant_id: str, file_id: str, policy: Policy
) -> None:
    """Take a file from an assistant; the file itself stays.

    Raises:
        NotFoundError: the assistant is unknown, or has no such file.
    """
    find(of_assistant(connection, project_id, assistant_id), file_id)

    def remove(assistant: Assistant) -> Assistant:
        left = [each for each in assistant.tool_resources.file_ids if each != file_id]
        return _set_files(assistant, left)

    modify_assistant(connection, project_id, assistant_id, remove, policy)


def find(attached: Sequence[AttachedFile], file_id: str) -> AttachedFile:
    """Return the file of this id.

    Raises:
        NotFoundError: it is not among them.
    """
    for file in attached:
        if file.id == file_id:
            return file
    raise NotFoundError(f"No file found with id '{file_id}'.")


def cut_page(attached: Sequence[AttachedFile], page: Page) -> Listing[AttachedFile]:
    """Return the files that a page shows.

    Raises:
        NotFoundError: a cursor of the page is not among them.
    """
    ordered = list(attached if page.order == "asc" else reversed(attached))
    start = ordered.index(find(attached, page.after)) + 1 if page.after else 0
    end = ordered.index(find(attached, page.before)) if page.before else len(ordered)
    wanted = ordered[start:end]
    # As in every list, `before` alone wants the items nearest to the cursor.
    nearest = page.before is not None and page.after is None
    shown = wanted[-page.limit :] if nearest else wanted[: page.limit]
    return Listing(shown, has_more=len(wanted) > page.limit)


def _find_all(
    connection: Connection, project_id: str, ids: Sequence[str], **whose: Any
) -> list[AttachedFile]:
    """Return the files of these ids, as `whose` says; an id dangles once its file is deleted (contract section 7)."""
    found = (nouns.files.find(connection, each, project_id=project_id) for each in ids)
    return [AttachedFile(id=file.id, created_at=file.created_at, **whose) for file in found if file]


def _set_files(assistant: Assistant, ids: Sequence[str]) -> Assistant:
    files = CodeFiles(file_ids=tuple(dict.fromkeys(ids)))
    return assistant.evolve(tool_resources=assistant.tool_resources.evolve(code_interpreter=files))
