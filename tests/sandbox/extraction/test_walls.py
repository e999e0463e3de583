"""A document that takes its reader over reaches nothing, whatever the host grants."""

import asyncio
import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from assistd.sandbox.extraction import check
from assistd.sandbox.guest.shared import syscalls
from assistd.sandbox.guest.shared.document import Order

ROOT = Path(__file__).parents[3]
ONLY_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
_SETUID, _SYS_ADMIN = 7, 21
_EXTRACT = """
import asyncio
from assistd.sandbox.extraction.extractor import JailedExtractor, find_library
from tests.sandbox.extraction import documents

async def main():
    extractor = JailedExtractor(library=find_library())
    found = await extractor.extract("a.pdf", documents.pdf(["one 一", "two 二"]))
    print(*found.text.split())

asyncio.run(main())
"""

_CHECK = """
import asyncio
from assistd.sandbox.extraction.check import find_obstacle
print(asyncio.run(find_obstacle(confined=True)))
"""


def _grant_no_namespaces() -> None:
    """Be the root of a container, as it is by default."""
    syscalls.prctl(syscalls.PR_CAPBSET_DROP, _SYS_ADMIN)


def _order(folder: str, *, confined: bool) -> str:
    order = Order(
        mime="application/pdf",
        has_pages=True,
        size=0,
        folder=folder,
        uid=7,
        memory_bytes=1 << 30,
        seconds=60,
        text_bytes=1,
        confined=confined,
    )
    return order.pack()


def _as_user() -> tuple[str, ...]:
    ways = sorted({sys.prefix, sys.base_prefix, str(ROOT)})
    return (sys.executable, "-m", "tests.security.as_ordinary_user", *ways, "--")


async def _attack(
    *, confined: bool, first: tuple[str, ...] = (), before: Callable[[], None] | None = None
) -> tuple[set[str], int]:
    """Return the attempts that succeeded, and how many there were."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as server:
        os.chmod(folder, 0o777)
        attacker = await asyncio.create_subprocess_exec(
            *first,
            sys.executable,
            "-m",
            "tests.sandbox.extraction.attacks",
            _order(folder, confined=confined),
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "ATTACKED_PORT": str(server.getsockname()[1])},
            stdout=asyncio.subprocess.PIPE,
            preexec_fn=before,
        )
        said, _ = await attacker.communicate()
    found, count = json.loads(said)
    return set(found), count


async def test_without_walls_the_attempts_succeed() -> None:
    found, count = await _attack(confined=False)
    alone = {each for each in found if not each.endswith("in a thread")}
    assert count - len(alone) <= 2, alone  # of a server without rights


async def test_nothing_succeeds_behind_the_walls() -> None:
    found, count = await _attack(confined=True)
    assert (found, count > 15) == (set(), True)


@ONLY_ROOT
async def test_nothing_succeeds_where_the_host_refuses_namespaces() -> None:
    found, _ = await _attack(confined=True, before=_grant_no_namespaces)
    assert not found


@ONLY_ROOT
async def test_nothing_succeeds_for_an_ordinary_user() -> None:
    found, _ = await _attack(confined=True, first=_as_user())
    assert not found


@ONLY_ROOT
@pytest.mark.parametrize("who", ["root without namespaces", "ordinary user"])
async def test_documents_are_read_whatever_the_host_grants(who: str, tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o777)
    is_user = who == "ordinary user"
    ran = await asyncio.create_subprocess_exec(
        *(_as_user() if is_user else ()),
        *(sys.executable, "-c", _EXTRACT),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path) if not is_user else "/tmp"},
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=None if is_user else _grant_no_namespaces,
    )
    said, _ = await ran.communicate()
    assert said.decode() == "one 一 two 二\n"


async def test_the_doctor_knows_whether_documents_can_be_read() -> None:
    assert await check.find_obstacle(confined=True) is None
    silent = await check.find_obstacle(confined=True, python="/bin/false")
    assert silent == "it ended without a word"
    assert "/nowhere does not start" in str(
        await check.find_obstacle(confined=True, python="/nowhere")
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be a root without a right")
async def test_no_reader_is_the_hosts_root() -> None:
    ran = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _CHECK),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=lambda: syscalls.prctl(syscalls.PR_CAPBSET_DROP, _SETUID),
    )
    said, _ = await ran.communicate()
    assert b"would have the id of the host's root" in said
