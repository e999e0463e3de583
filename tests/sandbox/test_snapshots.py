"""Snapshots: what a session kept of its variables stands in a later one."""

import asyncio
import tempfile
import textwrap
from collections.abc import Mapping

import pytest

from assistd.sandbox.base import HostLostError
from assistd.sandbox.pool.pool import SessionPool
from assistd.sandbox.session.session import GuestSession
from assistd.sandbox.snapshot import MOST_NAMES, SavedSession
from assistd.units import MIB
from tests.sandbox.kinds import KINDS, Kind

pytestmark = pytest.mark.anyio


async def pass_on(
    pool: SessionPool,
    key: str,
    *cells: str,
    most_bytes: int = 64 * MIB,
    seconds: float = 30,
    pause: float = 0,
) -> tuple[GuestSession, SavedSession, dict[str, str]]:
    """Run cells in a session, and return a new one that has its variables."""
    first = await pool.open(key)
    assert isinstance(first, GuestSession)
    for cell in cells:
        done = await first.execute(cell)
        assert done.status == "ok", done.logs
    await asyncio.sleep(pause)
    with tempfile.TemporaryFile() as file:
        kept = await first.save(file, most_bytes, seconds)
        await pool.drop(key)
        second = await pool.open(key)
        assert isinstance(second, GuestSession)
        lost = dict(await second.restore(file, kept.sections, seconds))
    return second, kept, lost


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_what_people_keep_is_back_equal_or_named(
    pool: SessionPool, kind: Kind, lacks: Mapping[str, str]
) -> None:
    if kind.name == "socket" and "loopback" in lacks:
        pytest.skip("there are no sockets in this jail")
    key = f"kind {kind.name}"
    session, kept, lost = await pass_on(pool, key, kind.make)
    assert not lost
    assert ("x" in kept.left) is not kind.is_kept
    assert ("x" in kept.names) is kind.is_kept
    done = await session.execute(f"print(bool({kind.check}))")
    assert done.logs.endswith("True\n")  # a library may warn of what its jail lacks
    await pool.drop(key)


async def show(session: GuestSession, expression: str) -> str:
    """What an expression is in a session."""
    return (await session.execute(f"print({expression})")).logs.removesuffix("\n")


async def test_what_variables_share_they_share_afterwards(pool: SessionPool) -> None:
    session, _, _ = await pass_on(
        pool,
        "shared",
        "a = [1]\nb = {'a': a}\nc = (a, 2)\nimport numpy as np\nm = np.zeros(3)\nn = [m]\nother = [1]",
    )
    assert (
        await show(session, "b['a'] is a, c[0] is a, n[0] is m, other is a")
        == "True True True False"
    )
    await pool.drop("shared")


async def test_functions_see_the_variables_of_the_new_session(pool: SessionPool) -> None:
    session, kept, _ = await pass_on(
        pool,
        "globals",
        "import pandas as pd\ndf = pd.DataFrame({'a': range(300_000)})",
        "def total():\n    return int(df.a.sum()) + extra()\ndef extra():\n    return 1\ncalls = {'t': total}",
    )
    assert sum(s.size for s in kept.sections if "total" in s.names) < 10_000
    await session.execute("df = df.head(3)\ndef extra():\n    return 7")
    assert await show(session, "total(), calls['t'] is total") == "10 True"
    await pool.drop("globals")


async def test_code_of_another_python_is_left_and_costs_nothing_else(pool: SessionPool) -> None:
    session, _, lost = await pass_on(
        pool,
        "another python",
        "import importlib.util\nimportlib.util.MAGIC_NUMBER = b'1234'\n"
        "def f():\n    return 1\ng = lambda: 2\nclass Pair:\n    def hi(self):\n        return 3\n"
        "pair, kept = Pair(), {'a': [4]}",
    )
    assert set(lost) == {"f", "g", "Pair", "pair"}
    assert all("another version of Python" in why for why in lost.values())
    assert await show(session, "kept") == "{'a': [4]}"
    await pool.drop("another python")


async def test_folder_random_states_and_options_are_as_they_were(pool: SessionPool) -> None:
    session, _, _ = await pass_on(
        pool,
        "state",
        "import os, random, numpy as np, pandas as pd, matplotlib as mpl\n"
        "os.makedirs('sub'); os.makedirs('/tmp/w', exist_ok=True); os.chdir('/tmp')\n"
        "random.seed(1); np.random.seed(2); random.random(); np.random.rand()\n"
        "pd.set_option('display.max_rows', 7); np.set_printoptions(precision=2)\n"
        "mpl.rcParams['figure.dpi'] = 77\n"
        "import copy\nr = random.Random(); r.setstate(random.getstate())\n"
        "g = np.random.RandomState(); g.set_state(np.random.get_state())",
    )
    told = await show(
        session,
        "os.getcwd(), random.random() == r.random(), np.random.rand() == g.rand(), "
        "pd.get_option('display.max_rows'), np.array([1 / 3]), mpl.rcParams['figure.dpi']",
    )
    assert told == "/tmp True True 7 [0.33] 77.0"
    await pool.drop("state")


async def test_what_is_too_large_is_left_out_by_name_and_costs_nothing_else(
    pool: SessionPool,
) -> None:
    session, kept, _ = await pass_on(
        pool,
        "large",
        "import numpy as np\nlarge = np.zeros(1_000_000)\nsmall = np.zeros(1000)\ntext = 'a'",
        most_bytes=2 * MIB,
    )
    assert list(kept.left) == ["large"]
    assert "larger" in kept.left["large"]
    assert kept.size <= 2 * MIB
    assert await show(session, "len(small), text, 'large' in globals()") == "1000 a False"
    await pool.drop("large")


async def test_a_variable_that_takes_for_ever_costs_only_what_comes_after_it(
    pool: SessionPool,
) -> None:
    _, kept, _ = await pass_on(
        pool,
        "slow",
        "import time\nclass Slow:\n    def __reduce__(self):\n        time.sleep(600)\nfast = 1\n",
        "slow = [Slow()] * 3",
        seconds=1,
    )
    assert "fast" in kept.names
    assert "slow" not in kept.names
    await pool.drop("slow")


async def test_objects_that_raise_or_lie_cost_only_themselves(pool: SessionPool) -> None:
    session, kept, lost = await pass_on(
        pool,
        "hostile",
        "class Raises:\n    def __reduce__(self):\n        raise SystemExit(3)\n"
        "def explode():\n    raise SystemExit(4)\n"
        "class Late:\n    def __reduce__(self):\n        return explode, ()\n"
        "class Sized:\n    def __len__(self):\n        raise MemoryError\n"
        "deep = []\nfor _ in range(100_000):\n    deep = [deep]\n"
        "a, b, c, good = Raises(), Late(), Sized(), 5\n"
        "globals()['no name'] = 1",
    )
    assert set(kept.left) == {"a", "deep"}
    assert set(lost) == {"b", "explode"}  # which b holds
    assert await show(session, "good, 'b' in globals(), type(c).__name__") == "5 False Sized"
    await pool.drop("hostile")


async def test_a_session_that_ended_has_nothing_to_keep_and_is_not_waited_for(
    pool: SessionPool,
) -> None:
    session = await pool.open("over")
    assert isinstance(session, GuestSession)
    await session.execute("import os; os._exit(1)")
    with tempfile.TemporaryFile() as file, pytest.raises(HostLostError):
        await session.save(file, MIB, 5)
    await pool.drop("over")


async def test_whoever_waits_no_more_for_variables_leaves_a_session_that_goes_on(
    pool: SessionPool,
) -> None:
    session = await pool.open("cancelled")
    assert isinstance(session, GuestSession)
    await session.execute(
        "import time\nclass Slow:\n    def __reduce__(self):\n        time.sleep(60)\nfast, slow = 1, Slow()"
    )
    with tempfile.TemporaryFile() as file:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await session.save(file, MIB, 60)
        assert (await session.execute("del slow; print(fast)")).logs == "1\n"
        saved = await session.save(file, MIB, 30)
    assert saved.is_whole
    await pool.drop("cancelled")


async def test_what_threads_show_between_calls_costs_no_variable(pool: SessionPool) -> None:
    session, kept, _ = await pass_on(
        pool,
        "shows",
        "import threading, time\n"
        "def show():\n    time.sleep(0.3)\n    for n in range(50): display(n)\n"
        "thread = threading.Thread(target=show); thread.start(); x = 5",
        "None",
        pause=0.6,
    )
    assert kept.is_whole
    assert await show(session, "x") == "5"
    await pool.drop("shows")


@pytest.mark.parametrize(
    ("what", "cell"),
    [
        ("endless sections", "while True: send(24, 0, b'x' * 1000)"),
        ("one name ever again", "while True: send(25, 0, bytes(1).join([b'a'] * 9_000))"),
        ("endless names", "while True: send(25, 0, b'a' + str(i := i + 1).encode())"),
        ("no answer", "import time\ntime.sleep(600)"),
        ("a name that is no text", "send(25, 0, bytes([255]))"),
        ("a name that moves the cursor", "send(25, 0, b'a' + bytes([27]) + b'[2J')"),
        ("a name that is long", "send(25, 0, b'a' * 201)"),
        (
            "reasons without end",
            "while True: send(26, 0, str(i := i + 1).encode() + bytes(1) + b'y' * 500_000)",
        ),
        ("a frame too large", "send(24, 0, bytes(3 << 20))"),
        ("a frame out of turn", "send(27, 1, b'x')"),
        ("nothing", "import os\nos._exit(0)"),
    ],
)
async def test_a_session_that_breaks_the_protocol_is_cut_off(
    pool: SessionPool, what: str, cell: str
) -> None:
    session = await pool.open(what)
    assert isinstance(session, GuestSession)
    await session.execute("good = 1")
    await session.execute(_TAKE_OVER + f"def answer():\n    i = 0\n{textwrap.indent(cell, '    ')}")
    with tempfile.TemporaryFile() as file:
        kept = await session.save(file, MIB, 2)
        assert not kept.is_whole
        assert kept.size <= 2 * MIB
        assert len(kept.names) <= MOST_NAMES
        assert file.seek(0, 2) <= 2 * MIB
    await pool.drop(what)


# Code has all that the kernel has: it may speak in its place.
_TAKE_OVER = """
import socket, stat, os, struct
for fd in range(3, 64):
    try:
        s = socket.socket(fileno=os.dup(fd))
        if s.family == socket.AF_UNIX and s.type & socket.SOCK_STREAM: control = s
    except OSError: pass
def send(kind, number, data):
    control.sendall(struct.pack('>BII', kind, number, len(data)) + data)
import assistd.sandbox.guest.kernel.snapshot as _s
def _save(*_): answer()
_s.save = _save
"""
