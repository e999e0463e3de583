"""Vector stores: each function is one transaction, with the rules of the API."""

from collections.abc import Callable, Collection, Sequence

from assistd import clock, ids
from assistd.db import Connection, nouns, vector_stores
from assistd.db.collection import Listing, Page
from assistd.db.database import Database
from assistd.db.transaction import transaction
from assistd.db.usage import index_bytes
from assistd.engine.policy import Policy
from assistd.engine.vector_stores.attaching import NewStoreFile, add_all
from assistd.errors import RequestError
from assistd.objects.base import Metadata
from assistd.objects.vector_store import ExpiresAfter, VectorStore
from assistd.periodic import Duty

_ACTIVITY_SECONDS = 60
"""How often the use of a store is written down at most."""

_DUTY_SECONDS = 60.0


def make(
    *,
    name: str | None = None,
    description: str | None = None,
    expires_after: ExpiresAfter | None = None,
    metadata: Metadata | None = None,
) -> VectorStore:
    """Return a new store, still without its files; `create` keeps it."""
    now = clock.seconds()
    store = VectorStore(
        id=ids.new("vs"),
        created_at=now,
        name=name,
        description=description,
        last_active_at=now,
        metadata=metadata or {},
    )
    return store.change_expiry(expires_after)


@transaction(writes=True)
def create(
    connection: Connection,
    project_id: str,
    store: VectorStore,
    news: Sequence[NewStoreFile],
    policy: Policy,
) -> VectorStore:
    """Insert a store with its first files, which are indexed later; return it as clients see it.

    Raises:
        NotFoundError: a file is unknown.
        RequestError: there are more files than a store may have.
        StorageQuotaError: the project has no room for more.
    """
    nouns.vector_stores.insert(
        connection, store, project_id=project_id, expires_at=store.expires_at
    )
    if news:
        add_all(connection, project_id, store.id, news, policy=policy)
    return _show(connection, [store])[0]


@transaction()
def get(connection: Connection, project_id: str, store_id: str) -> VectorStore:
    """Return a store as clients see it, an expired one too.

    Raises:
        NotFoundError: the store is unknown.
    """
    store = nouns.vector_stores.get(connection, store_id, project_id=project_id)
    return _show(connection, [store])[0]


@transaction()
def read_page(connection: Connection, project_id: str, page: Page) -> Listing[VectorStore]:
    """Return one page of a project's stores as clients see them.

    Raises:
        RequestError: a cursor names no store of the project.
    """
    found = nouns.vector_stores.page(connection, page, project_id=project_id)
    return Listing(_show(connection, found.items), found.has_more)


@transaction(writes=True)
def modify(
    connection: Connection,
    project_id: str,
    store_id: str,
    change: Callable[[VectorStore], VectorStore],
) -> VectorStore:
    """Change a store; return it as clients see it.

    Args:
        connection: a writing transaction.
        project_id: who owns the store.
        store_id: the store.
        change: makes the changed store of the stored one.

    Raises:
        NotFoundError: the store is unknown.
        RequestError: it is expired, and stays so whatever its new policy.
    """
    store = nouns.vector_stores.get(connection, store_id, project_id=project_id)
    changed = change(store)
    if changed.expires_after != store.expires_after:
        _require_alive(store)
    nouns.vector_stores.replace(connection, changed, expires_at=changed.expires_at)
    return _show(connection, [changed])[0]


@transaction(writes=True)
def delete(connection: Connection, project_id: str, store_id: str) -> None:
    """Delete a store; its files stay files of the project (contract, file search, trap 25).

    Raises:
        NotFoundError: the store is unknown.
    """
    nouns.vector_stores.get(connection, store_id, project_id=project_id)
    vector_stores.remove_store(connection, store_id)
    nouns.vector_stores.delete(connection, store_id, expires_at=None)


def get_usable(connection: Connection, project_id: str, store_id: str) -> VectorStore:
    """Return a store that files can be added to and that can be searched, without its counts.

    In a writing transaction nobody else adds files to it or uses it until the end.

    Raises:
        NotFoundError: the store is unknown.
        RequestError: it is expired.
    """
    store = nouns.vector_stores.get(connection, store_id, project_id=project_id)
    _require_alive(store)
    return store


@transaction(writes=True, short=True)
def use(connection: Connection, project_id: str, store_ids: Sequence[str]) -> None:
    """See that stores can be searched, and note that they will be; see `get_usable`."""
    for store_id in store_ids:
        get_usable(connection, project_id, store_id)
    note_use(connection, project_id, store_ids)


@transaction(writes=True, short=True)
def note_use(connection: Connection, project_id: str, store_ids: Collection[str]) -> None:
    """Have stores live on from now: a run has them, or they are searched; nothing else counts as use.

    Stores that are unknown or expired stay as they are. What is less than a minute old is not written
    again (contract, file search, trap 24).
    """
    now = clock.seconds()
    for store_id in sorted(set(store_ids)):
        store = nouns.vector_stores.find(connection, store_id, project_id=project_id)
        if store and not store.is_expired(now) and store.last_active_at + _ACTIVITY_SECONDS <= now:
            used = store.note_use(now)
            nouns.vector_stores.replace(connection, used, expires_at=used.expires_at)


@transaction(writes=True)
def free_expired(connection: Connection) -> None:
    """Free the room of expired stores, which stay readable; what they still wait for is cancelled."""
    vector_stores.free_expired(connection, clock.seconds())


def duties(database: Database) -> list[Duty]:
    """Return what a process does for the stores as long as it serves."""

    async def note_bytes() -> None:
        await database.run(index_bytes.note)

    async def free() -> None:
        await database.run(free_expired)

    return [
        Duty("expired vector stores", free, _DUTY_SECONDS),
        Duty("bytes of vector stores", note_bytes, _DUTY_SECONDS),
    ]


def _require_alive(store: VectorStore) -> None:
    if store.is_expired(clock.seconds()):
        raise RequestError(
            f"Vector store {store.id} is expired. Please create another one.",
            code="vector_store_expired",
        )


def _show(connection: Connection, stores: Sequence[VectorStore]) -> list[VectorStore]:
    usages = vector_stores.read_usages(connection, [store.id for store in stores])
    now = clock.seconds()
    return [store.show(usages[store.id].counts, usages[store.id].bytes, now) for store in stores]
