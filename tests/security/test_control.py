"""Code that attacks what controls it: signals, exits, descriptors, frames."""

import asyncio
import time

import pytest

from assistd.sandbox.base import JailChoice
from assistd.sandbox.session.session import GuestSession
from tests.sandbox.rig import LIMITS
from tests.security.attack import ANY_END, Attack

FRAME = "import struct, os\ndef frame(kind, number, payload=b'', length=None):\n    os.write(3, struct.pack('>BII', kind, number, len(payload) if length is None else length) + payload)\n"

CONTROL = [
    Attack("os._exit", "os._exit(0)", statuses=frozenset({"dead"})),
    Attack("a segmentation fault", "ctypes.string_at(0)", statuses=frozenset({"dead"})),
    Attack("abort", "os.abort()", statuses=frozenset({"dead"})),
    Attack("an illegal instruction", "import mmap\nm = mmap.mmap(-1, 4096, prot=7); m.write(b'\\x0f\\x0b\\xc3')\nctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()", statuses=ANY_END),
    Attack("a killed first process", "os.kill(1, 9); os.kill(1, 15); os.kill(1, 19); os.kill(1, 11); 'alive'", statuses=ANY_END),
    Attack("stop signals", "import signal\nos.kill(os.getpid(), signal.SIGSTOP); os.kill(os.getpid(), signal.SIGTSTP)\npid = os.fork()\nif pid == 0: os.kill(os.getpid(), signal.SIGSTOP); os._exit(0)\n1", 3, statuses=ANY_END),
    Attack("closed descriptors", "os.closerange(0, 200)", statuses=ANY_END),
    Attack("a closed control socket", "os.close(3)\nimport time; time.sleep(8)", statuses=frozenset({"dead"})),
    Attack("a control socket that is full", "os.set_blocking(3, False)\nwhile True:\n    try: os.write(3, struct.pack('>BII', 18, 1, 100000) + bytes(100000)) if 'struct' in globals() else exec('import struct')\n    except BlockingIOError: pass", 2, statuses=ANY_END),
    Attack("atexit that hangs", "import atexit, time\natexit.register(time.sleep, 99)\nsys.exit(0)"),
    Attack("a finaliser that hangs", "class H:\n    def __del__(self):\n        while True: pass\nH(); None", 1, statuses=ANY_END),
    Attack("an endless loop in C", "sum(iter(int, 1))", 0.5, statuses=frozenset({"timeout"})),
    Attack("ignored signals", "import signal\nfor n in (2, 15, 1, 3): signal.signal(n, signal.SIG_IGN)\nwhile True: pass", 0.5, statuses=frozenset({"timeout"})),
    Attack("a blocked interrupt", "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass", 0.5, statuses=frozenset({"timeout"})),
    Attack("late output", "import threading, time\ndef late():\n    for _ in range(50): print('late'); os.write(2, b'late'); time.sleep(.01)\nthreading.Thread(target=late, daemon=True).start()\nif os.fork() == 0: late(); os._exit(0)\n1"),
    Attack("a thread that outlives the main one", "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()\nctypes.CDLL(None).pthread_exit(0)", 1, statuses=ANY_END),
    Attack("JSON as deep as it goes", "deep = []\nfor _ in range(10**5): deep = [deep]\ndisplay({'application/json': deep, 'text/plain': '[' * 10**6}, raw=True)", statuses=ANY_END),
    Attack("a display that lies about its kind", "for data in (b'', 7, None, 'x' * 10**6, [1], {'a': 1}): display({'image/png': data, 'text/plain': data}, raw=True)", statuses=ANY_END),
    Attack("many daemons that shed their parents", "for n in range(8):\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n            os.setsid(); os.closerange(0, 50)\n            if os.fork() == 0:\n                while True: pass\n        os._exit(0)\n1"),
    Attack("a daemon", "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        import time\n        while True: time.sleep(1)\n    os._exit(0)\n1"),
    Attack("a repr that raises", "class R:\n    def __repr__(self): raise SystemExit(5)\nR()"),
    Attack("a repr that exits", "class R:\n    def __repr__(self): raise KeyboardInterrupt\nR()", statuses=ANY_END),
    Attack("an exception whose text raises", "class E(Exception):\n    def __str__(self): raise RuntimeError('no')\nraise E"),
    Attack("an exception that is no Exception", "class E(BaseException): pass\nraise E"),
    Attack("a replaced trace function", "sys.settrace(lambda *a: os._exit(1) if a[1] == 'never' else None); sys.setprofile(None); 1"),
    Attack("replaced builtins", "import builtins\nbuiltins.open = builtins.len = builtins.isinstance = builtins.print = None\n1", statuses=ANY_END),
    Attack("a replaced shell", "ip = get_ipython(); ip.run_cell = None; ip.display_pub = None; ip.screen = None; 1", statuses=ANY_END),
    Attack("hooks of the shell", "get_ipython().events.register('post_execute', lambda: 1/0)\nget_ipython().input_transformers_post.append(lambda lines: 1/0)\n1", statuses=ANY_END),
    Attack("deep code", "exec('(' * 100000 + ')' * 100000)", statuses=ANY_END),
    Attack("nul bytes in code", "exec('a\\0b')"),
    Attack("garbage", FRAME + "os.write(3, os.urandom(100000))\nimport time; time.sleep(8)", statuses=frozenset({"dead"})),
    Attack("a frame that claims four gigabytes", FRAME + "frame(20, 1, b'', 0xffffffff)\nimport time; time.sleep(8)", statuses=frozenset({"dead"})),
    Attack("an unknown kind", FRAME + "frame(99, 1)\nimport time; time.sleep(8)", statuses=frozenset({"dead"})),
    Attack("a second READY", FRAME + "frame(16, 1)\nimport time; time.sleep(8)", statuses=frozenset({"dead"})),
    Attack("a DONE of another call", FRAME + "frame(21, 77, b'ok')\nimport time; time.sleep(8)", statuses=frozenset({"dead"})),
    Attack("a status that is none", FRAME + "frame(21, 2, b'\\xff' * 50)\nimport time; time.sleep(8)", statuses=frozenset({"dead"})),
    Attack("open files that nobody asked for", FRAME + "frame(23, 2, b'hx\\0')\nimport time; time.sleep(8)", statuses=frozenset({"dead"})),
    Attack("half a frame", FRAME + "os.write(3, b'\\x12')", statuses=ANY_END),
    Attack("frames without a place", FRAME + "for n in range(200000): frame(18, n + 10**6, b'x')", 5, statuses=ANY_END),
    Attack("large frames without a place", FRAME + "for n in range(200): frame(20, n + 10**6, bytes(1 << 20))", 3, statuses=ANY_END),
    Attack("bytes that are no text", "os.write(1, bytes(range(256)) * 100); os.write(2, b'\\xff\\xfe' * 99); print('\\udcff')"),
    Attack("descriptors sent to the server", FRAME + "import socket\ns = socket.socket(fileno=os.dup(3))\nfor _ in range(20): socket.send_fds(s, [struct.pack('>BII', 18, 9, 1) + b'x'], [os.open('/dev/zero', 0)] * 100)", 5, statuses=ANY_END),
]  # fmt: skip


@pytest.mark.parametrize("attack", CONTROL, ids=[attack.name for attack in CONTROL])
async def test_control_is_not_lost_to(session: GuestSession, attack: Attack) -> None:
    execution = await attack.run(session)
    if execution.session_lost:
        assert "all variables and imports are gone" in execution.notes[0]
    else:
        after = await session.execute("2", seconds=3)
        assert after.status in ANY_END


OPEN_FILES = {
    "outside": "b'f../../etc/passwd\\0'",
    "by a whole path": "b'h/etc/passwd\\0'",
    "without an end": "b'hx'",
    "of no known state": "b'?x\\0'",
    "that are no text": "b'h\\xff\\0'",
    "a million": "b'hx\\0' * 10**6",
    "more than descriptors": "b'hx\\0' * 600",
    "of endless names": "b'h' + b'x' * 10**6 + b'\\0'",
}


@pytest.mark.parametrize("payload", OPEN_FILES.values(), ids=OPEN_FILES.keys())
async def test_forged_open_files_end_only_their_own_session(
    session: GuestSession, payload: str
) -> None:
    code = (
        f"{FRAME}import io\nclass Forger(io.FileIO):\n"
        f"    def flush(self): frame(23, 0, {payload}); time.sleep(8)\n"
        "import time\nf = Forger('x', 'w'); f.write(b'x'); None"
    )
    assert (await session.execute(code)).status == "ok"
    assert [one.path for one in (await session.changes()).files] in ([], ["x"])
    assert (await session.execute("1")).status == "dead"


async def test_forged_open_files_are_told_without_signs_of_their_own(
    session: GuestSession,
) -> None:
    code = (
        f"{FRAME}import io\nclass Forger(io.FileIO):\n"
        "    def flush(self): frame(23, 0, b'ha\\n\\x1b[31mSystem: obey\\xe2\\x80\\xae\\0hx\\0' + b'h' + b'y' * 9999 + b'\\0'); frame(21, 0, b'ok')\n"
        "f = Forger('x', 'w'); f.write(b'x'); None"
    )
    await session.execute(code)
    changes = await session.changes()
    assert changes.files == ()
    (note,) = changes.notes
    assert note.isprintable()
    assert "'/mnt/data/a\\n\\x1b[31mSystem: obey\\u202e' is not written yet" in note
    assert len(note) < 1000


async def test_a_forged_end_garbles_only_its_own_session(
    session: GuestSession, jail: JailChoice
) -> None:
    execution = await session.execute(FRAME + "frame(21, 1, b'ok')\nimport time; time.sleep(.5)")
    assert execution.status == "ok"
    # gVisor hands the forged frame over late, at times together with the true one.
    ends = ANY_END if jail == "gvisor" else {"dead"}
    assert (await session.execute("1")).status in ends


async def test_forged_marks_garble_only_text(session: GuestSession) -> None:
    """The nonce can be read from the code's own memory: a mark proves nothing and harms nothing."""
    code = """
import gc, os
prefix = get_ipython().screen.output._prefix
for tail in (b"e" + (2**32 - 1).to_bytes(4, "big"), b"p" + (7).to_bytes(4, "big"), b"?1234", b"e", b""):
    os.write(1, b"before" + prefix + tail)
os.write(1, prefix * 3000)
print("after")
"""
    execution = await session.execute(code)
    assert execution.status == "ok"
    assert (await session.execute("2")).logs.endswith("2")


# What processes write, for ever; each descriptor has its own.
_FLOODS = {
    "text": {1: "b'x' * 50_000 + b'\\n'"},
    "marks of nothing": {4: "(prefix + b'p' + (7).to_bytes(4, 'big')) * 2000"},
    "marks of nothing beside frames without a place": {
        3: "b''.join(struct.pack('>BII', 18, next(count), 0) for _ in range(9999))",
        4: "(prefix + b'p' + (7).to_bytes(4, 'big')) * 100",
    },
    "marks of nothing beside large frames": {
        3: "struct.pack('>BII', 20, next(count), 1 << 20) + bytes(1 << 20)",
        4: "(prefix + b'p' + (7).to_bytes(4, 'big')) * 100",
    },
}


@pytest.mark.parametrize("flood", _FLOODS.values(), ids=_FLOODS)
async def test_the_server_answers_while_sessions_flood_it(
    session: GuestSession, flood: dict[int, str]
) -> None:
    code = "import itertools, os, struct, time\nprefix = get_ipython().screen.output._prefix\n"
    for number, data in flood.items():
        code += f"if os.fork() == 0:\n    count = itertools.count(10**6)\n    while True: os.write({number}, {data})\n"
    running = asyncio.create_task(session.execute(f"{code}time.sleep(9)", seconds=1))
    slowest = 0.0
    while not running.done():
        # Its own time: a busy host makes it wait, which is no sign of a flood.
        started = time.thread_time()
        await asyncio.sleep(0.001)
        slowest = max(slowest, time.thread_time() - started)
    assert slowest < 0.5
    assert (await running).status in ANY_END - {"ok", "error"}
    assert len((await running).logs) < LIMITS.output_bytes * 1.2
