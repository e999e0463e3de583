"""What code plants in /mnt/data: the server never follows it, waits for it, or believes it."""

import asyncio
import os
from pathlib import Path

import pytest

from assistd.sandbox.base import UnsafeFileError
from assistd.sandbox.pool.pool import SessionPool
from assistd.sandbox.session.session import GuestSession
from assistd.sandbox.stored_file import StoredFile
from tests.sandbox.rig import content, once

PLANTED = {
    "a link to a host file": "os.symlink('/etc/passwd', 'x')",
    "a link to its own file": "open('real', 'w').close(); os.symlink('real', 'x')",
    "a link to the root": "os.symlink('/', 'x')",
    "a link upwards": "os.symlink('../../etc/passwd', 'x')",
    "a link to a process": "os.symlink('/proc/self/root/etc/passwd', 'x')",
    "a folder": "os.mkdir('x')",
    "a pipe": "os.mkfifo('x')",
    "a pipe with a writer": "os.mkfifo('x'); h = os.open('x', os.O_RDWR)",
    "a socket": "import socket; s = socket.socket(socket.AF_UNIX); s.bind('x')",
    "nothing": "None",
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED.keys())
async def test_only_plain_files_are_read(session: GuestSession, plant: str) -> None:
    planted = await session.execute(f"import os\n{plant}; None")
    assert planted.status == "ok" or ("socket" in plant and session.folder)
    async with asyncio.timeout(20):
        with pytest.raises(UnsafeFileError):
            await content(session, "x")
        assert "x" not in [one.path for one in (await session.changes()).files]


async def test_a_path_through_a_link_is_refused(session: GuestSession) -> None:
    await session.execute(
        "import os; os.mkdir('d'); open('d/f', 'w').close(); os.symlink('d', 'l'); os.symlink('/etc', 'e')"
    )
    for path in ("l/f", "e/passwd", "e"):
        with pytest.raises(UnsafeFileError):
            await content(session, path)
        with pytest.raises(UnsafeFileError):
            await session.put(f"{path}/new", once(b"x"))
    assert [one.path for one in (await session.changes()).files] == ["d/f"]


async def test_put_replaces_a_link_instead_of_following_it(
    session: GuestSession, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("host")
    await session.execute(
        f"import os; os.symlink({str(victim)!r}, 'x'); open('mine', 'w').write('m'); os.symlink('mine', 'y')"
    )
    for name in ("x", "y"):
        await session.put(name, once(b"put"), aliases=[f"alias-{name}"])
        assert await content(session, name) == b"put"
    assert victim.read_text() == "host"
    assert (await session.execute("open('mine').read()")).logs == "'m'"


async def test_nothing_outside_is_removed_through_what_code_planted(
    session: GuestSession, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("secret")
    await session.execute(
        f"import os; os.symlink({str(victim)!r}, 'x'); os.symlink({str(tmp_path)!r}, 'd'); os.mkdir('f')"
    )
    await session.remove("x")  # the link goes, not what it leads to
    with pytest.raises(UnsafeFileError):
        await session.remove("d/victim")
    with pytest.raises(UnsafeFileError):
        await session.remove("f")
    assert victim.read_text() == "secret"
    assert (await session.execute("sorted(os.listdir())")).logs == "['d', 'f']"


async def test_an_alias_is_never_linked_over_what_code_made(session: GuestSession) -> None:
    await session.execute("import os; open('file-1', 'w').write('mine'); os.mkdir('file-2')")
    for number in (1, 2, 3):
        await session.put(f"a{number}", once(b"put"), aliases=[f"file-{number}"])
    code = "print(open('file-1').read(), os.listdir('file-2'), open('file-3').read())\nos.listdir()"
    execution = await session.execute(code)
    assert execution.logs.splitlines()[0] == "mine [] put"
    assert "'file-1'" in execution.logs
    assert "'file-3'" not in execution.logs
    assert [one.path for one in (await session.changes()).files] == ["file-1"]


async def test_an_alias_that_cannot_be_linked_fails_for_the_code_alone(
    session: GuestSession,
) -> None:
    await session.put("a", once(b"1"), aliases=["file-1"])
    await session.execute("import os; os.chmod('/mnt/data', 0o500)")
    execution = await session.execute("print(os.path.exists('file-1'))")
    assert execution.logs in {"True\n", "False\n"}
    await session.execute("os.chmod('/mnt/data', 0o700); os.rename('a', 'b')")
    assert (await session.execute("print(os.path.lexists('file-1'))")).status == "ok"


async def test_a_race_between_check_and_open_is_lost_by_the_code(session: GuestSession) -> None:
    """Another process swaps a file and a link while the server reads, lists and writes."""
    code = """
import os
if os.fork() == 0:
    os.mkdir('d')
    while True:
        for swap in (lambda: os.symlink('/etc/passwd', 't'), lambda: open('t', 'w').write('mine'), lambda: os.mkfifo('t')):
            try:
                swap(); os.rename('t', 'x')
            except OSError: pass
        try:
            os.rename('d', 'e'); os.symlink('/etc', 'd'); os.unlink('d'); os.rename('e', 'd')
        except OSError: pass
"""
    assert (await session.execute(code)).status == "ok"
    async with asyncio.timeout(60):
        for number in range(150):
            for path in ("x", "d/passwd"):
                try:
                    assert await content(session, path) in {b"mine", b""}
                except UnsafeFileError:
                    continue
            if number % 10 == 0:
                await session.changes()
                try:
                    await session.put("d/new", once(b"x"))
                except UnsafeFileError:
                    continue
    assert not os.path.exists("/etc/new")


async def test_an_endless_file_is_read_to_the_size_it_had(session: GuestSession) -> None:
    code = (
        "import os, time\nopen('grows', 'wb').write(bytes(3 << 20))\nif os.fork() == 0:\n"
        "    with open('grows', 'ab') as f:\n        while True:\n            f.write(bytes(65536)); f.flush()\n"
        "            f.truncate(3 << 20) if f.tell() > (30 << 20) else None\n            time.sleep(.001)"
    )
    assert (await session.execute(code)).status == "ok"
    async with asyncio.timeout(30):
        read = await content(session, "grows")
    assert len(read) <= 48 << 20


async def test_a_file_of_mode_000_is_read_or_refused(session: GuestSession) -> None:
    await session.execute(
        "import os; open('x', 'w').write('x'); os.chmod('x', 0); os.mkdir('d'); open('d/y', 'w').close(); os.chmod('d', 0)"
    )
    await session.changes()
    try:
        assert await content(session, "x") == b"x"
    except UnsafeFileError:
        assert os.getuid() != 0


async def test_a_locked_folder_can_still_be_given_files(session: GuestSession) -> None:
    await session.execute("import os; open('x', 'w').write('x'); os.chmod('/mnt/data', 0)")
    await session.put("given", once(b"y"))
    assert [one.path for one in (await session.changes()).files] == ["x"]


async def test_hostile_names_are_told_as_they_are_or_not_at_all(session: GuestSession) -> None:
    code = r"""
import os
for name in (b"a\nb", b"\xff\xfe", b"-rf", b"...", b"a b", b"\x01", b"\xe2\x80\xaegpj.exe", b".hidden", b"x" * 255, b"con:<>|?*", b".assistd-put-mine"):
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
"""
    assert (await session.execute(code)).status == "ok"
    told = [one.path for one in (await session.changes()).files]
    assert told == sorted(
        ["a\nb", "-rf", "...", "a b", "\x01", "\u202egpj.exe", ".hidden", "x" * 255, "con:<>|?*"]
    )
    assert [await content(session, path) for path in told] == [b""] * len(told)


async def test_hard_links_and_deep_folders_are_bounded(session: GuestSession) -> None:
    code = (
        "import os\nopen('a', 'w').write('a'); os.link('a', 'b')\n"
        "for _ in range(40): os.mkdir('d'); os.chdir('d'); open('f', 'w').close()\nos.chdir('/mnt/data')"
    )
    await session.execute(code)
    paths = [one.path for one in (await session.changes()).files]
    assert paths[:2] == ["a", "b"]
    assert 10 < len(paths) < 25


async def test_mnt_data_cannot_be_replaced(session: GuestSession) -> None:
    code = "import os, shutil\nfor f in (lambda: os.rmdir('/mnt/data'), lambda: os.rename('/mnt/data', '/mnt/x'), lambda: os.symlink('/', '/mnt/data'), lambda: shutil.rmtree('/mnt')):\n    try: f(); print('ESCAPED')\n    except OSError as e: print(e)"
    execution = await session.execute(code)
    assert "ESCAPED" not in execution.logs
    await session.put("x", once(b"x"))
    assert (await session.execute("open('/mnt/data/x').read()")).logs == "'x'"


async def test_a_lease_does_not_hold_the_server_up(session: GuestSession) -> None:
    code = "import fcntl, os, time\nopen('x', 'w').write('x'); f = os.open('x', os.O_RDONLY); fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_RDLCK)"
    await session.execute(code)
    async with asyncio.timeout(20):
        try:
            await content(session, "x")
        except UnsafeFileError:
            return


async def test_what_is_linked_for_other_sessions_cannot_be_found(
    session: GuestSession, pool: SessionPool, tmp_path: Path
) -> None:
    """Every session mounts its lower folder from one that holds them all, and hides that one."""
    if session.folder is not None:
        pytest.skip("files are copied into the sessions of this jail, never linked")
    stored = tmp_path / "stored"
    stored.write_bytes(b"of another thread" * 100_000)
    other = await pool.open("the session that is spied on")
    await other.put("secret.bin", StoredFile(stored))
    await session.put("mine.bin", StoredFile(stored))
    code = """
import os
def seen(folder):
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        return type(error).__name__
print([seen(folder) for folder in ("/run/assistd/lowers", "/run/assistd/lowers/1", "/mnt/data/upper", "/mnt/data/work", "/mnt/data/..", "/mnt/data/../upper")])
found = []
for base, folders, names in os.walk("/"):
    folders[:] = [name for name in folders if base + name not in ("/usr", "/proc")]
    found += [os.path.join(base, name) for name in names if name == "secret.bin"]
print(found)
mounts = [line.split()[4] for line in open("/proc/self/mountinfo")]
print([place for place in mounts if "lowers" in place])
libc = __import__("ctypes").CDLL(None)
print(libc.umount2(b"/mnt/data", 2))
"""
    execution = await session.execute(code, seconds=90)
    nothing = "FileNotFoundError"
    parts = [[], nothing, nothing, nothing, ["data"], nothing]
    assert execution.logs == f"{parts}\n[]\n[]\n-1\n"
    await pool.drop("the session that is spied on")


async def test_stored_bytes_cannot_be_reached_through_a_link_of_them(
    session: GuestSession, tmp_path: Path
) -> None:
    """Descriptors, maps and links that code made before it wrote lead to its copy, or stay as stored."""
    stored = tmp_path / "stored"
    stored.write_bytes(bytes(2 << 20))
    await session.put("x.bin", StoredFile(stored))
    code = """
import ctypes, fcntl, mmap, os
early = os.open("x.bin", os.O_RDONLY)
shown = mmap.mmap(early, 0, prot=mmap.PROT_READ)
def attempt(act):
    try:
        act()
    except (OSError, TypeError, ValueError) as error:
        print("refused", type(error).__name__)
attempt(lambda: os.write(early, b"bad"))
attempt(lambda: shown.write(b"bad"))
attempt(lambda: os.pwrite(os.open(f"/proc/self/fd/{early}", os.O_RDWR), b"bad", 0))
attempt(lambda: os.fchmod(early, 0o777))
attempt(lambda: os.link("x.bin", "y.bin") or open("y.bin", "r+b").write(b"bad"))
attempt(lambda: os.posix_fallocate(os.open("x.bin", os.O_RDWR), 0, 4 << 20))
attempt(lambda: os.truncate(f"/proc/self/fd/{early}", 0))
attempt(lambda: fcntl.ioctl(early, 0x40086602, bytes(8)))
print("tried")
"""
    execution = await session.execute(code)
    assert execution.logs.endswith("tried\n"), execution.logs
    assert stored.read_bytes() == bytes(2 << 20)
