"""Code that wants everything: each bomb ends in an error of the code or the end of its session."""

import asyncio
import contextlib
import os
from collections.abc import Mapping

import pytest

from assistd.sandbox.base import MIB, Session
from assistd.sandbox.pool.pool import SessionPool
from assistd.sandbox.session.session import GuestSession
from tests.sandbox.rig import LIMITS, pictures_of, processes_below
from tests.security.attack import ANY_END, Attack

BOMBS = [
    Attack("fork bomb", "while True:\n    try: os.fork()\n    except OSError: pass", 2, ANY_END),
    Attack("fork bomb of the shell", "os.system(':(){ :|:& };:')\nimport time; time.sleep(5)", 2, ANY_END),
    Attack("thread bomb", "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(99,)).start()", 3, ANY_END),
    Attack("memory bomb", "held = []\nwhile True: held.append(bytearray(1 << 20))", 10, ANY_END),
    Attack("memory of many", "for _ in range(20):\n    if os.fork() == 0:\n        held = []\n        while True: held.append(os.urandom(1 << 20))\nimport time; time.sleep(20)", 10, ANY_END),
    Attack("anonymous shared memory", "import mmap\nheld = []\nwhile True:\n    m = mmap.mmap(-1, 16 << 20); m.write(b'x' * (16 << 20)); held.append(m)", 10, ANY_END),
    Attack("shared memory files", "n = 0\nwhile True:\n    n += 1\n    open(f'/dev/shm/{n}', 'wb').write(bytes(1 << 20))", 10, ANY_END),
    Attack("temporary files", "n = 0\nwhile True:\n    n += 1\n    open(f'/tmp/{n}', 'wb').write(bytes(1 << 20))", 10, ANY_END),
    Attack("data files", "n = 0\nwhile True:\n    n += 1\n    open(f'/mnt/data/{n}', 'wb').write(bytes(1 << 20))", 10, ANY_END),
    Attack("a million names", "for n in range(10**6): open(f'/mnt/data/{n}', 'w').close()", 10, ANY_END),
    Attack("deep folders", "for n in range(10**5): os.mkdir('d'); os.chdir('d')", 10, ANY_END),
    Attack("deleted files that stay open", "held = []\nwhile True:\n    f = open('/mnt/data/x', 'wb'); os.unlink('/mnt/data/x'); f.write(os.urandom(4 << 20)); f.flush(); held.append(f)", 10, ANY_END),
    Attack("deleted files that stay mapped", "import mmap\nheld = []\nwhile True:\n    with open('/tmp/x', 'w+b') as f:\n        f.write(os.urandom(4 << 20)); f.flush(); os.unlink('/tmp/x'); held.append(mmap.mmap(f.fileno(), 4 << 20))", 10, ANY_END),
    Attack("descriptors in flight", "a, b = socket.socketpair()\nwhile True:\n    with open('/mnt/data/x', 'wb') as f:\n        f.write(os.urandom(4 << 20)); f.flush(); os.unlink('/mnt/data/x'); socket.send_fds(a, [b'x'], [f.fileno()])", 5, ANY_END),
    Attack("a million links", "open('/mnt/data/a', 'w').close()\nfor n in range(10**6): os.symlink('a', f'/tmp/s{n}') if n % 2 else os.link('/mnt/data/a', f'/mnt/data/l{n}')", 10, ANY_END),
    Attack("memory files", "held = []\nwhile True:\n    fd = os.memfd_create('x'); os.write(fd, bytes(1 << 20)); held.append(fd)", 5, ANY_END),
    Attack("descriptors", "held = []\nwhile True: held += os.pipe()", 10, ANY_END),
    Attack("full pipes", "held = []\nfor _ in range(200):\n    r, w = os.pipe(); os.set_blocking(w, False); held += [r, w]\n    os.write(w, bytes(1 << 16))", 10, ANY_END),
    Attack("full sockets", "held = []\nwhile True:\n    a, b = socket.socketpair(); a.setblocking(False); held += [a, b]\n    try:\n        while True: a.send(bytes(1 << 16))\n    except BlockingIOError: pass", 10, ANY_END),
    Attack("output without end", "while True: print('x' * 10_000)", 2, ANY_END),
    Attack("raw output without end", "while True: os.write(1, b'x' * 65536)", 2, ANY_END),
    Attack("raw errors without end", "while True: os.write(2, b'x' * 65536)", 2, ANY_END),
    Attack("output of many", "for _ in range(20):\n    if os.fork() == 0:\n        while True: os.write(1, b'y' * 4096)\nimport time; time.sleep(9)", 2, ANY_END),
    Attack("displays without end", "while True: display('x' * 1000)", 2, ANY_END),
    Attack("tracebacks without end", "while True: get_ipython().run_cell('1/0')", 2, ANY_END),
    Attack("a traceback as deep as it goes", "def f(n): f(n + 1) if n < 2900 else 1/0\nsys.setrecursionlimit(3000)\nf(0)", 20, ANY_END),
    Attack("an exception with a giant text", "raise ValueError('x' * (64 << 20))", 20, ANY_END),
    Attack("a result with a giant repr", "class R:\n    def __repr__(self): return 'r' * (64 << 20)\nR()", 20, ANY_END),
    Attack("a giant figure", "import matplotlib.pyplot as plt\nplt.figure(figsize=(600, 600), dpi=100); plt.show()", 20, ANY_END),
    Attack("a zip bomb", "import zlib\nc = zlib.compressobj(); b = b''.join(c.compress(bytes(1 << 20)) for _ in range(600)) + c.flush()\nzlib.decompress(b)", 20, ANY_END),
    Attack("a number of a billion digits", "10 ** (10 ** 9)", 2, ANY_END),
    Attack("timers and signals", "import signal\nsignal.signal(signal.SIGALRM, lambda *a: None); signal.setitimer(signal.ITIMER_REAL, 1e-6, 1e-6)\nwhile True: pass", 1, ANY_END),
    Attack("watches", "held = []\ninotify = ctypes.CDLL(None).inotify_init\nwhile inotify() >= 0: pass", 5, ANY_END),
]  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS, ids=[bomb.name for bomb in BOMBS])
async def test_a_bomb_hurts_only_its_own_session(session: GuestSession, bomb: Attack) -> None:
    execution = await bomb.run(session)
    assert len(execution.logs) < LIMITS.output_bytes * 1.2
    assert len(pictures_of(execution)) <= LIMITS.pictures
    if not execution.session_lost:
        after = await session.execute("1", seconds=10)
        assert after.status in {"ok", "dead"} or "MemoryError" in after.logs or "fork" in after.logs
    late = 10 if session.folder else 1  # its watch comes a moment late
    assert len((await session.changes()).files) <= LIMITS.data_inodes * late


async def test_a_sparse_file_is_as_large_as_the_limit_lets_it(session: GuestSession) -> None:
    execution = await session.execute("with open('sparse', 'wb') as f: f.truncate(1 << 40)")
    assert "File too large" in execution.logs
    await session.execute("with open('sparse', 'wb') as f: f.truncate(40 << 20)")
    assert [(one.path, one.size) for one in (await session.changes()).files] == [
        ("sparse", 40 << 20)
    ]


async def test_a_picture_of_a_billion_pixels_is_left_out(session: GuestSession) -> None:
    """A forged PNG header: the frame is small, what it claims to be is not."""
    code = (
        "import struct, zlib\nfrom IPython.display import Image, display\n"
        "head = struct.pack('>IIBBBBB', 60000, 60000, 8, 2, 0, 0, 0)\n"
        "chunk = b'IHDR' + head\n"
        "display(Image(b'\\x89PNG\\r\\n\\x1a\\n' + struct.pack('>I', 13) + chunk + struct.pack('>I', zlib.crc32(chunk))))"
    )
    execution = await session.execute(code)
    assert not pictures_of(execution)
    assert "left out" in execution.notes[0]


async def test_sessions_that_compute_leave_the_server_its_time(
    pool: SessionPool, session: GuestSession
) -> None:
    """Whatever runs in sessions stands behind the server, in the host's eyes, and the server goes on."""
    others = [await pool.open(f"busy {number}") for number in range(4)]
    busy = [
        asyncio.create_task(one.execute("while True: pass", seconds=2))
        for one in [*others, session]
    ]
    await asyncio.sleep(0.5)  # well before the first is interrupted
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert all(priority > ours for priority in _priorities(pool, [*others, session]))
    ends = {(await one).status for one in busy}
    for number in range(4):
        await pool.drop(f"busy {number}")
    assert ends <= {"interrupted", "timeout"}


def _priorities(pool: SessionPool, sessions: list[Session]) -> list[int]:
    """How nice the host's processes are in which those sessions run."""
    zygote = pool._warm_pools.all[0].zygote
    assert zygote is not None
    pids: set[int] = set()
    for one in sessions:
        assert isinstance(one, GuestSession)
        if one.pid is None:  # gVisor's: all of it is one kernel's
            pids |= processes_below(zygote.pid)
        else:
            pids |= {one.pid} | processes_below(one.pid)
    found: list[int] = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # gVisor's helpers come and go
            found.append(os.getpriority(os.PRIO_PROCESS, pid))
    assert len(found) >= len(sessions)
    return found


_DATAGRAMS = """
import socket
held = []
for _ in range(100):
    try: one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    except OSError: break
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 30)
    one.bind(('127.0.0.1', 0))
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); sender.setblocking(False)
    held.append(one)
    try:
        for _ in range(200): sender.sendto(bytes(60_000), one.getsockname())
    except OSError: pass
"""
_STREAMS = """
import socket
held = []
try:
    door = socket.socket(); door.bind(('127.0.0.1', 0)); door.listen(64)
    for _ in range(60):
        a = socket.socket(); a.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 30)
        a.connect(door.getsockname()); b, _ = door.accept()
        held += [a, b]
        for one in (a, b):
            one.setblocking(False); one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)
            try:
                for _ in range(2000): one.send(bytes(60_000))
            except OSError: pass
except OSError: pass
"""


@pytest.mark.parametrize("code", [_DATAGRAMS, _STREAMS], ids=["datagrams", "streams"])
async def test_what_sockets_hold_is_bounded(session: GuestSession, code: str) -> None:
    """The kernel's own count, which knows no namespaces: all but a few MiB is this session's."""
    before = _socket_bytes()
    assert (await session.execute(code)).status == "ok"
    assert _socket_bytes() - before < 120 * MIB


def _socket_bytes() -> int:
    """Bytes that TCP and UDP hold on this host (proc(5), sockstat)."""
    with open("/proc/net/sockstat", encoding="ascii") as file:
        lines = [line.split() for line in file if " mem " in line]
    pages = sum(int(line[line.index("mem") + 1]) for line in lines if line[0] in {"TCP:", "UDP:"})
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_a_server_of_ones_own_is_reached_by_loopback(
    session: GuestSession, lacks: Mapping[str, str]
) -> None:
    code = """
import http.server, threading, urllib.request
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header('content-length', str(20 << 20)); self.end_headers()
        self.wfile.write(bytes(20 << 20))
    def log_message(self, *a): pass
server = http.server.ThreadingHTTPServer(('localhost', 0), Answer)
threading.Thread(target=server.serve_forever, daemon=True).start()
len(urllib.request.urlopen(f'http://localhost:{server.server_port}/').read())
"""
    execution = await session.execute(code)
    if "loopback" in lacks:
        assert execution.status == "error"
    else:
        assert execution.logs == str(20 << 20)
