"""The rules of vector stores in the database, without anybody who indexes: states, counts, places, expiry."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, select, update

from assistd import clock, ids
from assistd.db import nouns, projects, tables
from assistd.db.collection import Page
from assistd.db.database import Database
from assistd.db.transaction import transaction
from assistd.engine.policy import Policy
from assistd.engine.vector_stores import batches, files, stores
from assistd.engine.vector_stores.attaching import NewStoreFile
from assistd.errors import NotFoundError, RequestError, StorageQuotaError
from assistd.files import store as file_store
from assistd.objects.file import File
from assistd.objects.project import ProjectLimits
from assistd.objects.vector_store import (
    ChunkingStrategy,
    ExpiresAfter,
    FileError,
    FileStatus,
    StaticChunking,
    VectorStore,
)

DAY = 86_400
POLICY = Policy()


@pytest.fixture(scope="module")
def database(each_database: Database) -> Database:
    return each_database


@dataclass(frozen=True)
class Outcome:
    """What came of indexing a file."""

    status: FileStatus
    error: FileError | None = None
    usage_bytes: int = 0


class Tenant:
    """A project with files and stores, asked by the functions that the endpoints call."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.id = database.run_sync(projects.create, "tenant").id

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self.database.run_sync(function, self.id, *args, **kwargs)

    def upload(self, count: int = 1, size: int = 1) -> list[str]:
        made = [ids.new("file") for _ in range(count)]
        rows = [
            (
                File(id=each, purpose="assistants", filename="a.txt", bytes=size, created_at=1),
                {"project_id": self.id, "purpose": "assistants", "hash": each, "bytes": size},
            )
            for each in made
        ]
        for file, columns in rows:
            columns["blob"] = f"blob_{file.id}"
        self.database.run_sync(nouns.files.insert_all, rows)
        return made

    def create(self, *file_ids: str, **fields: Any) -> VectorStore:
        news = [NewStoreFile(each) for each in file_ids]
        return self.run(stores.create, stores.make(**fields), news, POLICY)

    def attach(self, store: VectorStore, file_id: str, **fields: Any) -> Any:
        return self.run(files.attach, store.id, NewStoreFile(file_id, **fields), POLICY)

    def batch(self, store: VectorStore, *file_ids: str) -> Any:
        news = [NewStoreFile(each) for each in file_ids]
        return self.run(batches.create, store.id, news, POLICY)

    def get(self, store: VectorStore) -> VectorStore:
        return self.run(stores.get, store.id)

    def listed(self, store: VectorStore, **wanted: Any) -> list[str]:
        status = wanted.pop("status", None)
        found = self.run(files.read_page, store.id, Page(**wanted), status=status)
        return [each.id for each in found.items]

    def delete_file(self, file_id: str) -> None:
        self.database.run_sync(file_store._forget, file_id)

    def finish(self, store: VectorStore, file_id: str, outcome: Outcome | None = None) -> None:
        """Have a file indexed, or fail."""
        (attachment,) = self.database.run_sync(_attachments, store.id, file_id)
        done = outcome or Outcome("completed", usage_bytes=1045)
        self.database.run_sync(_set_outcome, attachment, done)


@transaction()
def _attachments(connection: Connection, store_id: str, file_id: str) -> list[str]:
    row = tables.vector_store_files.c
    found = select(row.id).where(row.store_id == store_id, row.file_id == file_id)
    return list(connection.execute(found).scalars())


@transaction(writes=True)
def _set_outcome(connection: Connection, attachment_id: str, done: Outcome) -> None:
    values = {
        "status": done.status,
        "last_error": done.error and done.error.model_dump_json(),
        "usage_bytes": done.usage_bytes,
    }
    row = tables.vector_store_files
    connection.execute(update(row).where(row.c.id == attachment_id).values(values))


@pytest.fixture
def tenant(database: Database) -> Tenant:
    return Tenant(database)


def numbers(counts: Any) -> tuple[int, ...]:
    """In progress, completed, failed, cancelled, total."""
    return tuple(counts.model_dump().values())


def test_search_trap_03_an_empty_store_is_completed_and_one_with_files_is_in_progress(
    tenant: Tenant,
) -> None:
    empty = tenant.create()
    assert (empty.status, numbers(empty.file_counts), empty.usage_bytes) == (
        "completed",
        (0, 0, 0, 0, 0),
        0,
    )
    one, two = tenant.upload(2)
    store = tenant.create(one, two)
    assert (store.status, numbers(store.file_counts)) == ("in_progress", (2, 0, 0, 0, 2))
    tenant.finish(store, one)
    broken = FileError(code="invalid_file", message="The file could not be parsed.")
    tenant.finish(store, two, Outcome("failed", broken))
    done = tenant.get(store)
    assert (done.status, numbers(done.file_counts), done.usage_bytes) == (
        "completed",
        (0, 1, 1, 0, 2),
        1045,
    )
    assert tenant.run(files.get, store.id, two).last_error == broken


def test_the_counts_of_a_whole_list_take_one_statement(tenant: Tenant) -> None:
    made = [tenant.create(*tenant.upload(2)) for _ in range(5)]
    asked: list[str] = []
    engine = tenant.database._engine

    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        listed = tenant.run(stores.read_page, Page())
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert [each.id for each in listed.items] == [each.id for each in made[::-1]]
    assert all(numbers(each.file_counts) == (2, 0, 0, 0, 2) for each in listed.items)
    assert len([each for each in asked if "vector_store_files" in each]) == 1


def test_a_file_attached_again_is_the_same_row_unless_it_is_to_be_cut_otherwise(
    tenant: Tenant,
) -> None:
    (file,) = tenant.upload()
    store = tenant.create()
    first = tenant.attach(store, file, attributes={"a": 1})
    tenant.finish(store, file)
    assert tenant.attach(store, file).status == "completed"
    assert tenant.attach(store, file).attributes == first.attributes
    assert tenant.attach(store, file, attributes={"b": True}).attributes == {"b": True}
    assert numbers(tenant.get(store).file_counts) == (0, 1, 0, 0, 1)
    smaller = ChunkingStrategy(
        static=StaticChunking(max_chunk_size_tokens=100, chunk_overlap_tokens=0)
    )
    again = tenant.attach(store, file, chunking=smaller)
    assert (again.status, again.usage_bytes, again.attributes) == ("in_progress", 0, {"b": True})
    assert again.chunking_strategy == smaller
    assert numbers(tenant.get(store).file_counts) == (1, 0, 0, 0, 1)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_file_that_failed_is_tried_again_when_it_is_attached_again(
    tenant: Tenant, status: Any
) -> None:
    (file,) = tenant.upload()
    store = tenant.create(file)
    tenant.finish(store, file, Outcome(status))
    assert tenant.attach(store, file).status == "in_progress"


def test_what_was_begun_for_a_detached_file_finds_no_row(tenant: Tenant) -> None:
    (file,) = tenant.upload()
    store = tenant.create(file)
    (before,) = tenant.database.run_sync(_attachments, store.id, file)
    tenant.run(files.detach, store.id, file)
    tenant.attach(store, file)
    tenant.database.run_sync(_set_outcome, before, Outcome("completed"))
    assert tenant.run(files.get, store.id, file).status == "in_progress"


def test_search_trap_25_deleting_a_file_empties_it_out_of_every_store_of_its_project(
    tenant: Tenant,
) -> None:
    file, other = tenant.upload(2)
    one, two = (tenant.create(file, other) for _ in range(2))
    tenant.finish(one, file)
    stranger = Tenant(tenant.database)
    theirs = stranger.create()
    stranger.batch(theirs, file)
    tenant.delete_file(file)
    for store in (one, two):
        assert tenant.listed(store) == [other]
        assert numbers(tenant.get(store).file_counts) == (1, 0, 0, 0, 1)
    assert tenant.get(one).usage_bytes == 0
    assert stranger.listed(theirs) == [file]  # failed, as before: they learn nothing
    with pytest.raises(NotFoundError, match="No such File object"):
        tenant.attach(one, file)


def test_deleting_a_store_keeps_its_files_and_forgets_all_else(tenant: Tenant) -> None:
    file, other = tenant.upload(2)
    store = tenant.create(file)
    batch = tenant.batch(store, other)
    tenant.run(stores.delete, store.id)
    assert tenant.database.run_sync(nouns.files.get, file, project_id=tenant.id)
    for function, *args in (
        (stores.get,),
        (files.get, file),
        (batches.get, batch.id),
        (stores.delete,),
    ):
        with pytest.raises(NotFoundError):
            tenant.run(function, store.id, *args)
    assert tenant.database.run_sync(_attachments, store.id, file) == []


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_cursor_keeps_its_place_after_its_file_was_detached(tenant: Tenant, order: Any) -> None:
    names = tenant.upload(7)
    store = tenant.create(*names)
    wanted = names if order == "asc" else names[::-1]
    seen: list[str] = []
    cursor = None
    while some := tenant.listed(store, limit=2, order=order, after=cursor):
        seen += some
        cursor = some[-1]
        for each in some[::2] if len(seen) < 3 else some:
            tenant.run(files.detach, store.id, each)
    assert seen == wanted
    with pytest.raises(RequestError, match="no object with id 'file-x'"):
        tenant.listed(store, before="file-x")


def test_a_page_before_a_cursor_is_the_nearest_in_the_order_of_the_list(tenant: Tenant) -> None:
    names = tenant.upload(5)
    store = tenant.create(*names)
    assert tenant.listed(store, order="asc", before=names[3], limit=2) == names[1:3]
    assert tenant.listed(store, before=names[1], limit=2) == [names[3], names[2]]
    assert tenant.listed(store, order="asc", after=names[0], before=names[3]) == names[1:3]


def test_the_files_of_one_status_have_pages_of_their_own(tenant: Tenant) -> None:
    names = tenant.upload(6)
    store = tenant.create(*names)
    for each in names[::2]:
        tenant.finish(store, each)
    assert tenant.listed(store, status="completed", order="asc") == names[::2]
    assert tenant.listed(store, status="in_progress", after=names[3]) == [names[1]]
    assert tenant.listed(store, status="failed") == []


def test_a_batch_counts_its_own_files_and_the_store_counts_all(tenant: Tenant) -> None:
    first, *others = tenant.upload(4)
    store = tenant.create(first)
    unknown, theirs = "file-x", Tenant(tenant.database).upload()[0]
    batch = tenant.batch(store, *others, unknown, theirs, others[0])
    assert numbers(batch.file_counts) == (3, 0, 2, 0, 5)
    assert batch.status == "in_progress"
    assert numbers(tenant.get(store).file_counts) == (4, 0, 2, 0, 6)
    failed = tenant.run(files.get, store.id, theirs)
    assert failed.last_error == tenant.run(files.get, store.id, unknown).last_error
    assert failed.last_error.code == "invalid_file"
    for each in others:
        tenant.finish(store, each)
    done = tenant.run(batches.get, store.id, batch.id)
    assert (done.status, numbers(done.file_counts)) == ("completed", (0, 3, 2, 0, 5))


def test_a_batch_takes_over_files_that_are_in_the_store(tenant: Tenant) -> None:
    done, broken = tenant.upload(2)
    store = tenant.create(done, broken)
    tenant.finish(store, done)
    tenant.finish(store, broken, Outcome("failed"))
    batch = tenant.batch(store, done, broken)
    assert numbers(batch.file_counts) == (1, 1, 0, 0, 2)
    assert numbers(tenant.get(store).file_counts) == (1, 1, 0, 0, 2)


def test_search_trap_22_cancelling_takes_what_waits_and_leaves_a_finished_batch_as_it_is(
    tenant: Tenant,
) -> None:
    names = tenant.upload(3)
    store = tenant.create()
    batch = tenant.batch(store, *names)
    tenant.finish(store, names[0])
    cancelled = tenant.run(batches.cancel, store.id, batch.id)
    assert (cancelled.status, numbers(cancelled.file_counts)) == ("cancelled", (0, 1, 0, 2, 3))
    assert tenant.run(batches.cancel, store.id, batch.id) == cancelled
    other = tenant.create()
    finished = tenant.batch(other, names[0])
    tenant.finish(other, names[0])
    assert tenant.run(batches.cancel, other.id, finished.id).status == "completed"


def test_search_trap_24_a_store_lives_on_by_its_use_alone(
    tenant: Tenant, advance: Callable[[float], None]
) -> None:
    (file,) = tenant.upload()
    store = tenant.create(expires_after=ExpiresAfter(days=3))
    assert store.expires_at == store.last_active_at + 3 * DAY
    advance(2 * DAY)
    tenant.attach(store, file)
    assert tenant.get(store).expires_at == store.expires_at
    tenant.run(stores.note_use, [store.id, "vs_x"])
    used = tenant.get(store)
    assert used.last_active_at >= store.last_active_at + 2 * DAY
    assert used.expires_at == used.last_active_at + 3 * DAY
    advance(30)
    tenant.run(stores.note_use, [store.id])
    assert tenant.get(store) == used
    advance(2 * DAY)
    assert tenant.get(store).status == "in_progress"
    advance(DAY)
    assert tenant.get(store).status == "expired"


def test_an_expired_store_can_be_read_and_not_be_used(
    tenant: Tenant, advance: Callable[[float], None]
) -> None:
    one, two, three = tenant.upload(3)
    store = tenant.create(one, two, expires_after=ExpiresAfter(days=1))
    tenant.finish(store, one)
    advance(DAY)
    for function, *args in (
        (files.attach, NewStoreFile(three), POLICY),
        (batches.create, [NewStoreFile(three)], POLICY),
        (stores.modify, lambda it: it.change_expiry(None)),
    ):
        with pytest.raises(RequestError, match="is expired") as caught:
            tenant.run(function, store.id, *args)
        assert caught.value.code == "vector_store_expired"
    tenant.run(stores.note_use, [store.id])
    tenant.database.run_sync(stores.free_expired)
    shown = tenant.get(store)
    assert (shown.status, shown.usage_bytes) == ("expired", 0)
    assert numbers(shown.file_counts) == (0, 1, 0, 1, 2)
    assert tenant.listed(store) == [two, one]
    renamed = tenant.run(stores.modify, store.id, lambda it: it.evolve(name="old"))
    assert (renamed.name, renamed.status) == ("old", "expired")
    tenant.run(files.detach, store.id, one)
    tenant.run(stores.delete, store.id)


def test_a_policy_counts_from_the_last_use_and_can_be_taken_away(tenant: Tenant) -> None:
    store = tenant.create()
    assert (store.expires_after, store.expires_at) == (None, None)
    policy = ExpiresAfter(days=2)
    changed = tenant.run(stores.modify, store.id, lambda it: it.change_expiry(policy))
    assert changed.expires_at == store.last_active_at + 2 * DAY
    assert tenant.run(stores.modify, store.id, lambda it: it.change_expiry(None)) == store


def test_a_store_has_no_more_files_than_it_may(tenant: Tenant) -> None:
    names = tenant.upload(4)
    few = Policy(store_files=3)
    store = tenant.create()
    news = [NewStoreFile(each) for each in names]
    with pytest.raises(RequestError, match="more than 3 files"):
        tenant.run(batches.create, store.id, news, few)
    tenant.run(batches.create, store.id, news[:3], few)
    with pytest.raises(RequestError, match="more than 3 files"):
        tenant.run(files.attach, store.id, news[3], few)
    tenant.run(files.attach, store.id, news[0], few)  # which is there
    tenant.run(files.detach, store.id, names[0])
    tenant.run(files.attach, store.id, news[3], few)


def test_what_the_index_takes_counts_for_the_storage_of_the_project(tenant: Tenant) -> None:
    one, two = tenant.upload(2, size=100)
    store = tenant.create(one)
    assert tenant.run(projects.storage_bytes) == 200
    tenant.finish(store, one)
    assert tenant.run(projects.storage_bytes) == 200 + 1045
    narrow = Policy(project_limits=ProjectLimits(storage_bytes=1245))
    with pytest.raises(StorageQuotaError):
        tenant.run(files.attach, store.id, NewStoreFile(two), narrow)
    tenant.run(files.detach, store.id, one)
    tenant.run(files.attach, store.id, NewStoreFile(two), narrow)


def test_search_trap_42_files_and_stores_of_another_project_are_unknown(tenant: Tenant) -> None:
    stranger = Tenant(tenant.database)
    (file,) = tenant.upload()
    store = tenant.create(file)
    batch = tenant.batch(store, file)
    for function, *args in (
        (stores.get,),
        (stores.modify, lambda it: it),
        (stores.delete,),
        (files.attach, NewStoreFile(stranger.upload()[0]), POLICY),
        (files.get, file),
        (files.read_page, Page()),
        (files.modify, file, {}),
        (files.detach, file),
        (batches.create, [NewStoreFile(file)], POLICY),
        (batches.get, batch.id),
        (batches.cancel, batch.id),
        (batches.read_page, batch.id, Page()),
    ):
        with pytest.raises(NotFoundError, match="No vector store found"):
            stranger.run(function, store.id, *args)
    theirs = stranger.create()
    with pytest.raises(NotFoundError, match="No such File object"):
        stranger.attach(theirs, file)
    with pytest.raises(NotFoundError, match="No such File object"):
        stranger.create(file)
    with pytest.raises(NotFoundError, match="No vector store file batch found"):
        stranger.run(batches.get, theirs.id, batch.id)
    stranger.run(stores.note_use, [store.id])
    assert stranger.run(stores.read_page, Page()).items == [theirs]


VALUES = (
    st.text(max_size=512)
    | st.booleans()
    | st.integers(-(1 << 80), 1 << 80)
    | st.floats(allow_nan=False, allow_infinity=False)
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=64), VALUES, max_size=16))
def test_search_trap_30_attributes_keep_their_values_and_types(
    database: Database, attributes: dict[str, Any]
) -> None:
    tenant = _shared(database)
    (file,) = tenant.upload()
    store = tenant.create(file)
    tenant.run(files.modify, store.id, file, attributes)
    kept = tenant.run(files.get, store.id, file).attributes
    assert kept == attributes
    assert {key: type(value) for key, value in kept.items()} == {
        key: type(value) for key, value in attributes.items()
    }


_tenants: dict[Database, Tenant] = {}


def _shared(database: Database) -> Tenant:
    return _tenants.setdefault(database, Tenant(database))


def test_the_clock_of_a_store_is_in_whole_seconds(tenant: Tenant) -> None:
    store = tenant.create(expires_after=ExpiresAfter(days=1))
    assert store.is_expired(store.created_at + DAY)
    assert not store.is_expired(clock.seconds())
