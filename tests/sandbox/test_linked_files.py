"""Stored files in a session without a copy: code sees them, and changes nothing but its own view."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from assistd.sandbox.base import DataFile, UnsafeFileError
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from assistd.sandbox.session.session import GuestSession
from assistd.sandbox.stored_file import StoredFile
from assistd.sandbox.zygote.lowerdir import lower_folders
from tests.sandbox.rig import LIMITS, content

STORED = bytes(range(256)) * 8192  # 2 MiB: large enough to be linked


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    """A stored file."""
    path = tmp_path / "blob"
    path.write_bytes(STORED)
    return path


@pytest.fixture(autouse=True)
def _linked(pool: SessionPool) -> None:
    assert pool._warm_pools.all[0].zygote is not None
    if pool._warm_pools.all[0].zygote.copies is not None:
        pytest.skip(f"files are copied on this host: {pool._warm_pools.all[0].zygote.copies}")


async def _ran(session: GuestSession, code: str) -> str:
    execution = await session.execute(code)
    assert execution.status == "ok", execution.logs
    return execution.logs


async def test_a_stored_file_appears_under_both_names_and_takes_no_room(
    session: GuestSession, blob: Path
) -> None:
    looked = "import os\nprint(os.path.exists('big.bin'), os.listdir('.'))"
    assert await _ran(session, looked) == "False []\n"  # and the kernel remembers that
    await session.put("big.bin", StoredFile(blob), aliases=["file-1"])
    code = (
        "print(sorted(os.listdir('.')), open('big.bin', 'rb').read() == open('file-1', 'rb').read()"
        " == bytes(range(256)) * 8192)\n"
        "s = os.statvfs('.'); print((s.f_blocks - s.f_bfree) * s.f_bsize < 65536)"
    )
    assert await _ran(session, code) == "['big.bin'] True\nTrue\n"
    assert blob.stat().st_nlink == 2
    assert (await session.changes()).files == ()


async def test_it_is_read_by_the_server_too(session: GuestSession, blob: Path) -> None:
    await session.put("big.bin", StoredFile(blob))
    assert await content(session, "big.bin") == STORED
    assert await session.files() == (DataFile("big.bin", len(STORED)),)


CHANGES = {
    "written over": ("open('big.bin', 'r+b').write(b'changed')", b"changed" + STORED[7:]),
    "appended to": ("open('big.bin', 'ab').write(b'more')", STORED + b"more"),
    "cut": ("os.truncate('big.bin', 5)", STORED[:5]),
    "written anew": ("open('big.bin', 'wb').write(b'new')", b"new"),
    "replaced": ("open('t', 'wb').write(b'new'); os.replace('t', 'big.bin')", b"new"),
    "deleted and made anew": (
        "os.remove('big.bin'); open('big.bin', 'wb').write(b'new')",
        b"new",
    ),
    "mapped and written": (
        "import mmap\nf = open('big.bin', 'r+b'); m = mmap.mmap(f.fileno(), 0); m[0:3] = b'abc'; m.flush()",
        b"abc" + STORED[3:],
    ),
}


@pytest.mark.parametrize(("code", "after"), CHANGES.values(), ids=CHANGES.keys())
async def test_what_code_does_to_it_is_kept_and_the_stored_bytes_stay(
    session: GuestSession, blob: Path, code: str, after: bytes
) -> None:
    await session.put("big.bin", StoredFile(blob), aliases=["file-1"])
    await _ran(session, f"import os\n{code}; None")
    assert (await session.changes()).files == (DataFile("big.bin", len(after)),)
    assert (await session.changes()).files == ()
    assert await content(session, "big.bin") == after
    assert blob.read_bytes() == STORED


async def test_a_renamed_one_is_told_under_its_new_name(session: GuestSession, blob: Path) -> None:
    await session.put("big.bin", StoredFile(blob))
    await _ran(session, "import os; os.mkdir('d'); os.rename('big.bin', 'd/new.bin')")
    assert (await session.changes()).files == (DataFile("d/new.bin", len(STORED)),)
    assert await content(session, "d/new.bin") == STORED
    assert await _ran(session, "print(os.listdir('.'))") == "['d']\n"
    assert blob.read_bytes() == STORED


async def test_a_deleted_one_is_gone_and_another_may_take_its_name(
    session: GuestSession, blob: Path
) -> None:
    await session.put("big.bin", StoredFile(blob))
    await _ran(session, "import os; os.remove('big.bin'); None")
    assert (await session.changes()).files == ()
    await session.put("big.bin", StoredFile(blob))
    assert await _ran(session, "print(os.path.getsize('big.bin'))") == f"{len(STORED)}\n"
    assert (await session.changes()).files == ()


async def test_links_made_elsewhere_do_not_make_it_look_changed(
    session: GuestSession, pool: SessionPool, blob: Path
) -> None:
    await session.put("big.bin", StoredFile(blob))
    other = await pool.open("another session with the same file")
    await other.put("same.bin", StoredFile(blob))
    await _ran(session, "open('big.bin', 'rb').read(); None")
    assert (await session.changes()).files == ()
    await other.execute("open('same.bin', 'wb').write(b'mine')")
    assert await content(session, "big.bin") == STORED
    await pool.drop("another session with the same file")
    assert blob.stat().st_nlink == 2


async def test_a_name_that_is_taken_is_replaced_by_a_copy(
    session: GuestSession, blob: Path
) -> None:
    await _ran(session, "import os; os.symlink('/etc/passwd', 'l'); open('f', 'w').write('f')")
    for name in ("l", "f"):
        await session.put(name, StoredFile(blob), aliases=[f"alias-{name}"])
        assert await content(session, name) == STORED
    await _ran(session, "os.mkdir('d'); None")
    with pytest.raises(UnsafeFileError):
        await session.put("d", StoredFile(blob))
    assert blob.stat().st_nlink == 1


async def test_code_that_fights_for_the_name_gets_the_file_or_its_own(
    session: GuestSession, blob: Path
) -> None:
    code = """
import os
if os.fork() == 0:
    while True:
        for act in (lambda: os.stat('big.bin'), lambda: os.symlink('/etc/passwd', 'big.bin'), lambda: os.unlink('big.bin'),
                    lambda: os.mkdir('big.bin'), lambda: os.rmdir('big.bin'), lambda: os.listdir('.')):
            try: act()
            except OSError: pass
"""
    await _ran(session, code)
    async with asyncio.timeout(60):
        for _ in range(60):
            try:
                await session.put("big.bin", StoredFile(blob))
                assert await content(session, "big.bin") == STORED
            except UnsafeFileError:
                continue
    assert blob.read_bytes() == STORED


async def test_a_small_file_is_copied_and_belongs_to_the_session(
    session: GuestSession, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.write_bytes(b"#!/bin/sh\necho ran\n")
    await session.put("run.sh", StoredFile(small))
    code = "import os, subprocess\nos.chmod('run.sh', 0o755)\nprint(subprocess.check_output('./run.sh'))"
    assert await _ran(session, code) == "b'ran\\n'\n"
    assert small.stat().st_nlink == 1


async def test_a_file_on_another_disk_is_copied(session: GuestSession, blob: Path) -> None:
    folder = Path("/dev/shm")
    other = folder / f"assistd-test-{os.getpid()}-{time.monotonic_ns()}"
    other.write_bytes(STORED)
    try:
        await session.put("big.bin", StoredFile(other))
        assert await content(session, "big.bin") == STORED
        assert (await session.changes()).files == ()
    finally:
        other.unlink()


async def test_where_nothing_can_be_linked_a_stored_file_is_copied(
    python: Path, blob: Path
) -> None:
    pool = SessionPool(python, PoolSettings(limits=LIMITS, warm=0))
    await pool.start()
    try:
        session = await pool.open("one")
        await session.put("big.bin", StoredFile(blob), aliases=["file-1"])
        looked = await session.execute("open('file-1', 'rb').read() == bytes(range(256)) * 8192")
        assert looked.logs == "True"
        assert (await session.changes()).files == ()
        assert blob.stat().st_nlink == 1
    finally:
        await pool.close()


async def test_a_stored_file_that_is_gone_is_an_error(session: GuestSession, blob: Path) -> None:
    blob.unlink()
    with pytest.raises(FileNotFoundError):
        await session.put("big.bin", StoredFile(blob))
    assert await _ran(session, "import os; print(os.listdir('.'))") == "[]\n"


async def test_nothing_is_left_of_a_session_or_of_a_pool(python: Path, tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(STORED)
    with lower_folders(tmp_path / "lowers") as lowers:
        pool = SessionPool(python, PoolSettings(limits=LIMITS, warm=0, lowers=lowers))
        await pool.start()
        session = await pool.open("one")
        await session.put("big.bin", StoredFile(blob))
        assert blob.stat().st_nlink == 2
        await pool.drop("one")
        assert blob.stat().st_nlink == 1
        await (await pool.open("two")).put("big.bin", StoredFile(blob))
        await pool.close()
    assert blob.stat().st_nlink == 1
    assert list((tmp_path / "lowers").iterdir()) == []


def test_folders_of_the_dead_are_removed_and_those_of_the_living_stay(tmp_path: Path) -> None:
    (tmp_path / "dead" / "1").mkdir(parents=True)
    (tmp_path / "dead" / "1" / "big.bin").write_bytes(b"x")
    with lower_folders(tmp_path) as living, lower_folders(tmp_path) as second:
        assert {one.name for one in tmp_path.iterdir()} == {living.name, second.name}
