"""What sessions share, for they are one user of the host or read the same files: none may stop another."""

import os
from collections.abc import Mapping

import pytest

from assistd.sandbox.pool.pool import SessionPool
from assistd.sandbox.session.session import GuestSession

# Whether what the host's kernel counts for a user is counted for each session alone.
APART = os.getuid() == 0

_HOLD_IN_FLIGHT = """
import array, os, socket
held, descriptors = [], [os.dup(0) for _ in range(100)]
for _ in range(4):
    pair = socket.socketpair()
    held += pair
    pair[0].setblocking(False)
    try:
        for _ in range(20): pair[0].sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))])
    except OSError as error: print(error.errno)
"""
_SEND_ONE = """
import array, errno, os, socket
a, b = socket.socketpair()
try: a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))]); print("sent")
except OSError as error: print(errno.errorcode[error.errno])
"""
_LOCK = """
import fcntl, os
shared, own = open(os.__file__), open("own", "w")
for file in (shared, own): fcntl.flock(file, fcntl.LOCK_EX)
"""
_TRY_LOCKS = """
import errno, fcntl, os
shared, own, record = open(os.__file__), open("own", "w"), open("record", "w")
fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
fcntl.lockf(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
try: fcntl.flock(shared, fcntl.LOCK_EX | fcntl.LOCK_NB); print("absent")
except BlockingIOError: print("ESCAPED")
"""
_FILL_PIPES = """
import fcntl, os
pipes = [os.pipe() for _ in range(70)]
for end, _ in pipes:
    try: fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, 1 << 20)
    except OSError as error: print(error)
pipes += [os.pipe() for _ in range(40)]  # what is left between the last of 1 MiB and the bound
"""
_MEASURE_PIPE = "import fcntl, os\nfcntl.fcntl(os.pipe()[0], fcntl.F_GETPIPE_SZ)"
_WATCH_MUCH = """
import os, select
files, polls = [os.eventfd(0) for _ in range(100)], [select.epoll() for _ in range(100)]
for poll in polls:
    for file in files: poll.register(file)
print("ESCAPED", len(files) * len(polls))
"""


@pytest.fixture
def shares_kernel(lacks: Mapping[str, str]) -> None:
    """Skips where each project has a kernel of its own, whose counts the host does not see."""
    if "host namespaces" in lacks:
        pytest.skip(lacks["host namespaces"])


async def test_descriptors_in_flight_keep_no_session_from_starting(
    pool: SessionPool, session: GuestSession
) -> None:
    assert (await session.execute(_HOLD_IN_FLIGHT)).status == "ok"
    for number in range(3):  # more than wait warm
        opened = await pool.open(f"started late {number}")
        assert (await opened.execute("1 + 1")).logs == "2"
    for number in range(3):
        await pool.drop(f"started late {number}")
    assert session.alive


@pytest.mark.usefixtures("shares_kernel")
async def test_descriptors_in_flight_count_for_all_sessions_of_one_user(
    pool: SessionPool, session: GuestSession, lacks: Mapping[str, str]
) -> None:
    await session.execute(_HOLD_IN_FLIGHT)
    other = await pool.open("other")
    answer = (await other.execute(_SEND_ONE)).logs.strip()
    await pool.drop("other")
    if "descriptors in flight" not in lacks:
        assert answer == "EPERM"  # nobody may send any
    else:
        assert answer == ("sent" if APART else "ETOOMANYREFS")


@pytest.mark.usefixtures("shares_kernel")
async def test_locks_on_own_files_stay_inside_and_those_on_shared_ones_are_seen(
    pool: SessionPool, session: GuestSession, lacks: Mapping[str, str]
) -> None:
    other = await pool.open("other")
    assert (await other.execute(_LOCK)).status == "ok"
    execution = await session.execute(_TRY_LOCKS)
    await pool.drop("other")
    assert execution.status == "ok", execution.logs
    assert ("ESCAPED" in execution.logs) == ("locks" in lacks)


@pytest.mark.usefixtures("shares_kernel")
async def test_pipes_of_one_user_grow_small_and_go_on(
    pool: SessionPool, session: GuestSession, lacks: Mapping[str, str]
) -> None:
    assert "pipes" in lacks
    assert (await session.execute(_FILL_PIPES)).status == "ok"
    other = await pool.open("other")
    size = int((await other.execute(_MEASURE_PIPE)).logs)
    written = await other.execute("print('x' * 30_000)")
    await pool.drop("other")
    assert size == 1 << 16 if APART else size < 1 << 16
    assert written.logs == "x" * 30_000 + "\n"


@pytest.mark.usefixtures("shares_kernel")
async def test_watches_of_epoll_have_no_limit_of_their_own(
    session: GuestSession, lacks: Mapping[str, str]
) -> None:
    assert ("ESCAPED" in (await session.execute(_WATCH_MUCH)).logs) == ("watches" in lacks)
