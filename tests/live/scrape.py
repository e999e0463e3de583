"""What a server under test counts, as Prometheus reads it."""

import socket
import time
from collections.abc import Iterator

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.live.server import Server

Series = tuple[str, frozenset[tuple[str, str]]]


def free_address() -> str:
    """An address on this machine that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


class Scrape:
    """All series of one scrape.

    Args:
        text: in Prometheus's text format.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.series: dict[Series, float] = {}
        self.labels: dict[str, set[str]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self.series[sample.name, frozenset(sample.labels.items())] = sample.value
                self.labels.setdefault(sample.name, set()).update(sample.labels)

    def __getitem__(self, name: str) -> float:
        """The sum of all series of a name without its prefix."""
        return self.sum(name)

    def sum(self, name: str, **labels: str) -> float:
        """The sum of the series of a name, without its prefix, that have these labels."""
        found = list(self._find(f"assistd_{name}", labels))
        assert found or name in self.text, f"there is no assistd_{name}"
        return sum(found)

    def _find(self, name: str, labels: dict[str, str]) -> Iterator[float]:
        for (each, values), value in self.series.items():
            if each == name and values >= set(labels.items()):
                yield value


_asked_at: dict[str, float] = {}


def scrape(server: Server) -> Scrape:
    """What a server with `metrics_listen` has counted by now; it says the same for a second.

    Of several processes, each writes down for the others every second what it counted.
    """
    address = server.environment["ASSISTD_METRICS_LISTEN"]
    time.sleep(max(0.0, _asked_at.get(address, 0.0) + 1.05 - time.monotonic()))
    if server.workers:
        time.sleep(1.1)
    response = httpx.get(f"http://{address}/metrics", timeout=30)
    _asked_at[address] = time.monotonic()
    assert response.status_code == 200, response.text
    return Scrape(response.text)
