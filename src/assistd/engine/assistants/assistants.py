"""Assistants: each function is one transaction, with the rules of the API."""

from collections.abc import Callable

from assistd.db import Connection, nouns
from assistd.db.transaction import transaction
from assistd.engine.assistants import files, stores
from assistd.engine.assistants.stores import NewStore
from assistd.engine.policy import Policy
from assistd.objects.assistant import Assistant


@transaction(writes=True, short=True)
def create(
    connection: Connection,
    project_id: str,
    assistant: Assistant,
    store: NewStore | None,
    policy: Policy,
) -> Assistant:
    """Insert an assistant, and the vector store that is made for it; return the assistant.

    Raises:
        NotFoundError: a file or a vector store is unknown.
        RequestError: it has more files than it may.
        StorageQuotaError: the project has no room for more files in vector stores.
    """
    files.require(connection, project_id, assistant.tool_resources.file_ids)
    stores.create(connection, project_id, store, policy)
    stores.require(connection, project_id, assistant.tool_resources.store_ids)
    nouns.assistants.insert(connection, assistant, project_id=project_id)
    return assistant


@transaction(writes=True, short=True)
def modify(
    connection: Connection,
    project_id: str,
    assistant_id: str,
    change: Callable[[Assistant], Assistant],
) -> Assistant:
    """Change an assistant.

    Args:
        connection: a writing transaction.
        project_id: who owns the assistant.
        assistant_id: the assistant.
        change: makes the changed assistant of the stored one.

    Raises:
        NotFoundError: the assistant, or a file or a vector store that is new to it, is unknown.
        RequestError: it is given more files than it may have.
    """
    assistant = nouns.assistants.get(connection, assistant_id, project_id=project_id)
    changed = change(assistant)
    if changed.tool_resources != assistant.tool_resources:
        files.require(connection, project_id, changed.tool_resources.file_ids)
    if changed.tool_resources.store_ids != assistant.tool_resources.store_ids:
        stores.require(connection, project_id, changed.tool_resources.store_ids)
    nouns.assistants.replace(connection, changed)
    return changed


@transaction(writes=True, short=True)
def delete(connection: Connection, project_id: str, assistant_id: str) -> None:
    """Delete an assistant; its runs go on.

    Raises:
        NotFoundError: the assistant is unknown.
    """
    nouns.assistants.get(connection, assistant_id, project_id=project_id)
    nouns.assistants.delete(connection, assistant_id)
