"""Variables that were kept are hostile: only a session of their workspace loads them, and what they do stays inside."""

import os
import pickle
import struct
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from assistd.sandbox.base import HostLostError
from assistd.sandbox.pool.pool import SessionPool
from assistd.sandbox.session.session import GuestSession
from assistd.sandbox.snapshot import Section


def call(code: str) -> bytes:
    """A pickle that runs code when it is loaded."""
    return (
        b"cbuiltins\nexec\n(V"
        + code.encode("raw_unicode_escape").replace(b"\n", b"\\u000a")
        + b"\ntR."
    )


async def restore(session: GuestSession, *pickles: bytes, seconds: float = 10) -> Mapping[str, str]:
    """Have a session load pickles, each as a variable of its own."""
    with tempfile.TemporaryFile() as file:
        sections: list[Section] = []
        for number, data in enumerate(pickles):
            sections.append(Section((f"v{number}",), file.tell(), len(data)))
            file.write(data)
        file.flush()
        return await session.restore(file, sections, seconds)


async def test_code_in_a_pickle_runs_inside_the_walls(session: GuestSession) -> None:
    marker = f"/var/tmp/escaped-{os.getpid()}"
    code = (
        "import builtins, os, socket\n"
        "builtins.found = [os.getpid(), os.path.exists('/root/.ssh'), sorted(os.listdir('/mnt/data'))]\n"
        f"try: open('{marker}', 'w').write('x')\n"
        "except OSError as error: builtins.found.append(type(error).__name__)\n"
        "try: socket.create_connection(('1.1.1.1', 53), 1)\n"
        "except OSError: builtins.found.append('no network')"
    )
    await restore(session, call(code))
    assert not Path(marker).exists()
    shown = (
        await session.execute(
            "import builtins, os; print(builtins.found[0] == os.getpid(), builtins.found[1:])"
        )
    ).logs
    assert shown.startswith("True [False, []")
    assert "no network" in shown


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(600)",
        "while True: pass",
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        "import os; os._exit(1)",
        "import os; os.kill(os.getpid(), 9)",
        "import ctypes; ctypes.string_at(0)",
        "x = []\nwhile True: x.append(bytearray(1 << 24))",
        "import sys; sys.setrecursionlimit(1 << 30)\ndef f(): f()\nf()",
        "import os\nfor fd in range(3, 200):\n try: os.close(fd)\n except OSError: pass",
    ],
)
async def test_a_pickle_that_harms_its_session_ends_in_time_and_costs_no_other(
    session: GuestSession, pool: SessionPool, code: str
) -> None:
    began = time.monotonic()
    try:
        lost = await restore(session, call(code), seconds=3)
        assert set(lost) <= {"v0"}
    except HostLostError:
        assert not session.alive
    assert time.monotonic() - began < 10
    again = await pool.open("after a hostile pickle")
    assert (await again.execute("print(1)")).logs == "1\n"
    await pool.drop("after a hostile pickle")


_TAKE_OVER = """
import os, socket, struct
for fd in range(3, 64):
    try:
        s = socket.socket(fileno=os.dup(fd))
        if s.family == socket.AF_UNIX and s.type & socket.SOCK_STREAM: control = s
    except OSError: pass
def send(kind, number, data):
    control.sendall(struct.pack('>BII', kind, number, len(data)) + data)
"""


@pytest.mark.parametrize(
    "answer",
    [
        "while True: send(27, 7, b'x')",
        "while True: send(27, 0, b'x' * 1_000_000)",
        "send(27, 0, bytes(3 << 20))",
        "send(24, 0, b'x')",
        "control.sendall(bytes([255]) * 100)",
        "send(27, 0, b''); send(27, 0, b''); send(27, 0, b'')",
    ],
)
async def test_answers_of_a_session_that_a_pickle_took_over_are_bounded(
    session: GuestSession, answer: str
) -> None:
    began = time.monotonic()
    try:
        lost = await restore(
            session, call(f"{_TAKE_OVER}\n{answer}"), pickle.dumps({"v1": 1}), seconds=3
        )
    except HostLostError:
        assert not session.alive
    else:
        assert sum(map(len, lost.values())) < 1000
    assert time.monotonic() - began < 10


async def test_damaged_and_truncated_pickles_cost_only_themselves(session: GuestSession) -> None:
    good = pickle.dumps({"v3": 41})
    deep = b"(" * 1_000_000 + b"."
    huge = b"\x8e" + struct.pack("<Q", 1 << 60) + b"x."
    lost = await restore(session, good[:-3], deep, huge, good)
    assert set(lost) == {"v0", "v1", "v2"}
    assert (await session.execute("print(v3 + 1)")).logs == "42\n"
