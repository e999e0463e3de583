"""Everything is restarted, one part after the other, while clients work; none of them notices."""

import time
from contextlib import ExitStack

import httpx
import pytest

from tests.cluster import cluster, scenarios
from tests.cluster.cluster import Cluster, SandboxHost
from tests.cluster.figures import Note
from tests.cluster.forwarder import Forwarder
from tests.cluster.load import Load
from tests.cluster.talking import Talker
from tests.live.server import Server, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(900)]

_CLIENTS = 4
_WORK = "time.sleep(0.5)"


def test_no_run_fails_and_no_connection_is_refused(figure: Note) -> None:
    with cluster.running(hosts=3, servers=2, drain_seconds=10) as made, ExitStack() as stack:
        ports = [find_port(server) for server in made.servers]
        balancer = Forwarder(made.folder / "balancer", *ports)
        balancer.start()
        stack.callback(balancer.kill)
        talker = stack.enter_context(Talker(f"http://127.0.0.1:{balancer.port}/v1"))
        load = Load(talker, _WORK, is_fresh=True)
        began, phases = time.monotonic(), list[tuple[float, str]]()
        with load.working(_CLIENTS) as acknowledged:
            wait_until(lambda: len(acknowledged.runs) > _CLIENTS, "clients work")
            for worker in made.workers():
                phases.append((time.time(), "worker"))
                worker.terminate()
                worker.wait(30)
                wait_until(lambda: len(made.workers()) == 2, "another one in its place")
                wait_for_workers(made.api)
            for server, port in zip(made.servers, ports, strict=True):
                phases.append((time.time(), "server"))
                balancer.lead_to(*(each for each in ports if each != port))
                server.stop()
                server.start(port)
                balancer.lead_to(*ports)
            for host in made.hosts:
                phases.append((time.time(), host.id))
                replace(made, host)
        seconds = time.monotonic() - began
        ended = load.wait_for_ends(60)
        lost = load.find_lost()
        print(f"failures {acknowledged.failures}; phases {phases}; runs {dict(ended)}")
        print(dict(load.list_failures()))
        failed = ended.total() - ended["completed"]
        figure(
            f"everything restarted in {seconds:.0f} s under load: runs that failed",
            failed,
            "runs",
            0,
        )
        figure("  of so many", ended.total(), "runs")
        refused = len(acknowledged.failures)
        figure("  requests that were refused, broken off or failed", refused, "requests", 0)
        figure("  acknowledged objects lost", len(lost), "objects", 0)
        assert not lost
        assert not failed
        assert not refused
        scenarios.assert_nothing_left(made, talker)


def find_port(server: Server) -> int:
    """The port where a server listens."""
    return int(server.url.rpartition(":")[2].removesuffix("/v1"))


def wait_for_workers(server: Server) -> None:
    """Wait until each worker takes its connections: those to one that starts wait in its queue."""
    root = server.url.removesuffix("/v1")
    for _ in range(20):  # which the kernel shares out between the two
        assert httpx.get(f"{root}/health/live", trust_env=False, timeout=30).is_success


def replace(made: Cluster, host: SandboxHost) -> None:
    """Empty a host, as docs/hosts.md says, and start it again."""
    made.api.command("hosts", "drain", host.id, "--minutes", "0.25")

    def is_empty() -> bool:
        return any(each.id == host.id and not each.sessions for each in made.list_hosts())

    wait_until(is_empty, "no session is left there", 60)
    host.stop()
    host.start()
    made.wait_for([host], "up")
