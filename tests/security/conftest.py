"""Fixtures of the attacks; after each, everything beside the attacker must be as it was."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator

import pytest

from assistd.sandbox.pool.pool import SessionPool
from tests.sandbox.rig import host_mounts, jail, lacks, pool, processes_below, python, session

__all__ = ["anyio_backend", "jail", "lacks", "pool", "python", "session"]


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The server's loop; the sandbox's own tests run on the plain one."""
    return ("asyncio", {"use_uvloop": True})


_NEIGHBOUR = "a neighbour that nobody may disturb"


@pytest.fixture(autouse=True)
async def _everything_else_lives_on(pool: SessionPool) -> AsyncGenerator[None]:
    """The server, a neighbour and the next session live; no process, mount or thread is left."""
    neighbour = await pool.open(_NEIGHBOUR)
    await neighbour.execute("secret = 'kept'; open('/mnt/data/mine', 'w').write(secret)")
    mounts, threads = host_mounts(), threading.active_count()
    yield
    state = await neighbour.execute(
        "secret, open('/mnt/data/mine').read(), __import__('os').listdir('.')"
    )
    assert (state.status, state.logs) == ("ok", "('kept', 'kept', ['mine'])"), state.notes
    assert not (await pool.open(_NEIGHBOUR)).is_fresh
    following = await pool.open("the next one")
    assert (await following.execute("1 + 1")).logs == "2"
    await pool.drop("the next one")
    assert host_mounts() == mounts
    assert threading.active_count() <= threads + 8  # asyncio's own workers
    await _only_known_processes(pool)
    await _only_known_folders(pool)


async def _only_known_folders(pool: SessionPool) -> None:
    """Where sessions write to the host, nothing is left but the folders of those that live."""
    left: set[str] = set()
    for _ in range(1000):
        live = {one.folder for one in (*pool._live(), *pool._warm_pools.all[0].warm) if one.folder}
        bases = {os.path.dirname(folder) for folder in live}
        left = {f"{base}/{name}" for base in bases for name in os.listdir(base)} - live
        if {os.path.basename(one) for one in left} <= {"zygote"}:
            return
        await asyncio.sleep(0.03)
    pytest.fail(f"folders were left: {left}")


async def _only_known_processes(pool: SessionPool) -> None:
    """Nothing runs below the zygote but the neighbour, what is parked, and nothing of the attacker."""
    warm_pool = pool._warm_pools.all[0]
    assert warm_pool.zygote is not None
    outer = warm_pool.zygote.pid
    for _ in range(1000):
        live = [entry.session for entry in pool._entries.values() if entry.session] + warm_pool.warm
        if any(one.pid is None for one in live):
            return  # processes of another kernel, which counts them itself: test_gvisor.py
        known = {one.pid for one in live if one.pid} | {outer}
        for pid in list(known - {outer}):
            known |= processes_below(pid)
        rest = processes_below(outer) - known
        if len(rest) <= 1:  # the zygote itself
            return
        await asyncio.sleep(0.03)
    pytest.fail(f"processes were left: {[_name(pid) for pid in rest]}")


def _name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            return f"{pid} {file.read()!r} of {os.stat(f'/proc/{pid}').st_uid}"
    except OSError:
        return f"{pid} gone"
