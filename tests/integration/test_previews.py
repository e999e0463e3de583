"""Previews are made of stored files, wherever they are stored, and made once."""

import io
import os
from pathlib import Path

import pytest
from obstore.store import ObjectStore
from sqlalchemy import update

from assistd import clock
from assistd.db import tables
from assistd.db.database import Database
from assistd.db.transaction import transaction
from assistd.engine.previews.cache import PreviewCache
from assistd.engine.workspace.contents import InputFile
from assistd.files.rows import NewFile
from assistd.files.store import FileStore
from assistd.objects.file import File
from assistd.objects.project import ProjectLimits
from tests.unit.previews.made import workbook

PROJECT = "proj_1"

pytestmark = pytest.mark.every_backend


@pytest.fixture
def files(database: Database, store: ObjectStore) -> FileStore:
    database.run_sync(
        transaction(writes=True)(
            lambda connection: connection.execute(update(tables.projects).values(id=PROJECT))
        )
    )
    return FileStore(database, store, ProjectLimits())


async def made(files: FileStore, content: bytes, name: str) -> File:
    (blob,) = await files.put_all([content])
    return await files.add(NewFile(blob, PROJECT, name, "assistants", clock.seconds()))


async def test_a_stored_file_is_read_at_any_place(files: FileStore) -> None:
    content = os.urandom(200_000)
    file = await made(files, content, "a")
    openers = await files.openers([file])
    with openers[file.id]() as opened:
        assert opened.read(10) == content[:10]
        assert opened.seek(-70_000, io.SEEK_END) == 130_000
        assert opened.read(7) == content[130_000:130_007]
        assert opened.seek(0) == opened.tell() == 0
        assert opened.read() == content
        assert opened.read(1) == b""


async def test_a_deleted_file_has_no_opener(files: FileStore) -> None:
    file = await made(files, b"a", "a")
    await files.delete(file)
    assert await files.openers([file]) == {}


async def test_many_files_are_previewed_each_under_the_name_that_code_has_for_it(
    files: FileStore,
) -> None:
    file = await made(files, b"a;b\n1;2\n", "t.csv")
    book = await made(files, workbook(["S"], [["a", "b"]]), "t.xlsx")
    inputs = [InputFile("t.csv", file), InputFile("t.xlsx", book)]
    previews = PreviewCache()
    assert await previews.read(files, inputs) == {
        file.id: "read with pd.read_csv('/mnt/data/t.csv', sep=';'); first line: 'a;b'; line 2: '1;2'",
        book.id: "sheet ['S']; columns ['a', 'b']",
    }
    found = await previews.read(files, [InputFile("t-2.csv", file)])
    assert "/mnt/data/t-2.csv" in found[file.id]


async def test_a_file_is_read_once(files: FileStore) -> None:
    file = await made(files, b"a,b\n1,2\n", "t.csv")
    previews, inputs = PreviewCache(), [InputFile("t.csv", file)]
    first = await previews.read(files, inputs)
    await files.delete(file)
    assert await previews.read(files, inputs) == first == {file.id: "first line: a,b; line 2: 1,2"}


async def test_a_file_that_is_gone_has_no_preview(files: FileStore) -> None:
    file = await made(files, b"a,b\n1,2\n", "t.csv")
    await files.delete(file)
    assert await PreviewCache().read(files, [InputFile("t.csv", file)]) == {file.id: ""}


@pytest.mark.local_state
async def test_a_file_whose_bytes_cannot_be_read_is_tried_again(
    files: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await made(files, b"a,b\n1,2\n", "t.csv")
    previews, inputs = PreviewCache(), [InputFile("t.csv", file)]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda *_: (_ for _ in ()).throw(OSError("no")))
        assert await previews.read(files, inputs) == {file.id: ""}
    assert await previews.read(files, inputs) == {file.id: "first line: a,b; line 2: 1,2"}
