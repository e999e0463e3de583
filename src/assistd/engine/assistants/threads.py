"""Threads: each function is one transaction, with the rules of the API."""

from collections.abc import Callable, Sequence

from assistd.db import Connection, conversations, nouns
from assistd.db.transaction import transaction
from assistd.engine.assistants import files, messages
from assistd.engine.assistants.messages import NewMessage
from assistd.objects.thread import Thread


@transaction(writes=True, short=True)
def create(
    connection: Connection, project_id: str, thread: Thread, news: Sequence[NewMessage]
) -> Thread:
    """Insert a thread and its first messages; their attachments join its files (trap 18).

    Raises:
        NotFoundError: a file is unknown.
        RequestError: there are more messages or files than a thread may have.
    """
    files.require(connection, project_id, thread.tool_resources.file_ids)
    nouns.threads.insert(connection, thread, project_id=project_id)
    return messages.add_all(connection, project_id, thread, news)


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
        NotFoundError: the thread or a file that it is given is unknown.
        RequestError: it is given more files than it may have.
    """
    thread = nouns.threads.get(connection, thread_id, project_id=project_id)
    changed = change(thread)
    if changed.tool_resources is not thread.tool_resources:  # sent, be it with the same files
        files.require(connection, project_id, changed.tool_resources.file_ids)
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
