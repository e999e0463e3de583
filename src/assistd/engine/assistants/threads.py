"""Threads: each function is one transaction, with the rules of the API."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistd.db import Connection, conversations, nouns
from assistd.db.transaction import transaction
from assistd.engine.assistants import files, messages, stores
from assistd.engine.assistants.messages import NewMessage
from assistd.engine.assistants.stores import NewStore
from assistd.engine.policy import Policy
from assistd.objects.thread import Thread


@dataclass(frozen=True, slots=True)
class NewThread:
    """A thread as a client wants it.

    Args:
        thread: it, with the id of the store that is made for it.
        messages: its first messages.
        store: that store, if one is made.
    """

    thread: Thread
    messages: Sequence[NewMessage] = ()
    store: NewStore | None = None

    @property
    def has_searched_files(self) -> bool:
        """Whether files come with it that file search may find."""
        return bool(self.store) or any(each.has_searched_files for each in self.messages)


@transaction(writes=True, short=True)
def create(connection: Connection, project_id: str, new: NewThread, policy: Policy) -> Thread:
    """Insert a thread, its store and its first messages; their attachments join its files (trap 18).

    Raises:
        NotFoundError: a file or a vector store is unknown.
        RequestError: there are more messages or files than a thread may have.
        StorageQuotaError: the project has no room for more files in vector stores.
    """
    thread = new.thread
    files.require(connection, project_id, thread.tool_resources.file_ids)
    stores.create(connection, project_id, new.store, policy)
    stores.require(connection, project_id, thread.tool_resources.store_ids)
    nouns.threads.insert(connection, thread, project_id=project_id)
    return messages.add_all(connection, project_id, thread, new.messages, policy)


@transaction(writes=True, short=True)
def modify(
    connection: Connection, project_id: str, thread_id: str, change: Callable[[Thread], Thread]
) -> Thread:
    """Change a thread's files or metadata.

    Args:
        connection: a writing transaction.
        project_id: who owns the thread.
        thread_id: the thread.
        change: makes the changed thread of the stored one.

    Raises:
        NotFoundError: the thread, or a file or a vector store that it is given, is unknown.
        RequestError: it is given more files than it may have.
    """
    thread = nouns.threads.get(connection, thread_id, project_id=project_id)
    changed = change(thread)
    if changed.tool_resources is not thread.tool_resources:  # sent, be it with the same files
        files.require(connection, project_id, changed.tool_resources.file_ids)
    if changed.tool_resources.store_ids != thread.tool_resources.store_ids:
        stores.require(connection, project_id, changed.tool_resources.store_ids)
    nouns.threads.replace(connection, changed)
    return changed


@transaction(writes=True)
def delete(connection: Connection, project_id: str, thread_id: str) -> None:
    """Delete a thread with its messages, runs and steps; files stay.

    Raises:
        NotFoundError: the thread is unknown.
    """
    nouns.threads.get(connection, thread_id, project_id=project_id)
    conversations.forget(connection, thread_id)
