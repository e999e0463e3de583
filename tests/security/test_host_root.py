"""A server that is the host's root, and may not give sessions other ids, opens none."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assistd.sandbox.guest.shared import syscalls

_CAP_SETUID = 7
_START = """
import asyncio, os, sys
from pathlib import Path
from assistd.errors import StartupError
from assistd.sandbox.guest.shared import syscalls
from assistd.sandbox.jails import doctor
from tests.sandbox.rig import LIMITS

if sys.argv[3:]:
    syscalls.prctl(syscalls.PR_CAPBSET_DROP, int(sys.argv[3]))
    os.execv(sys.executable, [sys.executable, "-c", os.environ["START"], *sys.argv[1:3]])
found = asyncio.run(doctor.examine(Path(sys.argv[1]), limits=LIMITS, jail=sys.argv[2]))
print("sound" if found.sound else "unsound", found.failure)
"""


_ROOTLESS = """
import os
from assistd.sandbox.guest.shared import syscalls

if os.getuid() == 0:
    os.setresuid(1000, 1000, 1000)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
uid = os.getuid()
syscalls.unshare(syscalls.CLONE_NEWUSER)
with open("/proc/self/uid_map", "w") as file: file.write(f"0 {uid} 1")
print(os.getuid(), syscalls.is_host_root(0), syscalls.is_host_root(65534))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be a root without a right")
@pytest.mark.parametrize("inside", ["auto", "namespaces", "landlock"])
async def test_no_session_is_the_hosts_root(python: Path, inside: str) -> None:
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _START, str(python), inside, str(_CAP_SETUID)],
        cwd=Path(__file__).resolve().parents[2],
        env={"PATH": os.environ["PATH"], "START": _START},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.startswith("unsound the sandbox cannot start"), ran.stdout + ran.stderr
    assert "would have the id of the host's root" in ran.stdout
    assert "run assistd as an ordinary user, or let it keep CAP_" in ran.stdout


async def test_the_hosts_root_is_known_by_whose_the_kernels_settings_are() -> None:
    assert syscalls.is_host_root(0)
    assert not syscalls.is_host_root(65534)
    assert not syscalls.is_host_root(1000)


async def test_the_root_of_a_container_without_root_is_another_user_of_the_host() -> None:
    rootless = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ROOTLESS, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await rootless.communicate()
    assert said == b"0 False False\n"
