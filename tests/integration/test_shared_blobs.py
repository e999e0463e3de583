"""Blobs that an older commit shared between projects: each project gets its own, and loses nothing."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import obstore
import pytest
from obstore.store import ObjectStore
from sqlalchemy import Connection, select, update

from assistd import clock, ids
from assistd.db import tables
from assistd.db.database import Database
from assistd.db.files import blobs
from assistd.db.transaction import transaction
from assistd.errors import StorageFullError
from assistd.files import split
from assistd.files.arriving_blob import Block
from assistd.files.blobs import hash_of
from assistd.files.rows import NewFile
from assistd.files.store import FileStore
from assistd.objects.file import File
from assistd.objects.project import ProjectLimits

CONTENT = b"of several projects"
A, B, C = "proj_a", "proj_b", "proj_c"

pytestmark = [pytest.mark.every_backend, pytest.mark.cluster]


@pytest.fixture
def files(database: Database, store: ObjectStore) -> FileStore:
    make = tables.projects.insert()
    rows = [
        {"id": each, "name": each, "created_at": 1, "seq": number, "limits": "{}"}
        for number, each in enumerate((A, B, C))
    ]
    database.run_sync(transaction(writes=True)(lambda connection: connection.execute(make, rows)))
    return FileStore(database, store, ProjectLimits())


async def made(files: FileStore, project: str, content: bytes = CONTENT) -> File:
    (blob,) = await files.put_all([content])
    return await files.add(NewFile(blob, project, "a", "vision", clock.seconds()))


async def shared(
    files: FileStore, database: Database, *owners: str, content: bytes = CONTENT
) -> list[File]:
    """Files as an older commit left them: all name the blob of the first, by the content's hash."""
    every = [await made(files, project, content) for project in owners]
    before = await blobs_of(database, every)

    @transaction(writes=True, short=True)
    def share(connection: Connection) -> None:
        file = tables.files.c
        of_these = update(tables.files).where(file.id.in_([each.id for each in every]))
        connection.execute(of_these.values(blob=before[0], hash=hash_of(content)))

    await database.run(share)
    await files.discard(*before)
    return every


async def blobs_of(database: Database, every: Sequence[File]) -> list[str]:
    found = await database.run(blobs.of_files, [file.id for file in every])
    return [found[file.id] for file in every]


async def hashes(database: Database) -> list[str]:
    statement = select(tables.files.c.hash)
    read = transaction(short=True)(
        lambda connection: list(connection.execute(statement).scalars().all())
    )
    return await database.run(read)


async def read(files: FileStore, file: File) -> bytes:
    return b"".join([chunk async for chunk in files.read(file)])


def stored(store: ObjectStore) -> set[str]:
    return {each["path"].removeprefix("files/") for each in obstore.list(store).collect()}


async def test_each_project_gets_a_blob_of_its_own_and_the_first_keeps_it(
    files: FileStore, database: Database, store: ObjectStore
) -> None:
    every = await shared(files, database, A, B, A, C, B)
    (blob,) = stored(store)
    await files.sweep()
    first, of_b, third, of_c, fifth = await blobs_of(database, every)
    assert first == third == blob
    assert of_b == fifth
    assert stored(store) == {blob, of_b, of_c}
    assert len(stored(store)) == 3
    assert [await read(files, file) for file in every] == [CONTENT] * 5
    await files.sweep()
    assert await blobs_of(database, every) == [blob, of_b, blob, of_c, of_b]
    assert await blobs_of(database, [await made(files, B)]) == [of_b], "it is shared within B"


async def test_a_blob_stays_its_first_projects_also_when_that_deleted_its_file(
    files: FileStore, database: Database, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its inode tells when the first one came; the bytes go an hour later, when nobody opens them."""
    of_a, of_b = await shared(files, database, A, B)
    await files.delete(of_a)
    (blob,) = stored(store)
    await files.sweep()
    (copy,) = await blobs_of(database, [of_b])
    assert stored(store) == {blob, copy}
    assert blob != copy
    assert await read(files, of_b) == CONTENT
    monkeypatch.setattr(clock, "_offset", clock._offset + 3601)
    await files.sweep()
    assert stored(store) == {copy}
    assert await read(files, of_b) == CONTENT


async def test_what_is_written_before_the_sweep_is_shared_with_nobody_elses(
    files: FileStore, database: Database
) -> None:
    every = await shared(files, database, A, B)
    every.append(await made(files, B))
    blob, still, own = await blobs_of(database, every)
    assert blob == still != own
    await files.sweep()
    assert await blobs_of(database, every) == [blob, own, own], "no second copy is made"


async def test_every_row_of_an_older_commit_is_looked_at_once(
    files: FileStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also rows of deleted files, and more contents than one transaction takes."""
    monkeypatch.setattr(split, "_AT_ONCE", 3)
    every = [
        file
        for number in range(10)
        for file in await shared(files, database, A, B, content=b"%d" % number)
    ]
    await files.delete(every[1])
    await files.sweep()
    assert all(each.startswith(ids.CONTENT_KEY_PREFIX) for each in await hashes(database))
    kept = [every[0], *every[2:]]
    assert len(set(await blobs_of(database, kept))) == len(kept)
    assert [await read(files, file) for file in kept[-2:]] == [b"9", b"9"]


async def test_servers_that_sweep_at_once_leave_one_copy(
    files: FileStore, database: Database, store: ObjectStore
) -> None:
    beside = FileStore(database, store, ProjectLimits())
    every = await shared(files, database, A, B)
    await asyncio.gather(*(each.sweep() for each in (files, beside, files, beside)))
    assert stored(store) == set(await blobs_of(database, every))
    assert len(stored(store)) == 2


async def test_what_is_deleted_while_it_is_split_leaves_no_bytes(
    files: FileStore, database: Database, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = await shared(files, database, A, B)
    put = files._blobs.put

    async def deleting(*args: object) -> str:
        hash_ = await put(*args)  # pyright: ignore[reportArgumentType]  passed on as it came
        for file in every:
            await files.delete(file)
        return hash_

    monkeypatch.setattr(files._blobs, "put", deleting)
    await files.sweep()
    assert stored(store) == set()


async def test_one_that_cannot_be_copied_stays_readable_and_keeps_no_other_from_it(
    files: FileStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = await shared(files, database, A, B, content=b"large")
    small = await shared(files, database, A, B, content=b"small")
    (large_blob,) = set(await blobs_of(database, large))
    put, opened = files._blobs.put, files._blobs.read
    asked = list[str]()

    def note(id_: str) -> AsyncGenerator[bytes, None]:
        asked.append(id_)
        return opened(id_)

    async def fill(id_: str, blocks: AsyncIterator[Block]) -> str:
        hash_ = await put(id_, blocks)
        if asked[-1] == large_blob:
            await files._blobs.delete(id_)
            raise StorageFullError
        return hash_

    monkeypatch.setattr(files._blobs, "read", note)
    monkeypatch.setattr(files._blobs, "put", fill)
    await files.sweep()
    assert len(set(await blobs_of(database, small))) == 2
    assert len(set(await blobs_of(database, large))) == 1
    monkeypatch.undo()
    assert [await read(files, file) for file in large] == [b"large"] * 2
    await files.sweep()
    assert len(set(await blobs_of(database, large))) == 2


async def test_readers_and_writers_beside_a_sweep_notice_nothing(
    files: FileStore, database: Database, store: ObjectStore
) -> None:
    every = [
        file
        for number in range(8)
        for file in await shared(files, database, A, B, content=b"%d" % number)
    ]

    async def look(number: int) -> None:
        for file in every[number::4]:
            assert await read(files, file) == b"%d" % (every.index(file) // 2)

    async def write(number: int) -> None:
        for each in range(number, 8, 4):
            file = await made(files, B, b"%d" % each)
            assert await read(files, file) == b"%d" % each
            await files.delete(file)

    await asyncio.gather(files.sweep(), *map(look, range(4)), *map(write, range(4)))
    for number, file in enumerate(every):
        assert await read(files, file) == b"%d" % (number // 2)
    await files.sweep()
    of_a, of_b = await blobs_of(database, every[::2]), await blobs_of(database, every[1::2])
    assert not set(of_a) & set(of_b)
    for file in every:
        await files.delete(file)
    await files.discard(*stored(store))
    assert stored(store) == set()
