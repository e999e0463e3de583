"""An interpreter environment below /tmp: no folder of a session's own hides it or stands for it."""

import subprocess
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import pytest

from assistd.sandbox.base import JailName
from assistd.sandbox.guest.shared import syscalls
from assistd.sandbox.guest.walls import gvisor_inner, gvisor_outer
from assistd.sandbox.guest.walls.base import Rules
from assistd.sandbox.pool.pool import PoolSettings, SessionPool
from tests.sandbox.rig import LIMITS

INTERPRETER = "/tmp/x/environments/one"


@pytest.fixture(scope="module")
def below_tmp(python: Path) -> Generator[Path]:
    """The interpreter of an environment below /tmp, whose files are links to those of the usual one."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        made = Path(folder) / "one"
        linked = subprocess.run(["cp", "-al", python.parents[1], made], check=False)
        if linked.returncode:
            pytest.skip(
                "the environment cannot be linked: /tmp is another file system, or not ours"
            )
        yield made / "bin/python"


@pytest.fixture(params=["namespaces", "landlock"])
async def pool_below_tmp(
    below_tmp: Path, request: pytest.FixtureRequest
) -> AsyncGenerator[SessionPool]:
    """A pool in one jail or the other."""
    jail: JailName = request.param
    pool = SessionPool(below_tmp, PoolSettings(limits=LIMITS, jail=jail, warm=0))
    await pool.start()
    yield pool
    await pool.close()


async def test_code_imports_and_starts_the_interpreter(pool_below_tmp: SessionPool) -> None:
    one = await pool_below_tmp.open("a")
    code = """
import os, pandas, subprocess, sys
print(sys.prefix.startswith('/tmp/') and os.path.isdir(sys.prefix))
print(subprocess.run([sys.executable, '-c', 'import numpy; print(1)'], capture_output=True, text=True))
print(subprocess.run(f'cd /tmp && {sys.executable} -c "import numpy; print(1)"', shell=True, capture_output=True, text=True))
open('/tmp/mine', 'w').write('x')
print(os.listdir('/tmp').count('mine'))
try: open(pandas.__file__, 'a')
except OSError as error: print('refused')
"""
    execution = await one.execute(code)
    lines = execution.logs.splitlines()
    assert (lines[0], lines[3], lines[4]) == ("True", "1", "refused"), execution.logs
    assert all("returncode=0" in line for line in lines[1:3]), execution.logs


def test_gvisor_shows_it_after_what_would_hide_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """No runsc is asked: mounts of a bundle are made in their order (OCI runtime-spec, config.md)."""
    monkeypatch.setattr(gvisor_outer, "mounts_below", lambda _: [INTERPRETER])
    mounts = [one["destination"] for one in gvisor_outer._specification(None)["mounts"]]
    assert mounts.index("/tmp") < mounts.index(INTERPRETER)


def test_a_session_in_gvisor_gets_it_over_its_own_tmp(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[str] = []

    def mount(_source: str, target: str, *_: Any) -> None:
        made.append(target)

    monkeypatch.setattr(syscalls, "mount", mount)
    walls = object.__new__(gvisor_inner.GVisor)
    walls.rules = Rules(1, 1, 1, 1, 1, 1, 1, None)
    walls._number, walls._hidden = 1, [INTERPRETER]
    root = str(tmp_path / "root")
    walls._mount_root(root, 1)
    assert made.index(f"{root}/tmp") < made.index(root + INTERPRETER)
    assert made.index(root + INTERPRETER) < made.index(f"{root}/proc")
