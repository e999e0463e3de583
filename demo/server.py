"""A real `assistd serve` as a child process, with a data folder of its own that goes with it."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from pathlib import Path
from queue import Empty, SimpleQueue

_LISTENS = "assistd listens on "
_ASSISTD = (sys.executable, "-m", "assistd")


class DemoError(Exception):
    """A part of the demo did not happen; the message says which and why."""


class Server:
    """A running server.

    Args:
        process: the child.
        url: its address, ending in `/v1`.
        key: an API key it accepts.
        environment: of the child, also for other commands on the same data.
        folder: its data and its log; deleted with it.
    """

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.url = ""
        self.key = environment["ASSISTD_API_KEY"]
        self._environment = environment
        self._folder = folder
        self._log = folder / "server.log"
        with self._log.open("wb") as log:
            # A session of its own: Ctrl-C reaches this program, which then stops the server.
            self._process = subprocess.Popen(
                [*_ASSISTD, "serve", "--host", "127.0.0.1", "--port", "0"],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                text=True,
            )

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Read the line that tells the address.

        Raises:
            DemoError: the server ended or stayed silent; with the end of its log.
        """
        lines: SimpleQueue[str] = SimpleQueue()
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()
        try:
            while not self.url:
                line = lines.get(timeout=seconds)
                if not line:
                    raise DemoError(f"the server ended at its start:\n{self.last_words()}")
                self.url = line.partition(_LISTENS)[2].strip()
        except Empty:
            raise DemoError(f"the server said nothing for {seconds:.0f} s") from None

    def usage(self) -> str:
        """What `assistd usage` prints about this server's data."""
        done = subprocess.run(
            [*_ASSISTD, "usage"],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout if done.returncode == 0 else done.stderr

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-2000:].strip()

    def stop(self) -> None:
        """End it, gently and then not, and delete its data."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self, lines: "SimpleQueue[str]") -> None:
        """Hand on what it prints, to its end: a full pipe would stop it."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            lines.put(line)
        lines.put("")


@contextlib.contextmanager
def running(settings: dict[str, str]) -> Generator[Server]:
    """A server on a free port, stopped at the end of the block.

    Args:
        settings: its settings beside data folder and key; no other setting of the shell's that
            would lead it to another model reaches it.
    """
    leading = ("ASSISTD_UPSTREAM_", "ASSISTD_MODELS", "OPENAI_")
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(leading)}
    folder = Path(tempfile.mkdtemp(prefix="assistd-demo-"))
    environment = {
        **inherited,
        **settings,
        "ASSISTD_DATA_DIR": str(folder / "data"),
        "ASSISTD_API_KEY": f"sk-demo-{secrets.token_hex(16)}",
        "COLUMNS": "120",
    }
    server = Server(environment, folder)
    try:
        yield server
    finally:
        server.stop()
