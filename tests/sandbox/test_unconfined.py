"""Without a jail, which only its dangerous name chooses, sessions still work and still end."""

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from assistd.sandbox.base import DataFile
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from tests.sandbox.rig import LIMITS, content, once, pictures_of, processes_below


@pytest.fixture(scope="module")
async def open_pool(python: Path) -> AsyncGenerator[SessionPool]:
    made = SessionPool(python, PoolSettings(limits=LIMITS, jail="dangerously_unconfined", warm=0))
    await made.start()
    yield made
    keeper = made._warm_pools.all[0].zygote
    assert keeper is not None
    below = processes_below(keeper.pid)
    assert below
    await made.close()
    async with asyncio.timeout(30):
        while any(os.path.exists(f"/proc/{pid}") for pid in below):  # the killed may be ending
            await asyncio.sleep(0.05)
    assert not [
        name
        for name in os.listdir(tempfile.gettempdir())
        if name.startswith(f"assistd-sessions-{os.getpid()}-")
    ]


async def test_cells_files_and_pictures_work(open_pool: SessionPool) -> None:
    session = await open_pool.open("a")
    await session.put("in.csv", once(b"a\n1\n"), aliases=["file-1"])
    execution = await session.execute(
        "import pandas as pd, matplotlib.pyplot as plt\nt = pd.read_csv('/mnt/data/file-1')\n"
        "t.plot(); t.to_csv('/mnt/data/out.csv'); print(len(t))"
    )
    assert execution.logs.startswith("1\n")
    assert len(pictures_of(execution)) == 1
    assert (await session.changes()).files == (DataFile("out.csv", 7),)
    assert await content(session, "out.csv") == b",a\n0,1\n"
    await open_pool.drop("a")


async def test_time_and_death_are_held_as_in_a_jail(open_pool: SessionPool) -> None:
    session = await open_pool.open("a")
    assert (await session.execute("while True: pass", seconds=0.3)).status == "interrupted"
    code = "import subprocess, os\nsubprocess.Popen(['sleep', '99'])\nos._exit(1)"
    assert (await session.execute(code)).status == "dead"
    assert (await open_pool.open("a")).is_fresh
    await open_pool.drop("a")
