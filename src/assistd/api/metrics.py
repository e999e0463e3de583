"""`/metrics`: what is counted, as Prometheus reads it; on the server's own port for admin keys alone."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Response
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from assistd.api.access import require_admin
from assistd.api.framework.services import find_service
from assistd.instruments import ALL, Distribution, Histogram, Metric, Number, Readings

if TYPE_CHECKING:
    from prometheus_client import Metric as Family

_PREFIX = "assistd_"
_CACHED_SECONDS = 1.0
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Scraper:
    """Writes down what was counted, in a thread; who asks again within a second is given the same.

    Args:
        sample: looks at what is not counted but looked up, such as live sessions.
        gather: returns the numbers to write down: in a server with workers, those of all its processes.
    """

    def __init__(
        self,
        sample: Callable[[], Awaitable[None]],
        gather: Callable[[], Readings],
    ) -> None:
        self._sample = sample
        self._gather = gather
        self._lock = asyncio.Lock()
        self._text, self._until = b"", 0.0

    async def scrape(self) -> Response:
        """Return the response with all metrics."""
        async with self._lock:
            if time.monotonic() >= self._until:
                await self._sample()
                self._text = await asyncio.to_thread(self._render)
                self._until = time.monotonic() + _CACHED_SECONDS
        return Response(self._text, headers={"content-type": _CONTENT_TYPE})

    def _render(self) -> bytes:
        return render(self._gather())


def render(readings: Readings) -> bytes:
    """Return metrics in Prometheus's text format; takes some milliseconds."""
    # Imported here, for it takes long and many servers are never asked.
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(readings))
    return generate_latest(registry)


class _Collector:
    """What prometheus-client asks for our metrics."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterator["Family"]:
        """Yield each metric with its series."""
        for metric in ALL:
            yield _describe(metric, self._readings)
        yield from _describe_processes(self._readings)


def _describe_processes(readings: Readings) -> "Iterator[Family]":
    """Yield the figures of a process that every client of Prometheus has, of several as if they were one."""
    from prometheus_client import ProcessCollector  # noqa: PLC0415  as in `render`

    families: dict[str, Family] = {}
    for pid in readings.pids:
        for family in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():
            first = families.setdefault(family.name, family)
            if first is not family:
                (mine,), (more,) = first.samples, family.samples
                is_start = family.name == "process_start_time_seconds"
                value = min(mine.value, more.value) if is_start else mine.value + more.value
                first.samples = [mine._replace(value=value)]
    if cpu := families.get("process_cpu_seconds"):
        cpu.samples = [cpu.samples[0]._replace(value=readings.cpu_seconds)]
    yield from families.values()


def _describe(metric: Metric[Number] | Metric[Distribution], readings: Readings) -> "Family":
    from prometheus_client import core  # noqa: PLC0415  as in `render`

    head = (_PREFIX + metric.name, metric.meaning)
    if isinstance(metric, Histogram):
        histogram = core.HistogramMetricFamily(*head, labels=metric.labels)
        for values, (counts, total) in readings.distributions.get(metric.name, {}).items():
            histogram.add_metric(values, list(metric.cumulate(counts)), total)
        return histogram
    is_counter = metric.kind == "counter"
    family = (core.CounterMetricFamily if is_counter else core.GaugeMetricFamily)(
        *head, labels=metric.labels
    )
    for values, value in readings.numbers.get(metric.name, {}).items():
        family.add_metric(values, value)
    return family


ScraperDep = Annotated[Scraper, Depends(find_service("scraper"))]

router = APIRouter(dependencies=[Depends(require_admin)])


@router.get("/metrics")
async def get_metrics(scraper: ScraperDep) -> Response:
    """Tell an admin key what was counted since the server started."""
    return await scraper.scrape()


class MetricsApp:
    """The ASGI app of a listener that gives out the metrics and nothing else.

    Args:
        scraper: writes them down.
    """

    def __init__(self, scraper: Scraper) -> None:
        self._scraper = scraper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["path"] == "/metrics" and scope["method"] in {"GET", "HEAD"}:
            response = await self._scraper.scrape()
        else:
            response = PlainTextResponse("Only GET /metrics is here.\n", 404)
        await response(scope, receive, send)
