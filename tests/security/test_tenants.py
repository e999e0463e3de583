"""What a tenant learns of another one from files: whoever guesses a content sees its own file alone."""

import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from obstore.store import LocalStore

from assistd import clock, ids
from assistd.db import projects
from assistd.db.database import Database
from assistd.files.rows import NewFile
from assistd.files.store import FileStore
from assistd.objects.project import ProjectLimits
from assistd.sandbox.pool.pool import SessionPool
from assistd.sandbox.session.session import GuestSession
from assistd.sandbox.stored_file import StoredFile

SECRET = b"what alice has, and bob guesses " * (2 << 15)  # 2 MiB: large enough to be linked
CONTROL = SECRET[::-1]  # nobody has that but bob


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/assistd.sqlite3")
    made.open()
    yield made
    made.close()


@pytest.fixture
def files(database: Database, tmp_path: Path) -> FileStore:
    return FileStore(database, LocalStore(tmp_path / "blobs", mkdir=True), ProjectLimits())


async def upload(files: FileStore, project_id: str, content: bytes) -> Path:
    """Store a file as an upload does; where its bytes are."""

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    blob = await files.put(chunks(), len(content))
    new = NewFile(blob, project_id, "a.bin", "assistants", clock.seconds())
    path = await files.source(await files.add(new))
    assert isinstance(path, Path)
    return path


async def seen(session: GuestSession, name: str) -> dict[str, int]:
    """All that `stat` tells code of a file: inode, links, size and times."""
    code = f"import os\ns = os.stat({name!r})\nprint({{n: getattr(s, n) for n in dir(s) if n[:3] == 'st_'}})"
    execution = await session.execute(code)
    assert execution.status == "ok", execution.logs
    return eval(execution.logs, {})


def wait_for_a_later_time(folder: Path, file: Path) -> None:
    """Return once a file that is made now is newer than `file`: the clock of times moves in steps."""
    later = folder / "later"
    while later.write_bytes(b"") or later.stat().st_mtime_ns <= file.stat().st_mtime_ns:
        time.sleep(0.001)


async def test_who_guesses_a_content_sees_nothing_of_who_has_it(
    pool: SessionPool, session: GuestSession, files: FileStore, database: Database, tmp_path: Path
) -> None:
    alice, bob = [database.run_sync(projects.create, name).id for name in ("alice", "bob")]
    hers = await upload(files, alice, SECRET)
    wait_for_a_later_time(tmp_path, hers)
    began = (tmp_path / "later").stat().st_mtime_ns
    for name, content in (("guess.bin", SECRET), ("control.bin", CONTROL)):
        await session.put(name, StoredFile(await upload(files, bob, content)))
    guess, control = await seen(session, "guess.bin"), await seen(session, "control.bin")
    assert guess["st_nlink"] == control["st_nlink"]
    assert min(guess[f"st_{each}time_ns"] for each in "amc") >= began

    key = ids.new("thread")
    other = await pool.open(key)
    assert isinstance(other, GuestSession)
    await other.put("secret.bin", StoredFile(hers))
    read = await other.execute("len(open('secret.bin', 'rb').read())")
    assert read.logs == str(len(SECRET))
    assert (await seen(other, "secret.bin"))["st_ino"] != guess["st_ino"]
    assert await seen(session, "guess.bin") == guess
    assert await seen(session, "control.bin") == control
    await pool.drop(key)
    assert await seen(session, "guess.bin") == guess


async def test_sessions_of_one_project_share_the_bytes_of_a_file(
    pool: SessionPool, session: GuestSession, files: FileStore, database: Database
) -> None:
    """What tenants do not share, one project still does: no copy is made for its second file."""
    alice = database.run_sync(projects.create, "alice").id
    first, second = [await upload(files, alice, SECRET) for _ in range(2)]
    assert first == second
    await session.put("a.bin", StoredFile(first))
    key = ids.new("thread")
    other = await pool.open(key)
    assert isinstance(other, GuestSession)
    await other.put("b.bin", StoredFile(second))
    links = (await seen(session, "a.bin"))["st_nlink"]
    assert links == (1 if first.stat().st_nlink == 1 else 3), "copied by this jail, or linked twice"
    await pool.drop(key)


async def test_reading_what_all_sessions_share_changes_no_time_of_it(
    pool: SessionPool, session: GuestSession
) -> None:
    """The kernel writes no access times through a read-only mount."""
    if pool._warm_pools.all[0]._jails[0].name != "namespaces":
        pytest.skip("without mounts of its own a session has the host's: docs/threat-model.md")
    execution = await session.execute("import json.tool; print(json.tool.__file__)")
    shared = Path(execution.logs.strip())
    before = shared.stat()
    try:  # older than the file, so that any reading would be noted
        os.utime(shared, ns=(before.st_mtime_ns - 1, before.st_mtime_ns))
    except PermissionError:
        pytest.skip("the environment belongs to another user")
    was = await seen(session, str(shared))
    key = ids.new("thread")
    reader = await pool.open(key)
    assert (await reader.execute(f"open({str(shared)!r}).read(); None")).status == "ok"
    assert await seen(session, str(shared)) == was
    await pool.drop(key)
