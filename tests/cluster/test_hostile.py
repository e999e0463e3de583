"""Somebody has taken a host, or the code of a session: neither gets further."""

import subprocess
import sys

import pytest

from tests.cluster import cluster, scenarios
from tests.cluster.cluster import Cluster
from tests.cluster.figures import Note
from tests.cluster.talking import Talker, code
from tests.live import children
from tests.live.scrape import free_address
from tests.live.server import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(300)]

_MOST_MIB = 200
_REFUSALS = {
    "a certificate of another CA": "unavailable",
    "the call of the API at a host": "reached",
    "a session of a host without a certificate": "reached",
    "an old version": "FAILED_PRECONDITION",
    "a message of 1 GiB": "RESOURCE_EXHAUSTED",
    "a message that is none": "INVALID_ARGUMENT",
}


@pytest.mark.parametrize("jail", ["namespaces", "landlock"])
def test_code_reaches_no_port_of_any_machine(jail: str, figure: Note) -> None:
    with cluster.running(hosts=1, jail=jail) as made, Talker(made.api.url) as talker:
        tried = scenarios.try_ports(made, talker) if made.network.is_real else 0
    if made.network.why_not:
        pytest.skip(made.network.why_not)
    figure(f"{tried} addresses that listen, tried by code in {jail}: reached", 0, "", 0)


def test_a_taken_host_is_refused_and_the_api_lives(
    three: Cluster, talker: Talker, figure: Note
) -> None:
    issue(three, "evil")
    machine = three.network.add()
    there = free_address() if machine.address == "127.0.0.1" else f"{machine.address}:8486"
    own, api = three.certificates / "host-evil", three.control.removeprefix("ipv4:")
    program = [sys.executable, "-m", "tests.cluster.hostile"]
    victim = three.hosts[0]
    before, mib = three.workers(), measure(three)
    tried = subprocess.run(
        machine.at(*program, "attack", own, api, victim.id, victim.address),
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    ).stdout
    told = dict(line.split(": ", 1) for line in tried.splitlines())
    assert told.pop("a beat for another host") == "done", (
        "it counts for the host of the certificate"
    )
    assert told.keys() == _REFUSALS.keys()
    for name, words in _REFUSALS.items():
        assert told[name].startswith("refused"), tried
        assert words in told[name], tried
    hosts = {each.id: each for each in three.list_hosts()}
    assert hosts[victim.id].state == "up"
    assert hosts[victim.id].mib_total == hosts[three.hosts[1].id].mib_total

    taken = children.start(machine.at(*program, "serve", own, api, there))
    try:
        wait_until(lambda: find(three, "evil").address == there, "it joins")
        runs = [talker.begin(code()) for _ in range(12)]
        assert {talker.finish(each) for each in runs} == {"completed"}
        wait_until(lambda: find(three, "evil").is_on_probation, "it is on probation")
    finally:
        taken.kill()
        taken.wait()
    grown = measure(three) - mib
    figure("a taken host: attempts that were not refused", 0, "", 0)
    figure(
        "  memory that its messages of 1 GiB cost the workers, together", grown, "MiB", _MOST_MIB
    )
    assert grown < _MOST_MIB
    assert three.workers() == before, "no worker ended"
    assert "Traceback" not in three.api.log
    scenarios.assert_nothing_left(three, talker)


def issue(made: Cluster, host_id: str) -> None:
    """Make a certificate for one more host."""
    command = [sys.executable, "-m", "assistd", "certs", "--folder", str(made.certificates)]
    subprocess.run([*command, host_id], check=True, capture_output=True, timeout=60)


def find(made: Cluster, host_id: str) -> cluster.Host:
    """A host, as the database has it."""
    return next(each for each in made.list_hosts() if each.id == host_id)


def measure(made: Cluster) -> float:
    """The memory of the workers, in MiB."""
    return sum(each.memory_info().rss for each in made.workers()) / 2**20
