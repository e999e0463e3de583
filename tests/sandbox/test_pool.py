"""The pool: one session per key, aged, counted, replaced when anything below it dies."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from assistd import metrics, telemetry
from assistd.errors import StartupError
from assistd.sandbox.base import Limits, Logs, SandboxError, Session
from assistd.sandbox.pool import warm_pool
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from assistd.sandbox.session.session import GuestSession
from assistd.sandbox.zygote.process_handle import Spawned
from tests.live import children
from tests.sandbox.rig import LIMITS, processes_below

ENDED: list[tuple[str, str]] = []


async def _note(key: str, session: Session) -> None:
    ENDED.append((key, session.id))


@pytest.fixture(scope="module")
async def own(python: Path) -> AsyncGenerator[SessionPool]:
    """A pool of two sessions and one parked."""
    made = SessionPool(python, PoolSettings(limits=LIMITS, max_sessions=2, warm=1), on_closed=_note)
    await made.start()
    yield made
    await made.close()


async def _settled(own: SessionPool, seconds: float = 30) -> None:
    """Wait until a session is parked again."""
    async with asyncio.timeout(seconds):
        while not own._warm_pools.all[0].warm:
            await asyncio.sleep(0.02)


async def test_the_claim_of_a_session_is_measured(own: SessionPool) -> None:
    heard: list[telemetry.Measurement] = []
    with telemetry.listening(heard.append):
        await own.open("measured")
    assert [each.point for each in heard] == ["session_claim"]
    await own.drop("measured")


async def test_a_key_keeps_its_session_and_its_state(own: SessionPool) -> None:
    first = await own.open("a")
    assert first.is_fresh
    await first.execute("x = 1")
    again = await own.open("a")
    assert not again.is_fresh
    assert again is first
    await own.drop("a")
    await own.drop("a")
    assert not first.alive
    assert ENDED[-1] == ("a", first.id)
    assert (await own.open("a")).is_fresh
    await own.drop("a")


async def test_claims_of_one_key_at_once_get_one_session(own: SessionPool) -> None:
    found = await asyncio.gather(*(own.open("a") for _ in range(8)))
    assert len({session.id for session in found}) == 1
    assert found[0].is_fresh
    await own.drop("a")


async def test_a_parked_session_is_taken_and_replaced(own: SessionPool) -> None:
    await _settled(own)
    parked = own._warm_pools.all[0].warm[0]
    assert await own.open("a") is parked
    assert (await parked.execute("1/0")).logs.count("Cell In[1]") == 1
    await _settled(own)
    assert own._warm_pools.all[0].warm[0] is not parked
    await own.drop("a")


async def test_a_session_is_parked_once_the_one_that_was_taken_has_run_a_cell(
    own: SessionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_pool, "_REFILL_DELAY_SECONDS", 1000.0)
    await _settled(own)
    session = await own.open("a")
    await asyncio.sleep(0.2)
    assert not own._warm_pools.all[0].warm, "its first cell goes first"
    await session.execute("1")
    await _settled(own)
    await own.drop("a")


async def test_who_comes_while_a_session_is_opened_ahead_gets_that_one(
    own: SessionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _settled(own)
    one, gate = own._warm_pools.all[0], asyncio.Event()
    opened: list[GuestSession] = []
    open_session = one._open

    async def open_slowly(limits: Limits) -> GuestSession:
        opened.append(await open_session(limits))
        await gate.wait()
        return opened[-1]

    monkeypatch.setattr(one, "_open", open_slowly)
    await own.open("a")  # takes the parked one
    async with asyncio.timeout(30):
        while not opened:
            await asyncio.sleep(0.01)
    opening = asyncio.create_task(own.open("b"))
    await asyncio.sleep(0.2)
    gate.set()
    assert await opening is opened[0]
    for key in ("a", "b"):
        await own.drop(key)


async def test_a_full_host_closes_the_session_that_idled_longest(
    own: SessionPool, advance: Callable[[float], None]
) -> None:
    for key in ("a", "b"):
        await own.open(key)
    await (await own.open("a")).execute("1")
    advance(10)
    await (await own.open("a")).execute("1")
    advance(10)
    assert (await own.open("c")).is_fresh
    assert (await own.open("a")).is_fresh is False
    for key in ("a", "b", "c"):
        await own.drop(key)


async def test_a_session_whose_files_are_long_in_coming_is_not_taken_for_idle(
    own: SessionPool, advance: Callable[[float], None]
) -> None:
    first = await own.open("a")
    async with first.reserving():
        advance(5)
        second = await own.open("b")
        advance(5)
        assert (await own.open("c")).is_fresh
        assert await own.open("a") is first
        assert not second.alive
    for key in ("a", "c"):
        await own.drop(key)


async def test_sessions_are_parked_again_after_trouble_that_nobody_foresaw(
    own: SessionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _settled(own)
    failed = asyncio.Event()
    open_session = own._warm_pools.all[0]._open

    async def fail_once(limits: Limits) -> GuestSession:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("nobody foresaw this")
        return await open_session(limits)

    monkeypatch.setattr(warm_pool, "_RETRY_SECONDS", 0.1)
    await own.open("a")  # takes the parked one
    monkeypatch.setattr(own._warm_pools.all[0], "_open", fail_once)
    async with asyncio.timeout(30):
        await failed.wait()
    await _settled(own)
    await own.drop("a")


async def test_claims_wait_in_line_for_sessions_that_are_in_use(own: SessionPool) -> None:
    running = [
        asyncio.create_task((await own.open(key)).execute("import time; time.sleep(1)"))
        for key in ("a", "b")
    ]
    order: list[str] = []

    async def open_and_note(key: str) -> None:
        session = await own.open(key)
        order.append(key)
        assert (await session.execute("1")).status == "ok"

    await asyncio.gather(*(open_and_note(key) for key in ("c", "d", "e")))
    assert order == ["c", "d", "e"]
    assert [done.status for done in await asyncio.gather(*running)] == ["ok", "ok"]
    for key in "abcde":
        await own.drop(key)


async def test_a_claim_is_refused_when_all_sessions_stay_in_use(python: Path) -> None:
    pool = SessionPool(
        python, PoolSettings(limits=LIMITS, max_sessions=1, warm=0, queue_seconds=0.3)
    )
    await pool.start()
    try:
        session = await pool.open("a")
        running = asyncio.create_task(session.execute("import time; time.sleep(3)"))
        await asyncio.sleep(0.1)
        with pytest.raises(SandboxError, match="all 1 sessions of this host are in use"):
            await pool.open("b")
        assert (await running).status == "ok"
    finally:
        await pool.close()


async def test_a_session_is_over_after_its_hour(
    own: SessionPool, advance: Callable[[float], None]
) -> None:
    first = await own.open("a")
    advance(LIMITS.session_seconds + 60)
    try:
        async with asyncio.timeout(30):
            while ("a", first.id) not in ENDED:
                await asyncio.sleep(0.05)
        assert not first.alive
        assert (await own.open("a")).is_fresh
    finally:
        await own.drop("a")


async def test_a_dead_session_is_replaced_at_the_next_claim(own: SessionPool) -> None:
    first = await own.open("a")
    assert (
        (await first.execute("import os; os._exit(7)"))
        .notes[0]
        .startswith("The Python process ended: it exited with code 7.")
    )
    again = await own.open("a")
    assert again.is_fresh
    assert (await again.execute("1")).logs == "1"
    await own.drop("a")


async def test_sessions_age_on_after_trouble_that_nobody_foresaw(
    own: SessionPool, monkeypatch: pytest.MonkeyPatch, advance: Callable[[float], None]
) -> None:
    failed = asyncio.Event()

    async def close_unused(_: object) -> None:
        if not failed.is_set():
            failed.set()
            raise OSError(24, "Too many open files")

    monkeypatch.setattr(own._warm_pools, "close_unused", close_unused)
    first = await own.open("a")
    async with asyncio.timeout(30):
        await failed.wait()
    advance(LIMITS.session_seconds + 60)
    try:
        async with asyncio.timeout(30):
            while ("a", first.id) not in ENDED:
                await asyncio.sleep(0.05)
    finally:
        await own.drop("a")


async def test_a_death_between_calls_is_noticed(own: SessionPool) -> None:
    first = await own.open("a")
    await first.execute("import os, threading\nthreading.Timer(.1, os._exit, (1,)).start()")
    async with asyncio.timeout(30):
        while first.alive:
            await asyncio.sleep(0.01)
    assert (await first.execute("1")).status == "dead"
    assert (await own.open("a")).is_fresh
    await own.drop("a")


@pytest.mark.parametrize("victim", ["outer", "inner"])
async def test_a_zygote_that_is_killed_takes_its_sessions_and_is_replaced(
    own: SessionPool, victim: str
) -> None:
    opened = await own.open("a")
    assert own._warm_pools.all[0].zygote is not None
    outer = own._warm_pools.all[0].zygote._process.pid
    inner = next(iter(processes_below(outer) - _grandchildren(outer)))
    running = asyncio.create_task(opened.execute("import time; time.sleep(30)"))
    await asyncio.sleep(0.2)
    restarts = metrics.ZYGOTE_RESTARTS.of(str(own.jail))
    before = restarts.value
    os.kill(outer if victim == "outer" else inner, signal.SIGKILL)
    execution = await running
    assert execution.status == "dead"
    assert execution.session_lost
    again = await own.open("a")
    assert again.is_fresh
    assert (await again.execute("1")).logs == "1"
    assert restarts.value == before + 1
    await own.drop("a")


def _grandchildren(pid: int) -> set[int]:
    below = processes_below(pid)
    return {grand for child in below for grand in processes_below(child)}


async def test_a_zygote_killed_while_a_session_opens_costs_nobody_an_error(
    python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = SessionPool(python, PoolSettings(limits=LIMITS, warm=0))
    await pool.start()
    receive = Spawned.receive_data_folder
    killed: list[int] = []

    async def die_once(spawned: Spawned) -> int:
        """The session is heard to end before its zygote is."""
        zygote = pool._warm_pools.all[0].zygote
        assert zygote is not None
        if killed:
            return await receive(spawned)
        killed.append(zygote.pid)
        os.kill(zygote.pid, signal.SIGKILL)
        raise SandboxError("a new session died before it was ready")

    monkeypatch.setattr(Spawned, "receive_data_folder", die_once)
    try:
        assert (await (await pool.open("a")).execute("1")).logs == "1"
        assert killed
    finally:
        await pool.close()


async def test_nothing_is_left_after_close(python: Path) -> None:
    code = """
import asyncio, os, sys
from pathlib import Path
from assistd.sandbox.base import SandboxError
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from tests.sandbox.rig import processes_below
async def main():
    files = len(os.listdir("/proc/self/fd"))
    pool = SessionPool(Path(sys.argv[1]), PoolSettings(warm=2))
    await pool.start()
    opened = await pool.open("a")
    await opened.execute(
        "import subprocess; subprocess.Popen(['setsid', 'sleep', '60'], start_new_session=True)"
    )
    await pool.open("b")
    assert len(processes_below(os.getpid())) >= 5
    await pool.close()
    assert not processes_below(os.getpid()), "processes"
    assert len(os.listdir("/proc/self/fd")) == files, "descriptors"
    try:
        await pool.open("c")
    except SandboxError:
        print("nothing is left")
asyncio.run(main())
"""
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", code, python],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout == "nothing is left\n", ran.stderr


async def test_a_server_killed_hard_leaves_nothing_running(python: Path) -> None:
    code = """
import asyncio, sys
from pathlib import Path
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
async def main():
    pool = SessionPool(Path(sys.argv[1]), PoolSettings(warm=1))
    await pool.start()
    opened = await pool.open("a")
    await opened.execute("import subprocess; subprocess.Popen(['sleep', '1234'])")
    print("ready", flush=True)
    await opened.execute("while True: pass")
asyncio.run(main())
"""
    with children.start([sys.executable, "-c", code, python], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert await asyncio.to_thread(server.stdout.readline) == b"ready\n"
        below = processes_below(server.pid)
        assert len(below) >= 4
        server.kill()
    deadline = time.monotonic() + 30
    while any(os.path.exists(f"/proc/{pid}") for pid in below):
        assert time.monotonic() < deadline, "processes outlived the server"
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("/nowhere/bin/python", "No such file"),
        ("/bin/true", "ended"),
        ("/usr/bin/env", "cannot start"),
    ],
)
async def test_an_environment_that_does_not_work_is_a_startup_error(named: str, words: str) -> None:
    pool = SessionPool(Path(named), PoolSettings(limits=LIMITS))
    with pytest.raises(StartupError, match=words):
        await pool.start()
    await pool.close()


async def test_a_session_of_a_zygote_that_has_yet_to_warm_up_is_like_any_other(
    python: Path,
) -> None:
    code = """
import random, signal, sys, threading
import numpy
print(sorted(globals()), In, sorted(vars(sys)), signal.getsignal(signal.SIGCHLD), threading.enumerate())
print(random.random(), numpy.random.random(), file=sys.stderr)
"""
    pool = SessionPool(python, PoolSettings(limits=LIMITS, warm=0))
    await pool.start()
    early = await pool.open("early")
    zygote = pool._warm_pools.all[0].zygote
    assert zygote is not None
    first = await early.execute(code)
    await zygote.warm
    seen = [first, *[await (await pool.open(key)).execute(code) for key in "bc"]]
    await pool.close()
    texts = [[each.text for each in one.outputs if isinstance(each, Logs)] for one in seen]
    assert all(one.status == "ok" for one in seen), texts
    assert len({said for said, _ in texts}) == 1
    assert len({drawn for _, drawn in texts}) == 3


async def test_what_is_parked_was_forked_when_the_zygote_was_warm(python: Path) -> None:
    pool = SessionPool(python, PoolSettings(limits=LIMITS, warm=1))
    await pool.start()
    async with asyncio.timeout(60):
        while not pool._warm_pools.all[0].warm:
            await asyncio.sleep(0.02)
    zygote = pool._warm_pools.all[0].zygote
    assert zygote is not None
    assert zygote.warm.done()
    await pool.close()


async def test_a_zygote_that_is_never_left_alone_warms_up_all_the_same(python: Path) -> None:
    pool = SessionPool(python, PoolSettings(limits=LIMITS, warm=0))
    await pool.start()
    zygote = pool._warm_pools.all[0].zygote
    assert zygote is not None

    async def ask(key: str) -> None:
        while not zygote.warm.done():
            await pool.open(key)
            await pool.drop(key)

    async with asyncio.timeout(60):
        await asyncio.gather(*(ask(key) for key in "abcd"))
    await pool.close()


async def test_a_claim_that_is_cancelled_leaves_nothing(own: SessionPool) -> None:
    await _settled(own)
    await own.open("a")  # takes the parked one
    assert own._warm_pools.all[0].zygote is not None
    for delay in (0, 0.001, 0.004, 0.008):
        task = asyncio.create_task(own.open("b"))
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await own.drop("b")
    await own.drop("a")
    await _settled(own)
    async with asyncio.timeout(30):
        while len(own._warm_pools.all[0].zygote._children) != 1:
            await asyncio.sleep(0.02)


async def test_a_drop_that_is_cancelled_frees_the_session_and_its_place(own: SessionPool) -> None:
    for delays in (1, 2, 3):
        session = await own.open("a")
        assert isinstance(session, GuestSession)
        task = asyncio.create_task(own.drop("a"))
        for _ in range(delays):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(30):
            while ("a", session.id) not in ENDED:
                await asyncio.sleep(0.02)
        assert session._data._folder == -1
        assert not own._slots._held


async def test_what_was_parked_with_a_dead_zygote_is_closed(own: SessionPool) -> None:
    await _settled(own)
    one = own._warm_pools.all[0]
    parked = one.warm[0]
    assert one.zygote is not None
    os.kill(one.zygote.pid, signal.SIGKILL)
    async with asyncio.timeout(30):
        while parked in one.warm or parked._data._folder != -1:
            await asyncio.sleep(0.02)


async def test_a_host_that_refuses_namespaces_is_told_so(python: Path) -> None:
    """As in a default container: a filter around the server refuses `unshare`."""
    code = """
import asyncio, sys
from pathlib import Path
from assistd.errors import StartupError
from assistd.sandbox.guest.shared import syscalls
from assistd.sandbox.guest.walls import seccomp
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
async def main():
    try:
        await SessionPool(Path(sys.argv[1])).start()
    except StartupError as error:
        print(error)
syscalls.install_filter(seccomp.assemble())
asyncio.run(main())
"""
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", code, python],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.startswith("the sandbox cannot start: could not enter new namespaces: "), ran
    assert "Operation not permitted" in ran.stdout
    assert "A system call filter around assistd" in ran.stdout


async def test_another_interpreter_serves_new_sessions_and_live_ones_go_on(
    own: SessionPool, python: Path
) -> None:
    old = await own.open("old")
    assert (await old.execute("x = 20")).status == "ok"
    first = own._warm_pools.all[0].zygote
    assert first is not None
    await own.use(python)
    new = await own.open("new")
    assert (await new.execute("'x' in dir()")).logs == "False"
    assert (await old.execute("x + 1")).logs == "21"
    assert not first.ended.done()
    await own.drop("old")
    async with asyncio.timeout(30):
        await first.ended
    assert (await new.execute("1 + 1")).logs == "2"
    await own.drop("new")


async def test_an_interpreter_that_does_not_start_leaves_the_old_one(
    own: SessionPool, tmp_path: Path
) -> None:
    failures = metrics.SANDBOX_FAILURES.of(str(own.jail), "start")
    before = failures.value
    with pytest.raises(StartupError):
        await own.use(tmp_path / "bin" / "python")
    assert failures.value == before + 1
    opened = await own.open("a")
    assert (await opened.execute("1 + 1")).logs == "2"
    await own.drop("a")
