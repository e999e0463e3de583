"""The vector stores of threads and assistants: made with them, or for the files of their messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from assistd.db import Connection, nouns, vector_stores
from assistd.engine.policy import Policy
from assistd.engine.vector_stores import attaching, stores
from assistd.engine.vector_stores.attaching import NewStoreFile
from assistd.errors import RequestError
from assistd.files.media import media_type
from assistd.objects import tools
from assistd.objects.assistant import Assistant
from assistd.objects.message import Attachment
from assistd.objects.thread import Thread
from assistd.objects.vector_store import ExpiresAfter, VectorStore

THREAD_EXPIRY = ExpiresAfter(days=7)
"""How long a store lives that was made for a thread (contract, file search, trap 19)."""

# Code reads these better than a search does; the hosted service searches none of them.
_TABLES = frozenset(
    {".csv", ".jsonl", ".ods", ".parquet", ".tsv", ".xls", ".xlsb", ".xlsm", ".xlsx"}
)
_PACKED = frozenset(
    {".7z", ".bin", ".bz2", ".db", ".exe", ".gz", ".npy", ".npz", ".pkl", ".rar", ".so", ".sqlite"}
    | {".tar", ".tgz", ".xz", ".zip"}
)
_UNREADABLE = ("audio/", "font/", "image/", "video/")


@dataclass(frozen=True, slots=True)
class NewStore:
    """A vector store that is to be made, with its first files."""

    store: VectorStore
    files: tuple[NewStoreFile, ...] = ()


def create(connection: Connection, project_id: str, new: NewStore | None, policy: Policy) -> None:
    """Insert a store that is made for something, if one is.

    Raises:
        NotFoundError: a file is unknown.
        RequestError: there are more files than a store may have.
        StorageQuotaError: the project has no room for more.
    """
    if new:
        stores.create(connection, project_id, new.store, new.files, policy)


def require(connection: Connection, project_id: str, store_ids: Sequence[str]) -> None:
    """See that every store exists in the project; one that is expired does.

    Raises:
        NotFoundError: one does not.
    """
    for store_id in store_ids:
        nouns.vector_stores.get(connection, store_id, project_id=project_id)


def attach(
    connection: Connection,
    project_id: str,
    thread: Thread,
    attachments: Sequence[Attachment],
    policy: Policy,
) -> Thread:
    """Put the files of a message that are for file search into the store of its thread.

    Args:
        connection: a writing transaction.
        project_id: who owns the thread.
        thread: it; not written.
        attachments: all of the message; their files exist.
        policy: how many files a store may have.

    Returns:
        The thread; one that had no store has one that lives seven days without being used.

    Raises:
        NotFoundError: the store of the thread was deleted.
        RequestError: it is expired or full, or a file is of a type that no search can read and not for
            code either.
        StorageQuotaError: the project has no room for more.
    """
    file_ids = [
        each.file_id
        for each in attachments
        if each.is_for_search and _is_searched(connection, project_id, each)
    ]
    if not file_ids:
        return thread
    news = [NewStoreFile(file_id) for file_id in dict.fromkeys(file_ids)]
    if not thread.tool_resources.store_ids:
        store = stores.make(expires_after=THREAD_EXPIRY)
        stores.create(connection, project_id, store, news, policy)
        return thread.evolve(tool_resources=thread.tool_resources.with_stores([store.id]))
    for store_id in thread.tool_resources.store_ids:
        stores.get_usable(connection, project_id, store_id)
        attaching.add_all(connection, project_id, store_id, news, policy=policy)
    return thread


def follow_files(
    connection: Connection,
    project_id: str,
    before: Assistant | None,
    after: Assistant,
    policy: Policy,
) -> Assistant:
    """Have the store of an assistant of v1 follow its list of files, which v1's `retrieval` searched.

    Args:
        connection: a writing transaction.
        project_id: who owns the assistant.
        before: as it was; None if it is new.
        after: as it is.
        policy: how many files a store may have.

    Returns:
        The assistant with its store, which is made for its first document. What is no document stays
        with code alone.

    Raises:
        NotFoundError: its store was deleted.
        RequestError: its store is expired, or full.
        StorageQuotaError: the project has no room for more.
    """
    if not tools.find_search(after.tools):
        return after
    before_ids = before.tool_resources.file_ids if before else ()
    had_search = before is not None and tools.find_search(before.tools) is not None
    file_ids, store_ids = after.tool_resources.file_ids, after.tool_resources.store_ids
    news = [
        NewStoreFile(file_id)
        for file_id in file_ids
        if not (had_search and file_id in before_ids)
        and _is_document(_find_suffix(connection, project_id, file_id))
    ]
    gone = set(before_ids) - set(file_ids)
    if news and not store_ids:
        store = stores.make()
        stores.create(connection, project_id, store, news, policy)
        after = after.evolve(tool_resources=after.tool_resources.with_stores([store.id]))
        nouns.assistants.replace(connection, after)
    for store_id in store_ids if news or gone else ():
        stores.get_usable(connection, project_id, store_id)
        attaching.add_all(connection, project_id, store_id, news, policy=policy)
        vector_stores.remove_files(connection, store_id, gone)
    return after


def _is_searched(connection: Connection, project_id: str, attachment: Attachment) -> bool:
    """Tell whether a file goes into the store; what is for code too goes there only if it is a document.

    Raises:
        RequestError: it can be neither searched nor read by code.
    """
    suffix = _find_suffix(connection, project_id, attachment.file_id)
    if attachment.is_for_code:
        return _is_document(suffix)
    if _is_unreadable(suffix):
        raise RequestError(
            f"Files with extensions [{suffix}] are not supported for retrieval. Attach the file for "
            "'code_interpreter' instead.",
            param="attachments",
            code="unsupported_file",
        )
    return True


def _find_suffix(connection: Connection, project_id: str, file_id: str) -> str:
    file = nouns.files.get(connection, file_id, project_id=project_id)
    return PurePosixPath(file.filename.lower()).suffix


def _is_document(suffix: str) -> bool:
    return not (_is_unreadable(suffix) or suffix in _TABLES)


def _is_unreadable(suffix: str) -> bool:
    return suffix in _PACKED or media_type(f"x{suffix}", b"").startswith(_UNREADABLE)
