"""Counters, gauges and histograms, kept as plain numbers that the event loop changes without a lock.

Every label has a closed set of values: whatever else is given counts as `other`, so that no client can make a
series; and each metric has a greatest number of them. Only the event loop writes; any thread may read (decision
0096). The readings of several processes are merged (decision 0103).
"""

import json
import math
import os
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Generic, Literal, TypeVar

Kind = Literal["counter", "gauge", "histogram"]

OTHER = "other"
_MOST_SERIES_AT_ONCE = 64  # a metric that can have more of them shows those that happened


class Label:
    """A label and the closed set of its values.

    Args:
        name: the label.
        values: all values besides `other`; none: they are known later (`allow`).
    """

    def __init__(self, name: str, *values: str) -> None:
        self.name = name
        self._is_fixed = bool(values)
        self._values = dict.fromkeys(values)

    @property
    def count(self) -> int:
        """How many values it has, `other` among them."""
        return len(self._values) + 1

    @property
    def fixed_values(self) -> tuple[str, ...]:
        """The values, where they were known from the beginning."""
        return tuple(self._values) if self._is_fixed else ()

    def allow(self, values: Iterable[str]) -> None:
        """Add values to those that are known later."""
        self._values |= dict.fromkeys(values)

    def has(self, value: str) -> bool:
        """Return whether a value is one of the set."""
        return value in self._values

    def choose(self, value: str) -> str:
        """Return the value, if it is one of the set; else `other`."""
        return value if value in self._values else OTHER


class Number:
    """The number of one series."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0


class Distribution:
    """What was observed of one series: how often, up to each bound, and the sum."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * len(bounds)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value


Cell = TypeVar("Cell", Number, Distribution)


class Metric(Generic[Cell]):
    """A metric and its series.

    Series of labels whose values are known from the beginning exist from the beginning, at zero: the
    rate of something that happens for the first time can be told only then.

    Args:
        name: without the prefix of all, and without `_total`.
        meaning: one sentence, for who reads the scrape.
        labels: in the order in which their values are given.
        most: how many series it may have; what would be one more counts as `other` in every label. By
            default no more than those that exist from the beginning, where there are some.
    """

    kind: Kind

    def __init__(self, name: str, meaning: str, *labels: Label, most: int | None = None) -> None:
        self.name = name
        self.meaning = meaning
        self.labels = tuple(label.name for label in labels)
        self._labels = labels
        self._series: dict[tuple[str, ...], Cell] = {}
        ALL.append(self)  # pyright: ignore[reportArgumentType]  a list of every kind
        known = [label.fixed_values for label in labels]
        if math.prod(map(len, known)) <= _MOST_SERIES_AT_ONCE:
            self._series = {values: self._make() for values in product(*known)}
        self._most = len(self._series) or math.inf if most is None else most

    @property
    def most_series(self) -> float:
        """How many series there can be, whatever happens; the one that counts the rest is among them."""
        return min(math.prod(label.count for label in self._labels), self._most + 1)

    @property
    def series(self) -> list[tuple[tuple[str, ...], Cell]]:
        """The series that exist, each with the values of its labels."""
        return list(self._series.items())

    def of(self, *values: str) -> Cell:
        """Return the series of these values, in the order of the labels; it is made where it is missing."""
        found = self._series.get(values)
        return self._find(values) if found is None else found

    def clear(self) -> None:
        """Drop every series: what is counted anew at each scrape may have gone."""
        self._series = {}

    def _find(self, values: tuple[str, ...]) -> Cell:
        pairs = zip(self._labels, values, strict=True)
        chosen = tuple(label.choose(value) for label, value in pairs)
        if chosen not in self._series and len(self._series) >= self._most:
            chosen = (OTHER,) * len(chosen)
        return self._series.setdefault(chosen, self._make())

    def _make(self) -> Cell:
        raise NotImplementedError


ALL: list[Metric[Number] | Metric[Distribution]] = []
"""Every metric of this process, in the order of the table."""


class Counter(Metric[Number]):
    """Counts what happened since the process started."""

    kind = "counter"

    def add(self, *values: str, by: float = 1) -> None:
        """Count `by` more."""
        self.of(*values).value += by

    def _make(self) -> Number:
        return Number()


class Gauge(Metric[Number]):
    """Tells how much there is now.

    Args:
        name: see `Metric`.
        meaning: see `Metric`.
        labels: see `Metric`.
        is_of_process: whether each process of a server has some of its own, so that they are added up.
    """

    kind = "gauge"

    def __init__(
        self, name: str, meaning: str, *labels: Label, is_of_process: bool = False
    ) -> None:
        super().__init__(name, meaning, *labels)
        self.is_of_process = is_of_process

    def set(self, value: float, *values: str) -> None:
        """Say how much there is."""
        self.of(*values).value = value

    def add(self, *values: str, by: float = 1) -> None:
        """Say that there is `by` more."""
        self.of(*values).value += by

    def _make(self) -> Number:
        return Number()


class Histogram(Metric[Distribution]):
    """Tells how something is distributed.

    Args:
        name: see `Metric`.
        meaning: see `Metric`.
        labels: see `Metric`.
        bounds: upper bounds of its buckets, in order; what is above the last counts all the same.
        most: see `Metric`.
    """

    kind = "histogram"

    def __init__(
        self,
        name: str,
        meaning: str,
        *labels: Label,
        bounds: Iterable[float],
        most: int | None = None,
    ) -> None:
        self.bounds = (*bounds, math.inf)
        super().__init__(name, meaning, *labels, most=most)

    @property
    def most_series(self) -> float:
        """See `Metric.most_series`; each distribution is a series for each bound, the sum and the count."""
        return super().most_series * (len(self.bounds) + 2)

    def observe(self, value: float, *values: str) -> None:
        """Count one value."""
        self.of(*values).observe(value)

    def cumulate(self, counts: Sequence[int]) -> Iterator[tuple[str, float]]:
        """Yield each bound of a series, as the text format writes it, with the count up to there."""
        count = 0
        for bound, more in zip(self.bounds, counts, strict=True):
            count += more
            yield ("+Inf" if bound == math.inf else str(bound), count)

    def _make(self) -> Distribution:
        return Distribution(self.bounds)


Values = tuple[str, ...]
"""The values of the labels of one series, in their order."""


@dataclass(slots=True)
class Readings:
    """All numbers of one process, or of several.

    Args:
        numbers: those of counters and gauges, by the metric's name.
        distributions: those of histograms: the counts of the buckets and the sum.
        pids: the processes that live.
        cpu_seconds: the processor time of all of them, and of those that have ended.
    """

    numbers: dict[str, dict[Values, float]] = field(default_factory=dict[str, dict[Values, float]])
    distributions: dict[str, dict[Values, tuple[list[int], float]]] = field(
        default_factory=dict[str, dict[Values, tuple[list[int], float]]]
    )
    pids: list[int] = field(default_factory=list[int])
    cpu_seconds: float = 0.0

    def to_json(self) -> bytes:
        """Return them as `from_json` reads them."""
        rows = {name: list(series.items()) for name, series in self.numbers.items()}
        more = {name: list(series.items()) for name, series in self.distributions.items()}
        return json.dumps([rows, more, self.pids, self.cpu_seconds], separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Readings":
        """Return what `to_json` wrote."""
        rows, more, pids, cpu_seconds = json.loads(text)
        numbers = {name: _by_values(series) for name, series in rows.items()}
        return cls(
            numbers,
            {name: _by_values(series) for name, series in more.items()},
            pids,
            cpu_seconds,
        )

    def bury(self) -> "Readings":
        """Return what stays of them when their process has ended: what it counted, and not what it had."""
        gauges = {metric.name for metric in ALL if isinstance(metric, Gauge)}
        counted = {name: series for name, series in self.numbers.items() if name not in gauges}
        return Readings(counted, self.distributions, cpu_seconds=self.cpu_seconds)


def take_readings() -> Readings:
    """Return the numbers of this process; any thread may ask."""
    readings = Readings(pids=[os.getpid()], cpu_seconds=time.process_time())
    for metric in ALL:
        for values, cell in metric.series:
            if isinstance(cell, Number):
                readings.numbers.setdefault(metric.name, {})[values] = cell.value
            else:
                counted = (list(cell.counts), cell.sum)
                readings.distributions.setdefault(metric.name, {})[values] = counted
    return readings


def merge_readings(own: Readings, others: Sequence[Readings]) -> Readings:
    """Return the numbers of all as those of one server.

    What was counted is added up, and what each process has of its own (`Gauge.is_of_process`). What there is
    once for all, such as the disk, is as this process sees it.
    """
    merged = Readings(
        pids=[pid for each in (own, *others) for pid in each.pids],
        cpu_seconds=sum(each.cpu_seconds for each in (own, *others)),
    )
    shared = {each.name for each in ALL if isinstance(each, Gauge) and not each.is_of_process}
    for readings in (own, *others):
        for name, series in readings.numbers.items():
            if name in shared and readings is not own:
                continue
            mine = merged.numbers.setdefault(name, {})
            for values, value in series.items():
                mine[values] = mine.get(values, 0.0) + value
        for name, observed in readings.distributions.items():
            _add(merged.distributions.setdefault(name, {}), observed)
    return merged


def _add(
    mine: dict[Values, tuple[list[int], float]], more: dict[Values, tuple[list[int], float]]
) -> None:
    for values, (counts, total) in more.items():
        had, before = mine.get(values, ([0] * len(counts), 0.0))
        mine[values] = (
            [one + other for one, other in zip(had, counts, strict=True)],
            before + total,
        )


def _by_values(series: Iterable[tuple[list[str], Any]]) -> dict[Values, Any]:
    return {tuple(values): value for values, value in series}
