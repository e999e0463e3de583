"""One cluster of three hosts and two workers for all tests of a file that leave it whole."""

from collections.abc import Iterator

import pytest

from tests.cluster import cluster
from tests.cluster.cluster import Cluster
from tests.cluster.talking import Talker


@pytest.fixture(scope="module")
def three() -> Iterator[Cluster]:
    with cluster.running(hosts=3) as made:
        yield made


@pytest.fixture
def talker(three: Cluster) -> Iterator[Talker]:
    with Talker(three.api.url) as made:
        yield made
