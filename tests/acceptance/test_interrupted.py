"""A run of the tests that is interrupted leaves no process behind: no server, no database, no session."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.live import children
from tests.live.backends import held, remove_left
from tests.live.server import assert_gone, wait_until

ROOT = Path(__file__).parents[2]
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
HANGS = Path(__file__).with_name("hangs.py")


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A run of the tests on a worker that is within code, in a session of a server of its own."""
    begun = tmp_path / "begun"
    with (
        (tmp_path / "output").open("wb") as output,
        children.start(
            [*PYTEST, "-n", "1", "--backends", "postgres+s3", HANGS],
            cwd=ROOT,
            env=os.environ | {"HANGING_TEST": str(begun)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            # As at a terminal, also where this run is in the background, which ignores SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process,
    ):
        wait_until(lambda: process.poll() is not None or begun.exists(), "the test", 90)
        assert process.poll() is None, (tmp_path / "output").read_text()
        yield process
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_of_an_interrupted_run_is_left(
    hanging: "subprocess.Popen[bytes]", number: signal.Signals
) -> None:
    below = psutil.Process(hanging.pid).children(recursive=True)
    commands = " ".join(part for each in below for part in each.cmdline())
    assert all(name in commands for name in ("postgres", "moto.server", "serve", "zygote"))
    os.killpg(hanging.pid, number)  # as a terminal does, `timeout`, and what runs jobs
    assert_gone(below)


def test_a_database_that_was_left_on_disk_is_removed_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left, lived = tmp_path / "assistd-postgres-left", tmp_path / "assistd-postgres-lives"
    left.mkdir()
    lived.mkdir()
    with held(lived):
        remove_left()
    assert lived.exists()
    assert not left.exists()
