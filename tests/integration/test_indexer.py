"""The indexer: every file comes to an end, whoever dies, and is found as early as it can be."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from obstore.store import ObjectStore
from sqlalchemy import Connection, select

from assistd import clock, metrics
from assistd.db import projects, tables
from assistd.db.database import Database
from assistd.db.leases import Lease, LeaseLostError
from assistd.db.search import jobs, texts
from assistd.db.transaction import transaction
from assistd.engine.policy import Policy
from assistd.engine.vector_stores import batches, files, indexer, stores
from assistd.engine.vector_stores.attaching import NewStoreFile
from assistd.engine.vector_stores.indexer import Indexer
from assistd.engine.vector_stores.searching import StoreSearch
from assistd.engine.vector_stores.upkeep import Upkeep
from assistd.errors import AssistdError, RequestError, StorageFullError
from assistd.files.store import FileStore, NewFile
from assistd.objects.project import ProjectLimits
from assistd.objects.vector_store import ExpiresAfter, VectorStoreFile
from tests.integration.memory_index import MemoryExtractor, MemoryIndex

pytestmark = pytest.mark.every_backend

POLICY = Policy(lease_seconds=1)
_PATIENCE_SECONDS = 10.0


class Desk:
    """A project with one store, and an index that its processes share."""

    def __init__(self, database: Database, store: ObjectStore, policy: Policy = POLICY) -> None:
        self.database = database
        self.files = FileStore(database, store, ProjectLimits())
        self.index = MemoryIndex()
        self.extractor = MemoryExtractor()
        self.policy = policy
        self.project = database.run_sync(projects.default).id
        self.store = ""
        self.damages: list[str] = []

    async def open(self) -> "Desk":
        """Make the store."""
        made = stores.make()
        await self.database.run(stores.create, self.project, made, [], self.policy)
        self.store = made.id
        return self

    def process(self) -> Indexer:
        """The indexer of one more server process."""
        return Indexer(self.database, self.files, self.extractor, self.index, self.policy)

    @property
    def search(self) -> StoreSearch:
        """A search by any process."""
        return StoreSearch(self.database, self.index, self.damages.append)

    async def upload(self, content: str, name: str = "a.txt") -> str:
        """Store a file."""

        async def chunks() -> AsyncIterator[bytes]:
            yield content.encode()

        blob = await self.files.put(chunks(), 1 << 30)
        made = NewFile(blob, self.project, name, "assistants", clock.seconds())
        return (await self.files.add(made)).id

    async def attach(self, content: str, name: str = "a.txt") -> str:
        """Store a file and attach it."""
        file_id = await self.upload(content, name)
        new = NewStoreFile(file_id)
        await self.database.run(files.attach, self.project, self.store, new, self.policy)
        return file_id

    async def get(self, file_id: str) -> VectorStoreFile:
        """The file as clients see it."""
        return await self.database.run(files.get, self.project, self.store, file_id)

    async def ended(self, file_id: str) -> VectorStoreFile:
        """The file, once it is not in progress."""

        async def is_ended() -> bool:
            return (await self.get(file_id)).status != "in_progress"

        await until(is_ended)
        return await self.get(file_id)

    async def found(self, query: str) -> list[str]:
        """The files that a search finds."""
        results = await self.search.search(self.project, [self.store], [query])
        return [each.file_id for each in results]


async def until(is_so: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    while True:
        answer = is_so()
        if await answer if asyncio.iscoroutine(answer) else answer:
            return
        assert asyncio.get_running_loop().time() < deadline, "it never came to be"
        await asyncio.sleep(0.01)


@pytest.fixture
async def desk(database: Database, store: ObjectStore) -> Desk:
    return await Desk(database, store).open()


@transaction()
def rows_of(connection: Connection) -> list[dict[str, object]]:
    """The rows of all attachments."""
    rows = connection.execute(select(tables.vector_store_files))
    return [dict(row) for row in rows.mappings()]


async def test_search_trap_23_a_file_is_indexed_and_counts_its_text_and_its_chunks(
    desk: Desk,
) -> None:
    async with desk.process():
        file = await desk.ended(await desk.attach("Filip likes cake."))
    assert (file.status, file.last_error, file.usage_bytes) == ("completed", None, 17 + 1024)
    (row,) = await desk.database.run(rows_of)
    assert (row["model"], row["lease_owner"], row["attempts"]) == ("memory/1", None, 0)
    assert await desk.found("cake") == [file.id]


async def test_a_file_is_found_by_keywords_before_its_vectors_are_there(desk: Desk) -> None:
    desk.index.gate.close()
    async with desk.process():
        file_id = await desk.attach("Filip likes cake.")

        async def is_found() -> bool:
            return await desk.found("cake") == [file_id]

        await until(is_found)
        assert (await desk.get(file_id)).status == "in_progress"
        desk.index.gate.open()
        assert (await desk.ended(file_id)).status == "completed"


async def test_threads_take_short_turns_while_something_is_indexed(desk: Desk) -> None:
    usual = sys.getswitchinterval()
    desk.index.gate.close()
    async with desk.process():
        file_id = await desk.attach("Filip likes cake.")
        await until(lambda: desk.index.gate.arrivals)
        assert sys.getswitchinterval() < usual
        desk.index.gate.open()
        await desk.ended(file_id)
        await until(lambda: sys.getswitchinterval() == usual)


async def test_who_waits_for_a_store_waits_no_longer_than_wanted(desk: Desk) -> None:
    desk.index.gate.close()
    wait = desk.search.wait_until_indexed
    async with desk.process():
        file_id = await desk.attach("Filip likes cake.")
        await wait(desk.project, desk.store, 0.2)
        assert (await desk.get(file_id)).status == "in_progress"
        desk.index.gate.open()
        await wait(desk.project, desk.store, 60)
    assert (await desk.get(file_id)).status == "completed"


@pytest.mark.parametrize(
    ("content", "name", "code", "message"),
    [
        ("x", "a.png", "unsupported_file", "The file type is not supported."),
        ("", "a.txt", "invalid_file", "The file could not be parsed because it is empty."),
    ],
)
async def test_what_has_no_text_fails_with_the_reason(
    desk: Desk, content: str, name: str, code: str, message: str
) -> None:
    async with desk.process():
        file = await desk.ended(await desk.attach(content, name))
    assert file.status == "failed"
    assert file.last_error
    assert (file.last_error.code, file.last_error.message) == (code, message)


async def test_a_file_over_the_limit_fails_unread(database: Database, store: ObjectStore) -> None:
    desk = await Desk(database, store, replace(POLICY, index_file_bytes=5)).open()
    async with desk.process():
        file = await desk.ended(await desk.attach("word " * 1000))
    assert file.last_error
    assert file.last_error.message == "The file could not be parsed because it is too large."


async def test_a_file_that_takes_too_long_fails(database: Database, store: ObjectStore) -> None:
    desk = await Desk(database, store, replace(POLICY, index_file_seconds=0.1)).open()
    desk.extractor.gate.close()
    async with desk.process():
        file = await desk.ended(await desk.attach("text"))
    assert file.last_error
    assert file.last_error.code == "server_error"


async def test_what_a_dead_process_had_is_begun_again_at_most_three_times(desk: Desk) -> None:
    file_id = await desk.attach("Filip likes cake.")
    (queue,) = (await desk.database.run(jobs.find_queues))["text"]
    for attempt in range(1, 5):
        job = await desk.database.run(jobs.claim, Lease("dead", -1), "text", queue)
        assert job
        assert job.attempts == attempt
    async with desk.process():
        file = await desk.ended(file_id)
    assert file.last_error
    assert (file.last_error.code, desk.extractor.gate.arrivals) == ("server_error", 0)


async def test_what_a_dead_process_had_is_taken_when_its_lease_lapses(desk: Desk) -> None:
    file_id = await desk.attach("Filip likes cake.")
    (queue,) = (await desk.database.run(jobs.find_queues))["text"]
    dead = Lease("dead", 1)
    job = await desk.database.run(jobs.claim, dead, "text", queue)
    assert job
    async with desk.process():
        assert (await desk.ended(file_id)).status == "completed"
    with pytest.raises(LeaseLostError):
        await desk.database.run(jobs.note_text, dead, job, "key")


async def test_a_process_that_stops_lets_another_have_its_work_at_once(desk: Desk) -> None:
    desk.index.gate.close()
    async with desk.process():
        file_id = await desk.attach("Filip likes cake.")
        await until(lambda: desk.index.gate.arrivals)
    (row,) = await desk.database.run(rows_of)
    assert (row["lease_owner"], row["attempts"]) == (None, 0)
    desk.index.gate.open()
    async with desk.process():
        assert (await desk.ended(file_id)).status == "completed"


async def test_work_on_a_cancelled_batch_stops(desk: Desk) -> None:
    desk.index.gate.close()
    news = [NewStoreFile(await desk.upload(f"text {number}")) for number in range(3)]
    async with desk.process():
        batch = await desk.database.run(batches.create, desk.project, desk.store, news, desk.policy)
        await until(lambda: desk.index.gate.arrivals)
        await desk.database.run(batches.cancel, desk.project, desk.store, batch.id)
        await until(lambda: desk.index.gate.cancellations == desk.index.gate.arrivals)
        desk.index.gate.open()
    found = await desk.database.run(batches.get, desk.project, desk.store, batch.id)
    assert (found.status, found.file_counts.cancelled) == ("cancelled", 3)


async def test_work_on_a_detached_file_stops_and_leaves_nothing(desk: Desk) -> None:
    desk.index.gate.close()
    async with desk.process() as process:
        file_id = await desk.attach("Filip likes cake.")
        await until(lambda: desk.index.gate.arrivals)
        await desk.database.run(files.detach, desk.project, desk.store, file_id)
        await until(lambda: desk.index.gate.cancellations)
        assert await desk.found("cake") == []
        await process.upkeep.sweep()
    assert desk.index.texts == {}


async def test_a_file_that_is_deleted_while_it_is_read_leaves_nothing(desk: Desk) -> None:
    desk.extractor.gate.close()
    async with desk.process():
        file_id = await desk.attach("Filip likes cake.")
        await until(lambda: desk.extractor.gate.arrivals)
        source = await desk.database.run(jobs.read_source, file_id)
        assert source
        await desk.files.delete(source.file)
        desk.extractor.gate.open()
        await until(lambda: desk.index.adding.arrivals)
    async with desk.process() as process:
        await process.upkeep.sweep()
    assert desk.index.texts == {}
    assert await desk.database.run(rows_of) == []


async def test_a_fault_is_tried_again_and_then_ends_with_its_reason(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "_RETRY_SECONDS", 0.01)
    desk.index.adding.faults += [StorageFullError(), AssistdError("not now")]
    async with desk.process():
        assert (await desk.ended(await desk.attach("one"))).status == "completed"
        desk.index.adding.faults += [StorageFullError() for _ in range(4)]
        file = await desk.ended(await desk.attach("two"))
    assert file.last_error
    assert file.last_error.code == "server_error"
    assert file.last_error.message.startswith("The server's disk is full")


async def test_a_file_for_which_the_project_has_no_room_fails_with_the_reason(
    database: Database, store: ObjectStore
) -> None:
    limits = ProjectLimits(storage_bytes=500)
    desk = await Desk(database, store, replace(POLICY, project_limits=limits)).open()
    refused = metrics.LIMITS_REFUSED.of("storage")
    before = refused.value
    async with desk.process():
        file = await desk.ended(await desk.attach("Filip likes cake."))
    assert file.last_error
    assert "storage quota" in file.last_error.message
    assert refused.value == before + 1
    assert file.usage_bytes == 0


async def do_nothing(_: Upkeep) -> None:
    """Sweep nothing."""


async def test_texts_that_the_index_lost_are_made_again_while_the_file_stays_completed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Upkeep, "sweep", do_nothing)  # the first one may come late, and find them
    async with desk.process() as process:
        file_id = await desk.attach("Filip likes cake.")
        await desk.ended(file_id)
        desk.index.texts.clear()
        desk.extractor.gate.close()
        assert await desk.found("cake") == []
        assert desk.damages == [desk.project]
        process.upkeep.report_damage(desk.project)
        await until(lambda: desk.extractor.gate.arrivals == 2)
        assert (await desk.get(file_id)).status == "completed"
        desk.extractor.gate.open()

        async def is_found() -> bool:
            return await desk.found("cake") == [file_id]

        await until(is_found)


async def test_a_sweep_finds_lost_texts_by_itself(desk: Desk) -> None:
    async with desk.process() as process:
        file_id = await desk.attach("Filip likes cake.")
        await desk.ended(file_id)
        desk.index.texts.clear()
        await process.upkeep.sweep()
        await until(lambda: desk.index.texts)


async def test_a_search_without_results_is_no_damage(desk: Desk) -> None:
    async with desk.process():
        await desk.ended(await desk.attach("Filip likes cake."))
    assert await desk.found("pizza") == []
    assert desk.damages == []


async def test_a_new_model_embeds_anew_while_the_file_stays_found(desk: Desk) -> None:
    async with desk.process():
        file_id = await desk.attach("Filip likes cake.")
        await desk.ended(file_id)
    desk.index.model = "memory/2"
    desk.index.gate.close()
    async with desk.process():
        await until(lambda: desk.index.gate.arrivals == 2)
        assert (await desk.get(file_id)).status == "completed"
        assert await desk.found("cake") == [file_id]
        desk.index.gate.open()
        await until(lambda: set(desk.index.vectors.values()) == {"memory/2"})

        async def is_noted() -> bool:
            return [row["model"] for row in await desk.database.run(rows_of)] == ["memory/2"]

        await until(is_noted)


async def test_a_text_that_a_sweep_of_another_process_took_with_it_is_made_again(
    desk: Desk,
) -> None:
    desk.index.gate.close()
    async with desk.process():
        file_id = await desk.attach("Filip likes cake.")
        await until(lambda: desk.index.gate.arrivals)
        await desk.index.retain(desk.project, [])  # by a list that was read before the file came
        # The first sweep of this process may have forgotten it just now.
        for key in await desk.database.run(texts.find_keys, desk.project):
            await desk.database.run(texts.forget, desk.project, key)
        desk.index.gate.open()
        await desk.ended(file_id)
    assert await desk.found("cake") == [file_id]


async def test_a_batch_of_many_is_done_by_two_processes_each_file_once(desk: Desk) -> None:
    news = [NewStoreFile(await desk.upload(f"text {number}")) for number in range(40)]
    async with desk.process(), desk.process():
        batch = await desk.database.run(batches.create, desk.project, desk.store, news, desk.policy)

        async def is_done() -> bool:
            found = await desk.database.run(batches.get, desk.project, desk.store, batch.id)
            return found.file_counts.completed == 40

        await until(is_done)
    assert (desk.extractor.gate.arrivals, desk.index.gate.arrivals) == (40, 40)


async def test_expired_stores_keep_no_texts(desk: Desk, advance: Callable[[float], None]) -> None:
    made = stores.make(expires_after=ExpiresAfter(days=1))
    await desk.database.run(stores.create, desk.project, made, [], desk.policy)
    desk.store = made.id
    async with desk.process() as process:
        await desk.ended(await desk.attach("Filip likes cake."))
        advance(86_401)
        await process.upkeep.sweep()
    assert desk.index.texts == {}
    with pytest.raises(RequestError, match="is expired"):
        await desk.found("cake")
