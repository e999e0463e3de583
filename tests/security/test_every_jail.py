"""The attacks again, in the other jails and as an ordinary user, who owns one id and no privilege."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
IS_ROOT = os.getuid() == 0
NO_RUNSC = pytest.mark.skipif(
    shutil.which("runsc") is None,
    reason="gVisor's runsc is not installed, and PyPI does not have it",
)
# By who the server is: root may become both; an ordinary user's own run has the namespaces already.
ROUNDS = [
    *([("namespaces", "user", "security"), ("landlock", "root", "security")] if IS_ROOT else []),
    ("landlock", "user", "security"),
    *(("namespaces", "user", f"sandbox/test_{part}.py") for part in ("data", "pool") if IS_ROOT),
    *(
        pytest.param(
            "gvisor", "root" if IS_ROOT else "user", f"security/test_{part}.py", marks=NO_RUNSC
        )
        for part in (
            "control",
            "escapes",
            "harvest",
            "persistence",
            "resources",
            "rest",
            "shared",
            "stored_bytes",
            "tenants",
        )
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
@pytest.mark.parametrize(("inside", "who", "part"), ROUNDS)
async def test_every_attack_fails_in_every_jail(
    python: Path, inside: str, who: str, part: str, tmp_path: Path
) -> None:
    os.chmod(tmp_path, 0o777)
    tests = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    tests += ["--timeout", "300"] if inside == "gvisor" else []
    command = [*tests, f"tests/{part}"]
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
