"""Files that code leaves open: flushed where Python can, else named, and taken home when they are finished."""

import gzip
import io
import os
import shutil
import zipfile
from collections.abc import AsyncGenerator
from typing import cast

import pytest

from assistd.sandbox.base import Changes, JailChoice
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from assistd.sandbox.session.session import GuestSession
from tests.sandbox.rig import LIMITS, content

_JAILS = [
    "auto",
    "landlock",
    "dangerously_unconfined",
    pytest.param(
        "gvisor",
        marks=pytest.mark.skipif(shutil.which("runsc") is None, reason="runsc is not installed"),
    ),
]


@pytest.fixture(scope="module", params=_JAILS)
async def every_pool(request: pytest.FixtureRequest, python: object) -> AsyncGenerator[SessionPool]:
    """A pool of each jail in turn."""
    made = SessionPool(
        python, PoolSettings(limits=LIMITS, jail=cast("JailChoice", request.param), warm=0)
    )  # type: ignore[arg-type]
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def anywhere(
    every_pool: SessionPool, request: pytest.FixtureRequest
) -> AsyncGenerator[GuestSession]:
    """A session in each jail in turn."""
    session = await every_pool.open(request.node.nodeid)
    assert isinstance(session, GuestSession)
    yield session
    await every_pool.drop(request.node.nodeid)


async def _after(session: GuestSession, code: str) -> Changes:
    execution = await session.execute(code)
    assert execution.status == "ok", execution.logs
    return await session.changes()


def _paths(changes: Changes) -> list[str]:
    return [one.path for one in changes.files]


async def test_what_python_holds_back_is_in_the_file_that_is_taken(anywhere: GuestSession) -> None:
    code = (
        "import csv, io\n"
        "f = open('/mnt/data/a.csv', 'w', newline=''); csv.writer(f).writerow(['a', 'b'])\n"
        "b = open('/mnt/data/b.bin', 'wb'); _ = b.write(b'bytes')\n"
        "c = io.TextIOWrapper(open('/mnt/data/c.txt', 'wb')); _ = c.write('text')\n"
        "def writing():\n"
        "    with open('/mnt/data/d.txt', 'w') as d:\n"
        "        d.write('held by a generator')\n"
        "        yield\n"
        "g = writing(); next(g)"
    )
    changes = await _after(anywhere, code)
    assert changes.notes == ()
    assert _paths(changes) == ["a.csv", "b.bin", "c.txt", "d.txt"]
    read = [await content(anywhere, path) for path in _paths(changes)]
    assert read == [b"a,b\r\n", b"bytes", b"text", b"held by a generator"]
    assert await _after(anywhere, "None") == Changes()
    more = await _after(anywhere, "csv.writer(f).writerow([1, 2])\nf.close()")
    assert _paths(more) == ["a.csv"]
    assert await content(anywhere, "a.csv") == b"a,b\r\n1,2\r\n"


UNFINISHED = {
    "z.zip": (
        "import zipfile\nz = zipfile.ZipFile('/mnt/data/z.zip', 'w'); z.writestr('a', 'b' * 99)",
        "is not finished: close it",
    ),
    "z.tar": (
        "import tarfile, sys\nz = tarfile.open('z.tar', 'w'); z.add(sys.executable, 'python')",
        "is not finished: close it",
    ),
    "z.gz": (
        "import gzip\nz = gzip.open('/mnt/data/z.gz', 'wt'); _ = z.write('text')",
        "is not finished: close it",
    ),
    "z.xlsx": (
        "import pandas as pd\nz = pd.ExcelWriter('/mnt/data/z.xlsx'); pd.DataFrame({'a': [1]}).to_excel(z)",
        "is empty: close it",
    ),
    "y.xlsx": (
        "import xlsxwriter\nz = xlsxwriter.Workbook('/mnt/data/y.xlsx'); _ = z.add_worksheet().write(0, 0, 1)",
        "is not written yet: close it",
    ),
    "z.mp4": (
        "import cv2, numpy as np\nv = cv2.VideoWriter('z.mp4', cv2.VideoWriter_fourcc(*'mp4v'), 5, (64, 64))\n"
        "for _ in range(5): v.write(np.zeros((64, 64, 3), 'uint8'))\n"
        "class Z: close = staticmethod(lambda: v.release())\nz = Z",
        "is not finished: close it",
    ),
    "z.pdf": (
        "import matplotlib.pyplot as plt\nfrom matplotlib.backends.backend_pdf import PdfPages\n"
        "z = PdfPages('/mnt/data/z.pdf'); fig = plt.figure(); z.savefig(fig); plt.close(fig)",
        "is not finished: close it",
    ),
    "z.wav": (
        "import wave\nz = wave.open('/mnt/data/z.wav', 'wb'); z.setparams((1, 2, 8000, 0, 'NONE', None))\n"
        "for _ in range(3): z.writeframesraw(bytes(4000))",
        "is not finished: close it",
    ),
    "z.db": (
        "import sqlite3\nz = sqlite3.connect('/mnt/data/z.db'); z.execute('create table t (a)'); z.commit()\n"
        "_ = z.execute('insert into t values (1)')\ndef close(done=z): done.commit(); done.close()\n"
        "class Z: close = staticmethod(close)\nz = Z",
        "is not finished: close it",
    ),
    "empty.txt": ("z = open('/mnt/data/empty.txt', 'w')", "is empty: close it"),
    "raw.bin": (
        "import os\nd = os.open('/mnt/data/raw.bin', os.O_WRONLY | os.O_CREAT); os.write(d, b'x')\n"
        "class Z:\n    close = staticmethod(lambda: os.close(d))\nz = Z",
        "is not finished: close it",
    ),
}


@pytest.mark.parametrize("path", UNFINISHED)
async def test_what_is_not_finished_is_named_and_comes_when_it_is_closed(
    anywhere: GuestSession, path: str
) -> None:
    code, words = UNFINISHED[path]
    changes = await _after(anywhere, f"{code}; None")
    assert changes.notes == (f"Not given to the user yet: /mnt/data/{path} {words}",)
    assert _paths(changes) == []
    assert await _after(anywhere, "1 + 1") == Changes()  # told once
    changes = await _after(anywhere, "z.close()")
    assert (_paths(changes), changes.notes) == ([path], ())


async def test_a_database_without_a_transaction_is_finished(anywhere: GuestSession) -> None:
    code = "import sqlite3\ndb = sqlite3.connect('/mnt/data/x.db'); db.execute('create table t (a)'); db.commit()"
    changes = await _after(anywhere, code)
    assert (_paths(changes), changes.notes) == (["x.db"], ())


async def test_an_open_hdf5_file_is_whole_also_when_only_a_dataset_is_left_of_it(
    anywhere: GuestSession,
) -> None:
    code = "import h5py, numpy as np\nd = h5py.File('x.h5', 'w').create_dataset('d', data=np.arange(9999))"
    changes = await _after(anywhere, code)
    assert (_paths(changes), changes.notes) == (["x.h5"], ())
    taken = await content(anywhere, "x.h5")
    await anywhere.execute(
        f"import io\nraw = open('/mnt/data/x.h5', 'rb').read(); n = len(raw) == {len(taken)}"
    )
    assert (await anywhere.execute("print(n, h5py.File(io.BytesIO(raw))['d'][-1])")).logs == (
        "True 9998\n"
    )


async def test_a_finished_file_that_is_open_for_more_comes_as_far_as_it_is(
    anywhere: GuestSession,
) -> None:
    await _after(anywhere, "open('/mnt/data/log.txt', 'w').write('one\\n')")
    changes = await _after(anywhere, "f = open('/mnt/data/log.txt', 'a'); _ = f.write('two\\n')")
    assert (_paths(changes), changes.notes) == (["log.txt"], ())
    assert await content(anywhere, "log.txt") == b"one\ntwo\n"
    assert await _after(anywhere, "None") == Changes()


async def test_a_finished_archive_that_is_being_written_anew_stays_as_it_was_told(
    anywhere: GuestSession,
) -> None:
    code = "import zipfile\nz = zipfile.ZipFile('/mnt/data/z.zip', 'w'); z.writestr('a', 'b')"
    assert _paths(await _after(anywhere, f"{code}; z.close()")) == ["z.zip"]
    assert _paths(await _after(anywhere, code)) == []
    assert _paths(await _after(anywhere, "z.close()")) == ["z.zip"]
    assert zipfile.ZipFile(io.BytesIO(await content(anywhere, "z.zip"))).namelist() == ["a"]


async def test_a_file_without_room_is_told(session: GuestSession) -> None:
    code = (
        "f = open('/mnt/data/f.txt', 'w', buffering=1 << 20); _ = f.write('x' * 500_000)\n"
        "with open('/mnt/data/fill', 'wb', 0) as fill:\n"
        "    try:\n"
        "        while fill.write(bytes(1 << 16)): pass\n"
        "    except OSError: pass"
    )
    changes = await _after(session, code)
    assert _paths(changes) == ["fill"]
    assert "/mnt/data/f.txt" in changes.notes[0]


async def test_hostile_writers_harm_only_themselves(anywhere: GuestSession) -> None:
    code = """
import io
class Meta(type(io.StringIO)):
    def __hash__(self): raise RuntimeError
    def __eq__(self, other): raise RuntimeError
    def __instancecheck__(self, other): raise RuntimeError
class Liar(io.StringIO, metaclass=Meta):
    __class__ = property(lambda self: 1 / 0)
    closed = property(lambda self: 1 / 0)
    def fileno(self): raise SystemExit(3)
    def flush(self): raise MemoryError
class Broken(io.FileIO):
    def flush(self): raise RuntimeError
liars = [Liar(), Broken('broken', 'w')]
good = open('/mnt/data/good', 'w'); _ = good.write('good')
liars[1].write(b'x'); None
"""
    changes = await _after(anywhere, code)
    assert "good" in _paths(changes)
    assert await content(anywhere, "good") == b"good"
    assert (await anywhere.execute("print(1)")).logs == "1\n"


async def test_a_flush_that_hangs_is_interrupted(
    session: GuestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistd.sandbox.session.session._FLUSH_SECONDS", 0.5)
    code = (
        "import io, time\n"
        "class Slow(io.FileIO):\n    def flush(self): time.sleep(60)\n"
        "f = Slow('/mnt/data/slow', 'w'); f.write(b'x'); None"
    )
    changes = await _after(session, code)
    assert _paths(changes) == []
    assert "/mnt/data/slow is not finished" in changes.notes[0]
    assert (await session.execute("print(type(f).__name__)")).logs == "Slow\n"


async def test_what_a_thread_prints_while_files_are_flushed_comes_with_the_next_call(
    session: GuestSession,
) -> None:
    code = (
        "import io, sys\n"
        "class Loud(io.FileIO):\n    def flush(self): print('flushed')\n"
        "f = Loud('/mnt/data/loud', 'w'); f.write(b'x'); None"
    )
    await _after(session, code)
    assert (await session.execute("print('next')")).logs == "flushed\nnext\n"


async def test_a_file_that_a_background_program_writes_comes_when_it_is_whole(
    session: GuestSession,
) -> None:
    code = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-c', '''\n"
        "import sys, zipfile\n"
        'z = zipfile.ZipFile("/mnt/data/z.zip", "w"); z.writestr("a", "b" * 99)\n'
        'z.fp.flush(); print("begun", flush=True); sys.stdin.readline(); z.close()\n'
        "'''], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)\n"
        "print(p.stdout.readline())"
    )
    changes = await _after(session, code)
    assert (_paths(changes), changes.notes) == (
        [],
        ("Not given to the user yet: /mnt/data/z.zip is not finished: close it",),
    )
    assert _paths(await _after(session, "p.communicate('go\\n'); None")) == ["z.zip"]


async def test_a_failed_call_gives_away_nothing_half_written(session: GuestSession) -> None:
    code = (
        "import pandas as pd\n"
        "pd.DataFrame({'a': [1]}).to_csv('/mnt/data/good.csv')\n"
        "open('/mnt/data/empty.txt', 'w').close()\n"
        "open('/mnt/data/cut.png', 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n' + bytes(50))\n"
        "open('/mnt/data/a.mp4', 'wb').write(b'\\0\\0\\0\\x10ftypisom' + bytes(4))\n"
        "pd.DataFrame({'t': [pd.Timestamp('2020-01-01', tz='UTC')]}).to_excel('/mnt/data/a.xlsx')"
    )
    assert (await session.execute(code)).status == "error"
    changes = await session.changes()
    assert _paths(changes) == ["good.csv"]
    assert changes.notes == (
        "Not given to the user, for the call failed: /mnt/data/a.mp4 is cut off; "
        "/mnt/data/a.xlsx was being written when the error came; /mnt/data/cut.png is cut off; "
        "/mnt/data/empty.txt is empty",
    )
    assert await _after(session, "None") == Changes()
    await session.execute("open('/mnt/data/empty.txt', 'w').write('x')")
    assert _paths(await session.changes()) == ["empty.txt"]


async def test_in_a_call_that_ended_well_an_empty_file_is_a_file(session: GuestSession) -> None:
    assert _paths(await _after(session, "open('/mnt/data/flag', 'w').close()")) == ["flag"]


async def test_a_compressed_file_comes_whole(session: GuestSession) -> None:
    await _after(
        session, "import gzip\nz = gzip.open('/mnt/data/z.gz', 'wt'); _ = z.write('t' * 9999)"
    )
    await _after(session, "z.close()")
    assert gzip.decompress(await content(session, "z.gz")) == b"t" * 9999


@pytest.mark.parametrize(
    "listing",
    [
        "sorted(os.listdir('/mnt/data'))",
        "sorted(os.listdir(b'/mnt/data'))",
        "sorted(os.listdir())",
        "sorted(e.name for e in os.scandir('/mnt/data'))",
        "sorted(os.path.basename(p) for p in glob.glob('/mnt/data/*'))",
        "sorted(os.path.basename(p) for p in glob.glob('/mnt/data/**', recursive=True) if not p.endswith('/'))",
        "sorted(n for _, _, names in os.walk('/mnt/data') for n in names)",
        "sorted(p.name for p in pathlib.Path('/mnt/data').iterdir())",
        "sorted(p.name for p in pathlib.Path('/mnt/data').glob('*'))",
        "sorted(p.name for p in pathlib.Path('/mnt/data').rglob('*'))",
        "sorted(os.listdir(shutil.copytree('/mnt/data', tempfile.mkdtemp() + '/c')))",
    ],
)
async def test_listings_show_a_file_once_after_code_named_its_id(
    anywhere: GuestSession, listing: str
) -> None:
    async def chunks() -> AsyncGenerator[bytes]:
        yield b"a\n1\n"

    await anywhere.put("x.csv", chunks(), aliases=["file-abc"])
    await anywhere.put("y.csv", chunks(), aliases=["file-def"])
    names = "import os, glob, pathlib, shutil, tempfile\nids = ['file-abc', 'file-def']\n"
    opened = await anywhere.execute(
        f"{names}print([open(f'/mnt/data/{{one}}').read() for one in ids])"
    )
    assert opened.logs == "['a\\n1\\n', 'a\\n1\\n']\n"
    wanted = [b"x.csv", b"y.csv"] if "b'" in listing else ["x.csv", "y.csv"]
    assert (await anywhere.execute(f"print({listing})")).logs == f"{wanted}\n"
    later = await anywhere.execute("print([len(open(f'/mnt/data/{one}').read()) for one in ids])")
    assert later.logs == "[4, 4]\n"
    assert await anywhere.changes() == Changes()


async def test_an_id_that_is_named_opens_in_libraries_and_programs(anywhere: GuestSession) -> None:
    async def chunks() -> AsyncGenerator[bytes]:
        yield b"a\n1\n"

    await anywhere.put("x.csv", chunks(), aliases=["file-abc"])
    listed = await anywhere.execute("!ls /mnt/data")
    assert listed.logs.split() == ["x.csv"]
    assert (await anywhere.execute("!cat /mnt/data/file-abc")).logs.split() == ["a", "1"]
    code = "with open('/mnt/data/file-abc', 'a') as f: f.write('2')"
    assert [one.path for one in (await _after(anywhere, code)).files] == ["x.csv"]


async def test_c_libraries_open_the_id(session: GuestSession) -> None:
    png = (
        await session.execute(
            "import cv2, numpy as np; cv2.imwrite('p.png', np.zeros((3, 4), 'uint8'))"
        )
    ).status
    assert png == "ok"
    picture = await content(session, "p.png")

    async def chunks() -> AsyncGenerator[bytes]:
        yield picture

    await session.put("q.png", chunks(), aliases=["file-pic"])
    assert (await session.execute("print(cv2.imread('/mnt/data/file-pic').shape)")).logs == (
        "(3, 4, 3)\n"
    )


async def test_code_may_list_a_link_of_its_own_that_looks_like_an_id(session: GuestSession) -> None:
    code = "import os\nos.symlink('x', 'file-zzz'); print(os.listdir())"
    assert (await session.execute(code)).logs == "['file-zzz']\n"
    assert not os.path.exists("file-zzz")
