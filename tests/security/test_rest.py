"""What code leaves running takes nothing between calls, and goes on at the next (decision 0050)."""

import asyncio
from collections.abc import Mapping

import pytest

from assistd.sandbox.limits import freezer
from assistd.sandbox.session.session import GuestSession
from tests.sandbox.rig import content, once
from tests.security.test_control import FRAME

COUNTS = """
import ctypes, os, threading, time
def count():
    file, n = os.open('n', os.O_RDWR | os.O_CREAT), 0
    while True:
        n += 1
        os.pwrite(file, b'%020d' % n, 0)
"""
BEGUN = "\nwhile not (os.path.exists('n') and os.path.getsize('n')): time.sleep(.01)\n"
# Each has something count on when its call is over, or seems to be.
LEFT = {
    "a process": f"{COUNTS}if os.fork() == 0: count(){BEGUN}",
    "a daemon": f"{COUNTS}if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: count()\n    os._exit(0){BEGUN}",
    "a thread": f"{COUNTS}threading.Thread(target=count, daemon=True).start(){BEGUN}",
    "a thread of a process whose first thread has ended": f"{COUNTS}if os.fork() == 0:\n    threading.Thread(target=count).start()\n    ctypes.CDLL(None).pthread_exit(0){BEGUN}",
    "a call that claims to be over": f"{COUNTS}{FRAME}if os.fork() == 0: count(){BEGUN}frame(21, 1, b'ok')\nwhile True: pass",
    "processes without end": f"""{COUNTS}
if os.fork() == 0:
    n = 0
    while True:
        n += 1
        with open('n', 'w') as file: file.write('%020d' % n)
        if os.fork() == 0: time.sleep(.01); os._exit(0)
        os.wait()
{BEGUN}""",
}
WAKERS = {
    "one another": f"""{COUNTS}
import signal
for _ in range(4):
    if os.fork() == 0:
        if os.fork() == 0: count()
        while True: os.killpg(0, signal.SIGCONT)
{BEGUN}""",
    "themselves by timers": f"""{COUNTS}
import signal
if os.fork() == 0:
    libc = ctypes.CDLL(None, use_errno=True)
    class Event(ctypes.Structure):
        _fields_ = [('value', ctypes.c_void_p), ('signo', ctypes.c_int), ('notify', ctypes.c_int), ('pad', ctypes.c_byte * 48)]
    timer, event = ctypes.c_void_p(), Event(None, signal.SIGCONT, 0)
    libc.timer_create(1, ctypes.byref(event), ctypes.byref(timer))
    libc.timer_settime(timer, 0, ctypes.byref((ctypes.c_long * 4)(0, 10**6, 0, 10**6)), None)
    count()
{BEGUN}""",
}
_LOOKS = 6


async def _counted(session: GuestSession) -> bytes:
    return await content(session, "n")


async def _rests(session: GuestSession, seconds: float = 60) -> None:
    """Wait until nothing of the session counts any more."""
    last, same = b"", 0
    async with asyncio.timeout(seconds):
        while same < _LOOKS:
            await asyncio.sleep(0.15)
            now = await _counted(session)
            same = same + 1 if now == last else 0
            last = now


async def _counts(session: GuestSession, code: str = "__import__('time').sleep(.05)") -> None:
    """Wait until what was left counts on, while a call runs that does nothing, or none."""
    before = await _counted(session)
    async with asyncio.timeout(60):
        while await _counted(session) == before:
            await (session.execute(code) if code else asyncio.sleep(0.05))


@pytest.mark.parametrize("code", LEFT.values(), ids=LEFT.keys())
async def test_what_a_call_left_rests_until_the_next(
    session: GuestSession, lacks: Mapping[str, str], code: str
) -> None:
    assert (await session.execute(code)).status == "ok"
    if "rest between calls" in lacks:
        await _counts(session, "")
        return
    await _rests(session)
    if "frame(21" in code:
        assert (await session.execute("1", seconds=2)).session_lost  # it never came back
    else:
        await _counts(session)
        await _rests(session)
        assert (await session.execute("6 * 7")).logs == "42"


@pytest.mark.parametrize("code", WAKERS.values(), ids=WAKERS.keys())
async def test_who_wakes_what_rests_is_held_or_ended(
    session: GuestSession, lacks: Mapping[str, str], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "rest between calls" in lacks:
        pytest.skip("nothing rests in this jail, as the test above shows")
    for name in ("_FIRST_LOOK_SECONDS", "_LONGEST_LOOK_SECONDS", "_MOST_SECONDS"):
        monkeypatch.setattr(freezer, name, 0.1 if "LOOK" in name else 3.0)
    assert (await session.execute(code)).status == "ok"
    await _rests(session)
    after = await session.execute("6 * 7")
    assert (after.status, after.logs) == ("ok", "42") or "did not stay stopped" in after.notes[0]


async def test_files_of_what_rests_are_read_without_waking_it(
    session: GuestSession, lacks: Mapping[str, str]
) -> None:
    if "rest between calls" in lacks:
        pytest.skip("nothing rests in this jail, as the test above shows")
    await session.execute(f"{LEFT['a process']}\nwith open('x', 'w') as f: f.write('kept')")
    await session.changes()
    await _rests(session)
    at_rest = await _counted(session)
    assert await content(session, "x") == b"kept"
    await session.put("x", once(b"put"))
    assert {one.path for one in await session.files()} == {"n", "x"}
    assert await _counted(session) == at_rest
    assert (await session.execute("open('x').read()")).logs == "'put'"
