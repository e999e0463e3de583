"""The jail `gvisor`: a kernel for each tenant, and what becomes of it when a part of it is killed."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from assistd.errors import StartupError
from assistd.sandbox import guest
from assistd.sandbox.base import OPERATOR, Runsc, Tenant
from assistd.sandbox.jails.doctor import examine
from assistd.sandbox.jails.limitations import LIMITATIONS
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from assistd.sandbox.zygote.client import OWN_KERNEL_BYTES
from assistd.sandbox.zygote.launch import FIRST_UID
from tests.live import children
from tests.sandbox.rig import LIMITS, processes_below

_LAY_OUT = """
import os, socket, sys
sys.path.insert(0, sys.argv[1])
from assistd.sandbox.guest.walls import gvisor_outer, namespaces_outer
_, ours = socket.socketpair()
uid_base = namespaces_outer.enter(ours, {"uid_base": int(sys.argv[2]), "lowers": None})
gvisor_outer._lay_out(uid_base)
print("bundle:" + "".join(os.listdir(gvisor_outer._BUNDLE)))
below = f"{gvisor_outer.TREE}/run/assistd"
print("tree:" + "".join(name for one in os.walk(below) for name in one[2] if "/guest" not in one[0]))
print("end")
"""

needs_runsc = pytest.mark.skipif(
    shutil.which("runsc") is None,
    reason="gVisor's runsc is not installed, and PyPI does not have it",
)
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def own(python: Path) -> AsyncGenerator[SessionPool]:
    """A pool in gVisor that this test may break."""
    pool = SessionPool(python, PoolSettings(limits=LIMITS, jail="gvisor", warm=0))
    await pool.start()
    yield pool
    await pool.close()


@needs_runsc
async def test_tenants_never_share_a_kernel(own: SessionPool) -> None:
    first = await own.open("a", Tenant("one"))
    second = await own.open("b", Tenant("two"))
    third = await own.open("c", Tenant("one"))
    for opened in (first, second, third):
        assert (await opened.execute("print(1)")).logs == "1\n"
    kernels = {name: warm_pool.zygote for name, warm_pool in own._warm_pools._warm_pools.items()}
    assert kernels.keys() == {OPERATOR.id, "one", "two"}
    assert len({_sentry(zygote.pid) for zygote in kernels.values() if zygote}) == 3


@needs_runsc
async def test_a_killed_gvisor_costs_its_sessions_only_and_is_replaced(own: SessionPool) -> None:
    session = await own.open("a")
    await session.execute("open('kept', 'w').write('x')")
    zygote = own._warm_pools.all[0].zygote
    assert zygote is not None
    call = asyncio.create_task(session.execute("import time; time.sleep(60)"))
    await asyncio.sleep(1)
    os.kill(_sentry(zygote.pid), signal.SIGKILL)
    assert (await call).status == "dead"
    assert [file.path for file in await session.files()] == ["kept"]
    opened = await own.open("a")
    assert opened.is_fresh
    assert (await opened.execute("print(2)")).logs == "2\n"


@needs_runsc
async def test_what_many_processes_hold_together_is_seen_from_inside(own: SessionPool) -> None:
    session = await own.open("a")
    code = "import os, time\nfor _ in range(6):\n    if os.fork() == 0:\n        held = os.urandom(100 << 20)\n        time.sleep(60)\ntime.sleep(60)"
    execution = await session.execute(code, seconds=60)
    assert execution.status == "dead"
    assert "memory limit of 300 MiB" in execution.notes[0]


@needs_runsc
async def test_a_control_group_holds_the_sandbox_to_what_its_sessions_may_have(
    python: Path,
) -> None:
    pool = SessionPool(python, PoolSettings(limits=LIMITS, jail="gvisor", warm=0))
    await pool.start()
    try:
        if "memory" not in pool._groups.controllers:
            pytest.skip("this host lets us make no control group for memory")
        zygote = pool._warm_pools.all[0].zygote
        assert zygote is not None
        assert zygote._group is not None
        [group] = zygote._group._groups
        bounds = [OWN_KERNEL_BYTES + count * LIMITS.memory_bytes for count in (0, 1, 2, 2, 2)]
        found = [_limit(group.folder)]
        for act in (pool.open("a"), pool.open("b"), pool.drop("a"), pool.open("c")):
            await act
            found.append(_limit(group.folder))
        assert found == bounds
        inside = set(map(int, (group.folder / "cgroup.procs").read_text().split()))
        assert inside == processes_below(zygote.pid) | {zygote.pid}
        assert _sentry(zygote.pid) in inside
    finally:
        await pool.close()
    assert not group.folder.exists()


def _limit(group: Path) -> int:
    files = (group / "memory.limit_in_bytes", group / "memory.max")
    return int(next(file for file in files if file.exists()).read_text())


@needs_runsc
def test_nothing_of_gvisor_outlives_a_killed_server(python: Path) -> None:
    script = f"""
        import asyncio
        from pathlib import Path
        from assistd.sandbox.pool.pool import PoolSettings, SessionPool
        async def main():
            pool = SessionPool(Path({str(python)!r}), PoolSettings(jail="gvisor", warm=0))
            await pool.start()
            session = await pool.open("a")
            await session.execute("x = 1")
            print("ready", flush=True)
            await asyncio.sleep(600)
        asyncio.run(main())
    """
    with children.start(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        below = processes_below(server.pid)
        assert any(b"runsc-sandbox" in _command(pid) for pid in below)
        server.kill()
    for pid in below:
        _wait_for_the_end_of(pid)


@needs_runsc
async def test_doctor_tells_what_gvisor_gives_and_what_it_cannot(python: Path) -> None:
    found = await examine(python, limits=LIMITS, jail="gvisor")
    assert found.failure is None
    assert found.sound
    assert "a kernel of its own" in [one.name for one in found.findings]
    assert any("runsc version" in one.meaning for one in found.findings)
    assert "control group of the sandbox" in [one.name for one in found.findings]
    assert dict(found.limitations) == LIMITATIONS["gvisor"]


async def test_sessions_see_nothing_of_what_runsc_is_told(python: Path) -> None:
    """What surrounds gVisor is laid out as for a start; it takes no runsc to look at it."""
    laid_out = await asyncio.create_subprocess_exec(
        python,
        *("-I", "-B", "-c", _LAY_OUT, str(Path(guest.__file__).parents[3]), str(FIRST_UID)),
        stdout=asyncio.subprocess.PIPE,
    )
    seen, _ = await laid_out.communicate()
    assert seen.decode().split() == ["bundle:config.json", "tree:", "end"]


async def test_without_runsc_the_jail_says_what_to_install(python: Path) -> None:
    pool = SessionPool(python, PoolSettings(jail="gvisor", runsc=Runsc("/nowhere/runsc")))
    with pytest.raises(StartupError, match=r"/nowhere/runsc was not found: install gVisor"):
        await pool.start()


def _sentry(outermost: int) -> int:
    return next(pid for pid in processes_below(outermost) if b"runsc-sandbox" in _command(pid))


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _wait_for_the_end_of(pid: int) -> None:
    for _ in range(300):
        try:
            if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return
        except OSError:
            return
        signal.sigtimedwait([], 0.05)
    pytest.fail(f"{pid} lives on: {_command(pid)!r}")
