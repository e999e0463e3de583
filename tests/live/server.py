"""An `assistd serve` process of its own: started, stopped or killed, and seen to leave nothing behind."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import psutil
import pytest

from tests.live import children
from tests.live.backends import State

API_KEY = "sk-acceptance-0123456789"
_START_SECONDS = 60
_STOP_SECONDS = 20


class Server:
    """One server over one data folder; `start` may be called again after it ended.

    Args:
        folder: where it runs.
        upstream_url: the model's upstream, or None for none.
        state: where its data is; by default in `folder/data`.
        disk_mib: the size of the disk under its data folder, which only it can see then.
        python: the interpreter that runs it; that of another checkout runs its code.
        settings: `run_seconds=3` becomes ASSISTD_RUN_SECONDS=3.
    """

    def __init__(
        self,
        folder: Path,
        upstream_url: str | None,
        *,
        state: State | None = None,
        disk_mib: int | None = None,
        python: Path = Path(sys.executable),
        **settings: object,
    ) -> None:
        self.folder = folder
        self.state = state or State({"data_dir": folder / "data"})
        self.url = ""
        self._disk_mib = disk_mib
        self._python = python
        self._settings = {
            **self.state.settings,
            "api_key": API_KEY,
            "upstream_base_url": upstream_url or "",
            "upstream_api_key": "sk-upstream",
            **settings,
        }
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment it runs in; what the caller's shell sets for assistd does not count."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ASSISTD_", "OPENAI_", "AWS_"))
        }
        named = {f"ASSISTD_{name.upper()}": str(value) for name, value in self._settings.items()}
        return (
            kept
            | named
            | dict(self.state.environment)
            | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        )

    @property
    def running(self) -> bool:
        """Whether it was started and not yet ended by a test."""
        return self._process is not None

    @property
    def process(self) -> psutil.Process:
        """The running process."""
        assert self._process
        return psutil.Process(self._process.pid)

    @property
    def log(self) -> str:
        """All that it wrote to stderr."""
        path = self.folder / "stderr"
        return path.read_text() if path.exists() else ""

    def start(self) -> "Server":
        """Start it and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._errors = (self.folder / "stderr").open("a")
        self._process = children.start(
            [*self._disk(), self._python, "-m", "assistd", "serve", "--port", "0"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )
        with ExitStack() as undoing:
            undoing.callback(
                self._abandon
            )  # no fixture stops what did not start, or was interrupted
            line = self._first_line()
            if not line.startswith("assistd listens on "):
                pytest.fail(f"the server did not start:\n{self.log}")
            undoing.pop_all()
        self.url = line.split()[-1]
        return self

    def _abandon(self) -> None:
        assert self._process
        if self._process.poll() is None:
            self._signal(signal.SIGKILL)

    def _first_line(self) -> str:
        """What it prints first; nothing where it takes too long."""
        assert self._process
        assert self._process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            return self._process.stdout.readline() if selector.select(_START_SECONDS) else ""

    def stop(self) -> None:
        """Ask it to stop; it does so cleanly, and no process of it is left."""
        family = self._family()
        self._signal(signal.SIGTERM)
        assert "Traceback" not in self.log, self.log
        assert_gone(family)

    def kill(self) -> None:
        """Kill it as a power failure would; what it started ends by itself."""
        family = self._family()
        self._signal(signal.SIGKILL)
        assert_gone(family)

    def command(self, *arguments: str) -> str:
        """What `assistd <arguments>` prints, over the same data folder."""
        done = subprocess.run(
            [self._python, "-m", "assistd", *arguments],
            cwd=self.folder,
            env=self.environment | {"COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def read_line(self) -> str:
        """The next line it prints."""
        assert self._process
        assert self._process.stdout
        return self._process.stdout.readline().rstrip("\n")

    def family(self) -> list[psutil.Process]:
        """The processes it has started, and theirs."""
        return self.process.children(recursive=True)

    def _disk(self) -> list[str]:
        """A command that runs what follows it with a small disk in place of the data folder."""
        if self._disk_mib is None:
            return []
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        mount = f'mount -t tmpfs -o size={self._disk_mib}m tmpfs {data} && exec "$@"'
        root = [] if os.geteuid() == 0 else ["--map-root-user"]
        return ["unshare", "--mount", *root, "sh", "-c", mount, "sh"]

    def _family(self) -> list[psutil.Process]:
        assert self._process
        assert self._process.poll() is None, f"the server ended by itself:\n{self.log}"
        return self.family()

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        assert process
        assert process.stdout
        assert self._errors
        process.send_signal(number)
        try:
            code = process.wait(_STOP_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()
            self._errors.close()
            self._process = None
        expected = {0} if number == signal.SIGTERM else {-number}
        assert code in expected, f"the server ended with {code}:\n{self.log}"


def assert_gone(processes: list[psutil.Process], seconds: float = 30) -> None:
    """See that none of these processes runs any more."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    assert not alive, f"still running: {alive}"


def wait_until(true: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait for a condition that can only be asked for."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.01)
