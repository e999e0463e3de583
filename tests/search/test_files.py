"""Files of the index may be deleted, damaged, old, or written by several processes at once."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from assistd.errors import AssistdError
from assistd.extracted_text import ExtractedText
from assistd.search.base import Searchable
from assistd.search.index.sqlite import SqliteStore
from assistd.search.text_index import TextIndex
from tests.search.conftest import CACHE, WordEmbedder

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "search"


@pytest.fixture
def index(folder: Path) -> TextIndex:
    return TextIndex(SqliteStore(folder, CACHE), WordEmbedder())


def spoil_head(file: Path) -> None:
    file.write_bytes(b"no database" * 1000)


def spoil_middle(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    file.write_bytes(data)


def truncate(file: Path) -> None:
    os.truncate(file, 5000)


def age(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("harm", [Path.unlink, spoil_head, spoil_middle, truncate, age])
async def test_a_lost_file_is_made_anew(
    folder: Path, index: TextIndex, harm: Callable[[Path], None]
) -> None:
    for number in range(30):
        await index.add_text("proj_1", f"t{number}", ExtractedText("Filip likes cake. " * 40))
    await index.embed_text("proj_1", "t1")
    await index.search("proj_1", ["cake"], [Searchable("t1")], limit=1)
    await index.close()
    harm(folder / "proj_1.sqlite3")
    index = TextIndex(SqliteStore(folder, CACHE), WordEmbedder())
    assert await index.search("proj_1", ["cake"], [Searchable("t1")], limit=1) == []
    assert not await index.has_text("proj_1", "t1")
    await index.add_text("proj_1", "t1", ExtractedText("Filip likes cake."))
    await index.embed_text("proj_1", "t1")
    [hit] = await index.search("proj_1", ["cake"], [Searchable("t1")], limit=1)
    assert hit.text == "Filip likes cake."
    await index.close()


async def test_a_folder_that_is_removed_under_a_server_is_made_anew(
    folder: Path, index: TextIndex
) -> None:
    await index.add_text("proj_1", "a", ExtractedText("Filip likes cake."))
    await index.embed_text("proj_1", "a")
    assert await index.search("proj_1", ["cake"], [Searchable("a")], limit=1)
    shutil.rmtree(folder)
    assert await index.search("proj_1", ["cake"], [Searchable("a")], limit=1) == []
    await index.add_text("proj_1", "a", ExtractedText("Filip likes tea."))
    await index.embed_text("proj_1", "a")
    [hit] = await index.search("proj_1", ["tea"], [Searchable("a")], limit=1)
    assert hit.text == "Filip likes tea."
    await index.close()


async def test_a_file_that_is_replaced_is_followed(folder: Path, index: TextIndex) -> None:
    await index.add_text("proj_1", "a", ExtractedText("Filip likes cake."))
    await index.embed_text("proj_1", "a")
    assert await index.search("proj_1", ["cake"], [Searchable("a")], limit=1)
    other = TextIndex(SqliteStore(folder, CACHE), WordEmbedder())
    await other.delete_project("proj_1")
    assert await index.search("proj_1", ["cake"], [Searchable("a")], limit=1) == []
    await other.add_text("proj_1", "b", ExtractedText("Carola likes tea."))
    await other.embed_text("proj_1", "b")
    [hit] = await index.search("proj_1", ["tea"], [Searchable("b")], limit=1)
    assert hit.text == "Carola likes tea."
    await other.close()
    await index.close()


async def test_a_folder_that_cannot_be_written_is_told(folder: Path, index: TextIndex) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("no folder")
    with pytest.raises(AssistdError):
        await index.has_text("proj_1", "a")


async def test_two_processes_write_to_one_file(folder: Path, index: TextIndex) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from assistd.extracted_text import ExtractedText\n"
        "from assistd.search.index.sqlite import SqliteStore\n"
        "from assistd.search.text_index import TextIndex\n"
        "from tests.search.conftest import WordEmbedder\n"
        "async def main():\n"
        "    index = TextIndex(SqliteStore(Path(sys.argv[1]), 1 << 20), WordEmbedder())\n"
        "    for number in range(25):\n"
        "        for key in (f'both-{number}', f'{sys.argv[2]}-{number}'):\n"
        "            text = ''.join(f'Line {at} of {key}, a text of some length.\\n' for at in range(90))\n"
        "            await index.add_text('proj_1', key, ExtractedText(text))\n"
        "            await index.embed_text('proj_1', key)\n"
        "    await index.close()\n"
        "asyncio.run(main())\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(folder), name]) for name in "xy"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    keys = [f"{name}-{number}" for name in ("both", "x", "y") for number in range(25)]
    for key in keys:
        read = await index.read_text("proj_1", key)
        assert read
        assert read.text.count(f"of {key},") == 90
        [hit] = await index.search("proj_1", [f"Line 7 of {key}"], [Searchable(key)], limit=1)
        assert f"of {key}," in hit.text
    await index.close()
    with closing(sqlite3.connect(folder / "proj_1.sqlite3")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM texts").fetchone() == (75,)
        counted = "SELECT sum(windows), (SELECT count(*) FROM windows), (SELECT sum(windows) FROM vectors) FROM texts"
        assert len(set(connection.execute(counted).fetchone())) == 1
