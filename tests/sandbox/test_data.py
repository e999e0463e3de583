"""/mnt/data from both sides: what the server puts, what the code writes, what is taken home."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable

import pytest

from assistd.sandbox.base import Changes, DataFile, UnsafeFileError
from assistd.sandbox.pool.pool import SessionPool
from assistd.sandbox.session.session import GuestSession
from tests.sandbox.rig import content, once


async def test_a_file_put_there_is_read_by_the_code_under_both_names(session: GuestSession) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"a,b\n"
        yield b"1,2\n"

    await session.put("sales.csv", chunks(), aliases=["file-123"])
    code = (
        "open('/mnt/data/sales.csv').read() == open('/mnt/data/file-123').read() == 'a,b\\n1,2\\n'"
    )
    assert (await session.execute(code)).logs == "True"
    assert (await session.changes()).files == ()


async def test_put_makes_folders_and_replaces(session: GuestSession) -> None:
    await session.put("a/b/c.txt", once(b"one"))
    await session.put("a/b/c.txt", once(b"two"), aliases=["link"])
    assert (await session.execute("open('link').read()")).logs == "'two'"
    await session.execute("open('a/b/c.txt', 'a').write('!')")
    assert (await session.changes()).files == (DataFile("a/b/c.txt", 4),)


async def test_changed_tells_new_changed_and_renamed_files_once(session: GuestSession) -> None:
    await session.put("given.txt", once(b"given"))
    await session.execute(
        "open('new.txt', 'w').write('n'); import os; os.mkdir('d'); open('d/x', 'w').close()"
    )
    assert [one.path for one in (await session.changes()).files] == ["d/x", "new.txt"]
    assert (await session.changes()).files == ()
    await session.execute("open('given.txt', 'r+').write('G')")  # same size, same inode
    assert (await session.changes()).files == (DataFile("given.txt", 5),)
    await session.execute("os.rename('new.txt', 'renamed.txt'); os.remove('given.txt')")
    changes = await session.changes()
    assert [one.path for one in changes.files] == ["renamed.txt"]
    assert changes.removed == ("given.txt", "new.txt")
    assert (await session.changes()).removed == ()


async def test_bytes_come_back_whole(session: GuestSession) -> None:
    await session.execute("import os; b = os.urandom(3_000_001); open('b', 'wb').write(b)")
    await session.execute("import hashlib; print(hashlib.sha256(b).hexdigest())")
    assert len(await content(session, "b")) == 3_000_001


async def test_names_of_every_script_survive(session: GuestSession) -> None:
    await session.put("naïve 図表.csv", once(b"x"))
    assert (await session.execute("open('naïve 図表.csv').read()")).logs == "'x'"
    await session.execute("open('новый\\nfile', 'w').close()")
    assert [one.path for one in (await session.changes()).files] == ["новый\nfile"]


async def test_what_is_no_plain_file_is_named_once_and_rubbish_is_not(
    session: GuestSession,
) -> None:
    code = (
        "import os, socket\nos.mkfifo('fifo'); os.symlink('/etc/passwd', 'link'); os.symlink('/', 'a\\nb')\n"
        "os.mkdir('__pycache__'); open('__pycache__/m.pyc', 'w').close(); open(b'\\xff\\xfe', 'w').close()\n"
        "os.makedirs('d/__MACOSX'); open('d/__MACOSX/x', 'w').close(); open('d/._a.csv', 'w').close()\n"
        "for name in ('.DS_Store', 'Thumbs.db', 'Desktop.ini', '~$a.xlsx', '.~lock.a.ods#'): open(name, 'w').close()\n"
        "open('good', 'w').close(); open('.hidden', 'w').close()"
    )
    assert (await session.execute(code)).status == "ok"
    changes = await session.changes()
    assert changes.files == (DataFile(".hidden", 0), DataFile("good", 0))
    assert changes.notes == (
        "Not given to the user, for only plain files are: "
        "'/mnt/data/a\\nb' is a symbolic link; /mnt/data/fifo is a pipe; "
        "/mnt/data/link is a symbolic link; '/mnt/data/\\udcff\\udcfe' is a name that is no UTF-8",
    )
    assert (await session.changes()).notes == ()
    await session.execute("for n in range(30): os.symlink('x', f's{n}')")
    (note,) = (await session.changes()).notes
    assert note.endswith("; and 20 more")


async def test_a_file_the_server_put_there_may_have_the_name_of_rubbish(
    session: GuestSession,
) -> None:
    await session.put("desktop.ini", once(b"[a]"))
    assert await session.changes() == Changes()
    await session.execute("import os; os.remove('desktop.ini')")
    assert (await session.changes()).removed == ("desktop.ini",)


async def test_a_folder_that_code_locks_or_fills_does_not_count_as_emptied(
    session: GuestSession,
) -> None:
    await session.execute(
        "import os; os.mkdir('d'); open('d/x', 'w').close(); os.mkdir('e'); open('e/x', 'w').close()"
    )
    assert len((await session.changes()).files) == 2
    await session.execute("os.chmod('d', 0); os.rename('e', 'f'); os.symlink('f', 'e')")
    changes = await session.changes()
    assert "d/x" not in changes.removed
    assert [one.path for one in changes.files] == ["f/x"]


async def test_what_a_dead_session_removed_is_removed(session: GuestSession) -> None:
    await session.execute("open('x', 'w').close(); open('y', 'w').close()")
    await session.changes()
    await session.execute("import os; os.remove('x'); os._exit(1)")
    changes = await session.changes()
    assert (changes.files, changes.removed) == ((), ("x",))


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", ".", "x\0y", "a" * 300, "\udcff"]
)
async def test_a_path_that_leads_outside_is_refused(session: GuestSession, path: str) -> None:
    with pytest.raises(UnsafeFileError):
        await session.put(path, once(b""))
    with pytest.raises(UnsafeFileError):
        await content(session, path)
    with pytest.raises(UnsafeFileError):
        await session.put("good", once(b""), aliases=[path])


async def test_reading_what_is_not_there_is_refused(session: GuestSession) -> None:
    with pytest.raises(UnsafeFileError):
        await content(session, "nothing")


async def test_no_room_is_an_error_of_the_put_and_leaves_no_trace(session: GuestSession) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 20)

    with pytest.raises(OSError, match="No space left"):
        await session.put("large", endless())
    assert (await session.execute("import os; os.listdir('/mnt/data')")).logs == "[]"
    await session.put("small", once(b"fits"))


async def test_a_put_whose_source_fails_leaves_no_trace(session: GuestSession) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("source")

    with pytest.raises(RuntimeError, match="source"):
        await session.put("f", broken())
    assert (await session.execute("import os; os.listdir('/mnt/data')")).logs == "[]"


async def test_files_outlive_the_session_until_it_is_closed(session: GuestSession) -> None:
    execution = await session.execute(
        "open('last.txt', 'w').write('words')\nimport os; os._exit(1)"
    )
    assert execution.status == "dead"
    assert (await session.changes()).files in {(), (DataFile("last.txt", 5),)}
    await session.close()
    assert (await session.changes()).files == ()


async def test_a_flushed_file_outlives_the_session(session: GuestSession) -> None:
    await session.execute(
        "with open('last.txt', 'w') as f: f.write('words')\nimport os; os.kill(1, 9); os._exit(1)"
    )
    assert (await session.changes()).files == (DataFile("last.txt", 5),)
    assert await content(session, "last.txt") == b"words"


async def test_a_call_that_wrote_nothing_costs_next_to_nothing(session: GuestSession) -> None:
    for number in range(10):
        await session.put(f"{number}.csv", once(b"x"), aliases=[f"file-{number}"])
    await session.changes()
    times: list[float] = []
    for _ in range(30):
        started = time.process_time()  # not what a busy host makes it wait
        await session.changes()
        times.append(time.process_time() - started)
    assert sorted(times)[len(times) // 2] < 0.005


async def _parked(pool: SessionPool) -> None:
    """Wait while a session is being opened and rehearses: that takes descriptors, too."""
    warm_pool = pool._warm_pools.all[0]
    while not warm_pool.warm or any(one.busy for one in warm_pool.warm):
        await asyncio.sleep(0.02)


async def _no_more_descriptors_than(known: int) -> None:
    """Wait for it: what the pool prepares in the background holds some for a moment."""
    async with asyncio.timeout(30):
        while len(os.listdir("/proc/self/fd")) > known:
            await asyncio.sleep(0.05)


async def test_a_cancelled_put_or_read_leaves_no_descriptor_open(
    pool: SessionPool, session: GuestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _parked(pool)
    await session.put("here", once(b"1"))
    data = session._data
    for name in ("_open", "_create"):
        act = getattr(data, name)

        def slowly(path: str, act: Callable[[str], object] = act) -> object:
            time.sleep(0.1)
            return act(path)

        monkeypatch.setattr(data, name, slowly)
    before = len(os.listdir("/proc/self/fd"))
    for work in (content(session, "here"), session.put("there", once(b"2"))):
        task = asyncio.create_task(work)
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await _no_more_descriptors_than(before)


async def test_no_descriptor_is_left_open(pool: SessionPool, session: GuestSession) -> None:
    await _parked(pool)
    await session.execute("open('x', 'w').write('x')")
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        await session.put(f"f{number}", once(b"1"), aliases=[f"a{number}"])
        await session.execute(f"open('a{number}').close()")
        await session.changes()
        await content(session, "x")
        with pytest.raises(UnsafeFileError):
            await content(session, "a0")
    await _no_more_descriptors_than(before)
