"""Batches: files that are attached to a vector store by one request, and counted together."""

from collections.abc import Sequence

from assistd import clock, ids
from assistd.db import Connection, nouns, vector_stores
from assistd.db.collection import Listing, Page
from assistd.db.transaction import transaction
from assistd.db.vector_stores import FileList
from assistd.engine.policy import Policy
from assistd.engine.vector_stores import stores
from assistd.engine.vector_stores.attaching import NewStoreFile, add_all
from assistd.objects.vector_store import FileStatus, VectorStoreBatch, VectorStoreFile


@transaction(writes=True)
def create(
    connection: Connection,
    project_id: str,
    store_id: str,
    news: Sequence[NewStoreFile],
    policy: Policy,
) -> VectorStoreBatch:
    """Attach files to a store, which are indexed later; an unknown one is a failed file of the batch.

    Raises:
        NotFoundError: the store is unknown.
        RequestError: the store is expired, or would have more files than it may.
        StorageQuotaError: the project has no room for more.
    """
    stores.get_usable(connection, project_id, store_id)
    batch = VectorStoreBatch(
        id=ids.new("vsfb"), created_at=clock.seconds(), vector_store_id=store_id
    )
    nouns.vector_store_batches.insert(connection, batch, store_id=store_id)
    add_all(connection, project_id, store_id, news, policy=policy, batch_id=batch.id)
    return _show(connection, batch)


@transaction()
def get(connection: Connection, project_id: str, store_id: str, batch_id: str) -> VectorStoreBatch:
    """Return a batch as clients see it.

    Raises:
        NotFoundError: the store is unknown, or had no such batch.
    """
    return _show(connection, _find(connection, project_id, store_id, batch_id))


@transaction(writes=True)
def cancel(
    connection: Connection, project_id: str, store_id: str, batch_id: str
) -> VectorStoreBatch:
    """Cancel the files of a batch that are not indexed yet; a finished batch stays as it is.

    Raises:
        NotFoundError: the store is unknown, or had no such batch.
    """
    batch = _find(connection, project_id, store_id, batch_id)
    if _show(connection, batch).status == "in_progress":
        vector_stores.cancel_batch(connection, batch_id)
        batch = batch.evolve(status="cancelled")
        nouns.vector_store_batches.replace(connection, batch)
    return _show(connection, batch)


@transaction(short=True)
def read_page(
    connection: Connection,
    project_id: str,
    store_id: str,
    batch_id: str,
    page: Page,
    *,
    status: FileStatus | None = None,
) -> Listing[VectorStoreFile]:
    """Return one page of a batch's files: those of one status, or all.

    Raises:
        NotFoundError: the store is unknown, or had no such batch.
        RequestError: a cursor names no file of the store.
    """
    _find(connection, project_id, store_id, batch_id)
    return vector_stores.page_files(connection, FileList(store_id, batch_id, status), page)


def _find(
    connection: Connection, project_id: str, store_id: str, batch_id: str
) -> VectorStoreBatch:
    nouns.vector_stores.get(connection, store_id, project_id=project_id)
    return nouns.vector_store_batches.get(connection, batch_id, store_id=store_id)


def _show(connection: Connection, batch: VectorStoreBatch) -> VectorStoreBatch:
    return batch.show(vector_stores.count_batch(connection, batch.id))
