"""Each limit is hit with a message the model can act on; what can be kept is kept."""

import asyncio
import dataclasses
import time

import pytest

from assistd.sandbox.base import Logs, Output
from assistd.sandbox.session.session import GuestSession
from tests.sandbox.rig import LIMITS, logs_of, pictures_of


async def test_code_over_its_time_is_interrupted_and_its_state_kept(session: GuestSession) -> None:
    started = time.monotonic()
    execution = await session.execute("x = 5\nimport time\ntime.sleep(60)", seconds=0.3)
    assert time.monotonic() - started < 30
    assert execution.status == "interrupted"
    assert "time limit of a call" in execution.notes[0]
    assert not execution.session_lost
    assert "KeyboardInterrupt" in logs_of(execution, "error")
    assert (await session.execute("x")).logs == "5"


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "while True: print('flood')",
        "await __import__('asyncio').sleep(60)",
        "!sleep 60",
        "import subprocess; subprocess.run(['sleep', '60'])",
        "import threading; threading.Event().wait()",
    ],
)
async def test_an_interrupt_stops(session: GuestSession, code: str) -> None:
    execution = await session.execute(code, seconds=0.5)
    assert execution.status == "interrupted"
    assert (await session.execute("1")).logs == "1"


@pytest.mark.parametrize(
    "code",
    [
        "import time\nwhile True:\n    try:\n        time.sleep(9)\n    except BaseException: pass",
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)",
        "sum(10**9 for _ in iter(int, 1)) if 0 else pow(3, 10**9)",
        "import re; re.match(r'(a+)+$', 'a' * 60 + 'b')",
    ],
    ids=["caught", "ignored", "in C", "regex"],
)
async def test_code_that_does_not_heed_an_interrupt_is_ended(
    session: GuestSession, code: str
) -> None:
    execution = await session.execute(code, seconds=0.3)
    assert execution.status in {"timeout", "interrupted"}
    if execution.status == "timeout":
        assert execution.session_lost
        assert "all variables and imports are gone" in execution.notes[0]
        assert not session.alive
        assert (await session.execute("1")).status == "dead"


async def test_one_object_too_large_is_a_memory_error(session: GuestSession) -> None:
    execution = await session.execute("kept = 1\nx = bytearray(800 << 20)")
    assert "MemoryError" in logs_of(execution, "error")
    assert (await session.execute("kept")).logs == "1"


async def test_forks_that_share_memory_are_not_counted_twice(session: GuestSession) -> None:
    code = """
import os, time
pids = []
for _ in range(12):
    pid = os.fork()
    if pid == 0:
        time.sleep(1.5); os._exit(0)
    pids.append(pid)
print(len([os.waitpid(pid, 0) for pid in pids]))
"""
    execution = await session.execute(code)
    assert (execution.status, execution.logs) == ("ok", "12\n")


async def test_a_flood_keeps_its_head_and_its_tail(session: GuestSession) -> None:
    seen: list[Output] = []
    code = "for n in range(100000): print(n)"
    execution = await session.execute(code, on_output=seen.append)
    logs = execution.logs
    assert execution.status == "ok"
    assert logs.startswith("0\n1\n2\n")
    assert logs.endswith("99998\n99999\n")
    assert len(logs) < LIMITS.output_bytes * 1.1
    assert "bytes left out" in logs
    assert "in its middle were left out" in execution.notes[0]
    assert "".join(one.text for one in seen if isinstance(one, Logs)) == logs


async def test_a_long_line_and_a_long_result_are_cut(session: GuestSession) -> None:
    printed = await session.execute("print('x' * 10_000_000)")
    shown = await session.execute("'y' * 10_000_000")
    for execution in (printed, shown):
        assert len(execution.logs) < LIMITS.output_bytes * 1.1
        assert execution.notes


async def test_a_million_tiny_pieces_stay_small(session: GuestSession) -> None:
    code = "import sys\nfor n in range(40000):\n    sys.stdout.write('o'); sys.stderr.write('e')"
    execution = await session.execute(code)
    assert execution.status == "ok"
    assert len(execution.outputs) < 5000
    assert execution.notes


async def test_pictures_are_counted_and_measured(session: GuestSession) -> None:
    many = "import matplotlib.pyplot as plt\nfor n in range(6):\n    plt.plot([n]); plt.show()"
    execution = await session.execute(many)
    assert len(pictures_of(execution)) == LIMITS.pictures
    assert "2 pictures were left out" in execution.notes[0]
    large = "import numpy as np\nfrom PIL import Image\nImage.fromarray(np.random.randint(0, 255, (1500, 1500, 3), 'uint8'))"
    execution = await session.execute(large)
    assert not pictures_of(execution)
    assert "A picture was left out" in execution.logs
    empty = "from PIL import Image\nImage.new('1', (2000, 2000))"
    execution = await session.execute(empty)
    assert not pictures_of(execution)
    assert "or 3000000 pixels" in execution.notes[0]


@pytest.mark.parametrize(
    ("path", "size"),
    [("/mnt/data/x", 80), ("/tmp/x", 40), ("/home/sandbox/x", 40), ("/dev/shm/x", 90)],
)
async def test_a_full_folder_is_an_error_of_the_code(
    session: GuestSession, path: str, size: int
) -> None:
    code = f"with open({path!r}, 'wb') as file:\n    for _ in range({size}): file.write(bytes(1 << 20))"
    execution = await session.execute(code)
    assert execution.status == "error"
    assert "No space left" in execution.logs or "File too large" in execution.logs
    assert (await session.execute("1")).logs == "1"


async def test_inodes_descriptors_and_processes_end(session: GuestSession) -> None:
    inodes = await session.execute("for n in range(3000): open(f'/mnt/data/{n}', 'w').close()")
    assert "No space left" in inodes.logs
    inodes = await session.execute("for n in range(1500): open(f'/tmp/{n}', 'w').close()")
    assert "No space left" in inodes.logs
    files = await session.execute("held = []\nwhile True: held.append(open('/dev/null'))")
    assert "Too many open files" in files.logs
    await session.execute("held.clear()")
    forks = await session.execute(
        "import os, time\nfor _ in range(99):\n    if os.fork() == 0: time.sleep(20); os._exit(0)"
    )
    assert "Resource temporarily unavailable" in forks.logs
    threads = await session.execute(
        "import threading\nfor _ in range(99): threading.Thread(target=time.sleep, args=(9,)).start()"
    )
    assert "can't start new thread" in threads.logs


async def test_a_call_that_is_cancelled_stops_its_code(session: GuestSession) -> None:
    running = asyncio.create_task(session.execute("n = 0\nwhile True: n += 1"))
    await asyncio.sleep(0.3)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    first = await session.execute("n")
    await asyncio.sleep(0.1)
    assert session.alive
    assert (await session.execute("n")).logs == first.logs


async def test_a_cancelled_call_that_does_not_heed_is_ended(session: GuestSession) -> None:
    code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    running = asyncio.create_task(session.execute(code))
    await asyncio.sleep(0.3)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not session.alive


async def test_calls_of_one_session_queue(session: GuestSession) -> None:
    first = asyncio.create_task(session.execute("import time; time.sleep(.3); x = 1"))
    await asyncio.sleep(0.01)
    second = await session.execute("x")
    assert second.logs == "1"
    assert first.done()
    assert dataclasses.replace(await first).status == "ok"


async def test_a_listener_that_fails_fails_the_call_and_not_the_session(
    session: GuestSession,
) -> None:
    def listener(_: Output) -> None:
        raise RuntimeError("listener")

    with pytest.raises(RuntimeError, match="listener"):
        await session.execute("print(1)\nprint(2)", on_output=listener)
    assert (await session.execute("1")).logs == "1"
