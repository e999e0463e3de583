"""The attacks again, in the other jails and as an ordinary user, who owns one id and no privilege."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LONG = pytest.mark.long
REPOSITORY = Path(__file__).resolve().parents[2]
IS_ROOT = os.getuid() == 0
NO_RUNSC = pytest.mark.skipif(
    shutil.which("runsc") is None,
    reason="gVisor's runsc is not installed, and PyPI does not have it",
)


def files(*parts: str, of: str = "security") -> str:
    """Return the files with these parts of the attacks, as words of a command."""
    return " ".join(f"tests/{of}/test_{part}.py" for part in parts)


# By who the server is: root may become both; an ordinary user's own run has the namespaces already.
# The weakest jail always stands against every attack, the others in a short run only against those
# that are over at once.
AT_ONCE = ("escapes", "harvest", "host_root", "persistence", "shared", "stored_bytes", "tenants")
WAITING = ("control", "resources", "rest", "variables")
ROUNDS = [
    ("landlock", "user", files(*AT_ONCE)),
    *(("landlock", "user", files(part)) for part in WAITING),
    *(
        pytest.param(jail, who, files(*parts), marks=marks)
        for jail, who in (("namespaces", "user"), ("landlock", "root"))
        for parts, marks in ((AT_ONCE, ()), (WAITING, LONG))
        if IS_ROOT
    ),
    *(
        ("namespaces", "user", files(part, of="sandbox"))
        for part in ("data", "pool", "snapshots")
        if IS_ROOT
    ),
    ("landlock", "user", files("snapshots", of="sandbox")),
    pytest.param(
        "gvisor",
        "root" if IS_ROOT else "user",
        files("snapshots", of="sandbox"),
        marks=NO_RUNSC,
    ),
    *(
        pytest.param("gvisor", "root" if IS_ROOT else "user", files(part), marks=NO_RUNSC)
        for part in sorted({*AT_ONCE, *WAITING} - {"host_root"})
    ),
]


async def _prefixes(python: Path) -> list[str]:
    code = "import sys; print(sys.prefix); print(sys.base_prefix)"
    asked = await asyncio.to_thread(
        subprocess.run, [python, "-c", code], capture_output=True, text=True, check=True
    )
    return asked.stdout.split()


@pytest.mark.skipif("ASSISTD_TEST_JAIL" in os.environ, reason="this is one of the rounds")
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("inside", "who", "parts"), ROUNDS)
async def test_every_attack_fails_in_every_jail(
    python: Path, inside: str, who: str, parts: str, tmp_path: Path
) -> None:
    os.chmod(tmp_path, 0o777)
    tests = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    command = [*tests, "--timeout", "300", *parts.split()]
    if IS_ROOT and who == "user":
        ways = [str(REPOSITORY), sys.prefix, sys.base_prefix, *await _prefixes(python)]
        command = [sys.executable, "-m", "tests.security.as_ordinary_user", *ways, "--", *command]
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ASSISTD_TEST_PYTHON": str(python),
        "ASSISTD_TEST_JAIL": inside,
    }
    ran = await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-3000:]
    assert " passed" in ran.stdout
