"""A cluster under test: API workers, sandbox hosts on machines of their own, PostgreSQL and S3."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import psycopg

from assistd.db.cluster import hosts as rows
from assistd.db.database import Database
from assistd.hosting import Host, HostState
from tests.cluster.forwarder import Forwarder
from tests.cluster.network import Machine, Network, opening
from tests.cluster.talking import answer
from tests.live import children
from tests.live.backends import S3, Postgres, State
from tests.live.scrape import free_address
from tests.live.server import Server, assert_gone, wait_until
from tests.upstream import Upstream

_START_SECONDS = 60
_STOP_SECONDS = 30
_IDLE_PROCESSES = 3


class SandboxHost:
    """`assistd host --join` on a machine.

    Args:
        host_id: its id.
        machine: where it runs.
        folder: for its data and its log.
        environment: its settings.
        api: where it joins.
    """

    def __init__(
        self, host_id: str, machine: Machine, folder: Path, environment: dict[str, str], api: str
    ) -> None:
        self.id = host_id
        self.machine = machine
        port = free_address().rpartition(":")[2] if machine.address == "127.0.0.1" else "8486"
        self.address = f"{machine.address}:{port}"
        self._folder = folder
        self._environment = environment
        self._api = api
        self.dead: list[int] = []
        """The ids of its processes that were killed."""
        self._process: subprocess.Popen[str] | None = None
        folder.mkdir()

    @property
    def log(self) -> str:
        """All that it wrote."""
        path = self._folder / "log"
        return path.read_text() if path.exists() else ""

    @property
    def process(self) -> psutil.Process:
        """The running process."""
        assert self._process
        return psutil.Process(self._process.pid)

    @property
    def running(self) -> bool:
        """Whether it was started and not ended."""
        return self._process is not None

    @property
    def is_idle(self) -> bool:
        """Whether it has no process but those of the zygote and of one warm session."""
        return len(self.process.children(recursive=True)) <= _IDLE_PROCESSES

    @property
    def zygote(self) -> psutil.Process | None:
        """The process whose children are its sessions."""
        for outer in self.process.children():
            for each in outer.children():
                if "zygote" in each.cmdline():
                    return each
        return None

    def start(self) -> None:
        """Start it; it joins when it has a warm session."""
        command = [sys.executable, "-m", "assistd", "host"]
        command += ["--join", self._api, "--listen", self.address, "--memory-mib", "8192"]
        with (self._folder / "log").open("a") as log:
            self._process = children.start(
                self.machine.at(*command),
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill it; what it started ends by itself."""
        self.dead.append(self.process.pid)
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to stop, which it does cleanly."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        assert self._process
        assert self._process.poll() is None, f"{self.id} ended by itself:\n{self.log}"
        family = self.process.children(recursive=True)
        self._process.send_signal(number)
        self._process.wait(_STOP_SECONDS)
        self._process = None
        assert_gone(family)
        assert "Traceback" not in self.log, self.log


class Cluster:
    """Servers of the API on this thread's machine, and sandbox hosts on others; `running` makes one.

    Args:
        folder: for the data and logs of all.
        network: the machines.
        hosts: how many sandbox hosts.
        servers: how many `assistd serve`.
        workers: of each of them.
        sessions: of each host.
        jail: of the hosts.
        settings: of the servers.
    """

    def __init__(
        self,
        folder: Path,
        network: Network,
        hosts: int = 3,
        servers: int = 1,
        workers: int = 2,
        sessions: int = 50,
        jail: str = "auto",
        **settings: object,
    ) -> None:
        self.folder = folder
        self.network = network
        self.upstream = Upstream().start()
        self.upstream.default = answer
        self.postgres = Postgres()
        self._s3 = S3()
        port = int(self._s3.environment["AWS_ENDPOINT_URL"].rpartition(":")[2])
        self.store = Forwarder(folder / "store", port)
        """The door of S3, whose objects are in memory: a restart is one of this door."""
        environment = self._s3.environment | {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.store.port}"
        }
        self._url = self.postgres.new_database()
        remote = {"database_url": self._url, "blobs_url": self._s3.new_bucket()}
        names = [f"host-{number}" for number in range(1, hosts + 1)]
        self.certificates = self._make_certificates(names)
        places = [self._find_control_port(number) for number in range(servers)]
        self.servers = [
            Server(
                folder / f"api-{number}",
                self.upstream.url,
                state=State(remote | {"data_dir": folder / f"api-{number}/data"}, environment),
                workers=workers,
                hosts_listen=place,
                hosts_certificates=self.certificates / "api",
                local_model="none",
                metrics_listen=free_address(),
                **settings,
            )
            for number, place in enumerate(places)
        ]
        self.control = f"ipv4:{','.join(places)}"
        """Where hosts join."""
        self.hosts = [self._make_host(name, sessions, jail) for name in names]
        self._database = Database(self._url)

    @property
    def api(self) -> Server:
        """The first server."""
        return self.servers[0]

    def start(self) -> None:
        """Start all, and wait until every host is up."""
        self.store.start()
        for host in self.hosts:
            host.start()
        for server in self.servers:
            server.start()
        self._database.open()
        self.wait_for(self.hosts, "up", _START_SECONDS)

    def wait_for(
        self, hosts: Sequence[SandboxHost], state: HostState, seconds: float = 30
    ) -> float:
        """Wait until hosts are known as this to all; how many seconds that took."""
        began = time.monotonic()
        ids = {each.id for each in hosts}

        def are_so() -> bool:
            return ids <= {each.id for each in self.list_hosts() if each.state == state}

        wait_until(are_so, f"{ids} {state}: {''.join(each.log for each in hosts)}", seconds)
        return time.monotonic() - began

    def list_hosts(self) -> list[Host]:
        """The hosts, as the database has them."""
        return self._database.run_sync(rows.list_all)

    def find_host(self, key: str) -> SandboxHost | None:
        """The host where a thread has its seat."""
        seat = self.query("SELECT host_id FROM seats WHERE workspace_id = %s", key)
        return next((each for each in self.hosts if seat and each.id == seat[0][0]), None)

    def query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """The rows of a query."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            return connection.execute(sql, values).fetchall()

    def restart_postgres(self) -> None:
        """End PostgreSQL as a crash would, and start it again."""
        self._database.close()
        self.postgres.crash()
        self.postgres.start()
        self._database = Database(self._url)
        self._database.open()

    def workers(self) -> list[psutil.Process]:
        """The workers of the first server."""
        found = [each for each in self.api.process.children() if "serve" in each.cmdline()]
        return sorted(found, key=lambda each: each.pid)[: self.api.workers]

    def stop(self) -> None:
        """End all that runs, cleanly."""
        with ExitStack() as stack:
            stack.callback(self.upstream.stop)
            stack.callback(self._s3.stop)
            stack.callback(self.postgres.stop)
            stack.callback(self.store.kill)
            stack.callback(self._database.close)
            for server in self.servers:
                if server.running:
                    stack.callback(server.stop)
            for host in self.hosts:
                if host.running:
                    stack.callback(host.stop)

    def _make_certificates(self, names: list[str]) -> Path:
        folder = self.folder / "certs"
        command = [sys.executable, "-m", "assistd", "certs", "--folder", str(folder), *names]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return folder

    def _find_control_port(self, number: int) -> str:
        if self.network.is_real:
            return f"{self.network.own.address}:{8485 - number}"
        return free_address()

    def _make_host(self, name: str, sessions: int, jail: str) -> SandboxHost:
        folder = self.folder / name
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("ASSISTD_", "OPENAI_", "AWS_"))
        }
        environment |= {
            "ASSISTD_DATA_DIR": str(folder / "data"),
            "ASSISTD_HOSTS_CERTIFICATES": str(self.certificates / f"host-{name}"),
            "ASSISTD_MAX_SESSIONS": str(sessions),
            "ASSISTD_JAIL": jail,
            "ASSISTD_DRAIN_SECONDS": "0",
        }
        return SandboxHost(name, self.network.add(), folder, environment, self.control)


@contextmanager
def running(**options: object) -> Generator[Cluster]:
    """Run a cluster until the block ends; see `Cluster` for the options."""
    with opening() as network, tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        cluster = Cluster(Path(folder), network, **options)  # pyright: ignore[reportArgumentType]
        try:
            cluster.start()
            yield cluster
        except BaseException:
            for part in (*cluster.hosts, *cluster.servers):
                if part.running:
                    print(f"log of {part}:\n{part.log[-20_000:]}", file=sys.stderr)
                    part.kill()
            raise
        finally:
            cluster.stop()


def kill(process: psutil.Process) -> None:
    """Kill a process that may have ended meanwhile."""
    with suppress(psutil.NoSuchProcess):
        process.kill()
