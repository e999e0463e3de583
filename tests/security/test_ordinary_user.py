"""The attacks again, with a server that is an ordinary user: it owns one id and no privilege."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


async def _prefixes(python: Path) -> list[str]:
    code = "import sys; print(sys.prefix); print(sys.base_prefix)"
    asked = await asyncio.to_thread(
        subprocess.run, [python, "-c", code], capture_output=True, text=True, check=True
    )
    return asked.stdout.split()


@pytest.mark.skipif(os.getuid() != 0, reason="the whole suite runs as an ordinary user already")
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "part",
    [
        "security",
        "sandbox/test_data.py",
        "sandbox/test_linked_files.py",
        "sandbox/test_pool.py",
    ],
)
async def test_every_attack_fails_for_an_ordinary_user_too(
    python: Path, part: str, tmp_path: Path
) -> None:
    os.chmod(tmp_path, 0o777)
    ways = [str(REPOSITORY), sys.prefix, sys.base_prefix, *await _prefixes(python)]
    tests = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        f"tests/{part}",
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ASSISTD_TEST_PYTHON": str(python),
    }
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.security.as_ordinary_user", *ways, "--", *tests],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-3000:]
    assert " passed" in ran.stdout
