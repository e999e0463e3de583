"""What tests of the sandbox stand on: a pool of real sessions, and a look at what is left behind."""

import contextlib
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from assistd.sandbox.base import MIB, Execution, JailChoice, Limits, Logs, Picture
from assistd.sandbox.environments import environment
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from assistd.sandbox.session.session import GuestSession
from assistd.sandbox.zygote import client, process_handle
from assistd.sandbox.zygote.lowerdir import lower_folders
from assistd.settings import Settings

FORMATS = Path(__file__).with_name("formats")  # files that other programs made

LIMITS = Limits(
    call_seconds=20,
    interrupt_grace_seconds=2,  # the default: a busy machine needs it
    memory_bytes=300 * MIB,
    processes=40,
    open_files=256,
    data_bytes=48 * MIB,
    data_inodes=2000,
    tmp_bytes=24 * MIB,
    output_bytes=64 << 10,
    pictures=4,
    picture_bytes=4 * MIB,
    picture_pixels=3_000_000,
    tmp_inodes=1000,
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """One loop for the whole session, so that tests share a pool and its warm zygote."""
    return "asyncio"


@pytest.fixture(scope="session")
def python() -> Path:
    """The interpreter of the interpreter environment."""
    if named := os.environ.get("ASSISTD_TEST_PYTHON"):
        return Path(named)
    standing = environment.find(Settings().cache_dir)
    if standing is None:
        pytest.fail("there is no interpreter environment yet: run `make env`")
    return standing.python


@pytest.fixture(scope="session")
def jail() -> JailChoice:
    """The walls that the tests of this process stand in."""
    return cast("JailChoice", os.environ.get("ASSISTD_TEST_JAIL", "auto"))


@pytest.fixture(scope="session")
async def pool(
    python: Path, jail: JailChoice, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[SessionPool]:
    """A pool whose sessions have small limits; tests open sessions under keys of their own.

    On a machine that is busy with everything else, a zygote may be long in starting.
    """
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(client, "_START_SECONDS", 200.0)
    monkeypatch.setattr(process_handle, "_OPEN_SECONDS", 60.0)
    with lower_folders(tmp_path_factory.mktemp("lowers")) as lowers:
        shared = SessionPool(
            python, PoolSettings(limits=LIMITS, jail=jail, max_sessions=50, warm=1, lowers=lowers)
        )
        await shared.start()
        yield shared
        await shared.close()
    monkeypatch.undo()


@pytest.fixture(scope="session")
def lacks(pool: SessionPool) -> Mapping[str, str]:
    """What the jail of these tests cannot give, by name."""
    [jail] = pool._warm_pools.all[0]._jails  # chosen by the first start
    return jail.limitations


@pytest.fixture
async def session(
    pool: SessionPool, request: pytest.FixtureRequest
) -> AsyncGenerator[GuestSession]:
    """A fresh session of this test alone."""
    key = request.node.nodeid
    opened = await pool.open(key)
    assert isinstance(opened, GuestSession)
    yield opened
    await pool.drop(key)


def logs_of(execution: Execution, name: str) -> str:
    """The text of the outputs called `name`."""
    outputs = execution.outputs
    return "".join(one.text for one in outputs if isinstance(one, Logs) and one.name == name)


def pictures_of(execution: Execution) -> list[bytes]:
    """The pictures, as bytes of PNGs."""
    return [one.data for one in execution.outputs if isinstance(one, Picture)]


async def once(data: bytes) -> AsyncIterator[bytes]:
    """A stream of one chunk."""
    yield data


async def content(session: GuestSession, path: str) -> bytes:
    """A file below /mnt/data, whole."""
    return b"".join([chunk async for chunk in session.read(path)])


def processes_below(pid: int) -> set[int]:
    """Every process that descends from `pid`."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = Path(f"/proc/{name}/stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(name)] = int(parent)
    found: set[int] = set()
    grown = {pid}
    while grown:
        grown = {child for child, parent in parents.items() if parent in grown} - found
        found |= grown
    return found


def processes_that_name(text: str) -> set[int]:
    """Every process below this one whose command line holds `text`.

    What else is below a worker of the tests comes and goes: it may share a pool and servers, too.
    """
    found: set[int] = set()
    for pid in processes_below(os.getpid()):
        with contextlib.suppress(OSError):
            if text.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(pid)
    return found


def host_mounts() -> set[str]:
    """The places where something is mounted on this host."""
    return set(re.findall(r"^(?:\S+ ){4}(\S+)", Path("/proc/self/mountinfo").read_text(), re.M))
