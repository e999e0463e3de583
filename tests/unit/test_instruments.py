"""Numbers count what they are told, and labels have no values but those of their set."""

from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from tests.live.scrape import Scrape

from assistd import instruments, metrics
from assistd.api.asgi import _OWN, _ROUTERS, _UNTIMED
from assistd.api.metrics import render
from assistd.instruments import OTHER, Counter, Gauge, Histogram, Label, take_readings


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Let the metrics of a test be seen by this test alone."""
    before = list(instruments.ALL)
    yield
    instruments.ALL[:] = before


def test_what_is_not_in_the_set_counts_as_other() -> None:
    counter = Counter("pets", "Pets.", Label("kind", "cat", "dog"), Label("size", "small"))
    for number in range(10_000):
        counter.add(f"pet {number}", f"size {number}")
    counter.add("cat", "small", by=2)
    assert {values: cell.value for values, cell in counter.series} == {
        ("cat", "small"): 2, ("dog", "small"): 0, (OTHER, OTHER): 10_000,
    }  # fmt: skip


def test_what_would_be_a_series_too_many_counts_as_other() -> None:
    pages = Label("page")
    pages.allow("abc")
    counter = Counter("visits", "Visits.", pages, Label("way", "in", "out"), most=3)
    for page, way in zip("aabbcb", ["in", "out", "in", "out", "in", "in"], strict=True):
        counter.add(page, way)
    assert {values: cell.value for values, cell in counter.series} == {
        ("a", "in"): 1, ("a", "out"): 1, ("b", "in"): 2, (OTHER, OTHER): 2,
    }  # fmt: skip
    assert counter.most_series == len(counter.series)


def test_all_metrics_together_have_fewer_series_than_they_may() -> None:
    prefixes = (
        ("/v1", [each for each, _ in _ROUTERS]),
        ("/assistd", [each.router for each in _OWN]),
    )
    endpoints = [
        (prefix + route.path, method)
        for prefix, routers in prefixes
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    ]
    timed = [route for route, _ in endpoints if not _UNTIMED.match(route)]
    metrics.ROUTES.allow(route for route, _ in endpoints)
    metrics.TIMED_ROUTES.allow(timed)
    metrics.MODELS.allow(f"model {number}" for number in range(metrics.MOST_MODELS + 2))
    for route, method in endpoints:
        for status in (200, 404):
            metrics.count_request(route, method, status, 0.1)
    found = {values for values, _ in metrics.HTTP_REQUEST_SECONDS.series}
    assert found >= {(route, method) for route, method in endpoints if route in timed}
    assert (OTHER, OTHER, OTHER) not in [values for values, _ in metrics.HTTP_REQUESTS.series]
    bounded = [each for each in instruments.ALL if not each.name.startswith("project_")]
    of_the_process = 10  # at most, which prometheus-client adds
    assert sum(each.most_series for each in bounded) + of_the_process <= metrics.MOST_SERIES


def test_a_set_that_is_known_later_has_no_series_before() -> None:
    later = Label("model")
    gauge = Gauge("sizes", "Sizes.", later)
    assert gauge.series == []
    later.allow(["one"])
    gauge.set(3, "one")
    gauge.set(4, "two")
    gauge.add("one", by=-1)
    assert [(values, cell.value) for values, cell in gauge.series] == [(("one",), 2), ((OTHER,), 4)]


def test_a_histogram_counts_up_to_each_bound() -> None:
    histogram = Histogram("waits", "Waits.", bounds=(0.1, 1))
    for seconds in (0.05, 0.1, 0.5, 7):
        histogram.observe(seconds)
    ((_, observed),) = histogram.series
    assert list(histogram.cumulate(observed.counts)) == [("0.1", 2), ("1", 3), ("+Inf", 4)]
    assert observed.sum == pytest.approx(7.65)


def test_a_scrape_has_what_was_counted_in_the_words_of_prometheus() -> None:
    Counter("pets", "Pets of \\ all\nkinds.", Label("kind", 'c"at')).add('c"at', by=2)
    Histogram("waits", "Waits.", bounds=(1,)).observe(0.5)
    found = Scrape(render(take_readings()).decode())
    assert found.sum("pets_total", kind='c"at') == 2
    assert found.sum("waits_bucket", le="+Inf") == found["waits_count"] == 1
    assert found.series["process_open_fds", frozenset()] > 2


def test_what_is_switched_off_costs_nothing_and_counts_nothing() -> None:
    histogram = Histogram("waits", "Waits.", bounds=(1,))
    metrics.switch(on=False)
    try:
        with metrics.timing(histogram):
            pass
        before = metrics.HTTP_REQUESTS.of("other", "GET", "2xx").value
        metrics.count_request("other", "GET", 200, 0.1)
        assert metrics.HTTP_REQUESTS.of("other", "GET", "2xx").value == before
    finally:
        metrics.switch(on=True)
    ((_, observed),) = histogram.series
    assert sum(observed.counts) == 0
    with pytest.raises(ValueError, match="x"), metrics.timing(histogram):
        raise ValueError("x")
    assert sum(observed.counts) == 1


def test_names_are_told_once_and_in_the_style_of_prometheus() -> None:
    names = [each.name for each in instruments.ALL]
    assert len(names) == len(set(names))
    assert not [name for name in names if name.endswith(("_total", "_count", "_sum", "_bucket"))]
