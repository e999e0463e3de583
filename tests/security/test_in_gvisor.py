"""The attacks again, in the jail `gvisor`."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = ["control", "escapes", "harvest", "persistence", "resources"]


@pytest.mark.timeout(900)
@pytest.mark.skipif(
    shutil.which("runsc") is None,
    reason="gVisor's runsc is not installed, and PyPI does not have it",
)
@pytest.mark.skipif("ASSISTD_TEST_JAIL" in os.environ, reason="these are the attacks in a jail")
@pytest.mark.parametrize("part", PARTS)
async def test_every_attack_fails_in_gvisor_too(python: Path, part: str) -> None:
    tests = ["-m", "pytest", "-q", "-n", "0", "--timeout", "300", "-p", "no:cacheprovider"]
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, *tests, f"tests/security/test_{part}.py"],
        cwd=REPOSITORY,
        env={
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "ASSISTD_TEST_PYTHON": str(python),
            "ASSISTD_TEST_JAIL": "gvisor",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-3000:]
    assert " passed" in ran.stdout
