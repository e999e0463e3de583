"""An `assistd serve` process of its own: started, stopped or killed, and seen to leave nothing behind."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

import psutil
import pytest

from tests.live import children
from tests.live.backends import State
from tests.live.forking import ForkedServer, Forking

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
        forking: what forks it, with its imports; by default it starts from nothing.
        workers: how many API processes it has; None: one process for all.
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
        forking: Forking | None = None,
        workers: int | None = None,
        **settings: object,
    ) -> None:
        self.folder = folder
        self.state = state or State({"data_dir": folder / "data"})
        self.url = ""
        self._disk_mib = disk_mib
        self._python = python
        self._forking = forking
        self.workers = workers
        self._settings = {
            **self.state.settings,
            "api_key": API_KEY,
            "upstream_base_url": upstream_url or "",
            "upstream_api_key": "sk-upstream",
            "drain_seconds": 0,  # a run that is active is to be ended, as by a restart
            **settings,
        }
        self._process: subprocess.Popen[str] | ForkedServer | None = None
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

    def start(self, port: int = 0) -> "Server":
        """Start it, at a free port if none is named, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._errors = (self.folder / "stderr").open("a")
        arguments = ["serve", "--port", str(port)]
        if self.workers is not None:
            arguments += ["--workers", str(self.workers)]
        self._process = self._launch(arguments, self._errors)
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

    def _launch(
        self, arguments: list[str], errors: IO[str]
    ) -> "subprocess.Popen[str] | ForkedServer":
        is_plain = self._disk_mib is None and self._python == Path(sys.executable)
        if self._forking and is_plain and self.workers is None:
            return self._forking.start(
                arguments, cwd=self.folder, env=self.environment, stderr=errors
            )
        return children.start(
            [*self._disk(), self._python, "-m", "assistd", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )

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

    def suspend(self) -> None:
        """Stop it where it stands; the sandbox goes on."""
        for process in self._serving():
            process.suspend()

    def resume(self) -> None:
        """Let it go on."""
        for process in self._serving():
            process.resume()

    def _serving(self) -> list[psutil.Process]:
        """It, and the workers that it has."""
        forks = self.process.children() if self.workers else []
        return [self.process, *(each for each in forks if "serve" in each.cmdline())]

    def wait(self) -> int:
        """Wait until it has ended by itself; return its exit status."""
        assert self._process
        code = self._process.wait(_STOP_SECONDS)
        self._close()
        assert "Traceback" not in self.log, self.log
        return code

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
        process.send_signal(number)
        try:
            code = process.wait(_STOP_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            self._close()
        expected = {-number} if number == signal.SIGKILL else {0}
        assert code in expected, f"the server ended with {code}:\n{self.log}"

    def _close(self) -> None:
        """Close what it printed and logged to, once it has ended."""
        assert self._process
        assert self._process.stdout
        assert self._errors
        self._process.stdout.close()
        self._errors.close()
        self._process = None


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


def named(name: str, code: str) -> str:
    """Code that gives its process a name, by which `running` finds it."""
    return f"import ctypes\nctypes.CDLL(None).prctl(15, b'{name}')  # PR_SET_NAME\n{code}"


def running(server: Server, name: str) -> list[psutil.Process]:
    """The processes in which such code has begun."""
    found: list[psutil.Process] = []
    for each in server.family():
        with suppress(psutil.NoSuchProcess):
            found += [each] if each.name() == name else []
    return found
