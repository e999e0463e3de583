"""A session rests between its calls: frozen by control groups, or stopped by signals where there are none."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from assistd.sandbox.limits import procfs
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from assistd.sandbox.session.session import GuestSession
from tests.live import children
from tests.sandbox.rig import LIMITS

AT_ONCE = replace(LIMITS, freeze_seconds=0)
LOOPS = "import os\nfor _ in range(3):\n    if os.fork() == 0:\n        while True: pass"


@pytest.fixture(scope="module", params=["frozen", "stopped"])
async def resting(python: Path, request: pytest.FixtureRequest) -> AsyncGenerator[SessionPool]:
    """A pool whose sessions rest at once, one way or the other."""
    made = SessionPool(
        python, PoolSettings(limits=AT_ONCE, warm=0, control_groups=request.param == "frozen")
    )
    await made.start()
    if request.param == "frozen" and not made._groups.can_freeze:
        await made.close()
        pytest.skip("this host lets us make no control group of version 2")
    yield made
    await made.close()


@pytest.fixture
async def one(resting: SessionPool, request: pytest.FixtureRequest) -> AsyncGenerator[GuestSession]:
    """A fresh session of such a pool."""
    session = await resting.open(request.node.nodeid)
    assert isinstance(session, GuestSession)
    yield session
    await resting.drop(request.node.nodeid)


async def _rests(session: GuestSession) -> None:
    """Wait until all of a session's processes are frozen, or stopped."""
    assert session.pid is not None
    frozen = session._group and next(
        (one.folder for one in session._group._groups if (one.folder / "cgroup.freeze").exists()),
        None,
    )
    async with asyncio.timeout(30):
        while True:
            if frozen and "frozen 1" in (frozen / "cgroup.events").read_text():
                return
            states = [procfs.states(pid) for pid in procfs.tree(session.pid)]
            if not frozen and all(found <= {"T", "Z"} for found in states):
                return
            await asyncio.sleep(0.02)


async def test_calls_that_come_while_a_session_goes_to_rest_all_run(one: GuestSession) -> None:
    await one.execute(LOOPS)
    for number in range(40):
        assert (await one.execute(f"{number} + 1")).logs == str(number + 1)
        if number % 3:
            await asyncio.sleep(0.001 * (number % 7))


async def test_a_thread_goes_on_where_it_was(one: GuestSession) -> None:
    code = (
        "import threading, time\nn = 0\ndef count():\n    global n\n"
        "    while True: n += 1; time.sleep(.001)\n"
        "threading.Thread(target=count, daemon=True).start()"
    )
    await one.execute(code)
    await _rests(one)
    before = int((await one.execute("n")).logs)
    await _rests(one)
    assert int((await one.execute("time.sleep(.3); n")).logs) > before


async def test_what_rests_ends_with_its_session(resting: SessionPool) -> None:
    session = await resting.open("ends")
    assert isinstance(session, GuestSession)
    assert session.pid is not None
    await session.execute(LOOPS)
    await _rests(session)
    pids = list(procfs.tree(session.pid))
    assert len(pids) == 4
    await resting.drop("ends")
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


async def test_a_process_that_code_had_stopped_stays_stopped(one: GuestSession) -> None:
    code = (
        "import os, signal, time\npid = os.fork()\nif pid == 0:\n    while True: time.sleep(9)\n"
        "os.kill(pid, signal.SIGSTOP); os.waitpid(pid, os.WUNTRACED)[1]"
    )
    await one.execute(code)
    await _rests(one)
    state = "open(f'/proc/{pid}/stat').read().rpartition(')')[2].split()[0]"
    assert (await one.execute(state)).logs == "'T'"


@pytest.mark.parametrize("control_groups", [True, False], ids=["frozen", "stopped"])
async def test_a_server_that_is_killed_leaves_nothing_that_rests(
    python: Path,
    control_groups: bool,
) -> None:
    code = f"""
import asyncio, sys, time
from pathlib import Path
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from tests.sandbox.test_freezer import AT_ONCE, LOOPS, _rests
async def main():
    pool = SessionPool(Path(sys.argv[1]), PoolSettings(limits=AT_ONCE, warm=0, control_groups={control_groups}))
    await pool.start()
    session = await pool.open("a")
    await session.execute(LOOPS)
    await _rests(session)
    print(session.pid, flush=True)
    time.sleep(60)
asyncio.run(main())
"""
    root = str(Path(__file__).parents[2])
    with children.start(
        [sys.executable, "-c", code, python],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    ) as server:
        assert server.stdout
        first = int(await asyncio.to_thread(server.stdout.readline))
        pids = list(procfs.tree(first))
        assert len(pids) == 4
        server.kill()
    async with asyncio.timeout(30):
        while any(os.path.exists(f"/proc/{pid}") for pid in pids):
            await asyncio.sleep(0.05)
