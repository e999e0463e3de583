"""A session's memory, its files included: held by control groups, or watched where there are none."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from assistd.sandbox.base import MIB, Tenant
from assistd.sandbox.limits import memory_watch
from assistd.sandbox.limits.memory_watch import Bound
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from assistd.sandbox.session.session import GuestSession
from tests.sandbox.rig import LIMITS

LIMIT = "more than its memory limit of 300 MiB"


@pytest.fixture(scope="module", params=["held", "watched"])
async def held(python: Path, request: pytest.FixtureRequest) -> AsyncGenerator[SessionPool]:
    """A pool that holds memory by control groups, and one that watches it."""
    made = SessionPool(
        python, PoolSettings(limits=LIMITS, warm=0, control_groups=request.param == "held")
    )
    await made.start()
    if request.param == "held" and "memory" not in made._groups.controllers:
        await made.close()
        pytest.skip("this host lets us make no control group for memory")
    zygote = made._warm_pools.all[0].zygote
    assert zygote is not None
    await zygote.warm  # a session forked before has all that it shared with it for itself
    yield made
    await made.close()


@pytest.fixture
async def one(held: SessionPool, request: pytest.FixtureRequest) -> AsyncGenerator[GuestSession]:
    """A fresh session of such a pool."""
    session = await held.open(request.node.nodeid)
    assert isinstance(session, GuestSession)
    yield session
    await held.drop(request.node.nodeid)


async def test_many_processes_together_are_held_to_the_limit(one: GuestSession) -> None:
    code = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        held = bytearray(os.urandom(1 << 20) * 100)
        time.sleep(5); os._exit(0)
for _ in range(6): os.wait()
"""
    execution = await one.execute(code, seconds=60)
    assert LIMIT in execution.notes[0]


async def test_files_and_variables_together_are_held_to_the_limit(one: GuestSession) -> None:
    fill = "open({!r}, 'wb').write(bytes({} << 20))"
    for path, size in (("/mnt/data/x", 40), ("/tmp/x", 20), ("/dev/shm/x", 40)):
        assert (await one.execute(fill.format(path, size))).status == "ok"
    code = "import time, numpy\nheld = None\nheld = numpy.ones({} << 17)\ntime.sleep({})"
    assert not (await one.execute(code.format(100, 2))).notes
    execution = await one.execute(code.format(230, 15))
    assert execution.status == "dead"
    assert LIMIT in execution.notes[0]
    assert "the files it wrote count" in execution.notes[0]


async def test_mapped_files_and_their_bytes_are_counted_once(one: GuestSession) -> None:
    code = """
import time, numpy as np
mapped = []
for path in ("/mnt/data/a", "/tmp/b", "/home/sandbox/c", "/dev/shm/d"):
    mapped.append(np.memmap(path, "uint8", "w+", shape=(22 << 20,)))
    mapped[-1][:] = 1
held = np.ones(100 << 17)
time.sleep(1)
"""
    execution = await one.execute(code)
    assert execution.status == "ok", execution
    assert not execution.notes


async def test_what_grows_between_calls_is_held_too(one: GuestSession) -> None:
    code = """
import os, time
if os.fork() == 0:
    os.fork(); os.fork()
    time.sleep(.5)
    held = bytearray(os.urandom(1 << 20) * 90)
    time.sleep(99); os._exit(0)
"""
    assert (await one.execute(code)).status == "ok"
    notes: tuple[str, ...] = ()
    async with asyncio.timeout(60):
        while not notes:
            await asyncio.sleep(3)  # a look may come only once in so many seconds
            notes = (await one.execute("1")).notes
    assert LIMIT in notes[0]


async def test_a_session_takes_no_more_than_its_tenants_tier(held: SessionPool) -> None:
    session = await held.open("small", Tenant("small", memory_bytes=120 * MIB))
    try:
        execution = await session.execute("x = bytearray(150 << 20)")
        assert "MemoryError" in execution.logs
        room = await session.execute("import os; os.statvfs('/tmp').f_blocks * 4096 >> 20")
        assert room.logs == "24"
        code = "import time, numpy\nif not os.fork(): x = numpy.ones(60 << 17); time.sleep(60)"
        execution = await session.execute(f"{code}\nx = numpy.ones(80 << 17); time.sleep(5)")
        assert "memory limit of 120 MiB" in execution.notes[0]
    finally:
        await held.drop("small")


async def test_what_was_printed_is_not_kept(session: GuestSession) -> None:
    await session.execute("for _ in range(2000): print('x' * 50_000)")
    await session.execute("import resource; display('y' * 30_000_000)")
    assert not memory_watch.over_limit({session.pid: Bound(200 << 20, 0)})
    assert memory_watch.over_limit({session.pid: Bound(1 << 20, 0)})


async def test_a_session_that_is_gone_holds_nothing() -> None:
    assert memory_watch.over_limit({2**22 - 1: Bound(0, 1)}) == []
