"""The file store: one blob for one content, freed with its last file; nothing leaks for ever."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from obstore.store import LocalStore, MemoryStore, ObjectStore
from sqlalchemy import Connection, select, update

from assistd import clock
from assistd.db import projects, tables
from assistd.db.database import Database
from assistd.db.transaction import transaction
from assistd.errors import NotFoundError, StorageFullError, StorageQuotaError, TooLargeError
from assistd.files import arriving_blob
from assistd.files import blobs as blobs_module
from assistd.files.blobs import LocalBlobs
from assistd.files.rows import Blob, NewFile
from assistd.files.store import FileStore
from assistd.objects.file import File
from assistd.objects.project import ProjectLimits

LIMITS = ProjectLimits()
PROJECT, OTHER = "proj_1", "proj_2"

pytestmark = pytest.mark.every_backend


@pytest.fixture
def database(database: Database) -> Database:
    """Its projects have known ids."""

    @transaction(writes=True, short=True)
    def name(connection: Connection) -> None:
        other = projects.create(connection, "other").id
        rename = update(tables.projects)
        connection.execute(rename.where(tables.projects.c.id != other).values(id=PROJECT))
        connection.execute(rename.where(tables.projects.c.id == other).values(id=OTHER))

    database.run_sync(name)
    return database


@pytest.fixture
def files(database: Database, store: ObjectStore) -> FileStore:
    return FileStore(database, store, LIMITS)


def stored(store: ObjectStore) -> int:
    """How many blobs there are."""
    return sum(len(page) for page in store.list())


async def chunks(*each: bytes) -> AsyncIterator[bytes]:
    for chunk in each:
        yield chunk


def new(blob: Blob, filename: str | None = "a", project: str = PROJECT) -> NewFile:
    return NewFile(blob, project, filename, "vision", clock.seconds())


async def made(files: FileStore, content: bytes, project: str = PROJECT) -> File:
    return await files.add(new(await files.put(chunks(content), 1 << 30), project=project))


async def read(files: FileStore, file: File) -> bytes:
    return b"".join([chunk async for chunk in files.read(file)])


async def test_bytes_come_back_whole_whatever_the_chunks(files: FileStore) -> None:
    pieces = [os.urandom(size) for size in (0, 1, 70_000, 5 << 20, 3, (4 << 20) + 1)]
    pieces += [b"small"] * 5000
    file = await files.add(new(await files.put(chunks(*pieces), 1 << 30)))
    content = b"".join(pieces)
    assert file.bytes == len(content)
    assert await read(files, file) == content


async def test_an_empty_file_is_a_file(files: FileStore) -> None:
    file = await made(files, b"")
    assert file.bytes == 0
    assert await read(files, file) == b""


async def test_files_of_one_content_share_a_blob_and_the_last_one_frees_it(
    files: FileStore, store: ObjectStore
) -> None:
    one, two = await made(files, b"same"), await made(files, b"same")
    other = await made(files, b"other")
    assert stored(store) == 2
    await files.delete(one)
    assert await read(files, two) == b"same"
    await files.delete(two)
    assert stored(store) == 1
    again = await made(files, b"same")
    assert await read(files, again) == b"same"
    assert await read(files, other) == b"other"
    with pytest.raises(NotFoundError):
        await read(files, one)


async def test_projects_share_no_blob_and_one_that_deletes_frees_its_own_alone(
    files: FileStore, store: ObjectStore
) -> None:
    both = [new(blob, project=each) for each in (PROJECT, OTHER) for blob in await twice(files)]
    one, _, other, last = await files.add_all(both)
    assert stored(store) == 2
    await made(files, b"same", OTHER)
    assert stored(store) == 2
    await files.delete(one)
    assert stored(store) == 2
    for file in (other, last):
        assert await read(files, file) == b"same"
        await files.delete(file)
    assert stored(store) == 2


async def twice(files: FileStore) -> list[Blob]:
    return await files.put_all([b"same", b"same"])


async def test_what_a_project_stores_counts_for_it_alone_however_many_ask_at_once(
    database: Database, store: ObjectStore
) -> None:
    """The tenth and the twentieth byte are asked for by both at the same time."""
    files = FileStore(database, store, ProjectLimits(storage_bytes=20))
    asked = [made(files, b"ten bytes.", project) for project in (PROJECT, OTHER) * 4]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(each, StorageQuotaError) for each in answers].count(True) == 4
    assert all(isinstance(each, File | StorageQuotaError) for each in answers)
    for project in (PROJECT, OTHER):
        assert await database.run(projects.storage_bytes, project) == 20
    blobs = await database.run(names)
    assert {project for project, _ in blobs} == {PROJECT, OTHER}
    assert len({blob for _, blob in blobs}) == len(blobs) == stored(store)


@transaction(short=True)
def names(connection: Connection) -> set[tuple[str, str]]:
    """The blobs that live files name, each with the project."""
    file = tables.files.c
    found = connection.execute(select(file.project_id, file.blob).where(~file.deleted))
    return {(project, blob) for project, blob in found}


async def test_a_content_is_known_again_however_its_bytes_came(
    files: FileStore, store: ObjectStore
) -> None:
    content = os.urandom((2 << 20) + 1)
    whole, pieces = await files.put_all([content]), chunks(content[:1], content[1:], b"")
    await files.add_all([new(whole[0]), new(await files.put(pieces, 1 << 30))])
    await made(files, content[:-1])
    assert stored(store) == 2


async def test_many_small_ones_are_kept_at_once(files: FileStore, store: ObjectStore) -> None:
    contents = [b"a", b"b", b"a", b""]
    kept = await files.add_all([new(blob) for blob in await files.put_all(contents)])
    assert [await read(files, file) for file in kept] == contents
    assert stored(store) == 3
    assert len({file.id for file in kept}) == 4


async def test_a_file_without_a_name_is_called_by_its_id(files: FileStore) -> None:
    file = await files.add(new(await files.put(chunks(b"x"), 1), None))
    assert file.filename == f"{file.id}.png"


async def test_nothing_stays_of_what_is_too_large_or_breaks_off(
    files: FileStore, store: ObjectStore
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(5 << 20)
        raise ConnectionError

    with pytest.raises(TooLargeError):
        await files.put(chunks(b"12345"), 4)
    with pytest.raises(ConnectionError):
        await files.put(broken(), 1 << 30)
    assert stored(store) == 0


async def test_bytes_without_a_row_are_swept_after_an_hour_and_no_sooner(
    files: FileStore, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill between the bytes and the row."""
    file = await made(files, b"kept")
    await files.put(chunks(b"nobody's"), 100)
    await files.sweep()
    assert stored(store) == 2
    monkeypatch.setattr(clock, "_offset", clock._offset + 3601)
    await files.sweep()
    assert stored(store) == 1
    assert await read(files, file) == b"kept"


@pytest.mark.local_state
async def test_a_full_disk_refuses_before_it_is_full(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = FileStore(database, LocalStore(tmp_path / "blobs", mkdir=True), LIMITS)
    await local.require_room(1)
    with pytest.raises(StorageFullError):
        await local.require_room(1 << 60)
    usage = blobs_module.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(
        blobs_module.shutil, "disk_usage", lambda _: usage._replace(free=(64 << 20) + 10)
    )
    assert await local.put(chunks(b"fits"), 10)
    with pytest.raises(StorageFullError):
        await local.put(chunks(b"does not fit"), 100)
    with pytest.raises(StorageFullError):
        await local.put_all([b"neither ", b"do these"])
    assert len(list((tmp_path / "blobs/files").iterdir())) == 1


@pytest.mark.local_state
async def test_a_file_of_this_host_has_a_path_and_others_have_not(
    database: Database, tmp_path: Path
) -> None:
    local = FileStore(database, LocalStore(tmp_path / "blobs", mkdir=True), LIMITS)
    source = await local.source(await made(local, b"x"))
    assert isinstance(source, Path)
    assert source.read_bytes() == b"x"
    assert (tmp_path / "blobs/files").stat().st_mode & 0o777 == 0o700
    remote = FileStore(database, MemoryStore(), LIMITS)
    source = await remote.source(await made(remote, b"y"))
    assert not isinstance(source, Path)
    assert [chunk async for chunk in source] == [b"y"]


async def test_a_disk_that_takes_a_part_at_a_time_gets_every_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.writev

    def some(target: int, pieces: list[bytes]) -> int:
        return whole(target, [pieces[0][:2]])

    monkeypatch.setattr(os, "writev", some)
    await LocalBlobs(tmp_path).put_all({"x": b"abcdef"})
    assert (tmp_path / "x").read_bytes() == b"abcdef"


async def test_a_blob_that_comes_holds_at_most_twice_its_room_and_a_whole_one_only_its_own(
    tmp_path: Path,
) -> None:
    local, held = LocalBlobs(tmp_path), list[float]()

    async def blocks() -> AsyncIterator[list[bytes]]:
        for number in range(24):
            while number > 3 and (tmp_path / "x").stat().st_size < (number - 2) << 20:
                await asyncio.sleep(0.001)  # until what went before is written
            if number > 3:
                status = (tmp_path / "x").stat()
                held.append(status.st_blocks * 512 / (number << 20))
            yield [b"x" * ((1 << 20) - 7), b"y" * 7]

    await local.put("x", blocks())
    status = (tmp_path / "x").stat()
    assert status.st_size == 24 << 20
    assert status.st_blocks * 512 <= status.st_size + (64 << 10)
    assert max(held) <= 2.3, "what came, as much again, and the block that comes"
    if not _keeps_room(tmp_path):
        pytest.skip("this file system keeps no room ahead")
    assert max(held) > 1.3, "room was kept ahead"


def _keeps_room(folder: Path) -> bool:
    with (folder / "probe").open("wb") as file:
        arriving_blob._allot(file.fileno(), 0, 1 << 20)
        return os.fstat(file.fileno()).st_blocks > 0


@pytest.mark.local_state
async def test_where_no_room_can_be_kept_ahead_a_blob_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving_blob, "_allot", lambda _target, offset, _size: offset)
    content = [os.urandom(1 << 20) for _ in range(10)]
    hash_ = await LocalBlobs(tmp_path).put("x", _each(content))
    assert (tmp_path / "x").read_bytes() == b"".join(content)
    assert hash_ == blobs_module.hash_of(b"".join(content))


async def _each(pieces: list[bytes]) -> AsyncIterator[list[bytes]]:
    for piece in pieces:
        yield [piece]


@pytest.mark.local_state
@pytest.mark.parametrize("step", ["open", "writev"])
async def test_who_is_cancelled_while_a_blob_is_made_or_written_leaves_none_and_no_file_open(
    step: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = FileStore(database, LocalStore(tmp_path / "blobs", mkdir=True), LIMITS)
    folder = tmp_path / "blobs/files"
    begins, go_on, real = threading.Event(), threading.Event(), getattr(os, step)

    def slow(*args: object) -> object:
        begins.set()
        assert go_on.wait(30)
        return real(*args)  # fails if it was closed meanwhile

    monkeypatch.setattr(arriving_blob.os, step, slow)
    putting = asyncio.create_task(files.put(chunks(b"a" * (2 << 20), b"b"), 1 << 30))
    assert await asyncio.to_thread(begins.wait, 30)
    putting.cancel()
    await asyncio.sleep(0.05)
    assert step == "open" or still_open(folder)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert not list(folder.iterdir())
    while still_open(folder):
        await asyncio.sleep(0.01)


@pytest.mark.local_state
async def test_who_sends_slowly_holds_no_thread(database: Database, tmp_path: Path) -> None:
    files = FileStore(database, LocalStore(tmp_path / "blobs", mkdir=True), LIMITS)
    go_on = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"a" * (2 << 20)
        await go_on.wait()
        yield b"b"

    before = threading.active_count()
    putting = [asyncio.create_task(files.put(slowly(), 1 << 30)) for _ in range(100)]
    while sum(path.stat().st_size for path in (tmp_path / "blobs/files").iterdir()) < 100 << 20:
        await asyncio.sleep(0.01)
    assert threading.active_count() < before + 50
    go_on.set()
    assert {blob.bytes for blob in await asyncio.gather(*putting)} == {(2 << 20) + 1}


def still_open(folder: Path) -> list[Path]:
    """The files of a folder that this process has open."""
    targets: list[Path] = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            targets.append(link.readlink())
    return [each for each in targets if each.is_relative_to(folder)]


async def test_a_file_whose_time_is_over_is_freed_and_not_looked_at_again(
    files: FileStore, database: Database, store: ObjectStore
) -> None:
    blob = await files.put(chunks(b"1"), 9)
    await files.add(NewFile(blob, PROJECT, "a", "vision", 1, expires_at=2))
    await files.delete_expired()
    assert stored(store) == 0
    times = database.run_sync(
        transaction()(
            lambda connection: connection.execute(select(tables.files.c.expires_at)).scalars().all()
        )
    )
    assert times == [None]
