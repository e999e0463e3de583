"""Files of vector stores: attached, described and detached; each function is one transaction."""

from assistd.db import Connection, nouns, vector_stores
from assistd.db.collection import Listing, Page
from assistd.db.transaction import transaction
from assistd.db.vector_stores import FileList
from assistd.engine.policy import Policy
from assistd.engine.vector_stores import stores
from assistd.engine.vector_stores.attaching import NewStoreFile, add_all
from assistd.objects.vector_store import Attributes, FileStatus, VectorStoreFile


@transaction(writes=True, short=True)
def attach(
    connection: Connection, project_id: str, store_id: str, new: NewStoreFile, policy: Policy
) -> VectorStoreFile:
    """Attach a file to a store, to be indexed later; one that is there stays as it is.

    Raises:
        NotFoundError: the store or the file is unknown.
        RequestError: the store is expired, or has as many files as it may.
        StorageQuotaError: the project has no room for more.
    """
    stores.get_usable(connection, project_id, store_id)
    add_all(connection, project_id, store_id, [new], policy=policy)
    return vector_stores.get_file(connection, store_id, new.file_id)


@transaction(short=True)
def get(connection: Connection, project_id: str, store_id: str, file_id: str) -> VectorStoreFile:
    """Return a file of a store, an expired one too.

    Raises:
        NotFoundError: the store is unknown, or has no such file.
    """
    nouns.vector_stores.get(connection, store_id, project_id=project_id)
    return vector_stores.get_file(connection, store_id, file_id)


@transaction(short=True)
def read_page(
    connection: Connection,
    project_id: str,
    store_id: str,
    page: Page,
    *,
    status: FileStatus | None = None,
) -> Listing[VectorStoreFile]:
    """Return one page of a store's files: those of one status, or all.

    Raises:
        NotFoundError: the store is unknown.
        RequestError: a cursor names no file of the store.
    """
    nouns.vector_stores.get(connection, store_id, project_id=project_id)
    return vector_stores.page_files(connection, FileList(store_id, status=status), page)


@transaction(writes=True, short=True)
def modify(
    connection: Connection, project_id: str, store_id: str, file_id: str, attributes: Attributes
) -> VectorStoreFile:
    """Give a file of a store these attributes in place of all it has.

    Raises:
        NotFoundError: the store is unknown, or has no such file.
    """
    nouns.vector_stores.get(connection, store_id, project_id=project_id)
    file = vector_stores.get_file(connection, store_id, file_id)
    vector_stores.set_attributes(connection, store_id, file_id, attributes)
    return file.evolve(attributes=attributes)


@transaction(writes=True, short=True)
def detach(connection: Connection, project_id: str, store_id: str, file_id: str) -> None:
    """Take a file out of a store; it stays a file of the project.

    Raises:
        NotFoundError: the store is unknown, or has no such file.
    """
    nouns.vector_stores.get(connection, store_id, project_id=project_id)
    vector_stores.get_file(connection, store_id, file_id)
    vector_stores.remove_files(connection, store_id, [file_id])
