"""A small cluster in a minute: what `make cluster` does at length."""

import pytest

from tests.cluster import cluster, scenarios
from tests.cluster.figures import Note
from tests.cluster.talking import Talker

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def test_two_hosts_of_which_one_is_killed_and_one_is_cut_off(figure: Note) -> None:
    with cluster.running(hosts=2) as small, Talker(small.api.url) as talker:
        scenarios.kill_a_host(small, talker, figure, count=6)
        if small.network.is_real:
            scenarios.try_ports(small, talker)
            scenarios.cut_a_link(small, talker, figure)
        scenarios.assert_nothing_left(small, talker)
    if small.network.why_not:
        pytest.skip(f"a host was killed, but no link was cut: {small.network.why_not}")
