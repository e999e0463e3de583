"""What the jail without namespaces does by hand: nothing is left, whoever dies."""

# pyright: reportPrivateUsage=false

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from assistd.sandbox.base import SandboxError
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from assistd.sandbox.session.session import GuestSession
from assistd.sandbox.zygote.process_handle import Spawned
from tests.sandbox.rig import LIMITS, processes_below

_SERVER = """
import asyncio, os, sys
from pathlib import Path
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from tests.sandbox.rig import LIMITS

async def main():
    pool = SessionPool(Path(sys.argv[1]), PoolSettings(limits=LIMITS, jail="landlock", warm=0))
    await pool.start()
    session = await pool.open("a")
    await session.execute(sys.argv[2])
    print(session.folder, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
_DAEMON = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(99)\n    os._exit(0)"

_TOLD_TO_END = """
import os, signal
from assistd.sandbox.guest.walls import namespaces_outer

namespaces_outer.hold_signals()
for _ in range(200):
    keeper = os.fork()
    if keeper == 0:
        inner = namespaces_outer.fork_inner()
        if inner == 0:
            os._exit(3)
        os._exit(namespaces_outer.outlast(inner) and 3)
    os.kill(keeper, signal.SIGTERM)  # before, while, or just after the inner one ends
    _, status = os.waitpid(keeper, 0)
    assert os.waitstatus_to_exitcode(status) == 3, status
"""


async def test_a_killed_server_leaves_no_process_and_no_folder(python: Path) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SERVER, str(python), _DAEMON, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdout is not None
    folder = (await server.stdout.readline()).decode().strip()
    below = processes_below(server.pid)
    assert os.path.isdir(folder)
    assert len(below) >= 3  # the keeper, the zygote, the session
    server.kill()
    await server.wait()
    async with asyncio.timeout(60):
        while os.path.exists(os.path.dirname(folder)) or any(map(_lives, below)):
            await asyncio.sleep(0.05)


async def test_a_killed_zygote_leaves_files_to_be_read_and_then_nothing(python: Path) -> None:
    pool = SessionPool(python, PoolSettings(limits=LIMITS, jail="landlock", warm=0))
    await pool.start()
    try:
        session = await pool.open("a")
        await session.execute(f"open('/mnt/data/x', 'w').write('kept')\n{_DAEMON}")
        keeper = pool._warm_pools.all[0].zygote
        assert keeper is not None
        for pid in processes_below(keeper.pid):
            os.kill(pid, signal.SIGKILL)
        await keeper.ended
        assert [one.path for one in (await session.changes()).files] == ["x"]
        assert isinstance(session, GuestSession)
        assert session.folder is not None
        assert (await pool.open("a")).is_fresh
        assert not os.path.exists(os.path.dirname(session.folder))
    finally:
        await pool.close()
    assert not processes_below(keeper.pid)


async def test_a_keeper_told_to_end_clears_up_whenever_that_comes() -> None:
    keepers = await asyncio.create_subprocess_exec(sys.executable, "-c", _TOLD_TO_END)
    assert await keepers.wait() == 0


async def test_a_session_that_dies_with_its_zygote_while_it_opens_leaves_no_folder(
    python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = SessionPool(python, PoolSettings(limits=LIMITS, jail="landlock", warm=0))
    await pool.start()
    folders: list[str] = []
    ends: list[asyncio.Future[None]] = []

    async def die(spawned: Spawned) -> int:
        assert spawned.folder is not None
        folders.append(spawned.folder)
        keeper = pool._warm_pools.all[0].zygote
        assert keeper is not None
        ends.append(keeper.ended)
        while not os.path.isdir(spawned.folder):
            await asyncio.sleep(0.01)
        for pid in processes_below(keeper.pid):
            os.kill(pid, signal.SIGKILL)
        await spawned.died
        raise SandboxError("it died")

    monkeypatch.setattr(Spawned, "receive_data_folder", die)
    with pytest.raises(SandboxError):
        await pool.open("a")
    await asyncio.gather(*ends)
    assert not [one for one in folders if os.path.exists(os.path.dirname(one))]
    await pool.close()


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
