"""A host dies, or cannot be reached, while code runs there."""

import pytest

from tests.cluster import scenarios
from tests.cluster.cluster import Cluster
from tests.cluster.figures import Note
from tests.cluster.talking import Talker

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(600)]


def test_runs_of_a_host_that_is_killed_go_on_elsewhere(
    three: Cluster, talker: Talker, figure: Note
) -> None:
    scenarios.kill_a_host(three, talker, figure, count=50)
    scenarios.assert_nothing_left(three, talker)


def test_a_host_that_is_cut_off_ends_its_sessions_and_is_not_believed(
    three: Cluster, talker: Talker, figure: Note
) -> None:
    if not three.network.is_real:
        pytest.skip(three.network.why_not)
    scenarios.cut_a_link(three, talker, figure, seconds=30)
    scenarios.assert_nothing_left(three, talker)
